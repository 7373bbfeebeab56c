"""Cancels what is provably ours in one environment, and nothing else."""

from dataclasses import dataclass, replace

from orchestrator.domain.observations import Baseline
from orchestrator.domain.ownership import Ours, Standing, find_ours, still_runs
from orchestrator.ports import Platform
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.readings import Readings

JUST_ENDED = "it was about to end, or has ended, and somebody else's run could be hit in its place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was found, and done about it."""

    ours: Ours
    asked: bool
    """Whether Qovery was asked to cancel something, and took it on."""

    def __str__(self) -> str:
        match self.ours.standing:
            case Standing.WAITS:
                return "Our request still waited in the queue and was cancelled."
            case Standing.RUNS:
                return f"Our run, {self.ours.execution_id}, was told to cancel."
            case Standing.OVER:
                return "There was nothing left to cancel: our restart is over."
            case Standing.UNSEEN:
                return "It was not cancelled, since nothing provably ours is to be seen, and it may go on at Qovery."
            case _:
                return f"It was not cancelled, since {self.ours.why}, and it may go on at Qovery."


async def cancel_ours(
    baseline: Baseline,
    *,
    request_ids: frozenset[str],
    readings: Readings,
    platform: Platform,
    narrator: Narrator,
) -> Attempt:
    """Look once, and cancel what is found to be ours alone.

    The queue is read before the history, so that a request that begins to run in between is seen twice and not missed.
    Qovery has no call that names the run to cancel. So a run is left alone while anybody's request waits behind it:
    should it end while our cancel is on its way, that one would be hit. The truthful statuses have the last word; what
    comes and begins after them cannot be guarded against.

    Raises:
        PlatformError: it could not be read, or Qovery did not take the cancel on.
    """
    queue = await readings.queue()
    ours = find_ours(baseline, await readings.history(), queue, request_ids=request_ids)
    narrator.say("cancel_considered", standing=ours.standing.value, why=ours.why or None)
    match ours.standing:
        case Standing.WAITS:
            for request_id in sorted(ours.request_ids):
                await platform.cancel_request(request_id)
                narrator.say("restart_cancelled", request_id=request_id)
        case Standing.RUNS:
            if not still_runs(baseline, await readings.statuses(), ours.execution_id):
                return Attempt(ours=replace(ours, standing=Standing.SHARED, why=JUST_ENDED), asked=False)
            await platform.cancel_run(baseline.environment_id)
            narrator.say("restart_cancelled", execution_id=ours.execution_id)
        case _:
            return Attempt(ours=ours, asked=False)
    return Attempt(ours=ours, asked=True)
