"""A platform that follows a script: what is true there from which second on, and what it answers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.domain.observations import Observation, QueuedRequest, Run, ServiceStatus, SubmitReceipt
from orchestrator.domain.plan import Service
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.errors import PlatformError
from orchestrator.ports import Clock
from tests.support.builders import LAST_NIGHT, execution, observe, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is true at the platform for a while."""

    observation: Observation
    runs: tuple[Run, ...] = ()
    queue: tuple[QueuedRequest, ...] = ()
    lags: bool = False
    """Whether the history has nothing but `runs`, whatever the statuses show."""


def scene(
    *services: ServiceStatus, runs: Iterable[Run] = (), queue: Iterable[QueuedRequest] = (), state: str | None = None
) -> Scene:
    return Scene(observation=observe(*services, state=state), runs=tuple(runs), queue=tuple(queue))


Script = Mapping[float, Scene] | Mapping[int, Scene]
"""Scenes by the second from which each is true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitAnswer:
    """What becomes of one POST: whether the platform acts upon it, and what the caller gets to hear."""

    accepted: bool = True
    error: Exception | None = None
    receipt: SubmitReceipt = SubmitReceipt()  # noqa: RUF009 - frozen


ACCEPTED = SubmitAnswer()


def lost(error: PlatformError, *, accepted: bool) -> SubmitAnswer:
    """An answer that never came back."""
    return SubmitAnswer(accepted=accepted, error=error)


def refused(error: Exception) -> SubmitAnswer:
    """An answer that says that nothing was accepted."""
    return SubmitAnswer(accepted=False, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error that some calls meet between two seconds of the test."""

    error: Exception
    calls: frozenset[str] = frozenset({"read_statuses", "find_runs", "read_queue"})
    begin: float = 0.0
    end: float = float("inf")
    times: int = 1_000_000
    """How often at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """One POST that reached the platform's door."""

    at: float
    service_ids: tuple[str, ...]
    accepted: bool


class ScriptedPlatform:
    """Plays `before` until a submit is accepted, and from then on `after`, whose seconds count from there.

    Args:
        clock: the source of time.
        before: the scenes from the test's beginning.
        after: the scenes from the accepted submit on; without any, `before` goes on.
        answers: to each submit in turn; the last one stays.
        faults: the errors that calls meet.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        before: Script,
        after: Script | None = None,
        answers: Sequence[SubmitAnswer] = (ACCEPTED,),
        faults: Sequence[Fault] = (),
    ) -> None:
        self._clock = clock
        self._before = _by_second(before)
        self._after = None if after is None else _by_second(after)
        self._answers = list(answers)
        self._faults = faults
        self._met: Counter[int] = Counter()
        self._accepted_at: float | None = None
        self.submits: list[Submit] = []
        self.cancelled: list[str] = []
        self.pages: set[int] = set()
        self.calls: list[tuple[str, float]] = []

    @property
    def accepted(self) -> list[Submit]:
        return [submit for submit in self.submits if submit.accepted]

    def calls_of(self, call: str) -> list[float]:
        """The instants of each call of one kind."""
        return [at for name, at in self.calls if name == call]

    async def read_statuses(self, environment_id: str) -> Observation:
        self._called("read_statuses")
        return self._scene.observation

    async def find_runs(self, environment_id: str, *, at_most: int = 20) -> Sequence[Run]:
        self._called("find_runs")
        self.pages.add(at_most)
        return _history_of(self._scene)

    async def read_queue(self, environment_id: str) -> Sequence[QueuedRequest]:
        self._called("read_queue")
        return self._scene.queue

    async def submit_restart(self, environment_id: str, services: Sequence[Service]) -> SubmitReceipt:
        self._called("submit_restart")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        now = self._clock.monotonic()
        ids = tuple(service.id for service in services)
        self.submits.append(Submit(at=now, service_ids=ids, accepted=answer.accepted))
        if answer.accepted:
            self._accepted_at = now
        if answer.error is not None:
            raise answer.error
        return answer.receipt

    async def cancel_request(self, request_id: str) -> None:
        self._called("cancel_request")
        self.cancelled.append(request_id)

    async def cancel_run(self, environment_id: str) -> None:
        self._called("cancel_run")
        self.cancelled.append(environment_id)

    @property
    def _scene(self) -> Scene:
        now, script = self._clock.monotonic(), self._before
        if self._accepted_at is not None and self._after is not None:
            now, script = now - self._accepted_at, self._after
        return script[max(second for second in script if second <= now)]

    def _called(self, call: str) -> None:
        now = self._clock.monotonic()
        self.calls.append((call, now))
        for number, fault in enumerate(self._faults):
            if call in fault.calls and fault.begin <= now < fault.end and self._met[number] < fault.times:
                self._met[number] += 1
                raise fault.error


def _history_of(shown: Scene) -> tuple[Run, ...]:
    """The runs of a scene; and, unless it has them itself, those that its statuses are the states of."""
    if shown.lags:
        return shown.runs
    told = {each.execution_id for each in shown.runs} | {execution(LAST_NIGHT)}
    services: dict[str, dict[str, str]] = {}
    for status in shown.observation.services.values():
        if status.execution_id is not None and status.execution_id not in told:
            services.setdefault(status.execution_id, {})[status.id] = status.state
    found = [_run_of(name, states) for name, states in sorted(services.items(), reverse=True)]
    last_night = (run(LAST_NIGHT, {}, origin="SCHEDULE"),)
    is_told = any(each.execution_id == execution(LAST_NIGHT) for each in shown.runs)
    runs = (*found, *shown.runs)
    return runs if is_told or not runs else (*runs, *last_night)


def _run_of(name: str, states: dict[str, str]) -> Run:
    classes = {classify(state) for state in states.values()}
    going = classes & {StateClass.IN_PROGRESS, StateClass.UNKNOWN}
    ended = "CANCELED" if State.CANCELED in states.values() else "SUCCESS"
    ended = "ERROR" if any(state.endswith("_ERROR") for state in states.values()) else ended
    restarts = classes != {StateClass.ENDED_OTHERWISE} and not set(states.values()) & {State.DEPLOYING, State.BUILDING}
    return run(
        name,
        states,
        action="RESTART" if restarts else "DEPLOY",
        status="ONGOING" if going else ended,
        triggered_by="robot",
    )


def _by_second(script: Script) -> dict[float, Scene]:
    return {float(second): what for second, what in script.items()}


class ScriptedProber:
    """Answers probes from a list of (second, answer): each holds from its second on."""

    def __init__(self, clock: Clock, answers: Mapping[str, Mapping[float, int | str]]) -> None:
        self._clock = clock
        self._answers = answers
        self.probes: list[tuple[str, float]] = []

    async def probe(self, url: str, *, within: float) -> int | str:
        now = self._clock.monotonic()
        self.probes.append((url, now))
        script = self._answers[url]
        return script[max(second for second in script if second <= now)]
