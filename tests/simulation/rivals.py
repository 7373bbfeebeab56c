"""What the polling rules of other tools would have said on the same simulated nights as ours.

python -m tests.simulation.rivals --faults hostile --count 1000
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from orchestrator.domain.outcomes import Outcome
from orchestrator.domain.plan import EnvironmentSpec
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.simulator.app import KIND_OF_LIST, create_app
from orchestrator.simulator.gate import user_of
from orchestrator.simulator.model import Service, normalised
from orchestrator.simulator.record import Record
from orchestrator.simulator.seeding import build_world
from orchestrator.simulator.transport import SimulatedTransport
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from orchestrator.simulator.world import EPOCH, World
from tests.simulation.replay import play
from tests.simulation.scenarios import config_for
from tests.support.whole_runs import AFTERMATH, US

TIMEOUT = 30.0
"""Seconds that a rival waits for one answer."""

PAUSES_BEFORE_A_POST = (0.0, 1.0, 2.0, 4.0)
"""Seconds: one try and three more, as the retries of common HTTP clients have it."""

ERRORS_ALLOWED = 5
"""Of whoever compares executions."""

HUNG_AFTER = 7200.0
"""Seconds. Nothing here takes so long; whoever still waits would have waited for ever."""

GRACE = 3 * TIMEOUT
"""Seconds after the deadline that ours may take for what it then still asks."""

UNUSABLE = (httpx.HTTPError, ValueError)
"""No answer, a bad status, no JSON, or JSON that says something else."""


@unique
class Rule(StrEnum):
    """By what somebody decides that a restart is over and went well."""

    ENVIRONMENT = "submit, then poll the environment's status"
    STATUSES = "watch /statuses until final"
    EXECUTIONS = "compare executions on statusesWithStages, five errors allowed"
    OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What to restart."""

    environment_id: str
    services: tuple[Service, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the services."""
        return tuple(service.id for service in self.services)

    @property
    def body(self) -> dict[str, list[str]]:
        """What is posted."""
        return {
            key: [service.id for service in self.services if service.kind is kind] for key, kind in KIND_OF_LIST.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of an errand, `at` seconds after the beginning."""

    errand: Errand
    at: float
    answer: bool | None
    """None where there never was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What was said of one errand, and what was true."""

    said_yes: bool
    wrongly: bool
    """It said yes, and some target has not restarted since it began, nor did in the hours that followed."""
    hung: bool
    twice: bool
    """More than one restart of its own was accepted."""
    too_early: bool
    """It said yes, and some target had yet to restart. It did so later: what was said came true by luck."""

    @classmethod
    def of(cls, said: Said, record: Record, *, user: str) -> "Ending":
        """Judge what `user` said by what truly happened."""
        errand, yes = said.errand, said.answer is True

        def restarted(truth: Record) -> bool:
            # Everybody begins at second 0, and nothing happens in an environment before somebody looks at it.
            return truth.truly_restarted(errand.environment_id, errand.ids, after=0.0)

        return cls(
            said_yes=yes,
            wrongly=yes and not restarted(record),
            hung=said.answer is None,
            twice=len(record.accepted(errand.environment_id, user=user)) > 1,
            too_early=yes and restarted(record) and not restarted(_until(record, said.at)),
        )


def _until(record: Record, instant: float) -> Record:
    """Return what had happened by then."""
    so_far = Record()
    for happening in record:
        if happening.at <= instant:
            so_far.add(happening)
    return so_far


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many environments ended how under one rule."""

    environments: int
    said_yes: int
    wrongly: int
    hung: int
    twice: int
    too_early: int

    @classmethod
    def of(cls, endings: Sequence[Ending]) -> "Tally":
        """Count."""
        return cls(
            environments=len(endings),
            said_yes=sum(ending.said_yes for ending in endings),
            wrongly=sum(ending.wrongly for ending in endings),
            hung=sum(ending.hung for ending in endings),
            twice=sum(ending.twice for ending in endings),
            too_early=sum(ending.too_early for ending in endings),
        )


class _Status(BaseModel):
    id: str
    state: str
    execution_id: str | None = None


class _Lists(BaseModel):
    applications: list[_Status] = []
    containers: list[_Status] = []
    databases: list[_Status] = []


class _Stages(BaseModel):
    stages: list[_Lists] = []


class _Environment(BaseModel):
    state: str


M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Qovery:
    """The API as a small client has it: one errand's calls, with nothing clever about them."""

    client: httpx.AsyncClient
    errand: Errand

    async def submit(self) -> bool:
        """Post the restart, again where an answer is lost or a 5xx; return whether it was accepted.

        That is what every HTTP client's retries do, and what a call that is not idempotent does not bear. Like most,
        it believes any 2xx and does not look at the body.
        """
        for pause in PAUSES_BEFORE_A_POST:
            await asyncio.sleep(pause)
            try:
                response = await self.client.post(self._path("service/restart-service"), json=self.errand.body)
            except httpx.TransportError:
                continue
            if not response.is_server_error:
                return response.is_success
        return False

    async def environment_state(self) -> str:
        """Read the environment's one status; raise one of `UNUSABLE`."""
        return (await self._read("status", _Environment)).state

    async def statuses(self) -> dict[str, _Status]:
        """Read the targets' statuses from the flat list; raise one of `UNUSABLE`."""
        return self._of_targets([await self._read("statuses", _Lists)])

    async def statuses_with_stages(self) -> dict[str, _Status]:
        """Read them from the list by stages; raise one of `UNUSABLE`."""
        return self._of_targets((await self._read("statusesWithStages", _Stages)).stages)

    async def _read(self, call: str, shape: type[M]) -> M:
        response = await self.client.get(self._path(call))
        response.raise_for_status()
        return shape.model_validate_json(response.content)

    def _path(self, call: str) -> str:
        return f"/environment/{self.errand.environment_id}/{call}"

    def _of_targets(self, lists: Iterable[_Lists]) -> dict[str, _Status]:
        shown = (status for each in lists for status in (*each.applications, *each.containers, *each.databases))
        return {status.id: status for status in shown if status.id in self.errand.ids}


async def poll_environment(qovery: Qovery) -> bool:
    """Look every 3 s until the environment rests. An error ends the wait, and nobody remembers that it was one.

    Like the other rivals it waits before its first look, too. Whoever looks at once sees last night's state.
    """
    if not await qovery.submit():
        return False
    while True:
        await asyncio.sleep(3.0)
        try:
            state = await qovery.environment_state()
        except UNUSABLE:
            return True
        if _is_final(state):
            return _is_no_error(state)


async def watch_statuses(qovery: Qovery) -> bool:
    """Look every 5 s until every target rests, whatever goes wrong and however long it takes."""
    if not await qovery.submit():
        return False
    while True:
        await asyncio.sleep(5.0)
        try:
            shown = await qovery.statuses()
        except UNUSABLE:
            continue
        states = [status.state for status in shown.values()]
        if len(states) == len(qovery.errand.ids) and all(map(_is_final, states)):
            return all(map(_is_no_error, states))


async def compare_executions(qovery: Qovery) -> bool:
    """Look every 5 s until every target rests under another execution than before, however long it takes."""
    before: dict[str, str | None] | None = None
    errors = 0
    while errors <= ERRORS_ALLOWED:
        try:
            shown = await qovery.statuses_with_stages()
        except UNUSABLE as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error:
                return False
            errors += 1
        else:
            if before is None:
                before = {status.id: status.execution_id for status in shown.values()}
                if not await qovery.submit():
                    return False
            else:
                over = [status for status in shown.values() if _is_over(status, before.get(status.id))]
                if len(over) == len(qovery.errand.ids):
                    return all(status.state == State.RESTARTED for status in over)
        await asyncio.sleep(5.0)
    return False


def _is_final(state: str) -> bool:
    return classify(state) not in (StateClass.IN_PROGRESS, StateClass.UNKNOWN)


def _is_no_error(state: str) -> bool:
    return not state.endswith("ERROR")


def _is_over(status: _Status, execution_before: str | None) -> bool:
    return status.execution_id not in (None, execution_before) and _is_final(status.state)


Watcher = Callable[[Qovery], Awaitable[bool]]

RIVALS: Mapping[Rule, Watcher] = MappingProxyType(
    {
        Rule.ENVIRONMENT: poll_environment,
        Rule.STATUSES: watch_statuses,
        Rule.EXECUTIONS: compare_executions,
    }
)


class _Impatient(httpx.AsyncBaseTransport):
    """Keeps the client's timeout, as a real transport does; a simulated one takes the time that it takes."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits: Mapping[str, Any] = request.extensions["timeout"]
        try:
            async with asyncio.timeout(limits["read"]):
                return await self._transport.handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("the answer took too long", request=request) from error


def errands_of(specs: Iterable[EnvironmentSpec], world: World) -> dict[str, Errand]:
    """Look up what the specs name, by each one's name; in the world itself, as names are not what is measured."""
    return {spec.name: _errand(spec, world) for spec in specs}


def _errand(spec: EnvironmentSpec, world: World) -> Errand:
    environment = world.find(spec.locator)
    assert environment is not None
    services = [status.service for status in world.snapshot(environment.id).services]
    if isinstance(spec.services, str):
        targets = [service for service in services if service.can_restart]
    else:
        named = {(kind.name, normalised(name)) for kind, names in spec.services.items() for name in names}
        targets = [service for service in services if (service.kind.name, normalised(service.name)) in named]
    return Errand(environment_id=environment.id, services=tuple(targets))


async def _send(watcher: Watcher, seed: int, profile: str) -> list[Ending]:
    """Let a rival run all environments of a seed, in a world that it has for itself."""
    loop = asyncio.get_running_loop()
    config = config_for(seed)
    world = build_world(config.environment_specs(), seed=seed, faults=profile, epoch=EPOCH)
    # A virtual loop begins at 0, and so does the world.
    app = create_app(world, profile=profile, seed=seed, now=loop.time, requests_per_hour=config.api.requests_per_hour)
    token = watcher.__name__
    async with httpx.AsyncClient(
        base_url="https://api.qovery.com",
        headers={"Authorization": f"Token {token}"},
        timeout=TIMEOUT,
        transport=_Impatient(SimulatedTransport(app)),
    ) as client:
        errands = list(errands_of(config.environment_specs(), world).values())
        said = await asyncio.gather(*(_ask(watcher, Qovery(client=client, errand=errand)) for errand in errands))
    await asyncio.sleep(AFTERMATH)
    world.advance(loop.time())
    return [Ending.of(each, world.record, user=user_of(token)) for each in said]


async def _ask(watcher: Watcher, qovery: Qovery) -> Said:
    """Wait for what a rival says, but not for ever."""
    answer = None
    with suppress(TimeoutError):
        async with asyncio.timeout(HUNG_AFTER):
            answer = await watcher(qovery)
    return Said(errand=qovery.errand, at=asyncio.get_running_loop().time(), answer=answer)


def _rival(watcher: Watcher, seed: int, profile: str) -> list[Ending]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_send(watcher, seed, profile))


def _ours(seed: int, profile: str) -> Iterator[Ending]:
    run = play(seed, profile=profile)
    specs = run.config.environment_specs()
    # Ids follow from the seed and the names alone: those of this world are those of the run's.
    errands = errands_of(specs, build_world(specs, seed=seed, faults=profile))
    if run.final is None:
        # The names could not be looked up: nothing was submitted, and the exit code says no.
        for errand in errands.values():
            yield Ending.of(Said(errand=errand, at=0.0, answer=False), run.record, user=US)
        return
    deadlines = {spec.name: spec.policy.deadline for spec in specs}
    for each in run.report.environments:
        late = (each.duration_s or 0.0) > deadlines[each.name] + GRACE
        at = ((each.settled_at or run.report.ended_at) - run.report.started_at).total_seconds()
        answer = None if late else each.outcome is Outcome.SUCCEEDED
        yield Ending.of(Said(errand=errands[each.name], at=at, answer=answer), run.record, user=US)


def measure(seeds: range, profile: str) -> dict[Rule, Tally]:
    """Play each seed once for every rule, each in a world of its own.

    Args:
        seeds: which nights.
        profile: how unkind they are: the name of a `FaultProfile`.
    """
    tallies = {
        rule: Tally.of([ending for seed in seeds for ending in _rival(watcher, seed, profile)])
        for rule, watcher in RIVALS.items()
    }
    return {**tallies, Rule.OURS: Tally.of([ending for seed in seeds for ending in _ours(seed, profile)])}


def table(tallies: Mapping[Rule, Tally]) -> str:
    """Render as Markdown; the per cent are of all environments."""

    def row(rule: Rule, tally: Tally) -> str:
        counts = (tally.said_yes, tally.wrongly, tally.hung, tally.twice, tally.too_early)
        shares = (f"{count} ({count / tally.environments:.1%})" for count in counts)
        return " | ".join((f"| {rule}", str(tally.environments), *shares)) + " |"

    return "\n".join(
        (
            "| rule | environments | said yes | yes, wrongly | hung | submitted twice | yes, too early |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(row(rule, tally) for rule, tally in tallies.items()),
        )
    )


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", choices=("none", "realistic", "hostile"), default="hostile")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=100, help="how many")
    options = parser.parse_args()
    print(table(measure(range(options.seed, options.seed + options.count), options.faults)))  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
