"""Health checks: they run when the restart has been proven."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenacity import AsyncRetrying, retry_if_result
from tenacity.wait import wait_fixed

from orchestrator.domain.accounts import CheckResult, answer_in_words, wanted_in_words
from orchestrator.domain.plan import HttpCheck
from orchestrator.ports import Clock, Prober
from orchestrator.redaction import shown_url
from orchestrator.restart.intervals import stop_at, wait_no_later_than
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.progress import Progress

INTERVAL = 2.0
"""Seconds between two probes of a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailure:
    """A check that did not pass in time."""

    check: HttpCheck
    last_answer: int | str
    waited: float
    """Seconds that it had: less than `check.within` if the environment's deadline came first."""

    @property
    def is_cut_short(self) -> bool:
        """Whether the environment's deadline ended it before its own time was over."""
        return self.waited < self.check.within

    def __str__(self) -> str:
        answer = answer_in_words(self.last_answer)
        wanted = wanted_in_words(self.check.status, self.check.consecutive)
        return f"{shown(self.check)} did not answer {wanted} within {round(self.waited, 1):g} s (last: {answer})"


def shown(check: HttpCheck) -> str:
    """Return a check's URL without what may be secret in it, such as values of environment variables."""
    return shown_url(check.url if check.shown is None else check.shown)


async def verify(
    checks: Sequence[HttpCheck],
    *,
    prober: Prober,
    clock: Clock,
    narrator: Narrator,
    until: float,
    progress: Progress,
    note: Callable[[CheckResult], None] = lambda _: None,
) -> list[CheckFailure]:
    """Run all checks concurrently; return those that failed.

    Args:
        checks: what to check.
        prober: asks the URLs.
        clock: the source of time.
        narrator: logs how each check ended.
        until: the environment's deadline, an instant; a check's own `within` may end earlier.
        progress: is told of each answer, for the heartbeat.
        note: is told what came of each check, when it has ended.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_verify_one(check, prober, clock, narrator, until=until, progress=progress, note=note))
            for check in checks
        ]
    return [failure for failure in (task.result() for task in tasks) if failure is not None]


async def _verify_one(
    check: HttpCheck,
    prober: Prober,
    clock: Clock,
    narrator: Narrator,
    *,
    until: float,
    progress: Progress,
    note: Callable[[CheckResult], None],
) -> CheckFailure | None:
    began = clock.monotonic()
    end = min(began + check.within, until)
    streak = probes = 0
    last_answer: int | str = "never asked"

    def tell(answer: int | str | None) -> None:
        progress.note_check(shown(check), streak=streak, consecutive=check.consecutive, answer=answer)
        narrator.detail(
            "verification_answered", url=shown(check), answer=answer, streak=streak, consecutive=check.consecutive
        )

    async def probe() -> bool:
        nonlocal streak, probes, last_answer
        left = end - clock.monotonic()
        if left <= 0:
            return False  # An answer would come too late, and hide the last one that counts.
        last_answer = await prober.probe(check.url, within=left)
        probes += 1
        in_time = clock.monotonic() <= end
        streak = streak + 1 if last_answer == check.status and in_time else 0
        tell(last_answer)
        return streak >= check.consecutive

    retrying = AsyncRetrying(
        sleep=clock.sleep,
        wait=wait_no_later_than(wait_fixed(INTERVAL), clock=clock, instant=lambda: end),
        stop=stop_at(clock, instant=lambda: end),
        retry=retry_if_result(lambda passed: not passed),
        retry_error_callback=lambda _: False,
    )
    tell(None)
    passed: bool = await retrying(probe)
    progress.drop_check(shown(check))
    elapsed = round(clock.monotonic() - began, 1)
    note(
        CheckResult(
            url=shown(check),
            wanted=check.status,
            consecutive=check.consecutive,
            passed=passed,
            last_answer=last_answer,
            probes=probes,
            duration_s=elapsed,
        )
    )
    if passed:
        narrator.say("verification_passed", url=shown(check), elapsed_s=elapsed)
        return None
    failure = CheckFailure(check=check, last_answer=last_answer, waited=min(check.within, until - began))
    narrator.warn("verification_failed", url=shown(check), last_answer=last_answer, wanted=check.status)
    return failure
