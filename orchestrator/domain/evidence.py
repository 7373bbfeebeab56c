"""The evidence of how one restart ended: what each look adds to it, and whether it settles the restart. Pure.

Everything that is remembered between two looks is one `Evidence`. From it and what a look has read, `take_in` makes a
`Look`: the next evidence, the verdict, whether that counts, and what else to read before it does. It depends on its
arguments alone, the instant included; a look that reads more begins again from the same evidence.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique

from orchestrator.domain.activity import (
    asks_in_other_ways,
    bears_our_name,
    complete_restarts,
    executions_at_work,
    has_gaps,
    is_garbled,
    is_idle,
    may_be_shared,
    others_ask_as_we_do,
    others_may_ask_as_we_do,
    runs_since,
    shows_activity,
    targets_in,
    waiting_restarts,
)
from orchestrator.domain.costs import expected_duration
from orchestrator.domain.observations import Baseline, Observation, QueuedRequest, Run, ServiceStatus
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.ownership import QUEUED_STATES, others_at_work, our_name
from orchestrator.domain.records import Intent, Sighting
from orchestrator.domain.states import State, StateClass, classify
from orchestrator.domain.verdict import Finding, Picture, ServiceVerdict, Verdict, judge, shows_absence

CONFIRM_AGAIN = 30.0
"""Seconds after which the queue is read again for a restart that is not to be seen."""
OVERDUE_AFTER = 60.0
"""Seconds after its expected end at which a restart that was never seen is looked for in the queue, too."""
UNATTRIBUTED_FOR = 60.0
"""Seconds for which a restart that is over has to stay anybody's before that counts."""
CANCELLED_FOR = 3.0
"""Seconds for which a request that we cancelled ourselves has to stay absent before it counts as gone."""
SHOWN_BY = 60.0
"""Seconds after the answer to a submit by which readings show what it began, or that it waits."""
CLOSES_WITHIN = 2.0
"""Seconds from the end of a run's last service to the next look: the run itself ends a moment later."""
NEXT_BEGINS_WITHIN = 15.0
"""Seconds from the end of a run by which the next request in the queue has begun to run, and shows it."""
COME_AND_GONE = 3.0
"""Seconds in which no run can begin and end. If longer passed between the baseline and the answer, one may have."""


@unique
class Doubt(StrEnum):
    """Why a look does not settle what it shows, or why it reads more than the history."""

    NOT_ALONE = "not_alone"
    """Somebody else may ask for restarts as we do: ours may still wait in the queue."""
    PERHAPS_OLDER = "perhaps_older"
    """The run may have begun before our submit: by its date, or since the submit took long. Ours would show soon."""
    ORDER_UNCLEAR = "order_unclear"
    """Number, place in the history and date do not agree that the run is newer than the baseline, or not all tell."""
    HIDDEN = "hidden"
    """The history does not reach back to the baseline, or leaves something out."""
    UNATTRIBUTED = "unattributed"
    """The answer to our submit was lost, or the run may be another user's by what else they do or by its services."""
    NOT_SHOWN = "not_shown"
    """The history shows no restart of ours."""
    UNSEEN = "unseen"
    """Our restart should be visible, and is not."""


@unique
class Wanted(StrEnum):
    """What else a look has to read."""

    STATUSES = "statuses"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A restart that was posted, and what its proof is based on. Instants are on the job's clock."""

    intent: Intent
    accepted: bool
    """Whether it is known to be accepted; otherwise it has to be looked for."""
    found: bool = False
    """Whether its acceptance was inferred, because the answer was lost: nothing proves that it is ours alone."""
    request_ids: frozenset[str] = frozenset()
    """The ids of our request, if the platform returned any."""
    deadline: float
    """The instant of the last look."""
    post_by: float
    """The instant until which it may be posted again, if it never arrived."""
    just_posted: bool = False
    """Whether this process posted it and has read nothing since."""
    may_cancel: bool = False
    """Whether it is to be cancelled on its deadline: then others must be told from it while it is in progress."""
    took: float = float("inf")
    """Seconds from the baseline to the answer; infinite if the answer was lost."""
    found_in: Picture | None = None
    """The look that showed it, if it was looked for."""
    found_at: float = float("-inf")
    """When that look began."""

    @property
    def answered_ids(self) -> frozenset[str]:
        """The ids that the platform's answer named; none if they were only found in the queue."""
        return frozenset() if self.found else self.request_ids

    @property
    def baseline(self) -> Baseline:
        """What had run before it."""
        return self.intent.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What has been found out about one restart so far."""

    seen_running: frozenset[str] = frozenset()
    """The new executions that were seen in progress."""
    seen_alone: frozenset[str] = frozenset()
    """Those of them that were seen in progress while no request waited that may be ours, before any look was missed."""
    followed: frozenset[str] = frozenset()
    """Those of them that were seen at work in statuses that also show a request waiting for every target."""
    restarting: frozenset[tuple[str, str]] = frozenset()
    """The targets that were themselves seen RESTARTING, each with its new execution."""
    was_seen: bool = False
    """Whether anything of a restart was seen since the baseline."""
    has_missed: bool = False
    """Whether a look since the submit failed, or could not be made: it might have shown our request waiting."""
    not_ours: frozenset[str] = frozenset()
    """Executions that were at work while our request still waited."""
    name: str | None = None
    """What the platform calls us, once our own request has been seen waiting."""
    cancelled: bool = False
    """Whether we cancelled our waiting request ourselves: then a short absence is enough."""
    over: str | None = None
    """The execution that was over when it was read, and perhaps older than our submit."""
    over_at: float = float("-inf")
    """When that was read first."""
    closing: str | None = None
    """The execution of which every service was seen to have ended, but not the run."""
    verdicts: dict[str, ServiceVerdict] = field(default_factory=dict)
    """The last verdict on each target."""
    checked_at: float = float("-inf")
    """When statuses were last read beside a history that does not show our restart."""
    garbled_since: float | None = None
    """Since when no history could be read whole; None if the last one could."""
    looked_closer_at: float = float("-inf")
    """When the queue was last read for a restart that was not to be seen."""
    absent_since: float | None = None
    """The instant since which nothing of our restart has been visible."""
    absent_as: Reason | None = None
    """The reason that was inferred from that absence."""

    @classmethod
    def of(cls, sighting: Sighting) -> "Evidence":
        """Return the evidence that an earlier process found."""
        return cls(
            seen_running=sighting.seen_running,
            seen_alone=sighting.seen_alone,
            was_seen=sighting.was_seen,
            not_ours=sighting.not_ours,
            name=sighting.name,
        )

    def into(self, sighting: Sighting) -> Sighting:
        """Return a sighting with what a later process needs of this evidence."""
        return replace(
            sighting,
            seen_running=self.seen_running,
            seen_alone=self.seen_alone,
            was_seen=self.was_seen,
            not_ours=self.not_ours,
            name=self.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the environment, judged."""

    evidence: Evidence
    """With what this look has added."""
    baseline: Baseline
    """The baseline on which it was judged."""
    picture: Picture
    verdict: Verdict
    settled: bool = False
    """Whether the verdict is final."""
    doubt: Doubt | None = None
    """Why it does not settle what it shows, or had to read more."""
    wants: Wanted | None = None
    """What to read before it is judged again; None if there is nothing to do but to look again later."""
    awaits_name: bool = False
    """Whether only what the platform calls us is missing, which another job may show: then it is judged again."""
    next_look: float | None = None
    """The instant of the next look, if this one has shown it."""
    keeps_history: bool = False
    """Whether the next look goes on from this history: all that it has to add are later statuses."""

    @property
    def missing(self) -> list[str]:
        """The ids of the targets that are not in the reading, sorted; none if there was no reading."""
        observation = self.picture.observation
        return [] if observation is None else sorted(self.baseline.targets.keys() - observation.services.keys())


def known_baseline(submitted: Submitted, runs: Sequence[Run], *, name: str | None) -> Baseline:
    """Return the baseline of a restart with what was found out since: our name, and the order of runs."""
    return replace(submitted.baseline.ordered_by(runs), name=name or submitted.baseline.name)


def take_in(
    evidence: Evidence,
    submitted: Submitted,
    picture: Picture,
    *,
    now: float,
    invisible_for: float,
    name_may_come: bool = False,
) -> Look:
    """Judge what a look has read after the submit.

    Args:
        evidence: of the looks before.
        submitted: the restart.
        picture: what this look has read so far, the history first.
        now: the instant of the last of these readings.
        invisible_for: the longest, in seconds, that an accepted submit can stay invisible.
        name_may_come: whether another job may soon show what the platform calls us.
    """
    baseline = known_baseline(submitted, picture.runs, name=evidence.name)
    name = baseline.name or our_name(baseline, picture, submitted.answered_ids)
    baseline = replace(baseline, name=name)
    evidence = _remember(evidence, baseline, picture, submitted, now)
    verdict = judge(baseline, picture, not_ours=evidence.not_ours, restarting=evidence.restarting)
    look = Look(evidence=evidence, baseline=baseline, picture=picture, verdict=verdict)
    if verdict.finding is not Finding.IN_PROGRESS and _is_soon_readable(look, now):
        return replace(look, doubt=Doubt.HIDDEN)
    if verdict.finding.final:
        if evidence.absent_as is not Reason.UNATTRIBUTED:
            look = replace(look, evidence=replace(evidence, absent_since=None))
        return _weigh(look, submitted, now, name_may_come=name_may_come)
    look = replace(look, evidence=_with_verdicts(evidence, _without_uncertain(verdict, baseline, evidence)))
    if verdict.finding is Finding.ABSENT:
        # Even of what was seen: readings may be old, and older than that.
        is_anybodys = evidence.was_seen and verdict.reason is Reason.UNATTRIBUTED
        return _weigh_absence(look, now, UNATTRIBUTED_FOR if is_anybodys else invisible_for)
    if verdict.finding is Finding.IN_PROGRESS:
        look = _look_soon(replace(look, evidence=replace(look.evidence, absent_since=None)), now)
        if submitted.may_cancel and submitted.request_ids and picture.observation is None:
            return replace(look, wants=Wanted.STATUSES)
        return replace(look, wants=Wanted.QUEUE if _is_queue_worth_reading(look, submitted) else None)
    return _look_closer(look, submitted, now)


def _remember(evidence: Evidence, baseline: Baseline, picture: Picture, submitted: Submitted, now: float) -> Evidence:
    observation, queue = picture.observation, picture.queue or ()
    garbled_since = (
        (now if evidence.garbled_since is None else evidence.garbled_since)
        if is_garbled(baseline, picture.runs)
        else None
    )
    restarts = [run for run in complete_restarts(baseline, picture.runs) if baseline.may_be_ours(run)]
    running = {run.execution_id for run in restarts if not run.over and run.execution_id is not None}
    restarting = {
        (service_id, run.execution_id or "")
        for run in restarts
        for service_id, state in run.services.items()
        if state == State.RESTARTING
    }
    waiting = [request for request in waiting_restarts(baseline, queue) if baseline.may_be_ours(request)]
    seen = bool(restarts or waiting)
    followed = evidence.followed
    if observation is not None:
        running |= executions_at_work(baseline, observation)
        if all(status.requests_waiting for status in targets_in(baseline, observation)):
            followed |= executions_at_work(baseline, observation)
        restarting |= {
            (status.id, status.execution_id)
            for status in targets_in(baseline, observation)
            if status.state == State.RESTARTING and status.execution_id is not None
        }
        seen = seen or shows_activity(baseline, observation)
    is_alone = not waiting and _shows_no_request(baseline, picture)
    return replace(
        evidence,
        seen_running=evidence.seen_running | running,
        # In a look that was missed, ours may have waited behind it, and been cancelled since.
        seen_alone=evidence.seen_alone | (running if is_alone and not evidence.has_missed else frozenset()),
        followed=followed,
        restarting=evidence.restarting | restarting,
        was_seen=evidence.was_seen or seen,
        not_ours=evidence.not_ours | others_at_work(baseline, picture, submitted.answered_ids),
        name=baseline.name,
        garbled_since=garbled_since,
    )


def _is_soon_readable(look: Look, now: float) -> bool:
    """Return whether the history was garbled for a moment only, so far: another one may tell all."""
    since = look.evidence.garbled_since
    return look.picture.observation is None and since is not None and now < since + CONFIRM_AGAIN


def _shows_no_request(baseline: Baseline, picture: Picture) -> bool:
    """Return whether the queue was read, and the statuses do not contradict one that has nothing of ours."""
    shown = () if picture.observation is None else targets_in(baseline, picture.observation)
    return picture.queue is not None and not any(status.requests_waiting for status in shown)


def _weigh(look: Look, submitted: Submitted, now: float, *, name_may_come: bool) -> Look:
    """Settle a final finding, unless something may yet show that it is not about our restart."""
    baseline, runs = look.baseline, look.picture.runs
    newest = look.verdict.runs[0]
    was_running = newest.execution_id in look.evidence.seen_running
    if newest.execution_id in baseline.uncertain and not was_running and not _is_current(look, newest):
        wants = Wanted.STATUSES if look.picture.observation is None else None
        return replace(look, doubt=Doubt.ORDER_UNCLEAR, wants=wants)
    is_known_newer = newest.execution_id in look.evidence.seen_alone if _took_long(submitted) else was_running
    if _is_perhaps_older(look, submitted, newest) and not is_known_newer and now < _shown_by(submitted):
        if look.evidence.over != newest.execution_id:
            look = replace(look, evidence=replace(look.evidence, over=newest.execution_id, over_at=now))
        return replace(look, doubt=Doubt.PERHAPS_OLDER, next_look=max(_shown_by(submitted), now + NEXT_BEGINS_WITHIN))
    is_alone = _is_alone(look, submitted, newest, now)
    if not is_alone and submitted.found and baseline.name is None and name_may_come:
        # By its name it may be ours alone, with nothing else to read.
        return replace(look, doubt=Doubt.UNATTRIBUTED, awaits_name=True)
    if not is_alone and not _nothing_waits(look):
        return replace(look, doubt=Doubt.NOT_ALONE, wants=_wanted_next(look))
    is_hidden = has_gaps(baseline, runs)
    # Ours may have waited behind that run, and been cancelled: in looks that failed or were not made, or as was seen.
    was_missed = look.evidence.has_missed and newest.execution_id not in look.evidence.seen_alone
    is_last = runs_since(baseline, runs)[0] is newest
    may_have_waited = was_missed or (newest.execution_id in look.evidence.followed and is_last)
    is_doubtful = (
        submitted.found
        or newest.services.keys() != baseline.targets.keys()
        or asks_in_other_ways(baseline, runs, newest.triggered_by)
        or (may_have_waited and (others_ask_as_we_do(baseline, runs, newest) or may_be_shared(baseline, runs, newest)))
    )
    is_anybodys = (is_doubtful and not bears_our_name(baseline, runs, newest)) or (
        was_missed and _took_long(submitted) and not submitted.found
    )
    if (is_hidden and not was_running) or is_anybodys:
        if submitted.found and not is_hidden:
            # Whatever else may show itself, nothing but our name will show which is ours.
            look = _unattributed(look, Doubt.UNATTRIBUTED, now)
            return replace(look, settled=not name_may_come, awaits_name=name_may_come)
        return _unattributed(look, Doubt.HIDDEN if is_hidden else Doubt.UNATTRIBUTED, now)
    # What bears our run may be recognized elsewhere, where the answer to a submit was lost.
    name = (newest.triggered_by if is_alone else None) or look.evidence.name
    evidence = _with_verdicts(replace(look.evidence, absent_since=None, name=name), look.verdict)
    return replace(look, evidence=evidence, settled=True)


def _with_verdicts(evidence: Evidence, verdict: Verdict) -> Evidence:
    return replace(evidence, verdicts={**evidence.verdicts, **verdict.services})


def _without_uncertain(verdict: Verdict, baseline: Baseline, evidence: Evidence) -> Verdict:
    """Return a verdict that says nothing of services by a run that may be older than the baseline."""
    doubtful = baseline.uncertain - evidence.seen_running
    services = {
        target: replace(service, finding=Finding.UNPROVEN) if service.execution_id in doubtful else service
        for target, service in verdict.services.items()
    }
    return replace(verdict, services=services)


def _is_current(look: Look, run: Run) -> bool:
    """Return whether the statuses show every target under a run: then it is the last that touched them."""
    observation = look.picture.observation
    return observation is not None and all(
        target in observation.services and observation.services[target].execution_id == run.execution_id
        for target in look.baseline.targets
    )


def _nothing_waits(look: Look) -> bool:
    """Return whether no request of ours can wait, or have begun to run since the history was read.

    One reading of the statuses shows both, so that nothing falls between two readings. If something is in progress, it
    has to be a run that the history shows, or a request that the queue, read after that, still shows.
    """
    observation, queue = look.picture.observation, look.picture.queue
    if observation is None or _shows_more(look, observation):
        return False
    if is_idle(look.baseline, observation):
        return True
    going = {run.execution_id for run in look.picture.runs if not run.over} - {None}
    in_progress = [each for each in observation.services.values() if each.in_progress]
    if queue is None or (observation.busy and not (in_progress or going or queue)):
        return False
    return all(_is_explained_by(each, going, queue) for each in in_progress)


def _shows_more(look: Look, observation: Observation) -> bool:
    """Return whether a reading shows an execution that is newer than all that the history shows: that may be ours."""
    known = look.baseline.raised(run.execution_id for run in look.picture.runs if run.execution_id is not None)
    shown = {observation.last_execution_id} | {each.execution_id for each in observation.services.values()}
    return any(execution is not None and known.is_new(execution) for execution in shown)


def _is_explained_by(status: ServiceStatus, going: AbstractSet[str | None], queue: Sequence[QueuedRequest]) -> bool:
    """Return whether what a service shows is a run in `going`, and requests that still wait: none of them ours."""
    waiting = [each.request_id for each in queue if not each.service_ids or status.id in each.service_ids]
    if len(waiting) < status.requests_waiting or (status.request_id is not None and status.request_id not in waiting):
        return False
    is_at_work = status.state_class is StateClass.IN_PROGRESS and status.state not in QUEUED_STATES
    return status.execution_id in going or (bool(waiting) and not is_at_work)


def _wanted_next(look: Look) -> Wanted | None:
    """Return what shows whether something waits; None if that has been read, and another look is needed."""
    if look.picture.observation is None:
        return Wanted.STATUSES
    return Wanted.QUEUE if look.picture.queue is None else None


def _is_alone(look: Look, submitted: Submitted, newest: Run, now: float) -> bool:
    """Return whether nobody else can have asked for the run, as far as anything shows."""
    baseline, runs = look.baseline, look.picture.runs
    # Ours would have begun by now, if it had waited behind that run.
    has_lasted = look.evidence.over == newest.execution_id and now >= look.evidence.over_at + NEXT_BEGINS_WITHIN
    is_named = bears_our_name(baseline, runs, newest)
    return (
        # Without a name, a failure is rare enough to be worth a look at what still waits.
        (is_named or look.verdict.finding is Finding.SUCCEEDED)
        and newest.execution_id is not None
        and len(look.verdict.runs) == 1
        and (is_named or baseline.follows(newest.execution_id))
        and (is_named or not submitted.found)
        and not others_may_ask_as_we_do(baseline, runs, newest)
        and (has_lasted or not (submitted.found or _is_perhaps_older(look, submitted, newest)))
        and not has_gaps(baseline, runs)
    )


def _is_perhaps_older(look: Look, submitted: Submitted, run: Run) -> bool:
    return look.baseline.began_before(run) or _took_long(submitted)


def _took_long(submitted: Submitted) -> bool:
    """Return whether a run may have begun between the baseline and our submit."""
    return submitted.took > COME_AND_GONE


def _shown_by(submitted: Submitted) -> float:
    took = submitted.took if submitted.took != float("inf") else 0.0
    return submitted.intent.posted_at + took + SHOWN_BY


def _unattributed(look: Look, doubt: Doubt, now: float) -> Look:
    """Say that nothing shows whose restart it was, if that stays so."""
    services = {target: replace(verdict, finding=Finding.UNPROVEN) for target, verdict in look.verdict.services.items()}
    verdict = replace(look.verdict, finding=Finding.ABSENT, services=services, reason=Reason.UNATTRIBUTED)
    look = replace(look, verdict=verdict, evidence=_with_verdicts(look.evidence, verdict))
    return replace(_weigh_absence(look, now, UNATTRIBUTED_FOR), doubt=doubt)


def _weigh_absence(look: Look, now: float, needed: float) -> Look:
    """Settle an absence that has lasted so many seconds, or that is our own doing."""
    evidence = replace(look.evidence, looked_closer_at=now)
    if look.verdict.reason is not Reason.UNATTRIBUTED and not _is_explained(look):
        return replace(look, evidence=replace(evidence, absent_since=None), doubt=Doubt.UNSEEN)
    if evidence.absent_since is None or look.verdict.reason is not evidence.absent_as:
        # A reason that only the latest reading suggests has to last as well before it counts.
        evidence = replace(evidence, absent_since=now, absent_as=look.verdict.reason)
    since = now if evidence.absent_since is None else evidence.absent_since
    gone_at = since + (CANCELLED_FOR if evidence.cancelled else needed)
    look = replace(look, evidence=evidence, doubt=Doubt.UNSEEN, settled=now >= gone_at)
    if look.settled:
        return look
    # What may show itself then stays in the history, where something was shown that nobody can attribute.
    again = UNATTRIBUTED_FOR if look.verdict.reason is Reason.UNATTRIBUTED else CONFIRM_AGAIN
    return replace(look, next_look=min(gone_at, now + again))


def _look_closer(look: Look, submitted: Submitted, now: float) -> Look:
    """Decide what to read for a restart that the history does not show."""
    look = replace(look, doubt=Doubt.HIDDEN if has_gaps(look.baseline, look.picture.runs) else Doubt.NOT_SHOWN)
    evidence, observation = look.evidence, look.picture.observation
    again = CANCELLED_FOR if evidence.cancelled else CONFIRM_AGAIN
    if observation is None:
        if evidence.absent_since is None and _is_by_another_origin(look):
            # It stays in the history. Whether ours comes after it, statuses show at the end of that time.
            evidence = replace(evidence, absent_since=now, absent_as=Reason.UNATTRIBUTED)
            return replace(look, evidence=evidence, next_look=now + UNATTRIBUTED_FOR, keeps_history=True)
        # They were just read beside such a history, and an absence is not being waited for: so they add nothing.
        is_known = evidence.absent_since is None and now < evidence.checked_at + again
        return look if is_known else replace(look, wants=Wanted.STATUSES)
    evidence = replace(evidence, checked_at=now)
    if not shows_absence(look.baseline, look.picture.runs, observation):
        return replace(look, evidence=replace(evidence, absent_since=None))
    look = replace(look, evidence=evidence)
    elapsed = now - submitted.intent.posted_at
    is_overdue = elapsed > expected_duration(len(look.baseline.targets)) + OVERDUE_AFTER
    if (is_overdue or _is_explained(look)) and now >= look.evidence.looked_closer_at + again:
        return replace(look, wants=Wanted.QUEUE)
    return look


def _is_by_another_origin(look: Look) -> bool:
    """Return whether exactly our services were restarted, and only as requests of another origin than ours."""
    restarts = complete_restarts(look.baseline, look.picture.runs)
    return bool(restarts) and all(
        run.over and run.services.keys() == look.baseline.targets.keys() and not look.baseline.has_our_origin(run)
        for run in restarts
    )


def _look_soon(look: Look, now: float) -> Look:
    """Look again soon, but only once, at a run of which every service has ended."""
    going = [run for run in complete_restarts(look.baseline, look.picture.runs) if not run.over]
    closing = next((run.execution_id for run in going if _has_ended(run)), None)
    if closing is None or closing == look.evidence.closing:
        return look
    return replace(look, evidence=replace(look.evidence, closing=closing), next_look=now + CLOSES_WITHIN)


def _has_ended(run: Run) -> bool:
    ended = (StateClass.SUCCESS, StateClass.FAILURE)
    return all(classify(state) in ended for state in run.services.values())


def _is_queue_worth_reading(look: Look, submitted: Submitted) -> bool:
    """Return whether the queue may show what the platform calls us, or that ours waits behind the run that goes on."""
    if look.picture.queue is not None:
        return False
    observation = look.picture.observation
    if observation is not None:
        return any(status.request_id in submitted.request_ids for status in targets_in(look.baseline, observation))
    going = [run for run in complete_restarts(look.baseline, look.picture.runs) if look.baseline.may_be_ours(run)]
    if _took_long(submitted) and any(run.execution_id not in look.evidence.seen_alone for run in going):
        return True
    return any(others_may_ask_as_we_do(look.baseline, look.picture.runs, run) for run in going)


def _is_explained(look: Look) -> bool:
    """Return whether there is a reason, other than delay, why our restart is not visible.

    A newer run is one: if it was cancelled before it touched anything, the services are as they were.
    """
    observation = look.picture.observation
    last = observation.last_execution_id if observation is not None else None
    return look.evidence.was_seen or look.evidence.cancelled or (last is not None and look.baseline.is_new(last))
