"""What a run would do now, and what it would cost. Changes nothing."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.config import Config
from orchestrator.domain.observations import Hint
from orchestrator.domain.outcomes import Refusal
from orchestrator.domain.plan import Plan, Target
from orchestrator.domain.review import Forecast, Review, ReviewedEnvironment, refused, review, review_by_hint
from orchestrator.runs.gating import open_gate
from orchestrator.runs.interruption import Interruption, until_done_or_asked
from orchestrator.runs.permitting import hours_of
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.session import Session, open_session

SHARE_OF_QUOTA = 0.25
"""The share of the remaining requests that looking at every environment may take: the run itself needs them as well."""


async def areview(
    config: Config,
    *,
    rehearsal: Rehearsal | None = None,
    environ: Mapping[str, str] | None = None,
    interruption: Interruption | None = None,
    state_dir: Path | None = None,
) -> Review | None:
    """Return what `arun` would do now; None if it was interrupted. Changes nothing, and raises what `arun` raises."""
    reviewed: list[Review] = []
    variables = os.environ if environ is None else environ

    async def look() -> None:
        targets = await session.resolver.resolve(config.environment_specs())
        refusals = await _refusals(targets, config, session, environ=variables, rehearsal=rehearsal)
        looked_at = await _look_at(targets, session, at_once=config.run_strategy().max_parallel)
        environments = [
            each if refusal is None else refused(each, refusal)
            for each, refusal in zip(looked_at, refusals, strict=True)
        ]
        restarted = {each.id for each in environments if each.forecast in (Forecast.RESTART, Forecast.WAIT)}
        plan = Plan(
            targets=tuple(target for target in targets if target.environment_id in restarted),
            strategy=config.run_strategy(),
        )
        reviewed.append(Review(environments=tuple(environments), cost=session.estimate(plan)))

    async with open_session(config, environ=variables, rehearsal=rehearsal, state_dir=state_dir) as session:
        await until_done_or_asked(look(), interruption or Interruption())
    return reviewed[0] if reviewed else None


async def _refusals(
    targets: Sequence[Target],
    config: Config,
    session: Session,
    *,
    environ: Mapping[str, str],
    rehearsal: Rehearsal | None,
) -> Sequence[Refusal | None]:
    """Return why each target must not begin now, by what the file says of alerts and blackouts; None if it may."""
    hours = hours_of(config, clock=session.clock)
    async with open_gate(config, environ=environ, rehearsal=rehearsal, clock=session.clock, log=session.log) as gate:
        alert = None if gate is None else await gate.refusal_now()
    return [alert or (None if hours is None else hours.refusal(target)) for target in targets]


async def _look_at(targets: Sequence[Target], session: Session, *, at_once: int) -> Sequence[ReviewedEnvironment]:
    """Look at each environment; if that would take too much of the quota, at whole projects where possible."""
    hints: dict[str, Hint] = {}
    if len(targets) > SHARE_OF_QUOTA * session.quota.room().left:
        for project_id in dict.fromkeys(target.project_id for target in targets if target.project_id is not None):
            hints.update(await session.read_hints(project_id))
    room = asyncio.Semaphore(at_once)

    async def look_at(target: Target) -> ReviewedEnvironment:
        if target.environment_id in hints:
            return review_by_hint(target, hints[target.environment_id])
        async with room:
            return review(target, await session.read(target.environment_id))

    return await asyncio.gather(*(look_at(target) for target in targets))
