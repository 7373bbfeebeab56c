"""What a run would do now, and what it would cost. Changes nothing."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.config import Config
from orchestrator.domain.observations import Hint
from orchestrator.domain.plan import Plan, Target
from orchestrator.domain.review import Forecast, Review, ReviewedEnvironment, review, review_by_hint
from orchestrator.runs.interruption import Interruption, until_done_or_asked
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

    async def look() -> None:
        targets = await session.resolver.resolve(config.environment_specs())
        environments = await _look_at(targets, session, at_once=config.run_strategy().max_parallel)
        restarted = {each.id for each in environments if each.forecast in (Forecast.RESTART, Forecast.WAIT)}
        plan = Plan(
            targets=tuple(target for target in targets if target.environment_id in restarted),
            strategy=config.run_strategy(),
        )
        reviewed.append(Review(environments=tuple(environments), cost=session.estimate(plan)))

    environ = os.environ if environ is None else environ
    async with open_session(config, environ=environ, rehearsal=rehearsal, state_dir=state_dir) as session:
        await until_done_or_asked(look(), interruption or Interruption())
    return reviewed[0] if reviewed else None


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
