"""What was seen of each service since the submit, for the log and the report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from orchestrator.domain.observations import Baseline, Observation, Run
from orchestrator.domain.outcomes import Outcome, ServiceResult
from orchestrator.domain.records import Sighting
from orchestrator.domain.states import StateClass, classify
from orchestrator.domain.verdict import OUTCOME_OF_FINDING, Finding, ServiceVerdict
from orchestrator.ports import Clock
from orchestrator.restart.narrator import Narrator


class Followed(Protocol):
    """A service, whether or not it can be restarted."""

    @property
    def id(self) -> str:
        """Its id in the API."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def type(self) -> str:
        """Its kind."""
        ...


class Progress:
    """Follows the services of one environment from look to look.

    Args:
        services: the targets.
        narrator: logs every change of state.
        clock: the source of time.
    """

    def __init__(self, services: Sequence[Followed], *, narrator: Narrator, clock: Clock) -> None:
        self._services = tuple(services)
        self._narrator = narrator
        self._clock = clock
        self._submitted: float | None = None
        self._baseline: Baseline | None = None
        self._states: dict[str, str] = {}
        self._executions: dict[str, str | None] = {}
        self._timelines: dict[str, list[tuple[str, float]]] = {service.id: [] for service in services}
        self._checks: dict[str, str] = {}
        self._obstacle: str | None = None

    def begin(self, baseline: Baseline | None = None, *, at: float | None = None) -> None:
        """Note that a restart was submitted on `baseline`; without one, that a watch begins.

        Args:
            baseline: what ran before.
            at: the instant; now by default.
        """
        self._baseline = baseline
        self._submitted = self._clock.monotonic() if at is None else at
        # What was seen of an earlier submit, which never arrived, does not count.
        for timeline in self._timelines.values():
            timeline.clear()

    def recall(self, sighting: Sighting) -> None:
        """Take over what an earlier process had seen since the submit."""
        for service in self._services:
            self._timelines[service.id] = list(sighting.timelines.get(service.id, ()))
            if service.id in sighting.states:
                self._states[service.id], self._executions[service.id] = sighting.states[service.id]

    def sighting(self) -> Sighting:
        """Return what has been seen, for a later process."""
        return Sighting(
            states={name: (state, self._executions.get(name)) for name, state in self._states.items()},
            timelines={name: tuple(timeline) for name, timeline in self._timelines.items() if timeline},
        )

    @property
    def elapsed(self) -> float | None:
        """Seconds since the submit."""
        return None if self._submitted is None else self._clock.monotonic() - self._submitted

    def note(self, observation: Observation) -> None:
        """Take in a reading; log each target whose state changed, or that shows the same state of a newer execution."""
        self._note({status.id: (status.state, status.execution_id) for status in observation.services.values()})

    def note_run(self, run: Run) -> None:
        """Take in a run that may be ours, as the history shows it; log as `note` does."""
        self._note({service_id: (state, run.execution_id) for service_id, state in run.services.items()})

    def _note(self, shown: Mapping[str, tuple[str, str | None]]) -> None:
        is_told = False
        for service in self._services:
            if service.id not in shown:
                continue
            state, execution_id = shown[service.id]
            before = self._states.get(service.id), self._executions.get(service.id)
            if before == (state, execution_id):
                continue
            self._states[service.id] = state
            self._executions[service.id] = execution_id
            if self.elapsed is not None:
                is_told |= self._note_change(service, before, state, execution_id)
        if is_told:
            self._narrator.say("services_changed", **self.describe())

    def _note_change(
        self, service: Followed, before: tuple[str | None, str | None], state: str, execution_id: str | None
    ) -> bool:
        """Note a change, and return whether it was logged."""
        assert self.elapsed is not None  # noqa: S101 - _note() has just looked
        timeline = self._timelines[service.id]
        is_new = self._is_new(execution_id)
        # Before our restart shows, a reading repeats the baseline.
        is_ours = self._baseline is None or classify(state) is StateClass.IN_PROGRESS or is_new
        if is_ours and (not timeline or timeline[-1][0] != state):
            timeline.append((state, round(self.elapsed, 1)))
        if before[0] == state and not (is_new and before[1] != execution_id):
            return False
        self._narrator.say(
            "service_state_changed",
            service=service.name,
            state=state,
            previous=before[0],
            execution_id=execution_id,
            elapsed_s=round(self.elapsed, 1),
        )
        return True

    def _is_new(self, execution_id: str | None) -> bool:
        """Return whether an execution is newer than the baseline."""
        return self._baseline is not None and execution_id is not None and self._baseline.is_new(execution_id)

    def note_obstacle(self, obstacle: str | None) -> None:
        """Take in what keeps the restart from beginning; None if nothing does."""
        if obstacle != self._obstacle and obstacle is not None:
            self._narrator.detail("environment_busy", waiting_for=obstacle)
        self._obstacle = obstacle

    def note_check(self, shown: str, *, streak: int, consecutive: int, answer: int | str | None) -> None:
        """Take in how far a health check is: its last answer, and how many good ones it has had in a row."""
        last = "not answered yet" if answer is None else f"last HTTP {answer}" if isinstance(answer, int) else answer
        self._checks[shown] = f"{shown} {streak} of {consecutive}, {last}"

    def drop_check(self, shown: str) -> None:
        """Note that a health check has ended."""
        self._checks.pop(shown, None)

    def describe(self) -> dict[str, str | float]:
        """Return the heartbeat's details: how many services are in which state, and what is waited for."""
        counts = Counter(self._states.get(service.id, "unread") for service in self._services)
        description: dict[str, str | float] = {
            "services": ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        }
        if self.elapsed is not None:
            description["elapsed_s"] = round(self.elapsed, 1)
        if self._obstacle is not None:
            description["waiting_for"] = self._obstacle
        if self._checks:
            description["checks"] = "; ".join(self._checks.values())
        return description

    def results(
        self,
        outcome: Outcome,
        *,
        verdicts: Mapping[str, ServiceVerdict] = MappingProxyType({}),
        skipped: frozenset[str] = frozenset(),
    ) -> tuple[ServiceResult, ...]:
        """Return the result of each service in an environment that ended with `outcome`.

        Args:
            outcome: of the environment; also a service's own, unless its verdict says otherwise.
            verdicts: the last verdict on each target that has one.
            skipped: the ids of targets that were skipped because they are not running.
        """
        return tuple(self._result(service, outcome, verdicts.get(service.id), skipped) for service in self._services)

    def _result(
        self, service: Followed, outcome: Outcome, verdict: ServiceVerdict | None, skipped: frozenset[str]
    ) -> ServiceResult:
        own = outcome
        if verdict is not None:
            own = OUTCOME_OF_FINDING.get(verdict.finding, outcome)
            if outcome is Outcome.FAILED and verdict.finding is Finding.UNPROVEN and verdict.execution_id is not None:
                # RESTARTED in a run that failed: it restarted, or never had its turn and kept its old state.
                own = Outcome.UNKNOWN
        baseline = self._baseline.targets.get(service.id) if self._baseline is not None else None
        return ServiceResult(
            id=service.id,
            name=service.name,
            type=str(service.type),
            outcome=Outcome.SKIPPED if service.id in skipped else own,
            state=self._states.get(service.id),
            baseline_execution_id=baseline.execution_id if baseline is not None else None,
            execution_id=self._execution_of(service, verdict),
            timeline=tuple(self._timelines[service.id]),
        )

    def _execution_of(self, service: Followed, verdict: ServiceVerdict | None) -> str | None:
        """Return the execution that a service was judged by; before any verdict, a newer one that it was seen under."""
        if verdict is not None and verdict.execution_id is not None:
            return verdict.execution_id
        seen = self._executions.get(service.id)
        return seen if self._is_new(seen) else None
