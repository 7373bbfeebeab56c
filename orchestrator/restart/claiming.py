"""One run at a time in an environment: take it, or say who has it."""

from orchestrator.ports import Clock
from orchestrator.restart import settlement
from orchestrator.restart.memory import Memory
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.settlement import Settlement

INTERVAL = 1.0
"""Seconds between two looks at an environment that another run holds. It is a look into a file of this machine."""


async def claim(memory: Memory, *, wait: float, until: float, clock: Clock, narrator: Narrator) -> Settlement | None:
    """Take the environment for this run; where another run holds it, wait, and in the end say who.

    Args:
        memory: of this job.
        wait: seconds to wait for another run.
        until: the instant at which the whole run ends.
        clock: the source of time.
        narrator: told of whom is waited for.
    """
    until = min(clock.monotonic() + wait, until)
    waited_for: str | None = None
    while (holder := memory.claim()) is not None:
        if clock.monotonic() >= until:
            return settlement.locked(holder)
        if holder.run_id != waited_for:
            waited_for = holder.run_id
            narrator.say("lock_awaited", held_by=holder.run_id, since=holder.since.isoformat(), where=holder.where)
        await clock.sleep(min(INTERVAL, until - clock.monotonic()))
    return None
