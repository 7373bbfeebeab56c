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

from orchestrator.domain import activity, evidence, verdict
from orchestrator.domain.evidence import Submitted
from orchestrator.domain.observations import Baseline, Observation
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.ownership import Ours, Standing
from orchestrator.domain.states import State
from orchestrator.domain.verdict import Finding, ServiceVerdict
from orchestrator.errors import JournalError, MalformedAnswerError, PassingError, UnansweredError
from orchestrator.journal.work import Page, Work
from orchestrator.qovery import wire
from orchestrator.qovery.ledger import connect
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.quota import Quota
from orchestrator.restart import job, settlement, submission
from orchestrator.restart.context import Context
from orchestrator.restart.journaling import JobJournal
from orchestrator.restart.lost_submit import LostSubmit
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import Poller
from orchestrator.restart.proof import Proof
from orchestrator.restart.reader import ServerClock
from orchestrator.restart.settlement import Settlement
from orchestrator.restart.submission import Submission
from orchestrator.runs.fleet import Fleet
from orchestrator.runs.interruption import Interruption
from orchestrator.runs.rehearsal import Rehearsal
from tests.simulation.oracle import violations
from tests.simulation.replay import play

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


DEFECTS: list[Defect] = []


def defect(name: str, *, witness: int, ordeal: str = "none") -> Callable[[Callable[[Patch], None]], None]:
    """Register a defect."""

    def register(plant: Callable[[Patch], None]) -> None:
        DEFECTS.append(Defect(name=name, plant=plant, witness=witness, ordeal=ordeal))

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
            return violations(play(seed, profile="hostile", ordeal=one.ordeal))
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody would have seen it
            return [f"it broke down: {error!r}"]


def first_seed_that_catches(one: Defect, seeds: Sequence[int] = range(SEEDS)) -> int | None:
    """Return the first of `seeds` on which the oracle objects."""
    return next((seed for seed in seeds if what_it_breaks(one, seed)), None)


# What is taken for a proof.


@defect("the baseline is not compared, neither by number nor by date", witness=2)
def _(patch: Patch) -> None:
    patch.setattr(Baseline, "is_new", lambda *_: True)
    patch.setattr(Baseline, "began_before", lambda *_: False)
    patch.setattr(verdict, "_in_the_next_run", lambda *_: True)


@defect("CANCELED is taken for success", witness=13)
def _(patch: Patch) -> None:
    _final_state_succeeds(patch, State.CANCELED)


@defect("an end that no restart has is taken for success, whoever asked for it", witness=4)
def _(patch: Patch) -> None:
    patch.setattr(verdict, "_attributed", lambda _, __, judged: judged)
    _final_state_succeeds(patch, State.DEPLOYED, State.STOPPED, State.READY)


@defect("a failure is taken for success", witness=2)
def _(patch: Patch) -> None:
    _final_state_succeeds(patch, State.RESTART_ERROR)


def _final_state_succeeds(patch: Patch, *states: State) -> None:
    right = verdict._judge_final_state

    def wrong(state: str, execution: str, *more: Any) -> ServiceVerdict:  # noqa: ANN401 - as the right one has it
        if state in states:
            return ServiceVerdict(finding=Finding.SUCCEEDED, execution_id=execution)
        return right(state, execution, *more)

    patch.setattr(verdict, "_judge_final_state", wrong)


@defect("one target that restarted is enough", witness=1)
def _(patch: Patch) -> None:
    right = verdict.judge

    def wrong(*given: Any, **more: Any) -> verdict.Verdict:  # noqa: ANN401
        judged = right(*given, **more)
        restarted = [each for each in judged.services.values() if each.finding is Finding.SUCCEEDED]
        return replace(judged, finding=Finding.SUCCEEDED, doubt=None, reason=Reason.RESTARTED) if restarted else judged

    patch.setattr(evidence, "judge", wrong)


@defect("a target that is missing in a reading is left out of account", witness=8)
def _(patch: Patch) -> None:
    right = verdict.judge

    def wrong(baseline: Baseline, observation: Observation, **more: Any) -> verdict.Verdict:  # noqa: ANN401
        there = {name: status for name, status in baseline.targets.items() if name in observation.services}
        return right(replace(baseline, targets=there), observation, **more)

    patch.setattr(evidence, "judge", wrong)


@defect("the environment's state is judged, not each service's", witness=3)
def _(patch: Patch) -> None:
    right = verdict.judge

    def wrong(baseline: Baseline, observation: Observation, **more: Any) -> verdict.Verdict:  # noqa: ANN401
        judged = right(baseline, observation, **more)
        if observation.environment_state != State.RESTARTED or observation.busy:
            return judged
        services = {
            name: ServiceVerdict(finding=Finding.SUCCEEDED, execution_id=observation.last_execution_id)
            for name in judged.services
        }
        return replace(judged, finding=Finding.SUCCEEDED, services=services, doubt=None, reason=Reason.RESTARTED)

    patch.setattr(evidence, "judge", wrong)


@defect("any run in the history counts, a deployment too", witness=2)
def _(patch: Patch) -> None:
    patch.setattr(activity, "restarts_since", activity.runs_since)
    patch.setattr(verdict, "restarts_since", activity.runs_since)


@defect("what restarts while our request still waits is taken for ours", witness=99)
def _(patch: Patch) -> None:
    patch.setattr(evidence, "raise_baseline", lambda baseline, *_: baseline)
    patch.setattr(Baseline, "may_be_ours", lambda *_: True)


@defect("a colleague's restart from the console is taken for ours", witness=100)
def _(patch: Patch) -> None:
    patch.setattr(Baseline, "may_be_ours", lambda *_: True)


# What is done about faults.


@defect("a lost POST is sent again", witness=4)
def _(patch: Patch) -> None:
    patch.setattr(submission, "NOT_ACCEPTED", (*submission.NOT_ACCEPTED, UnansweredError, MalformedAnswerError))
    patch.setattr(Submission, "_not_accepted", lambda *_: None)


@defect("a lost POST is sent again as soon as nothing is to be seen of it", witness=4)
def _(patch: Patch) -> None:
    patch.setattr(LostSubmit, "_looked_for", property(lambda _: 1e9))


@defect("an error while watching ends it with success", witness=1)
def _(patch: Patch) -> None:
    right = Proof._look

    async def wrong(self: Proof, *given: Any) -> Settlement | None:  # noqa: ANN401
        try:
            return await right(self, *given)
        except PassingError:
            return _success()

    patch.setattr(Proof, "_look", wrong)


@defect("a deadline that passes is a success", witness=6)
def _(patch: Patch) -> None:
    patch.setattr(settlement, "timed_out", lambda **_: _success())


@defect("a deadline is not honoured", witness=6)
def _(patch: Patch) -> None:
    right = Poller.poll

    async def wrong(self: Poller, look: Any, *, until: float, **given: Any) -> object:  # noqa: ANN401
        return await right(self, look, until=until + 3600.0, **given)

    patch.setattr(Poller, "poll", wrong)


@defect("what is merely absent is gone at once", witness=11)
def _(patch: Patch) -> None:
    patch.setattr(evidence, "_needed_absence", lambda *_: 0.0)


@defect("a refusal of the submit is taken for an acceptance", witness=33)
def _(patch: Patch) -> None:
    right = QoveryPlatform.submit_restart

    async def wrong(self: QoveryPlatform, *given: Any) -> object:  # noqa: ANN401
        try:
            return await right(self, *given)
        except submission.NOT_ACCEPTED:
            return wire.WireSubmitAnswer().to_domain()

    patch.setattr(QoveryPlatform, "submit_restart", wrong)


def _success() -> Settlement:
    return Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.RESTARTED, message="Every service restarted.")


@defect("the platform's clock is trusted when it is set back", witness=166)
def _(patch: Patch) -> None:
    patch.setattr(ServerClock, "read", lambda *_, **__: None)


# What is done at the end, and to others.


@defect("whatever runs there is cancelled on the deadline", witness=344)
def _(patch: Patch) -> None:
    async def cancel(_: Submitted, context: Context, **__: Any) -> Ours:  # noqa: ANN401
        await context.platform.cancel_run(context.target.environment_id)
        return Ours(standing=Standing.RUNS)

    patch.setattr(job, "cancel_ours", cancel)


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


@defect("the quota is not minded", witness=283)
def _(patch: Patch) -> None:
    def take(self: Quota, _: str = "") -> int:
        self.used += 1
        self.on_use()
        return self.used

    patch.setattr(Quota, "take", take)


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
    patch.setattr(Work, "_in_flight", lambda *_: None)


@defect("a resumed run begins its deadlines anew", witness=6, ordeal="death")
def _(patch: Patch) -> None:
    right = Work._in_flight

    def wrong(self: Work, row: Any) -> object:  # noqa: ANN401
        found = right(self, row)
        if found is None:
            return None
        return replace(found, intent=replace(found.intent, posted_at=self.store.clock.monotonic()))

    patch.setattr(Work, "_in_flight", wrong)


@defect("a resumed run forgets what it has spent of the quota", witness=90, ordeal="death")
def _(patch: Patch) -> None:
    patch.setattr(Rehearsal, "ledger", property(lambda _: connect(None)))


@defect("a resumed run takes an older baseline", witness=128, ordeal="death")
def _(patch: Patch) -> None:
    right = Work._in_flight

    def wrong(self: Work, row: Any) -> object:  # noqa: ANN401
        found = right(self, row)
        if found is None:
            return None
        baseline = found.intent.baseline
        older = replace(baseline, executions=frozenset({f"{baseline.environment_id}-1"}), server_time=None)
        return replace(found, intent=replace(found.intent, baseline=older))

    patch.setattr(Work, "_in_flight", wrong)


@defect("how an environment ended is not written down", witness=426, ordeal="death")
def _(patch: Patch) -> None:
    async def nothing(*_: Any) -> None:  # noqa: ANN401
        return

    patch.setattr(Page, "settle", nothing)


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
