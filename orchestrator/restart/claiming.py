"""One run at a time in an environment: hold it, or report the run that does."""

from orchestrator.domain.accounts import WaitedFor
from orchestrator.restart import settlement
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.settlement import Settlement

INTERVAL = 1.0
"""Seconds between two attempts while another run holds the environment. They cost no request."""


async def claim(journal: JobJournal, context: Context, *, wait: float) -> Settlement | None:
    """Hold the environment for this run; if another run holds it, wait up to `wait` seconds, then report that run."""
    clock = context.clock
    until = min(clock.monotonic() + wait, context.end_by)
    waited_for: str | None = None
    while (holder := await journal.claim()) is not None:
        context.account.wait(WaitedFor.LOCK)
        if clock.monotonic() >= until:
            return settlement.locked(holder)
        if holder.run_id != waited_for:
            waited_for = holder.run_id
            context.narrator.say(
                "lock_awaited", held_by=holder.run_id, since=holder.since.isoformat(), where=holder.where
            )
        await clock.sleep(min(INTERVAL, until - clock.monotonic()))
    context.account.wait(None)
    return None
