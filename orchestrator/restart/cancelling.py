"""Cancels what is provably ours in one environment, and nothing else."""

from collections.abc import Awaitable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from orchestrator.domain.evidence import Evidence, Submitted, known_baseline
from orchestrator.domain.ownership import Ours, Standing, find_ours, still_runs
from orchestrator.restart.context import Context
from orchestrator.restart.polling import answered_within


async def cancel_ours(
    submitted: Submitted, context: Context, *, evidence: Evidence, others: AbstractSet[str] = frozenset()
) -> Ours:
    """Look once, and cancel what is found to be ours alone.

    Qovery has no call that names the run to cancel. So a run is left alone while any request waits behind it: if it
    ended while our cancel is on its way, that request would be hit. The statuses are read last, right before the
    cancel; a run that comes and begins after them cannot be guarded against.

    Args:
        submitted: our restart.
        context: of the job.
        evidence: what was found out of it so far.
        others: executions that may be another user's.

    Returns:
        What was found. If it was ours alone, Qovery has accepted to cancel it.

    Raises:
        PlatformError: something could not be read, or Qovery did not accept the cancel.
    """
    if submitted.found:
        return Ours(standing=Standing.FOUND)
    queue, runs = await context.reader.queue_and_history()
    baseline = known_baseline(submitted, runs, name=evidence.name).raised(evidence.not_ours | others)
    ours = find_ours(baseline, runs, queue, request_ids=submitted.request_ids)
    context.narrator.say("cancel_considered", standing=ours.standing.value, origin=ours.origin)
    match ours.standing:
        case Standing.WAITS:
            for request_id in sorted(ours.request_ids):
                await _answered(context, context.platform.cancel_request(request_id))
                context.narrator.say("restart_cancelled", request_id=request_id)
        case Standing.RUNS:
            if not still_runs(baseline, await context.reader.statuses(), ours.execution_id):
                return replace(ours, standing=Standing.ENDING)
            await _answered(context, context.platform.cancel_run(baseline.environment_id))
            context.narrator.say("restart_cancelled", execution_id=ours.execution_id)
        case _:
            pass
    return ours


async def _answered(context: Context, answer: Awaitable[None]) -> None:
    await answered_within(answer, context.poller.contact.patience)
