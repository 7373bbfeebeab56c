"""What every job shares: whatever happens in it becomes a settlement, and a settlement becomes a result."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from orchestrator.domain.outcomes import EnvironmentResult, Outcome, ServiceResult
from orchestrator.domain.plan import Target
from orchestrator.errors import NotFoundError, TokenRefusedError
from orchestrator.restart import settlement
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.settlement import Settlement


async def always_settled(
    work: Awaitable[Settlement],
    *,
    narrator: Narrator,
    describe: Callable[[], Mapping[str, object]],
    submitted: Callable[[], bool],
) -> Settlement:
    """Await `work` under a heartbeat; give its settlement, or that of the error that ended it.

    Args:
        work: a job's whole life.
        narrator: tells the heartbeat, and of defects.
        describe: says for the heartbeat where things stand.
        submitted: tells whether a restart was submitted, or may have been.
    """
    try:
        async with narrator.heartbeat(describe):
            return await work
    except TokenRefusedError as error:
        return settlement.token_refused(error, submitted=submitted())
    except NotFoundError as error:
        return settlement.environment_disappeared(error)
    except Exception as error:  # noqa: BLE001 - a defect in one job must not take the others with it
        narrator.bug("internal_error")
        return settlement.defect(error, submitted=submitted())


def settle(
    target: Target,
    settled: Settlement,
    *,
    event: str,
    narrator: Narrator,
    services: tuple[ServiceResult, ...],
    submitted_at: datetime | None,
    settled_at: datetime,
    elapsed: float | None,
) -> EnvironmentResult:
    """Log the end of a job as `event`, and make its result; `elapsed` is in seconds since the submit."""
    say = narrator.say if settled.outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED) else narrator.warn
    duration = None if elapsed is None else round(elapsed, 1)
    say(event, outcome=settled.outcome.value, reason=settled.reason.value, duration_s=duration)
    return EnvironmentResult(
        name=target.name,
        environment_id=target.environment_id,
        wave=target.wave,
        outcome=settled.outcome,
        reason=settled.reason,
        message=settled.message,
        services=services,
        submitted_at=submitted_at,
        settled_at=settled_at,
        duration_s=duration,
        console_url=target.console_url,
    )
