"""The context of a job, with what does not matter to a test left out."""

from collections.abc import Sequence
from random import Random

from orchestrator.domain.outcomes import Reason, Refusal
from orchestrator.domain.plan import Target
from orchestrator.ports import Clock, Lookout, Permission, Platform
from orchestrator.restart.context import Context
from orchestrator.restart.identity import Identity
from orchestrator.restart.progress import Followed
from tests.support.log import CapturedLog

NO_END = 1e6
"""The deadline of a run that has time enough."""


class Forbidden:
    """The port `Permission`: from one second on, nothing may begin."""

    def __init__(self, clock: Clock, *, since: float, sparing: str | None = None) -> None:
        self._clock = clock
        self._since = since
        self._sparing = sparing

    def refusal(self, target: Target) -> Refusal | None:
        if self._clock.monotonic() < self._since or target.name == self._sparing:
            return None
        return Refusal(reason=Reason.BLACKOUT, message="a blackout holds until noon")


def context_of(
    target: Target,
    platform: Platform,
    clock: Clock,
    *,
    log: CapturedLog | None = None,
    seed: int = 0,
    end_by: float = NO_END,
    lookout: Lookout | None = None,
    name: str | None = None,
    follow: Sequence[Followed] | None = None,
    permission: Permission | None = None,
    usually: float | None = None,
) -> Context:
    return Context.of(
        target,
        platform=platform,
        clock=clock,
        log=(CapturedLog(clock) if log is None else log).logger,
        random=Random(seed),
        end_by=end_by,
        lookout=lookout,
        identity=Identity(name),
        follow=follow,
        permission=permission,
        usually=usually,
    )
