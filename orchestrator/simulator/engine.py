"""What happens in one simulated environment: its queue, and the runs that come of it."""

import random
import uuid
from collections import deque
from collections.abc import Iterable
from functools import partial

from orchestrator.domain.states import NOT_RUNNING
from orchestrator.simulator.agenda import Agenda
from orchestrator.simulator.chance import happens
from orchestrator.simulator.execution import Execution
from orchestrator.simulator.model import (
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
"""For so many seconds the past pictures of an environment are kept, for readings that are stale."""

RUNS_KEPT = 50
"""How many finished runs the history tells of."""

IN_PROGRESS = "Operation is in progress"
"""The words of Qovery's 409."""


class RefusalError(Exception):
    """The platform does not do as asked. Nothing changed."""


class NotThereError(RefusalError):
    """What was named does not exist, or cannot be seen yet."""


class InvalidRequestError(RefusalError):
    """What was asked makes no sense."""


class ConflictError(RefusalError):
    """It makes sense, but not now."""


class Engine:
    """One environment at work: one run at a time, further requests queue."""

    def __init__(
        self,
        environment: Environment,
        *,
        services: Iterable[ServiceStatus],
        past: Iterable[Run],
        timings: Timings,
        agenda: Agenda,
        record: Record,
        rng: random.Random,
    ) -> None:
        self.environment = environment
        self._services = {status.service.id: status for status in services}
        self._past = deque(past, maxlen=RUNS_KEPT)
        executions = [status.execution_id for status in self._services.values()]
        executions += [run.execution_id for run in self._past]
        self._number = max((int(execution.rpartition("-")[2]) for execution in executions if execution), default=0)
        self._timings = timings
        self._agenda = agenda
        self._record = record
        self._rng = rng
        self._execution: Execution | None = None
        self._waiting: list[Request] = []
        self._accepted: dict[str, Request] = {}
        self._doomed: set[str] = set()
        self._pictures: deque[Snapshot] = deque()
        self._take_picture()

    def snapshot(self, *, age: float = 0.0) -> Snapshot:
        """Return the environment as it was `age` seconds ago, as far back as it is remembered."""
        instant = self._agenda.now - age
        return next((picture for picture in reversed(self._pictures) if picture.taken_at <= instant), self._pictures[0])

    def accept(self, action: Action, service_ids: Iterable[str], *, user: str, origin: Origin) -> Request:
        """Take a request on. It stays invisible for the acceptance lag, then waits for its turn.

        Raises:
            InvalidRequestError: it names nothing, or what is not here, or asks to restart what does not run.
            ConflictError: a cancel is in progress.
        """
        wanted = tuple(dict.fromkeys(service_ids))
        self._check(action, wanted)
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
        )
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
        """Tell whether a request was ever accepted here and can be seen by now."""
        request = self._accepted.get(request_id)
        return request is not None and request.visible_at <= self._agenda.now

    def visible_since(self, request_id: str) -> float:
        """Return the instant from which an accepted request is to be seen."""
        return self._accepted[request_id].visible_at

    def cancel_request(self, request_id: str, *, user: str) -> None:
        """Take a waiting request out of the queue.

        Raises:
            ConflictError: it does not wait any more.
        """
        if all(request.id != request_id for request in self._waiting):
            raise ConflictError("the deployment request does not wait in the queue any more")
        self._waiting = [request for request in self._waiting if request.id != request_id]
        self._record.add(
            RequestCancelled(at=self._agenda.now, environment_id=self.environment.id, user=user, request_id=request_id)
        )
        self._take_picture()

    def cancel_run(self, *, user: str) -> None:
        """Cancel what runs, whoever asked for it.

        Raises:
            ConflictError: nothing runs, or it is being cancelled already.
        """
        if self._execution is None:
            raise ConflictError("nothing is in progress that could be cancelled")
        run = self._execution.run
        if run.cancelling:
            raise ConflictError(IN_PROGRESS)
        self._record.add(
            RunCancelled(
                at=self._agenda.now, environment_id=self.environment.id, user=user, execution_id=run.execution_id
            )
        )
        self._execution.cancel()
        self._take_picture()

    def remove(self, service_id: str) -> None:
        """Let a service disappear, in the middle of a run too."""
        if self._services.pop(service_id, None) is None:
            return
        self._record.add(ServiceRemoved(at=self._agenda.now, environment_id=self.environment.id, service_id=service_id))
        if self._execution is not None:
            self._execution.lose(service_id)
        self._take_picture()

    def doom(self, service_id: str) -> None:
        """Let the next thing that is done with a service fail."""
        self._doomed.add(service_id)

    def _check(self, action: Action, wanted: tuple[str, ...]) -> None:
        if not wanted:
            raise InvalidRequestError("the request names no service")
        strangers = [service_id for service_id in wanted if service_id not in self._services]
        if strangers:
            raise InvalidRequestError(f"not a service of this environment: {', '.join(strangers)}")
        if self._execution is not None and self._execution.run.cancelling:
            raise ConflictError(IN_PROGRESS)
        statuses = [self._services[service_id] for service_id in wanted]
        at_rest = [status.service.name for status in statuses if status.state in NOT_RUNNING]
        if action is Action.RESTART and at_rest:
            raise InvalidRequestError(f"cannot restart what is not running: {', '.join(at_rest)}")

    def _appear(self, request: Request) -> None:
        self._waiting.append(request)
        # Recorded: a request to an idle environment is a run by the time that it can first be seen. It need not be so.
        if happens(self._rng, self._timings.straight_away):
            self._take_turn()
        else:
            self._agenda.after(self._timings.turn.draw(self._rng), self._take_turn)
        self._take_picture()

    def _take_turn(self) -> None:
        """Make the next run, of the first request and of all that the same user made for the same action."""
        if self._execution is not None or not self._waiting:
            return
        first = self._waiting[0]
        merged = [request for request in self._waiting if (request.user, request.action) == (first.user, first.action)]
        self._waiting = [request for request in self._waiting if request not in merged]
        wanted = {service_id for request in merged for service_id in request.service_ids}
        self._number += 1
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
            agenda=self._agenda,
            record=self._record,
            rng=self._rng,
            on_change=self._run_changed,
        )
        self._take_picture()

    def _run_changed(self) -> None:
        if self._execution is not None and self._execution.over:
            self._past.append(self._execution.run)
            self._execution = None
            self._agenda.after(self._timings.turn.draw(self._rng), self._take_turn)
        self._take_picture()

    def _take_picture(self) -> None:
        now = self._agenda.now
        self._pictures.append(
            Snapshot(
                environment=self.environment,
                taken_at=now,
                services=tuple(self._services.values()),
                waiting=tuple(self._waiting),
                active=None if self._execution is None else self._execution.run,
                past=tuple(self._past),
            )
        )
        # The newest picture that is older than what is remembered stays: it was true until the next was taken.
        while len(self._pictures) > 1 and self._pictures[1].taken_at <= now - REMEMBERED:
            self._pictures.popleft()
