"""One simulated environment: its queue and its runs."""

import random
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

from orchestrator.domain.states import NOT_RUNNING
from orchestrator.simulator.agenda import Agenda
from orchestrator.simulator.chance import happens
from orchestrator.simulator.dials import LONGEST_STANDSTILL, Dials
from orchestrator.simulator.execution import Execution
from orchestrator.simulator.model import (
    COLLEAGUES,
    INHABITANTS,
    Action,
    ActionStatus,
    Environment,
    Origin,
    Request,
    Run,
    ServiceStatus,
    Snapshot,
    Step,
)
from orchestrator.simulator.record import (
    Record,
    RequestAccepted,
    RequestCancelled,
    RunBegan,
    RunCancelled,
    ServiceRemoved,
)
from orchestrator.simulator.timings import Timings

REMEMBERED = 60.0
"""Seconds for which past snapshots of an environment are kept, for stale readings."""

MOST_SKIPPED = 9
"""The greatest step between the numbers of two runs where they do not go on by one."""

_SHARE_STRAIGHT_AWAY = {"never": 0.0, "always": 1.0}

IN_PROGRESS = "Operation is in progress"
"""The text of Qovery's 409."""


class RefusalError(Exception):
    """The platform refuses a call. Nothing changed."""


class NotThereError(RefusalError):
    """The call names something that does not exist, or is not visible yet."""


class InvalidRequestError(RefusalError):
    """The call is invalid."""


class ConflictError(RefusalError):
    """The call is valid, but not possible now."""


class Engine:
    """One environment: it has one run at a time; further requests queue."""

    def __init__(
        self,
        environment: Environment,
        *,
        services: Iterable[ServiceStatus],
        past: Iterable[Run],
        timings: Timings,
        dials: Dials,
        agenda: Agenda,
        record: Record,
        rng: random.Random,
    ) -> None:
        self.environment = environment
        self._services = {status.service.id: status for status in services}
        self._past = deque(past, maxlen=dials.history_length)
        executions = [status.execution_id for status in self._services.values()]
        executions += [run.execution_id for run in self._past]
        self._number = _last_number([execution for execution in executions if execution], dials)
        self._timings = timings
        self._dials = dials
        self._remembered = REMEMBERED if dials.old_readings == "never" else LONGEST_STANDSTILL
        self._agenda = agenda
        self._record = record
        self._rng = rng
        self._execution: Execution | None = None
        self._waiting: list[Request] = []
        self._accepted: dict[str, Request] = {}
        self._on_their_way = 0
        self._clients_token = ""
        self._doomed: set[str] = set()
        self._snapshots: deque[Snapshot] = deque()
        self._take_snapshot()

    def snapshot(self, *, age: float = 0.0) -> Snapshot:
        """Return the environment as it was `age` seconds ago, or the oldest snapshot that is kept."""
        instant = self._agenda.now - age
        return next((kept for kept in reversed(self._snapshots) if kept.taken_at <= instant), self._snapshots[0])

    def accept(self, action: Action, service_ids: Iterable[str], *, user: str, origin: Origin) -> Request:
        """Accept a request. It stays invisible for the acceptance lag, then waits for its turn.

        Raises:
            InvalidRequestError: it names no service or an unknown one, or restarts one that is not running.
            ConflictError: a cancel is in progress; or anything is, in a world that queues nothing.
        """
        wanted = tuple(dict.fromkeys(service_ids))
        self._check(action, wanted)
        if user not in INHABITANTS:
            self._clients_token = user
        now = self._agenda.now
        lag = self._timings.acceptance_lag.draw(self._rng)
        request = Request(
            id=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            user=user,
            origin=origin,
            action=action,
            service_ids=wanted,
            accepted_at=now,
            visible_at=now + lag,
            at_once=self._begins_at_once(),
        )
        self._on_their_way += 1
        self._accepted[request.id] = request
        self._record.add(
            RequestAccepted(
                at=now,
                environment_id=self.environment.id,
                user=user,
                action=action,
                service_ids=wanted,
                request_id=request.id,
            )
        )
        self._agenda.after(lag, partial(self._appear, request))
        return request

    def has_accepted(self, request_id: str) -> bool:
        """Return whether a request was accepted here and is visible by now."""
        request = self._accepted.get(request_id)
        return request is not None and request.visible_at <= self._agenda.now

    def visible_since(self, request_id: str) -> float:
        """Return the instant from which an accepted request is visible."""
        return self._accepted[request_id].visible_at

    def cancel_request(self, request_id: str, *, user: str) -> None:
        """Remove a waiting request from the queue.

        Raises:
            ConflictError: it is no longer waiting.
        """
        if all(request.id != request_id for request in self._waiting):
            raise ConflictError("the deployment request is no longer in the queue")
        self._waiting = [request for request in self._waiting if request.id != request_id]
        self._record.add(
            RequestCancelled(at=self._agenda.now, environment_id=self.environment.id, user=user, request_id=request_id)
        )
        self._take_snapshot()

    def cancel_run(self, *, user: str) -> None:
        """Cancel the current run, whoever requested it.

        Raises:
            ConflictError: there is none, or it is already being cancelled.
        """
        if self._execution is None:
            raise ConflictError("nothing is in progress that can be cancelled")
        run = self._execution.run
        if run.cancelling:
            raise ConflictError(IN_PROGRESS)
        self._record.add(
            RunCancelled(
                at=self._agenda.now, environment_id=self.environment.id, user=user, execution_id=run.execution_id
            )
        )
        self._execution.cancel()
        self._take_snapshot()

    def remove(self, service_id: str) -> None:
        """Delete a service, even in the middle of a run."""
        if self._services.pop(service_id, None) is None:
            return
        self._record.add(ServiceRemoved(at=self._agenda.now, environment_id=self.environment.id, service_id=service_id))
        if self._execution is not None:
            self._execution.lose(service_id)
        self._take_snapshot()

    def doom(self, service_id: str) -> None:
        """Make the next action on a service fail."""
        self._doomed.add(service_id)

    def _check(self, action: Action, wanted: tuple[str, ...]) -> None:
        if not wanted:
            raise InvalidRequestError("the request names no service")
        unknown = [service_id for service_id in wanted if service_id not in self._services]
        if unknown:
            raise InvalidRequestError(f"not a service of this environment: {', '.join(unknown)}")
        if self._execution is not None and self._execution.run.cancelling:
            raise ConflictError(IN_PROGRESS)
        if self._dials.busy_answer != "queue" and (self._execution is not None or self._waiting):
            raise ConflictError(IN_PROGRESS)
        statuses = [self._services[service_id] for service_id in wanted]
        stopped = [status.service.name for status in statuses if status.state in NOT_RUNNING]
        if action is Action.RESTART and stopped:
            raise InvalidRequestError(f"cannot restart services that are not running: {', '.join(stopped)}")

    def accepted_by_others(self, user: str) -> list[Request]:
        """Return the requests of everybody but `user`, latest first."""
        return [request for request in reversed(self._accepted.values()) if request.user != user]

    def _begins_at_once(self) -> bool:
        """Decide whether a request that is accepted now is a run when it first becomes visible."""
        # Recorded: on an idle environment it is.
        share = _SHARE_STRAIGHT_AWAY.get(self._dials.straight_away, self._timings.straight_away)
        in_the_way = self._execution is not None or self._waiting or self._on_their_way
        return happens(self._rng, share) and not in_the_way

    def _appear(self, request: Request) -> None:
        self._waiting.append(request)
        self._on_their_way -= 1
        if request.at_once:
            self._take_turn()
        else:
            self._agenda.after(self._timings.turn.draw(self._rng), self._take_turn)
        self._take_snapshot()

    def _take_turn(self) -> None:
        """Create the next run, for the first request and all others of the same user for the same action."""
        if self._execution is not None or not self._waiting:
            return
        first = self._waiting[0]
        merged = [request for request in self._waiting if request is first or self._merge(request, first)]
        self._waiting = [request for request in self._waiting if request not in merged]
        wanted = {service_id for request in merged for service_id in request.service_ids}
        self._number = self._next_number()
        now = self._agenda.now
        run = Run(
            execution_id=f"{self.environment.id}-{self._number}",
            action=first.action,
            user=first.user,
            origin=first.origin,
            request_ids=tuple(request.id for request in merged),
            created_at=now,
            updated_at=now,
            state=first.action.queued,
            status=ActionStatus.QUEUED,
            steps={
                service_id: Step(service=status.service, before=status, state=first.action.queued)
                for service_id, status in self._services.items()
                if service_id in wanted
            },
        )
        self._record.add(
            RunBegan(
                at=now,
                environment_id=self.environment.id,
                execution_id=run.execution_id,
                user=run.user,
                action=run.action,
                request_ids=run.request_ids,
            )
        )
        self._execution = Execution(
            run,
            environment_id=self.environment.id,
            services=self._services,
            doomed=self._doomed,
            timings=self._timings,
            dials=self._dials,
            agenda=self._agenda,
            record=self._record,
            rng=self._rng,
            on_change=self._run_changed,
        )
        self._take_snapshot()

    def _merge(self, request: Request, first: Request) -> bool:
        if self._dials.merging == "never":
            return False
        return (self._token(request), request.action) == (self._token(first), first.action)

    def _token(self, request: Request) -> str:
        """Return whose token the platform sees, which need not be the user's own."""
        if self._dials.colleague_token == "ours" and request.user in COLLEAGUES:  # noqa: S105 - no token
            return self._clients_token
        return request.user

    def _next_number(self) -> int:
        match self._dials.execution_numbers:
            case "skip":
                return self._number + self._rng.randint(2, MOST_SKIPPED)
            case "fall":
                return self._number - 1
        return self._number + 1

    def _run_changed(self) -> None:
        if self._execution is not None and self._execution.over:
            self._past.append(self._execution.run)
            self._execution = None
            self._agenda.after(self._timings.turn.draw(self._rng), self._take_turn)
        self._take_snapshot()

    def _take_snapshot(self) -> None:
        now = self._agenda.now
        self._snapshots.append(
            Snapshot(
                environment=self.environment,
                taken_at=now,
                services=tuple(self._services.values()),
                waiting=tuple(self._waiting),
                active=None if self._execution is None else self._execution.run,
                past=tuple(self._past),
            )
        )
        # The newest of the older snapshots stays: it was valid until the next one was taken.
        while len(self._snapshots) > 1 and self._snapshots[1].taken_at <= now - self._remembered:
            self._snapshots.popleft()


def _last_number(executions: Sequence[str], dials: Dials) -> int:
    """Return the number from which those of an environment's executions go on."""
    numbers = [int(execution.rpartition("-")[2]) for execution in executions]
    if not numbers or dials.execution_numbers == "begin_again":
        return 0
    return min(numbers) if dials.execution_numbers == "fall" else max(numbers)
