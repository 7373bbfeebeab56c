"""Deliberate defects: the mistakes that watchers are known for, and those that this one was once near to making.

Each is planted into the product for the length of a run. The simulation has to catch every one of them: an oracle that
lets a defect pass proves nothing where there is none.

python -m tests.simulation.defects            the first seed that catches each
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from orchestrator.domain import activity, evidence, ownership, verdict
from orchestrator.domain.evidence import Evidence, Submitted
from orchestrator.domain.observations import Baseline, Run
from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.domain.ownership import Ours, Search, Standing
from orchestrator.domain.records import InFlight, StoredEnvironment
from orchestrator.domain.states import State
from orchestrator.domain.verdict import Finding, ServiceVerdict
from orchestrator.errors import JournalError, PassingError
from orchestrator.journal.work import Page, Work
from orchestrator.qovery import wire
from orchestrator.qovery.ledger import connect
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.quota import Quota
from orchestrator.reports import model
from orchestrator.reports.model import RequestCounts
from orchestrator.restart import cancelling, job, polling, settlement, submission
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Poller
from orchestrator.restart.proof import Proof
from orchestrator.restart.settlement import Settlement
from orchestrator.restart.submission import Submission
from orchestrator.runs.fleet import Fleet
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.runs.session import Session
from tests.simulation.oracle import violations
from tests.simulation.replay import play
from tests.support.whole_runs import WholeRun

SEEDS = 1000
"""Within so many seeds every defect has to be caught."""

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One mistake."""

    name: str
    plant: Callable[[Patch], None]
    witness: int
    """A seed that catches it. Where it does not any more, another has to be found."""
    ordeal: str = "none"
    world: tuple[str, ...] = ()
    """Settings of the platform's dials, each as KEY=VALUE; the seed draws the others."""

    def play(self, seed: int) -> WholeRun:
        """Play one seed as it is looked for."""
        return play(seed, profile="hostile", ordeal=self.ordeal, world=self.world)


DEFECTS: list[Defect] = []


def defect(
    name: str, *, witness: int, ordeal: str = "none", world: Sequence[str] = ()
) -> Callable[[Callable[[Patch], None]], None]:
    """Register a defect."""

    def register(plant: Callable[[Patch], None]) -> None:
        DEFECTS.append(Defect(name=name, plant=plant, witness=witness, ordeal=ordeal, world=tuple(world)))

    return register


@contextmanager
def planted(one: Defect) -> Iterator[None]:
    """Let a defect be in the product for a while."""
    with pytest.MonkeyPatch.context() as patch:
        one.plant(patch)
        yield


def what_it_breaks(one: Defect, seed: int) -> list[str]:
    """Play one seed with a defect, and return what the oracle has to say; a run that breaks down is caught, too."""
    with planted(one):
        try:
            return violations(one.play(seed))
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody would have seen it
            return [f"it broke down: {error!r}"]


def first_seed_that_catches(one: Defect, seeds: Sequence[int] = range(SEEDS)) -> int | None:
    """Return the first of `seeds` on which the oracle objects."""
    return next((seed for seed in seeds if what_it_breaks(one, seed)), None)


# What is taken for a proof.


@defect("the baseline is not compared", witness=108)
def _(patch: Patch) -> None:
    patch.setattr(Baseline, "is_new", lambda *_: True)
    patch.setattr(Baseline, "began_before", lambda *_: False)


@defect("CANCELED is taken for success", witness=11)
def _(patch: Patch) -> None:
    _final_state_succeeds(patch, State.CANCELED)


@defect("a failure is taken for success", witness=2)
def _(patch: Patch) -> None:
    _final_state_succeeds(patch, State.RESTART_ERROR)


@defect("a service that is gone is taken for success", witness=146)
def _(patch: Patch) -> None:
    _final_state_succeeds(patch, State.DELETED)


@defect("RESTARTED in a cancelled run is believed", witness=280)
def _(patch: Patch) -> None:
    _final_state_succeeds(patch, State.RESTARTED)
    right = verdict._of_complete_run

    def wrong(baseline: Any, observation: Any, run: Any, restarting: Any) -> verdict.Verdict:  # noqa: ANN401
        return right(baseline, observation, replace(run, status=verdict.SUCCEEDED_RUN), restarting)

    patch.setattr(verdict, "_of_complete_run", wrong)


def _final_state_succeeds(patch: Patch, *states: State) -> None:
    right = verdict._in_run

    def wrong(run: Any, state: str, was_restarting: bool) -> Finding:  # noqa: ANN401 - as the right one has it
        return Finding.SUCCEEDED if run.over and state in states else right(run, state, was_restarting)

    patch.setattr(verdict, "_in_run", wrong)


def _any_action_counts(patch: Patch) -> None:
    patch.setattr(activity, "restarts_since", activity.runs_since)
    patch.setattr(verdict, "restarts_since", activity.runs_since)


@defect("a run without some of the targets is enough", witness=63)
def _(patch: Patch) -> None:
    for room in (activity, verdict, evidence):
        patch.setattr(room, "complete_restarts", activity.restarts_since)
    right = verdict.judge

    def wrong(baseline: Baseline, picture: Any, **more: Any) -> verdict.Verdict:  # noqa: ANN401
        there = {name for run in picture.runs for name in run.services}
        targets = {name: status for name, status in baseline.targets.items() if name in there}
        return right(replace(baseline, targets=targets or baseline.targets), picture, **more)

    patch.setattr(evidence, "judge", wrong)


@defect("the statuses alone are believed, not the history", witness=99)
def _(patch: Patch) -> None:
    right = Proof._look

    async def wrong(self: Proof, submitted: Submitted) -> Settlement | None:
        reading = await self._context.reader.statuses()
        targets = [reading.services.get(target) for target in submitted.baseline.targets]
        if all(
            status is not None
            and status.state == State.RESTARTED
            and status.execution_id is not None
            and submitted.baseline.is_new(status.execution_id)
            for status in targets
        ):
            for target in submitted.baseline.targets:
                verdicts = self.evidence.verdicts
                proven = ServiceVerdict(finding=Finding.SUCCEEDED, execution_id=reading.services[target].execution_id)
                self.evidence = replace(self.evidence, verdicts={**verdicts, target: proven})
            return _success()
        return await right(self, submitted)

    patch.setattr(Proof, "_look", wrong)


@defect("a date vetoes what numbers prove", witness=10)
def _(patch: Patch) -> None:
    since = activity.runs_since

    def wrong(baseline: Baseline, runs: Any) -> Any:  # noqa: ANN401
        return [run for run in since(baseline, runs) if not baseline.began_before(run)]

    patch.setattr(activity, "runs_since", wrong)
    patch.setattr(verdict, "runs_since", wrong)


@defect("numbers are believed, whatever list and dates say", witness=624)
def _(patch: Patch) -> None:
    patch.setattr(Baseline, "ordered_by", lambda self, _: self)


@defect("one target that restarted is enough", witness=36)
def _(patch: Patch) -> None:
    right = verdict.judge

    def wrong(*given: Any, **more: Any) -> verdict.Verdict:  # noqa: ANN401
        judged = right(*given, **more)
        restarted = [each for each in judged.services.values() if each.finding is Finding.SUCCEEDED]
        is_over = judged.finding.final and judged.runs
        return replace(judged, finding=Finding.SUCCEEDED, reason=Reason.RESTARTED) if restarted and is_over else judged

    patch.setattr(evidence, "judge", wrong)


@defect("RESTARTED in a failed run is believed of a service that nobody saw restarting", witness=280)
def _(patch: Patch) -> None:
    right = verdict._in_run
    patch.setattr(verdict, "_in_run", lambda run, state, _: right(run, state, True))


@defect("a history with gaps is taken for whole", witness=78)
def _(patch: Patch) -> None:
    for room in (activity, verdict, evidence):
        patch.setattr(room, "has_gaps", lambda *_: False)
    patch.setattr(Baseline, "is_contradicted_by", lambda *_: False)


@defect("any run in the history counts, a deployment too", witness=149)
def _(patch: Patch) -> None:
    _any_action_counts(patch)
    _final_state_succeeds(patch, State.DEPLOYED, State.STOPPED, State.READY)
    _nobody_else_is_about(patch)
    patch.setattr(Baseline, "has_our_origin", lambda *_: True)


@defect("a colleague's restart from the console is taken for ours", witness=149)
def _(patch: Patch) -> None:
    _nobody_else_is_about(patch)
    patch.setattr(Baseline, "has_our_origin", lambda *_: True)


def _nobody_else_is_about(patch: Patch) -> None:
    patch.setattr(evidence, "_is_alone", lambda *_: True)
    patch.setattr(evidence, "others_may_ask_as_we_do", lambda *_: False)


@defect("what the witnesses of an order dispute counts", witness=78)
def _(patch: Patch) -> None:
    patch.setattr(evidence, "_is_current", lambda *_: True)
    patch.setattr(Baseline, "is_contradicted_by", lambda *_: False)


@defect("what looks that failed would have shown does not matter", witness=3001106, ordeal="death")
def _(patch: Patch) -> None:
    patch.setattr(evidence, "others_ask_as_we_do", lambda *_: False)


@defect(
    "what is seen at work is ours, whatever waits",
    witness=306738,
    world=[
        "accepted_id=own",
        "accepted_execution=none",
        "failed_keeps=CANCELED",
        "history_lag=60",
        "history_order=unordered",
        "missing_environment=404",
        "status_dates=missing",
        "status_request_ids=null",
    ],
)
def _(patch: Patch) -> None:
    right = evidence._remember

    def wrong(*given: Any) -> Evidence:  # noqa: ANN401
        seen = right(*given)
        return replace(seen, seen_alone=seen.seen_running)

    patch.setattr(evidence, "_remember", wrong)


@defect("our name is ours alone, whatever it has done", witness=2100404, world=["all=default", "colleague_token=ours"])
def _(patch: Patch) -> None:
    patch.setattr(evidence, "may_be_shared", lambda *_: False)
    for room in (activity, ownership):
        patch.setattr(room, "does_more", lambda *_: False)


@defect(
    "what is found after a lost answer is ours",
    witness=609,
    world=[
        "deployment_duration=work_only",
        "old_readings=once",
        "omitted_service=never",
        "untouched_in_history=RESTARTED",
    ],
)
def _(patch: Patch) -> None:
    def bears_our_name(baseline: Baseline, _: Any, ours: Run) -> bool:  # noqa: ANN401
        return baseline.name in (None, ours.triggered_by)

    patch.setattr(evidence, "bears_our_name", bears_our_name)


@defect(
    "a run of another origin is no trace of a submit",
    witness=957322,
    world=[
        "environment_after_cancel=either",
        "interrupted_services=all",
        "our_origin=CLI",
        "quota_window=clock_hours",
        "refusal_body=text",
        "request_link=while_waiting",
        "status_request_ids=null",
        "straight_away=always",
    ],
)
def _(patch: Patch) -> None:
    patch.setattr(ownership, "_may_be_mislabelled", lambda *_: False)


@defect(
    "a run that may be older says how a service ended",
    witness=103017,
    world=[
        "accepted_body=status",
        "busy_answer=409",
        "colleague_origin=API",
        "environment_after_cancel=CANCELED",
        "history_order=unordered",
        "late_cancel=409",
        "old_readings=for_minutes",
        "queue_services=named",
        "request_link=stays",
    ],
)
def _(patch: Patch) -> None:
    patch.setattr(evidence, "_without_uncertain", lambda judged, *_: judged)


# What is done about faults.


@defect("a lost POST is sent again", witness=4)
def _(patch: Patch) -> None:
    async def nothing_found(*_: Any) -> None:  # noqa: ANN401
        return

    patch.setattr(Submission, "_look_for", nothing_found)
    patch.setattr(Submission, "_refused", lambda *_: None)


@defect("a refusal of a POST is believed at once", witness=52)
def _(patch: Patch) -> None:
    right = Submission._look_for

    async def wrong(self: Submission, submitted: Submitted, refusal: Any) -> Submitted | Settlement | None:  # noqa: ANN401
        return await right(self, submitted, refusal) if refusal is None else None

    patch.setattr(Submission, "_look_for", wrong)


@defect("what waits is not looked at before a run is cancelled", witness=25)
def _(patch: Patch) -> None:
    right = ownership.find_ours

    def wrong(baseline: Any, runs: Any, _: Any, *, request_ids: Any) -> Ours:  # noqa: ANN401
        ours = right(baseline, runs, (), request_ids=request_ids)
        going = [run for run in runs if not run.over]
        if ours.standing.is_ours_alone or not going:
            return ours
        return Ours(standing=Standing.RUNS, execution_id=going[0].execution_id)

    patch.setattr(cancelling, "find_ours", wrong)
    patch.setattr(cancelling, "still_runs", lambda *_: True)


@defect("an error while watching ends it with success", witness=2)
def _(patch: Patch) -> None:
    right = Proof._look

    async def wrong(self: Proof, *given: Any) -> Settlement | None:  # noqa: ANN401
        try:
            return await right(self, *given)
        except PassingError:
            return _success()

    patch.setattr(Proof, "_look", wrong)


@defect("a deadline that passes is a success", witness=5)
def _(patch: Patch) -> None:
    patch.setattr(settlement, "timed_out", lambda **_: _success())


@defect("a deadline is not honoured", witness=0)
def _(patch: Patch) -> None:
    right = Poller.poll

    async def wrong(self: Poller, look: Any, *, until: float, **given: Any) -> object:  # noqa: ANN401
        return await right(self, look, until=until + 3600.0, **given)

    patch.setattr(Poller, "poll", wrong)


@defect("the request that a deadline meets is waited for", witness=21)
def _(patch: Patch) -> None:
    patch.setattr(polling, "LAST_ANSWER", 3600.0)


@defect("what is merely absent is gone at once", witness=11)
def _(patch: Patch) -> None:
    right = evidence._weigh_absence
    patch.setattr(evidence, "_weigh_absence", lambda look, now, _: right(look, now, 0.0))


@defect("a refusal of the submit is taken for an acceptance", witness=33)
def _(patch: Patch) -> None:
    right = QoveryPlatform.submit_restart

    async def wrong(self: QoveryPlatform, *given: Any) -> object:  # noqa: ANN401
        try:
            return await right(self, *given)
        except submission.REFUSALS:
            return wire.WireSubmitAnswer().to_domain()

    patch.setattr(QoveryPlatform, "submit_restart", wrong)


def _success() -> Settlement:
    return Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.RESTARTED, message="Every service restarted.")


@defect("what is not in the history is cancelled, whatever statuses and queue say", witness=114)
def _(patch: Patch) -> None:
    right = verdict.judge

    def wrong(baseline: Baseline, picture: Any, **more: Any) -> verdict.Verdict:  # noqa: ANN401
        judged = right(baseline, picture, **more)
        if judged.finding is not Finding.UNPROVEN:
            return judged
        return replace(judged, finding=Finding.ABSENT, reason=Reason.REQUEST_CANCELLED)

    patch.setattr(evidence, "judge", wrong)


@defect("a lost POST is sent again as soon as nothing is to be seen of it", witness=14)
def _(patch: Patch) -> None:
    right = Search.is_over

    def wrong(self: Search, trace: Any, *, busy: bool, has_lasted: bool) -> bool:  # noqa: ANN401
        return right(self, trace, busy=busy, has_lasted=True)

    patch.setattr(Search, "is_over", wrong)


@defect("what others did does not hide what became of a lost POST", witness=25)
def _(patch: Patch) -> None:
    patch.setattr(Search, "shows_none", lambda *_: True)


# What is done at the end, and to others.


@defect("whatever runs there is cancelled on the deadline", witness=25)
def _(patch: Patch) -> None:
    async def cancel(_: Submitted, context: Context, **__: Any) -> Ours:  # noqa: ANN401
        await context.platform.cancel_run(context.target.environment_id)
        return Ours(standing=Standing.RUNS)

    patch.setattr(job, "cancel_ours", cancel)


@defect("a run is cancelled although it restarts other services, too", witness=25)
def _(patch: Patch) -> None:
    right = ownership._standing_of

    def wrong(run: Run, *given: Any, **more: Any) -> Ours:  # noqa: ANN401
        found = right(run, *given, **more)
        is_wider = found.standing is Standing.WIDER
        return Ours(standing=Standing.RUNS, execution_id=run.execution_id) if is_wider else found

    patch.setattr(ownership, "_standing_of", wrong)


@defect("the failure budget is not minded", witness=16)
def _(patch: Patch) -> None:
    patch.setattr(Fleet, "_may_run", lambda *_: True)


@defect("a heartbeat goes on when its job is over", witness=0)
def _(patch: Patch) -> None:
    @asynccontextmanager
    async def heartbeat(self: Narrator, describe: Any) -> AsyncIterator[None]:  # noqa: ANN401
        beating = asyncio.ensure_future(self._beat(describe))
        yield
        assert not beating.done()

    patch.setattr(Narrator, "heartbeat", heartbeat)


@defect("the quota is not minded", witness=88)
def _(patch: Patch) -> None:
    def take(self: Quota, _: str = "") -> int:
        self.used += 1
        self.on_use()
        return self.used

    patch.setattr(Quota, "take", take)


@defect("a restart that nobody can attribute is said to have been cancelled", witness=3)
def _(patch: Patch) -> None:
    right = settlement.by_verdict

    def wrong(judged: Any, *given: Any, **more: Any) -> Settlement:  # noqa: ANN401
        settled = right(judged, *given, **more)
        is_doubtful = settled.reason is Reason.UNATTRIBUTED
        return replace(settled, outcome=Outcome.CANCELLED, reason=Reason.REQUEST_CANCELLED) if is_doubtful else settled

    patch.setattr(settlement, "by_verdict", wrong)


@defect("the report counts a submit too few", witness=1)
def _(patch: Patch) -> None:
    patch.setattr(Session, "requests", property(lambda self: RequestCounts(total=self.quota.used, submits=0)))


@defect("a request is not counted", witness=0)
def _(patch: Patch) -> None:
    patch.setattr(
        Session,
        "requests",
        property(lambda self: RequestCounts(total=self.quota.used - 1, submits=self.platform.submits)),
    )


@defect("one success is enough for exit code 0", witness=0)
def _(patch: Patch) -> None:
    patch.setattr(model, "exit_code_of", lambda *_, **__: ExitCode.SUCCEEDED)


# What is forgotten.


@defect("a signal is not heeded", witness=0, ordeal="signal")
def _(patch: Patch) -> None:
    patch.setattr(Interruption, "when_asked", lambda *_: None)


@defect("nothing is written down before the POST", witness=2, ordeal="death")
def _(patch: Patch) -> None:
    async def nothing(*_: Any) -> None:  # noqa: ANN401
        return

    patch.setattr(JobJournal, "intend", nothing)


@defect("a POST goes out although it could not be written down", witness=309, ordeal="death")
def _(patch: Patch) -> None:
    right = JobJournal.intend

    async def wrong(self: JobJournal, intent: Any) -> None:  # noqa: ANN401
        try:
            await right(self, intent)
        except JournalError:
            return

    patch.setattr(JobJournal, "intend", wrong)


@defect("a resumed run submits what it finds in flight once more", witness=2, ordeal="death")
def _(patch: Patch) -> None:
    _recall(patch, lambda *_: None)


@defect("a resumed run begins its deadlines anew", witness=36, ordeal="death")
def _(patch: Patch) -> None:
    def anew(work: Work, in_flight: InFlight) -> InFlight:
        return replace(in_flight, intent=replace(in_flight.intent, posted_at=work.store.clock.monotonic()))

    _recall(patch, anew)


def _recall(patch: Patch, change: Callable[[Work, InFlight], InFlight | None]) -> None:
    """Let a resumed run recall what is in flight as `change` makes it."""
    right = Work.environments

    async def wrong(self: Work) -> list[StoredEnvironment]:
        return [
            each if each.in_flight is None else replace(each, in_flight=change(self, each.in_flight))
            for each in await right(self)
        ]

    patch.setattr(Work, "environments", wrong)


@defect("a resumed run forgets what it has spent of the quota", witness=36, ordeal="death")
def _(patch: Patch) -> None:
    patch.setattr(Rehearsal, "ledger", property(lambda _: connect(None)))


@defect("how an environment ended is not written down", witness=426, ordeal="death")
def _(patch: Patch) -> None:
    async def nothing(*_: Any) -> None:  # noqa: ANN401
        return

    patch.setattr(Page, "settle", nothing)


@defect("a resumed run takes an older baseline", witness=506, ordeal="death")
def _(patch: Patch) -> None:
    def older(_: Work, in_flight: InFlight) -> InFlight:
        baseline = in_flight.intent.baseline
        before = f"{baseline.environment_id}-{(baseline.latest or 2) - 1}"
        older_one = replace(baseline, executions=frozenset({before}), server_time=None)
        return replace(in_flight, intent=replace(in_flight.intent, baseline=older_one))

    _recall(patch, older)


def main() -> int:
    """Print the first seed that catches each defect; return 1 where one survives."""
    survivors = 0
    for one in DEFECTS:
        seed = first_seed_that_catches(one)
        survivors += seed is None
        what = "SURVIVES" if seed is None else f"{seed:4}  {what_it_breaks(one, seed)[0]}"
        print(f"{one.name}: {what}", flush=True)  # noqa: T201 - this is a command
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
