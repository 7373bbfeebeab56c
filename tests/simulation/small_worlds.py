"""Every small world: one environment, two services, few acts of others, few looks, and all orders of what happens.

The seeds of the simulation draw nights at random. Here nothing is drawn: the platform, a colleague and our client take
all steps in all orders, and each reading of ours is judged by the rooms that decide, which are pure.

The search keeps, for each history of readings, every world in which exactly these readings would have been made. So it
knows at each ending whether a wrong answer could have been avoided: if another world with the same readings makes it
right, nothing that the API shows tells the two apart. Those are counted on their own, as `indistinguishable`.

What is abstract: the client's clock knows only "at once", "after UNATTRIBUTED_FOR" and "after `invisible_for`", and in
any of these times the platform may take any number of steps; a run's date tells only whether it began before or after
the baseline was read; deployments begin and end all of their services at once; and each look begins with a history of
its own (the product may keep one for a minute, but says no more than "unknown" on it).

python -m tests.simulation.small_worlds                                all of it: minutes
python -m tests.simulation.small_worlds --acts 1 --looks 3             less of it
python -m tests.simulation.small_worlds --dials twins,kept --jobs 2    only with these liberties of the platform
"""

import argparse
import sys
import time
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import NamedTuple

from orchestrator.domain.activity import complete_restarts
from orchestrator.domain.evidence import UNATTRIBUTED_FOR, Evidence, Look, Submitted, Wanted, known_baseline, take_in
from orchestrator.domain.observations import (
    API_ORIGIN,
    CANCELLED_RUN,
    RESTART_ACTION,
    Baseline,
    Observation,
    QueuedRequest,
    Run,
    ServiceStatus,
)
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import Search, Standing, Trace, find_ours, find_submit, still_runs
from orchestrator.domain.plan import Service, ServiceType
from orchestrator.domain.readiness import assess
from orchestrator.domain.states import State
from orchestrator.domain.verdict import Finding, Picture
from tests.support.builders import ENVIRONMENT, INVISIBLE_FOR, LAST_NIGHT, NOON, execution, intent

TARGETS = ("a", "b")
BOTH = (0, 1)
DEPLOY_ACTION = "DEPLOY"
CONSOLE_ORIGIN = "CONSOLE"
US, THEM = "us", "them"

WAITS: Mapping[str, float] = {
    "at once": 0.0,
    "UNATTRIBUTED_FOR": UNATTRIBUTED_FOR + 1,
    "invisible_for": INVISIBLE_FOR + 1,
}
AT_ONCE = 0.2
"""Seconds from the baseline to the answer to the POST."""
LONG_AGO = INVISIBLE_FOR + 2
"""Seconds. What is longer ago makes no difference any more."""

DIALS: Mapping[str, str] = {
    "stale": "the baseline comes from a replica in the past: runs may begin before it is read, which it does not show",
    "late": "a request is acted upon after its answer was lost",
    "hidden": "a request becomes visible some time after it was accepted",
    "answers": "a 409 although the restart was accepted; the id in a 202 is a colleague's",
    "cancels": "colleagues cancel runs, and what waits",
    "single": "colleagues restart one of the services, too",
    "deploys": "colleagues deploy, too",
    "console": "colleagues ask through the console, too",
    "twins": "colleagues ask with our name, too",
    "merge": "waiting requests of one name and origin for one action become one run",
    "kept": "a service that had no turn in a cancelled run keeps its state, under the new execution",
    "old": "a service that had no turn in a cancelled run is as before, under the old execution",
    "torn": "the platform takes a step between two reads of a look",
    "lag": "the history of a look is older than its statuses, by a step",
    "holes": "a reading leaves a service out",
    "replica": "a reading comes from a replica in the past, once",
    "undated": "the statuses have no dates",
    "near": "runs that began before the baseline was read are dated within the skew of two clocks",
    "any-order": "the services of a run get their turns in any order, not just in one",
    "uncounted": "the statuses show neither the number nor the id of what waits",
}
EVERY_DIAL = frozenset(DIALS)


# --- The platform ---------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What a request asks for, and as whom."""

    action: str
    services: tuple[int, ...]
    origin: str
    name: str

    def __str__(self) -> str:
        what = "both" if self.services == BOTH else TARGETS[self.services[0]]
        return f"{self.action} of {what} ({self.origin}, {'our name' if self.name == US else 'their name'})"


OURS = Kind(RESTART_ACTION, BOTH, API_ORIGIN, US)


@cache
def kinds_of(dials: frozenset[str]) -> tuple[Kind, ...]:
    """Return what colleagues may ask for."""
    return tuple(
        Kind(action, services, origin, name)
        for action in ((RESTART_ACTION, DEPLOY_ACTION) if "deploys" in dials else (RESTART_ACTION,))
        for services in ((BOTH, (0,)) if "single" in dials else (BOTH,))
        for origin in ((API_ORIGIN, CONSOLE_ORIGIN) if "console" in dials else (API_ORIGIN,))
        for name in ((THEM, US) if "twins" in dials else (THEM,))
    )


class Request(NamedTuple):
    """A waiting request; `who` is 0 for ours."""

    who: int
    kind: Kind
    label: int = 0
    """Its id, given to it when it is first shown: so an id tells nothing but that it is the same. 0 before that."""


class Step(Enum):
    """How far a run is with a service."""

    TURN = "waits for its turn"
    WORK = "in work"
    DONE = "done"
    ERROR = "failed"
    CANCELED = "cancelled"
    KEPT = "had no turn, and looks done"

    __hash__ = object.__hash__


OVER = frozenset({Step.DONE, Step.ERROR, Step.CANCELED, Step.KEPT})

_SHOWN: Mapping[tuple[str, Step], str] = {
    (RESTART_ACTION, Step.TURN): State.RESTART_QUEUED.value,
    (RESTART_ACTION, Step.WORK): State.RESTARTING.value,
    (RESTART_ACTION, Step.DONE): State.RESTARTED.value,
    (RESTART_ACTION, Step.ERROR): State.RESTART_ERROR.value,
    (RESTART_ACTION, Step.CANCELED): State.CANCELED.value,
    (RESTART_ACTION, Step.KEPT): State.RESTARTED.value,
    (DEPLOY_ACTION, Step.TURN): State.DEPLOYMENT_QUEUED.value,
    (DEPLOY_ACTION, Step.WORK): State.DEPLOYING.value,
    (DEPLOY_ACTION, Step.DONE): State.DEPLOYED.value,
    (DEPLOY_ACTION, Step.CANCELED): State.CANCELED.value,
    (DEPLOY_ACTION, Step.KEPT): State.RESTARTED.value,
}


class Execution(NamedTuple):
    """One run of the platform, going or over."""

    number: int
    ours: bool
    """Whether our request is in it."""
    shared: bool
    """Whether it was merged from several requests."""
    kind: Kind
    """Of the first request; with the services of all."""
    steps: tuple[Step, ...]
    """In the order of `kind.services`."""
    cancelled: bool
    status: str
    late: bool
    """Whether it began after the baseline was read."""

    def restarted(self) -> bool:
        """Whether it truly restarted every target."""
        return (
            self.kind.action == RESTART_ACTION
            and self.kind.services == BOTH
            and all(step is Step.DONE for step in self.steps)
        )

    def at_work(self) -> bool:
        """Whether a service of it is not over yet."""
        return any(step not in OVER for step in self.steps)


class Post(Enum):
    """What became of our POST."""

    UNSENT = "unsent"
    SENT = "on its way"
    SURE = "accepted, and not yet visible"
    ACTED = "acted upon"
    DROPPED = "without effect"

    __hash__ = object.__hash__


Shown = tuple[str, int, int, int | None]
"""A service in a reading: state, number of the execution, how many requests wait for it, the label of the first."""


class Statuses(NamedTuple):
    """A reading of the statuses."""

    services: tuple[Shown | None, ...]
    busy: bool
    last: int
    last_origin: str
    last_began_late: bool | None
    """Of a last run that is over."""


class Entry(NamedTuple):
    """A run in the history."""

    number: int
    kind: Kind
    status: str
    states: tuple[str, ...]
    late: bool


class Platform(NamedTuple):
    """Everything that is true at one instant."""

    services: tuple[tuple[str, int], ...] = ((State.RESTARTED.value, LAST_NIGHT),) * 2
    queue: tuple[Request, ...] = ()
    run: Execution | None = None
    before: tuple[tuple[str, int], ...] = ()
    """The services as they were when the run began."""
    past: tuple[Execution, ...] = ()
    """Latest first; that of last night is not in it."""
    post: Post = Post.UNSENT
    read: bool = False
    """Whether the baseline was read."""
    acts: int = 0
    """How many acts others have left."""
    asked: int = 0
    """How many requests colleagues have made."""
    labels: int = 0
    """How many labels were given."""
    our_label: int = 0
    noticed: bool = False
    """Whether our request could be seen waiting in a reading."""
    replica: Statuses | None = None

    @property
    def runs(self) -> tuple[Execution, ...]:
        """Every run since last night's, latest first."""
        return self.past if self.run is None else (self.run, *self.past)

    def ours_waits(self) -> bool:
        """Whether our request is in the queue."""
        return any(request.who == 0 for request in self.queue)

    def ours_restarted(self) -> bool:
        """Whether the run with our request in it restarted every target."""
        return any(run.ours and run.restarted() for run in self.runs)

    def ours_still_may(self) -> bool:
        """Whether our request may yet restart every target."""
        if self.post in (Post.SENT, Post.SURE) or self.ours_waits():
            return True
        run = self.run
        return run is not None and run.ours and not run.cancelled and Step.ERROR not in run.steps

    def ours_came(self) -> bool:
        """Whether our request was, or will be, accepted."""
        return self.post in (Post.SENT, Post.SURE, Post.ACTED)


LAST_NIGHTS = Entry(LAST_NIGHT, OURS, "SUCCESS", (State.RESTARTED.value,) * 2, late=False)

Told = tuple[str, Platform]
"""A step in words, and what it leads to."""


def steps(world: Platform, dials: frozenset[str]) -> Iterator[Told]:
    """Yield every step that the platform, our request on its way, or a colleague can take."""
    yield from _of_the_post(world, dials)
    if world.run is None:
        yield from _begin(world, dials)
    else:
        yield from _work(world, world.run, dials)
        yield from _end(world, world.run, dials)
    if world.acts:
        yield from _of_colleagues(world._replace(acts=world.acts - 1), dials)
    if "replica" in dials and world.read and world.replica is None:
        shown = statuses_of(world, dials)
        without_ids = tuple(None if each is None else (*each[:3], None) for each in shown.services)
        yield "a replica stops", world._replace(replica=shown._replace(services=without_ids))


def _of_the_post(world: Platform, dials: frozenset[str]) -> Iterator[Told]:
    match world.post:
        case Post.SENT:
            yield "our request enters the queue", _enter(world)
            yield "our request has no effect", world._replace(post=Post.DROPPED)
            if "hidden" in dials:
                yield "our request is accepted, still invisible", world._replace(post=Post.SURE)
        case Post.SURE:
            yield "our request becomes visible", _enter(world)
        case _:
            pass


def _enter(world: Platform) -> Platform:
    return world._replace(post=Post.ACTED, queue=(*world.queue, Request(0, OURS, world.our_label)))


def label(world: Platform, who: int) -> Platform:
    """Return the world in which the id of a request is about to be shown."""
    if who == 0 and world.our_label:
        return world
    if any(request.who == who and request.label for request in world.queue):
        return world
    new = world.labels + 1
    queue = tuple(request._replace(label=new) if request.who == who else request for request in world.queue)
    return world._replace(queue=queue, labels=new, our_label=new if who == 0 else world.our_label)


def before_statuses(world: Platform, dials: frozenset[str]) -> Platform:
    """Return the world in which the statuses are about to be shown."""
    for service in BOTH if "uncounted" not in dials else ():
        first = next((request for request in world.queue if service in request.kind.services), None)
        world = world if first is None else label(world, first.who)
    return world._replace(noticed=world.noticed or world.ours_waits())


def before_queue(world: Platform) -> Platform:
    """Return the world in which the queue is about to be shown."""
    for request in world.queue:
        world = label(world, request.who)
    return world._replace(noticed=world.noticed or world.ours_waits())


def _begin(world: Platform, dials: frozenset[str]) -> Iterator[Told]:
    if not world.queue:
        return
    first = world.queue[0]
    yield _begun(world, (first,))
    if "merge" in dials:
        alike = tuple(request for request in world.queue if _merges(request.kind, first.kind))
        if len(alike) > 1:
            yield _begun(world, alike)


def _merges(one: Kind, other: Kind) -> bool:
    return (one.action, one.origin, one.name) == (other.action, other.origin, other.name)


def _begun(world: Platform, requests: tuple[Request, ...]) -> Told:
    services = tuple(sorted({service for request in requests for service in request.kind.services}))
    kind = requests[0].kind._replace(services=services)
    run = Execution(
        number=LAST_NIGHT + 1 + len(world.past),
        ours=any(request.who == 0 for request in requests),
        shared=len(requests) > 1,
        kind=kind,
        steps=(Step.TURN,) * len(services),
        cancelled=False,
        status="ONGOING",
        late=world.read,
    )
    whose = " and ".join(_whose(request) for request in requests)
    queue = tuple(request for request in world.queue if request not in requests)
    return f"run {run.number} begins: {whose}", _showing(world._replace(queue=queue, before=world.services), run)


def _whose(request: Request) -> str:
    return "ours" if request.who == 0 else f"request c{request.who}"


def _showing(world: Platform, run: Execution) -> Platform:
    """Return the world with this as its run, and with the services as it shows them."""
    shown = list(world.services)
    for service, step in zip(run.kind.services, run.steps, strict=True):
        shown[service] = (_SHOWN[run.kind.action, step], run.number)
    return world._replace(run=run, services=tuple(shown))


def _work(world: Platform, run: Execution, dials: frozenset[str]) -> Iterator[Told]:
    if run.kind.action == DEPLOY_ACTION:
        yield from _deploy(world, run)
        return
    for place, step in enumerate(run.steps):
        name = TARGETS[run.kind.services[place]]
        is_next = "any-order" in dials or Step.TURN not in run.steps[:place]
        if step is Step.TURN and is_next and not run.cancelled and Step.ERROR not in run.steps:
            yield f"{name} is RESTARTING in {run.number}", _stepped(world, run, place, Step.WORK)
        if step is Step.WORK:
            yield f"{name} is RESTARTED in {run.number}", _stepped(world, run, place, Step.DONE)
            if run.cancelled:
                yield f"{name} is CANCELED in {run.number}", _stepped(world, run, place, Step.CANCELED)
            else:
                yield f"{name} is RESTART_ERROR in {run.number}", _stepped(world, run, place, Step.ERROR)


def _deploy(world: Platform, run: Execution) -> Iterator[Told]:
    if run.steps[0] is Step.TURN and not run.cancelled:
        yield f"run {run.number} deploys", _showing(world, run._replace(steps=(Step.WORK,) * len(run.steps)))
    if run.steps[0] is Step.WORK:
        yield f"run {run.number} has deployed", _showing(world, run._replace(steps=(Step.DONE,) * len(run.steps)))


def _stepped(world: Platform, run: Execution, place: int, step: Step) -> Platform:
    return _showing(world, run._replace(steps=(*run.steps[:place], step, *run.steps[place + 1 :])))


def _end(world: Platform, run: Execution, dials: frozenset[str]) -> Iterator[Told]:
    stopped = run.cancelled or Step.ERROR in run.steps
    if any(step is Step.WORK or (step is Step.TURN and not stopped) for step in run.steps):
        return
    if Step.TURN not in run.steps:
        yield f"run {run.number} ends", _over(world, run, Step.CANCELED)
        return
    yield f"run {run.number} ends, the rest is CANCELED", _over(world, run, Step.CANCELED)
    if run.cancelled and "kept" in dials:
        yield f"run {run.number} ends, the rest stays RESTARTED, under {run.number}", _over(world, run, Step.KEPT)
    if run.cancelled and "old" in dials:
        ended = _over(world, run, Step.CANCELED)
        services = list(ended.services)
        for service, step in zip(run.kind.services, run.steps, strict=True):
            if step is Step.TURN:
                services[service] = world.before[service]
        yield f"run {run.number} ends, the rest is as before", ended._replace(services=tuple(services))


def _over(world: Platform, run: Execution, untouched: Step) -> Platform:
    ended = tuple(untouched if step is Step.TURN else step for step in run.steps)
    status = "SUCCESS"
    if run.cancelled and not all(step is Step.DONE for step in ended):
        status = CANCELLED_RUN
    elif Step.ERROR in ended:
        status = "ERROR"
    over = run._replace(steps=ended, status=status)
    return _showing(world, over)._replace(run=None, before=(), past=(over, *world.past))


def _of_colleagues(world: Platform, dials: frozenset[str]) -> Iterator[Told]:
    """Yield what colleagues can do; `world` has this act taken off."""
    who = world.asked + 1
    for kind in kinds_of(dials):
        request = Request(who, kind)
        yield f"a colleague asks (c{who}): {kind}", world._replace(queue=(*world.queue, request), asked=who)
    if "cancels" not in dials:
        return
    for request in world.queue:
        left = tuple(each for each in world.queue if each != request)
        yield f"a colleague cancels what waits: {_whose(request)}", world._replace(queue=left)
    run = world.run
    if run is not None and not run.cancelled and run.at_work():
        yield f"a colleague cancels run {run.number}", world._replace(run=run._replace(cancelled=True))


def statuses_of(world: Platform, dials: frozenset[str]) -> Statuses:
    """Return what the statuses show; `before_statuses` comes first."""
    runs, counted = world.runs, "uncounted" not in dials
    services = []
    for service, (state, number) in enumerate(world.services):
        waiting = [request for request in world.queue if service in request.kind.services]
        run = world.run
        in_a_run = run is not None and any(
            each == service and step not in OVER for each, step in zip(run.kind.services, run.steps, strict=True)
        )
        shown = state if in_a_run or not waiting else _SHOWN[waiting[0].kind.action, Step.TURN]
        count, first = (len(waiting), waiting[0].label) if waiting and counted else (0, None)
        services.append((shown, number, count, first))
    last = runs[0] if runs else None
    return Statuses(
        services=tuple(services),
        busy=world.run is not None or bool(world.queue),
        last=LAST_NIGHT if last is None else last.number,
        last_origin=API_ORIGIN if last is None else last.kind.origin,
        last_began_late=None if world.run is not None or "undated" in dials else last is not None and last.late,
    )


def history_of(world: Platform) -> tuple[Entry, ...]:
    """Return what the history shows."""
    shown = (
        Entry(
            number=run.number,
            kind=run.kind,
            status="CANCELING" if run.cancelled and run is world.run else run.status,
            states=tuple(_SHOWN[run.kind.action, step] for step in run.steps),
            late=run.late,
        )
        for run in world.runs
    )
    return (*shown, LAST_NIGHTS)


# --- What our client reads, in the domain's values ------------------------------------------------------------------


class Answer(NamedTuple):
    """The answer to the POST: `202` with `request` in it, `lost`, or `409`."""

    what: str
    request: int | None = None

    def __str__(self) -> str:
        if self.what != "202":
            return self.what
        return "202 without an id" if self.request is None else f"202 with the id {_request_id(self.request)}"


class Waiting(NamedTuple):
    """A request in the queue, as it is shown."""

    label: int
    kind: Kind


Reading = Statuses | tuple[Waiting, ...] | tuple[Entry, ...] | Answer | None


def queue_shown(world: Platform) -> tuple[Waiting, ...]:
    """Return what the queue shows; `before_queue` comes first."""
    return tuple(Waiting(request.label, request.kind) for request in world.queue)


def _request_id(label: int) -> str:
    return f"r{label}"


@cache
def observation_of(read: Statuses) -> Observation:
    """Return a reading of the statuses as the product knows it."""
    return Observation(
        environment_id=ENVIRONMENT,
        services={
            name: ServiceStatus(
                id=name,
                state=shown[0],
                execution_id=execution(shown[1]),
                requests_waiting=shown[2],
                request_id=None if shown[3] is None else _request_id(shown[3]),
            )
            for name, shown in zip(TARGETS, read.services, strict=True)
            if shown is not None
        },
        environment_state=(State.RESTARTING if read.busy else State.RESTARTED).value,
        last_execution_id=execution(read.last),
        server_time=NOON,
    )


@cache
def queue_of(read: tuple[Waiting, ...]) -> tuple[QueuedRequest, ...]:
    """Return a reading of the queue as the product knows it."""
    return tuple(
        QueuedRequest(
            request_id=_request_id(request.label),
            action=request.kind.action,
            service_ids=frozenset(TARGETS[service] for service in request.kind.services),
            triggered_by=request.kind.name,
            origin=request.kind.origin,
        )
        for request in read
    )


@cache
def runs_of(read: tuple[Entry, ...], *, near: bool) -> tuple[Run, ...]:
    """Return a reading of the history as the product knows it."""
    before = timedelta(seconds=-5 if near else -60)
    return tuple(
        Run(
            execution_id=execution(entry.number),
            action=entry.kind.action,
            status=entry.status,
            services={
                TARGETS[service]: state for service, state in zip(entry.kind.services, entry.states, strict=True)
            },
            created_at=NOON + (timedelta(seconds=1) if entry.late else before),
            triggered_by=entry.kind.name,
            origin=entry.kind.origin,
        )
        for entry in read
    )


# --- Our client: the only part that calls the product ---------------------------------------------------------------


class Phase(Enum):
    """What the client does next."""

    POST = "post"
    LOOK = "look"
    STATUSES = "statuses"
    QUEUE = "queue"
    CANCEL_HISTORY = "history, to cancel"
    CANCEL_STATUSES = "statuses, to cancel"
    END = "end"

    __hash__ = object.__hash__


class Ending(Enum):
    """What the client says, or does, in the end."""

    YES = "yes"
    NO = "no"
    AGAIN = "submits again"
    CANCELS_REQUEST = "cancels a request"
    CANCELS_RUN = "cancels a run"
    UNKNOWN = "unknown"

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Everything that one client knows. All instants are relative to the latest one, which is 0.

    It does what `restart/submission.py`, `restart/lost_submit.py`, `restart/proof.py` and `restart/cancelling.py` do
    with the deciding rooms.
    """

    phase: Phase
    submitted: Submitted
    evidence: Evidence = field(default_factory=Evidence)
    search: Search = field(default_factory=Search)
    """What it knows from its looks for a submit that was not answered by an acceptance."""
    since: float = 0.0
    """When it began to look for a lost submit."""
    entries: tuple[Entry, ...] = ()
    """The history of a look that is not complete."""
    near: bool = False
    """Whether the dates of runs are near to that of the baseline."""
    seen: Statuses | None = None
    """Its statuses."""
    queue: tuple[Waiting, ...] = ()
    to_cancel: str | None = None
    """The run that is about to be cancelled."""
    ending: Ending | None = None
    why: str = ""
    named: frozenset[str] = frozenset()
    """At the end: the ids of the requests that are cancelled, or of the executions of a success."""

    @classmethod
    def baseline(cls, read: Statuses) -> "Client | None":
        """Return a client whose baseline is this reading; None if there is an obstacle."""
        observation = observation_of(read)
        services = [Service(id=each, name=each, type=ServiceType.CONTAINER) for each in TARGETS]
        if assess(observation, services).obstacle is not None:
            return None
        baseline = Baseline.of(observation, TARGETS, (), origin=API_ORIGIN)
        submitted = Submitted(
            intent=intent(baseline),
            accepted=False,
            deadline=float("inf"),
            post_by=float("inf"),
            just_posted=True,
            took=AT_ONCE,
        )
        return cls(phase=Phase.POST, submitted=submitted)

    def after_post(self, answer: Answer) -> "Client":
        """Return what it does with the answer to its POST."""
        match answer.what:
            case "409":
                return replace(self, phase=Phase.LOOK, search=Search(refused=True))
            case "lost":
                return replace(self, phase=Phase.LOOK)
            case _:
                ids = frozenset() if answer.request is None else frozenset({_request_id(answer.request)})
                submitted = replace(self.submitted, accepted=True, request_ids=ids)
                return replace(self, phase=Phase.LOOK, submitted=submitted)

    def look_at(self, read: tuple[Entry, ...], *, after: float, near: bool) -> "Client":
        """Return what it knows after a reading of the history, `after` seconds after the last look."""
        waited = replace(self._aged(after), entries=read, near=near)
        if self.submitted.accepted:
            return waited._judge(Picture(runs=waited.runs))
        baseline = known_baseline(self.submitted, waited.runs, name=self.evidence.name)
        if any(baseline.may_be_ours(run) for run in complete_restarts(baseline, waited.runs)):
            return waited._found(frozenset())
        return replace(waited, phase=Phase.STATUSES)

    def read_statuses(self, read: Statuses) -> "Client":
        """Return what it knows after a reading of the statuses."""
        looked = replace(self, seen=read)
        if not self.submitted.accepted:
            return replace(looked, phase=Phase.QUEUE)
        return looked._judge(Picture(runs=self.runs, observation=observation_of(read)))

    def read_queue(self, read: tuple[Waiting, ...]) -> "Client":
        """Return what it knows after a reading of the queue, which completes a look."""
        queue, observation = queue_of(read), None if self.seen is None else observation_of(self.seen)
        if self.submitted.accepted:
            return self._judge(Picture(runs=self.runs, observation=observation, queue=queue))
        if observation is None:
            raise AssertionError("the queue is read after the statuses")
        baseline = known_baseline(self.submitted, self.runs, name=self.evidence.name)
        trace, ids = find_submit(baseline, observation, self.runs, queue)
        if trace is Trace.OURS:
            return self._found(ids)
        search = self.search.after(trace)
        looked = replace(self._between_looks, search=search)
        if not search.is_over(trace, busy=observation.busy, has_lasted=-self.since >= INVISIBLE_FOR):
            return looked
        if search.shows_none(trace):
            answer = "409" if search.refused else "lost"
            return looked._end(Ending.AGAIN, f"{answer}, {trace.value}")
        return looked._end(Ending.UNKNOWN, "unconfirmed")

    @property
    def runs(self) -> tuple[Run, ...]:
        """The history of a look that is not complete, as the product knows it."""
        return runs_of(self.entries, near=self.near)

    @property
    def _between_looks(self) -> "Client":
        return replace(self, phase=Phase.LOOK, entries=(), seen=None, queue=())

    def _found(self, ids: frozenset[str]) -> "Client":
        submitted = replace(
            self.submitted, accepted=True, found=True, request_ids=ids, just_posted=False, took=float("inf")
        )
        return replace(self._between_looks, submitted=submitted, since=0.0)

    def _judge(self, picture: Picture) -> "Client":
        look = take_in(self.evidence, self.submitted, picture, now=0.0, invisible_for=INVISIBLE_FOR)
        if look.wants is not None:
            return replace(self, phase=Phase.STATUSES if look.wants is Wanted.STATUSES else Phase.QUEUE)
        return self._settled(look)

    def begin_to_cancel(self, read: tuple[Waiting, ...]) -> "Client":
        """Return what it knows after a reading of the queue that is made to cancel."""
        return Client(
            phase=Phase.CANCEL_HISTORY,
            # Nothing else of what it knows matters.
            submitted=self._aged(LONG_AGO).submitted,
            evidence=Evidence(not_ours=self.evidence.not_ours, name=self.evidence.name),
            queue=read,
        )

    def find_what_to_cancel(self, read: tuple[Entry, ...], *, near: bool) -> "Client | None":
        """Return what it cancels, as far as it is known after the history; None if nothing."""
        queue, runs = queue_of(self.queue), runs_of(read, near=near)
        baseline = known_baseline(self.submitted, runs, name=self.evidence.name).raised(self.evidence.not_ours)
        ours = find_ours(baseline, runs, queue, request_ids=self.submitted.request_ids)
        match ours.standing:
            case Standing.WAITS:
                return self._end(Ending.CANCELS_REQUEST, "its id", ours.request_ids)
            case Standing.RUNS:
                return replace(self, phase=Phase.CANCEL_STATUSES, queue=(), to_cancel=ours.execution_id)
            case _:
                return None

    def cancel(self, read: Statuses) -> "Client | None":
        """Return what it cancels after the last reading before that; None if nothing."""
        baseline = self.submitted.baseline.raised(self.evidence.not_ours)
        if not still_runs(baseline, observation_of(read), self.to_cancel):
            return None
        return self._end(Ending.CANCELS_RUN, "its execution", frozenset({self.to_cancel or ""}))

    @property
    def waits(self) -> tuple[str, ...]:
        """How long it may wait for the next look, where that makes a difference."""
        is_long = not self.submitted.accepted or self.evidence.absent_since is not None
        return tuple(WAITS) if is_long else tuple(WAITS)[:2]

    @property
    def key(self) -> Hashable:
        """What tells it from other clients. The baseline is the same for all."""
        submitted, evidence = self.submitted, self.evidence
        return (
            self.phase,
            (submitted.intent.posted_at, submitted.accepted, submitted.found, submitted.request_ids),
            tuple(getattr(evidence, name) for name in _COMPARED),
            (self.search, self.since),
            self.entries,
            self.seen,
            self.queue,
            self.to_cancel,
            self.ending,
            self.why,
            self.named,
        )

    @property
    def may_cancel(self) -> bool:
        """Whether it would try to cancel if it was told to."""
        return self.phase is Phase.LOOK and self.submitted.accepted and not self.submitted.found

    def _settled(self, look: Look) -> "Client":
        # The product does not ask a question again that it has just asked. Here the next look may be at any time.
        evidence = replace(look.evidence, verdicts={}, looked_closer_at=float("-inf"), closing=None)
        looked = replace(self._between_looks, evidence=evidence)
        if not look.settled:
            return looked
        reason = "" if look.verdict.reason is None else look.verdict.reason.value
        found = ", found" if self.submitted.found else ""
        if look.verdict.finding is Finding.SUCCEEDED:
            executions = frozenset(each.execution_id or "" for each in look.verdict.services.values())
            return looked._end(Ending.YES, reason + found, executions)
        is_known = look.verdict.reason is not Reason.UNATTRIBUTED
        return looked._end(Ending.NO if is_known else Ending.UNKNOWN, reason + found)

    def _aged(self, seconds: float) -> "Client":
        """Return the same knowledge some seconds later."""
        evidence, submitted = self.evidence, self.submitted
        absent = evidence.absent_since
        posted = replace(submitted.intent, posted_at=max(submitted.intent.posted_at - seconds, -2 * UNATTRIBUTED_FOR))
        return replace(
            self,
            since=max(self.since - seconds, -LONG_AGO) if not submitted.accepted else 0.0,
            submitted=replace(submitted, intent=posted),
            evidence=replace(
                evidence,
                absent_since=None if absent is None else max(absent - seconds, -LONG_AGO),
                over_at=max(evidence.over_at - seconds, -LONG_AGO) if evidence.over is not None else evidence.over_at,
            ),
        )

    def _end(self, ending: Ending, why: str, named: Iterable[str] = ()) -> "Client":
        return Client(
            phase=Phase.END, submitted=self.submitted, ending=ending, why=why, named=frozenset(n for n in named if n)
        )


_COMPARED = tuple(each.name for each in fields(Evidence) if each.name != "verdicts")


def is_right(client: Client, world: Platform) -> bool:
    """Return whether what a client says or does in the end is right in this world."""
    match client.ending:
        case Ending.YES:
            return world.ours_restarted()
        case Ending.NO:
            return not world.ours_restarted() and not world.ours_still_may()
        case Ending.AGAIN:
            gone = not world.ours_waits() and not any(run.ours for run in world.runs)
            return not world.ours_came() or (gone and not world.ours_still_may() and not world.noticed)
        case Ending.CANCELS_REQUEST:
            hit = [request for request in world.queue if _request_id(request.label) in client.named]
            return all(request.who == 0 for request in hit)
        case Ending.CANCELS_RUN:
            run = world.run
            # If nothing runs any more, nothing is hit.
            return run is None or (run.ours and not run.shared)
        case Ending.UNKNOWN | None:
            return True


def kind_of(client: Client, world: Platform) -> str:
    """Return which kind of mistake a wrong ending is."""
    match client.ending:
        case Ending.NO if not world.ours_restarted():
            return f"no too early ({client.why}): ours {_where(world)}"
        case Ending.NO:
            restarts = sum(run.kind.action == RESTART_ACTION for run in world.runs)
            company = "alone" if restarts == 1 else "among others"
            return f"no ({client.why}) although ours restarted everything, {company}"
        case Ending.YES:
            return f"yes ({client.why}), ours {_where(world)}"
        case Ending.AGAIN:
            return f"submits again ({client.why}), ours {_where(world)}"
        case _:
            return f"{'' if client.ending is None else client.ending.value} of somebody else"


def _where(world: Platform) -> str:
    """Return what became of our request."""
    if world.post is Post.DROPPED:
        return "was never accepted"
    if world.post in (Post.SENT, Post.SURE):
        return "is on its way"
    if world.ours_waits():
        return "waits"
    run = next((run for run in world.runs if run.ours), None)
    if run is None:
        return "was cancelled in the queue"
    if run is world.run:
        return "runs"
    if run.restarted():
        return "restarted everything"
    return "was cancelled in its run" if run.status == CANCELLED_RUN else "failed"


# --- The search -----------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """Something that the client sees or does."""

    name: str
    wait: str = ""

    def __str__(self) -> str:
        return f"{self.name}, {self.wait}" if self.wait else self.name


READ_BASELINE, SEND, ANSWER = Event("the baseline is read"), Event("the POST is sent"), Event("the answer")
LOOKS: Mapping[str, Event] = {wait: Event("history", wait) for wait in WAITS}
STATUSES, QUEUE = Event("statuses"), Event("queue")
CANCEL_QUEUE, CANCEL_HISTORY = Event("queue, to cancel"), Event("history, to cancel")
CANCEL_STATUSES = Event("statuses, to cancel")

ANY_STEPS = frozenset({SEND, ANSWER, CANCEL_QUEUE, *LOOKS.values()})
"""Before these the platform takes any number of steps; before the others one, or none."""

Element = int
"""A world that is possible: the number of the platform's state and, from `_LAG` on, one more than the number of the
history that it will show if that lags behind."""
_LAG = 32
_STATE = (1 << _LAG) - 1


class Chain(NamedTuple):
    """How a history of readings came about: its last event, and what was before."""

    event: Event
    reading: int
    before: "Chain | None"

    def events(self) -> list[tuple[Event, int]]:
        """Return all events, the first one first."""
        found: list[tuple[Event, int]] = []
        chain: Chain | None = self
        while chain is not None:
            found.append((chain.event, chain.reading))
            chain = chain.before
        return found[::-1]


@dataclass(slots=True)
class Found:
    """One kind of mistake."""

    histories: int = 0
    """How many histories of readings end in it."""
    worlds: int = 0
    witness: tuple[str, ...] = ()
    """The shortest sequence of steps that shows it."""
    rightly: tuple[str, ...] = ()
    """If it is indistinguishable: a sequence with the same readings in which the same ending is right."""


@dataclass(slots=True)
class Report:
    """What a search found."""

    platforms: int = 0
    clients: int = 0
    histories: int = 0
    pairs: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    violations: dict[str, Found] = field(default_factory=dict)
    """Wrong in every world in which these readings are made."""
    unread: dict[str, Found] = field(default_factory=dict)
    """Right in another world with these readings; but statuses, queue and history show there what they do not here."""
    indistinguishable: dict[str, Found] = field(default_factory=dict)
    """Right in another world with these readings, in which the API shows the same, whatever is read."""

    @property
    def size(self) -> str:
        """How much was searched."""
        return (
            f"{self.platforms} states of the platform, {self.clients} of the client, {self.histories} histories of "
            f"readings, {self.pairs} pairs of a history and a world"
        )

    def add(self, other: "Report") -> None:
        """Add what another search found, in another part of the space."""
        self.platforms += other.platforms
        self.clients += other.clients
        self.histories += other.histories
        self.pairs += other.pairs
        self.endings += other.endings
        for mine, theirs in (
            (self.violations, other.violations),
            (self.unread, other.unread),
            (self.indistinguishable, other.indistinguishable),
        ):
            for kind, found in theirs.items():
                before = mine.setdefault(kind, Found())
                before.histories += found.histories
                before.worlds += found.worlds
                if not before.witness or len(found.witness) < len(before.witness):
                    before.witness, before.rightly = found.witness, found.rightly


class Node(NamedTuple):
    """A history of readings: what the client knows after it, and every world in which it could have been made."""

    client: int
    worlds: frozenset[Element]
    chain: Chain


class Explorer:
    """Searches all worlds with so many acts of others and so many looks."""

    def __init__(self, *, acts: int, looks: int, dials: frozenset[str]) -> None:
        self._looks = looks
        self._dials = dials
        self._worlds: list[Platform] = []
        self._numbers: dict[Platform, int] = {}
        self._steps: list[tuple[int, ...] | None] = []
        self._statuses: list[tuple[tuple[int, int], ...] | None] = []
        self._histories: list[int | None] = []
        self._readings: list[Reading] = []
        self._reading_numbers: dict[Reading, int] = {}
        self._clients: dict[Hashable, int] = {}
        self._by_number: list[Client] = []
        self._next: dict[tuple[int, Event, int], int | None] = {}
        self._seen: set[int] = set()
        self._groups: dict[tuple[frozenset[Element], Event], tuple[tuple[int, frozenset[Element]], ...]] = {}
        self._start = self._number(Platform(acts=acts))
        self.report = Report()

    # The platform's graph.

    def _number(self, world: Platform) -> int:
        number = self._numbers.get(world)
        if number is None:
            number = self._numbers[world] = len(self._worlds)
            self._worlds.append(world)
            self._steps.append(None)
            self._statuses.append(None)
            self._histories.append(None)
        return number

    def _reading(self, reading: Reading) -> int:
        number = self._reading_numbers.get(reading)
        if number is None:
            number = self._reading_numbers[reading] = len(self._readings)
            self._readings.append(reading)
        return number

    def _after(self, number: int) -> tuple[int, ...]:
        found = self._steps[number]
        if found is None:
            worlds = (world for _, world in steps(self._worlds[number], self._dials))
            found = self._steps[number] = tuple(dict.fromkeys(self._number(world) for world in worlds))
        return found

    def _reachable(self, elements: Iterable[Element], *, any_number: bool) -> Iterable[Element]:
        """Return where the platform may be before the next event."""
        if any_number:
            reached = {each & _STATE for each in elements}
            todo = list(reached)
            while todo:
                for after in self._after(todo.pop()):
                    if after not in reached:
                        reached.add(after)
                        todo.append(after)
            return reached
        reached = set(elements)
        if "torn" in self._dials:
            for each in tuple(reached):
                lag = each & ~_STATE
                reached.update(after | lag for after in self._after(each & _STATE))
        return reached

    # What an event shows in one world, and the world after it.

    def _shows(self, event: Event, element: Element) -> Iterator[tuple[int, Element]]:
        number = element & _STATE
        world = self._worlds[number]
        if event.wait:
            if event.wait != "invisible_for" or world.post not in (Post.SENT, Post.SURE):
                yield from self._looked(number)
        elif event is QUEUE or event is CANCEL_QUEUE:
            shown = before_queue(world)
            yield self._reading(queue_shown(shown)), self._number(shown) | (element & ~_STATE)
        elif event is CANCEL_HISTORY:
            yield self._history(number), number
        elif event is STATUSES or event is CANCEL_STATUSES:
            yield from self._statuses_in(number)
        elif event is ANSWER:
            yield from ((self._reading(answer), self._number(after)) for answer, after in self._answers(world))
        else:
            after = world._replace(read=True) if event is READ_BASELINE else world._replace(post=Post.SENT)
            yield self._reading(None), self._number(after)

    def _answers(self, world: Platform) -> Iterator[tuple[Answer, Platform]]:
        odd = "answers" in self._dials
        if world.post is Post.SENT:
            if "late" in self._dials:
                yield Answer("lost"), world
            return
        yield Answer("lost"), world
        if world.post is Post.DROPPED or odd:
            yield Answer("409"), world
        if world.post is not Post.DROPPED:
            # No id was shown before.
            yield Answer("202", 1), label(world, 0)
            yield Answer("202"), world
            if odd:
                yield from ((Answer("202", 1), label(world, each.who)) for each in world.queue if each.who)
                yield Answer("202", 1), world._replace(labels=1)

    def _looked(self, number: int) -> Iterator[tuple[int, Element]]:
        shown = self._history(number)
        yield shown, number
        if "lag" in self._dials:
            yield from ((shown, later) for later in self._after(number) if self._history(later) != shown)

    def _history(self, number: int) -> int:
        found = self._histories[number]
        if found is None:
            found = self._histories[number] = self._reading(history_of(self._worlds[number]))
        return found

    def _statuses_in(self, number: int) -> tuple[tuple[int, int], ...]:
        found = self._statuses[number]
        if found is None:
            shown = before_statuses(self._worlds[number], self._dials)
            after = self._number(shown)
            found = tuple((self._reading(each), after) for each in self._all_statuses(shown))
            self._statuses[number] = found
        return found

    def _all_statuses(self, world: Platform) -> Iterator[Statuses]:
        shown = statuses_of(world, self._dials)
        yield shown
        if "holes" in self._dials:
            yield shown._replace(services=(None, shown.services[1]))
            yield shown._replace(services=(shown.services[0], None))
        if world.replica is not None and world.replica != shown:
            yield world.replica

    # Our client.

    def _client(self, client: Client) -> int:
        key = client.key
        number = self._clients.get(key)
        if number is None:
            number = self._clients[key] = len(self._by_number)
            self._by_number.append(client)
        return number

    def _learns(self, number: int, event: Event, reading: int) -> int | None:
        key = (number, event, reading)
        if key not in self._next:
            client = self._told(self._by_number[number], event, self._readings[reading])
            self._next[key] = None if client is None else self._client(client)
        return self._next[key]

    def _told(self, client: Client, event: Event, reading: Reading) -> Client | None:
        near = "near" in self._dials
        match reading:
            case None:
                return client
            case Answer():
                return client.after_post(reading)
            case Statuses():
                return client.cancel(reading) if event is CANCEL_STATUSES else client.read_statuses(reading)
        if event is QUEUE or event is CANCEL_QUEUE:
            requests = tuple(each for each in reading if isinstance(each, Waiting))
            return client.read_queue(requests) if event is QUEUE else client.begin_to_cancel(requests)
        entries = tuple(each for each in reading if isinstance(each, Entry))
        if event.wait:
            return client.look_at(entries, after=WAITS[event.wait], near=near)
        return client.find_what_to_cancel(entries, near=near)

    def _events(self, client: Client, looks: int) -> tuple[Event, ...]:
        match client.phase:
            case Phase.STATUSES:
                return (STATUSES,)
            case Phase.QUEUE:
                return (QUEUE,)
            case Phase.CANCEL_HISTORY:
                return (CANCEL_HISTORY,)
            case Phase.CANCEL_STATUSES:
                return (CANCEL_STATUSES,)
            case Phase.LOOK:
                to_cancel = (CANCEL_QUEUE,) if client.may_cancel else ()
                to_look = tuple(LOOKS[wait] for wait in client.waits) if looks < self._looks else ()
                return to_look + to_cancel
            case _:
                return ()

    # The search.

    def explore(self) -> Report:
        """Search everything."""
        start = Client.baseline(statuses_of(Platform(), self._dials))
        if start is None:
            raise AssertionError("nothing is in progress at the start")
        begun = self._client(start)
        first: set[Element] = {self._start}
        chain: Chain | None = None
        for event in (READ_BASELINE, SEND):
            stale = event is READ_BASELINE and "stale" in self._dials
            # As it is read at the start, nothing happens before it, unless it is read from a replica.
            reached = self._reachable(first, any_number=True) if stale or event in ANY_STEPS else first
            first = {after for each in reached for _, after in self._shows(event, each)}
            chain = Chain(event, self._reading(None), chain)
        level: deque[Node] = deque()
        for after in self._follow(begun, frozenset(first), ANSWER, chain):
            self._visit(after, level)
        for looks in range(self._looks + 1):
            level = self._level(level, looks)
            self._groups.clear()  # Hardly one is needed again, and they are large.
        self.report.platforms = len(self._worlds)
        self.report.clients = len(self._by_number)
        return self.report

    def _level(self, level: deque[Node], looks: int) -> deque[Node]:
        """Follow every history with so many looks; return those with one more."""
        following: deque[Node] = deque()
        while level:
            node = level.popleft()
            for event in self._events(self._by_number[node.client], looks):
                for after in self._follow(node.client, node.worlds, event, node.chain):
                    for closer in self._look_closer(after):
                        self._visit(closer, following if event.wait else level)
        return following

    def _follow(self, client: int, worlds: frozenset[Element], event: Event, chain: Chain | None) -> Iterator[Node]:
        """Yield each reading that an event may show, with what the client then knows and the worlds that fit."""
        for reading, fitting in self._grouped(worlds, event):
            learnt = self._learns(client, event, reading)
            if learnt is not None:
                yield Node(learnt, fitting, Chain(event, reading, chain))

    def _grouped(self, worlds: frozenset[Element], event: Event) -> tuple[tuple[int, frozenset[Element]], ...]:
        """Return each reading that an event may show, with the worlds that fit."""
        if event.wait in ("at once", "UNATTRIBUTED_FOR"):
            event = LOOKS["at once"]
        key = (worlds, event)
        found = self._groups.get(key)
        if found is None:
            groups: dict[int, set[Element]] = {}
            for element in self._reachable(worlds, any_number=event in ANY_STEPS):
                for reading, after in self._shows(event, element):
                    if reading in groups:
                        groups[reading].add(after)
                    else:
                        groups[reading] = {after}
            found = tuple((reading, frozenset(fitting)) for reading, fitting in groups.items())
            self._groups[key] = found
        return found

    def _look_closer(self, node: Node) -> Iterator[Node]:
        """Yield what follows a reading of the history once the client has read what else it asks for."""
        phase = self._by_number[node.client].phase
        if phase not in (Phase.STATUSES, Phase.QUEUE) or "torn" in self._dials:
            yield node
            return
        for each in self._follow(node.client, node.worlds, STATUSES if phase is Phase.STATUSES else QUEUE, node.chain):
            yield from self._look_closer(each)

    def _visit(self, node: Node, queue: deque[Node]) -> None:
        key = hash((node.client, node.worlds))
        if key in self._seen:
            return
        self._seen.add(key)
        self.report.histories += 1
        self.report.pairs += len(node.worlds)
        client = self._by_number[node.client]
        if client.ending is None:
            queue.append(node)
        else:
            self._judge(client, node)

    def _judge(self, client: Client, node: Node) -> None:
        if client.ending is not None:
            self.report.endings[client.ending.value] += 1
        right = [each for each in node.worlds if is_right(client, self._worlds[each & _STATE])]
        if len(right) == len(node.worlds):
            return
        views: dict[tuple[Reading, ...], Element] = {self._view(each): each for each in right}
        wrong: dict[tuple[str, bool], list[Element]] = {}
        for each in node.worlds.difference(right):
            kind = kind_of(client, self._worlds[each & _STATE])
            wrong.setdefault((kind, self._view(each) in views), []).append(each)
        for (kind, looks_right), worlds in wrong.items():
            into = self.report.unread if right else self.report.violations
            found = (self.report.indistinguishable if looks_right else into).setdefault(kind, Found())
            found.histories += 1
            found.worlds += len(worlds)
            if not found.witness:
                found.witness = self._replay(node.chain, worlds[:1] if looks_right else worlds)
                alike = [views[self._view(worlds[0])]] if looks_right else right
                found.rightly = self._replay(node.chain, alike) if right else ()

    def _view(self, element: Element) -> tuple[Reading, ...]:
        """Return everything that the API would show in this world."""
        world = self._worlds[element & _STATE]
        world = before_statuses(world, self._dials)
        return statuses_of(world, self._dials), queue_shown(before_queue(world)), history_of(world)

    # In words.

    def _replay(self, chain: Chain, ends: Iterable[Element]) -> tuple[str, ...]:
        """Return the shortest sequence of steps with these readings to one of the worlds."""
        events, ends = chain.events(), set(ends)
        start = Place(0, stepped=False, world=self._start)
        came: dict[Place, tuple[Place | None, str]] = {start: (None, "")}
        todo: deque[Place] = deque([start])
        while todo:
            place = todo.popleft()
            if place.event == len(events):
                if place.world in ends:
                    return _path(came, place)
                continue
            event, reading = events[place.event]
            for told, following in self._onwards(event, reading, place):
                if following not in came:
                    came[following] = (place, told)
                    todo.append(following)
        raise AssertionError("every ending was reached somehow")

    def _onwards(self, event: Event, reading: int, place: "Place") -> Iterator[tuple[str, "Place"]]:
        number = place.world & _STATE
        lag = 0 if event in ANY_STEPS else place.world & ~_STATE
        stale = event is READ_BASELINE and "stale" in self._dials
        torn = not place.stepped and "torn" in self._dials and event is not READ_BASELINE
        if stale or event in ANY_STEPS or torn:
            for told, world in steps(self._worlds[number], self._dials):
                yield told, Place(place.event, stepped=True, world=self._number(world) | lag)
        for shown, after in self._shows(event, place.world):
            if shown == reading:
                lagging = " (the history lags behind it)" if after >> _LAG and event.wait else ""
                words = f"    {event}: {_in_words(self._readings[reading])}{lagging}"
                yield words, Place(place.event + 1, stepped=False, world=after)


class Place(NamedTuple):
    """How far a replay is: before which event, whether the platform took a step since the last one, and the world."""

    event: int
    stepped: bool
    world: Element


def _path(came: Mapping[Place, tuple[Place | None, str]], place: Place) -> tuple[str, ...]:
    told: list[str] = []
    at: Place | None = place
    while at is not None:
        before, words = came[at]
        if words:
            told.append(words)
        at = before
    return tuple(reversed(told))


def _entry_in_words(entry: Waiting | Entry) -> str:
    kind = entry.kind
    if isinstance(entry, Waiting):
        return f"{_request_id(entry.label)} {kind}"
    return f"{entry.number} {kind.action} {entry.status} {'/'.join(entry.states)} ({kind.origin}, {kind.name})"


def _in_words(reading: Reading) -> str:
    match reading:
        case None:
            return "-"
        case Answer():
            return str(reading)
        case Statuses():
            shown = (
                f"{name} missing" if each is None else f"{name} {each[0]} {each[1]}{' +' * each[2]}"
                for name, each in zip(TARGETS, reading.services, strict=True)
            )
            return f"{', '.join(shown)}; last run {reading.last} ({reading.last_origin})"
    words = [_entry_in_words(each) for each in reading if not isinstance(each, Entry) or each.number != LAST_NIGHT]
    return "; ".join(words) or "nothing new"


class Part(NamedTuple):
    """A part of the space."""

    acts: int
    looks: int
    dials: frozenset[str]

    def __str__(self) -> str:
        return f"{self.acts} acts, {self.looks} looks, {', '.join(sorted(self.dials)) or 'no dials'}"


def _dials(*names: str) -> frozenset[str]:
    return frozenset(name for each in names for name in each.split())


WHOLE = (
    Part(2, 3, _dials("late cancels twins")),
    Part(2, 3, _dials("stale answers cancels")),
    Part(2, 3, _dials("cancels kept old merge twins")),
    Part(2, 2, _dials("single deploys console")),
    Part(3, 2, _dials("")),
    Part(1, 6, _dials("stale late answers cancels single deploys console twins merge kept old")),
    Part(1, 4, _dials("late hidden cancels twins console single deploys")),
    Part(1, 3, _dials("late cancels twins torn kept old")),
    Part(1, 3, _dials("late cancels twins lag kept old")),
    Part(1, 4, _dials("stale cancels twins any-order kept old deploys")),
    Part(1, 4, _dials("stale cancels twins undated deploys single")),
    Part(1, 4, _dials("stale late cancels twins near deploys single")),
    Part(1, 4, _dials("late cancels twins uncounted answers merge")),
    Part(1, 3, _dials("late cancels twins holes")),
    Part(1, 3, _dials("stale late cancels replica")),
)
"""All dials with few acts, and more acts with fewer dials: all at once would be too much."""


def explore(part: Part) -> tuple[Part, Report, float]:
    """Search a part; return it with what was found and the seconds it took."""
    began = time.perf_counter()
    report = Explorer(acts=part.acts, looks=part.looks, dials=part.dials).explore()
    return part, report, time.perf_counter() - began


def tell(report: Report) -> Iterator[str]:
    """Yield what a search found, line by line."""
    for title, kinds in (
        ("VIOLATED", report.violations),
        ("VIOLATED, although a reading that was not made would have told", report.unread),
        ("INDISTINGUISHABLE", report.indistinguishable),
    ):
        yield f"{title}: {len(kinds)} kinds"
        for kind, found in sorted(kinds.items()):
            yield f"  {kind}: {found.histories} histories, {found.worlds} worlds"
            yield from (f"      {step}" for step in found.witness)
            if found.rightly:
                yield "    with the same readings, and right:"
                yield from (f"      {step}" for step in found.rightly)


def main() -> int:
    """Search what the command line asks for; return 1 where anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acts", type=int, help="how many acts of others; without it and --dials, the whole")
    parser.add_argument("--looks", type=int, help="how many looks; without it 4, or of the whole as many as it has")
    parser.add_argument("--dials", help=f"the liberties that the platform and others take, of {', '.join(DIALS)}")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes, for the whole")
    parser.add_argument("--brief", action="store_true", help="count, without the witnesses")
    options = parser.parse_args()
    chosen = frozenset(name for name in (options.dials or "").split(",") if name)
    if chosen - EVERY_DIAL:
        parser.error(f"no such dial: {', '.join(sorted(chosen - EVERY_DIAL))}")
    if options.acts is not None or options.dials is not None:
        parts: Sequence[Part] = (Part(1 if options.acts is None else options.acts, options.looks or 4, chosen),)
    else:
        parts = [part._replace(looks=min(part.looks, options.looks or part.looks)) for part in WHOLE]
    total = Report()
    # Each in a process of its own: so its memory is given back.
    with ProcessPoolExecutor(options.jobs, max_tasks_per_child=1) as pool:
        searches = [pool.submit(explore, part) for part in parts]
        for search in as_completed(searches):
            part, report, seconds = search.result()
            _say(f"{part}: {report.size}, {seconds:.0f} s")
    for search in searches:
        total.add(search.result()[1])
    _say(f"in all: {total.size}")
    _say("endings: " + ", ".join(f"{count} {ending}" for ending, count in sorted(total.endings.items())))
    for line in tell(total):
        if not options.brief or not line.startswith("    "):
            _say(line)
    return 1 if total.violations or total.unread else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main())
