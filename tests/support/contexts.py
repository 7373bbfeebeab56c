"""The context of a job, with what does not matter to a test left out."""

from collections.abc import Sequence
from random import Random

from orchestrator.domain.plan import Target
from orchestrator.ports import Clock, Lookout, Platform
from orchestrator.restart.context import Context
from orchestrator.restart.identity import Identity
from orchestrator.restart.progress import Followed
from tests.support.log import CapturedLog

NO_END = 1e6
"""The deadline of a run that has time enough."""


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
    )
