"""A gate is asked before each wave, and what it refuses is blocked."""

from collections.abc import Sequence
from fractions import Fraction

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason, Refusal, exit_code_of
from orchestrator.domain.plan import FailureBudget, Strategy
from tests.support.fleets import FAILS, LONG, Voyage, fleet_of

REFUSAL = Refusal(reason=Reason.ALERT_FIRING, message="DiskFull is firing")
BLOCKED = (Outcome.BLOCKED, Reason.ALERT_FIRING)
WAVES = [*fleet_of(2, wave=1), *fleet_of(1, wave=2)]


class ScriptedGate:
    """Answers as it is told, the last answer again and again; remembers until when it was allowed to wait."""

    def __init__(self, *answers: Refusal | None) -> None:
        self._answers: Sequence[Refusal | None] = answers
        self.asked: list[float] = []

    async def refusal(self, *, until: float) -> Refusal | None:
        self.asked.append(until)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def test_it_is_asked_once_before_each_wave_and_may_wait_until_the_runs_deadline() -> None:
    gate = ScriptedGate(None)
    voyage = Voyage(*WAVES, gate=gate)
    assert gate.asked == [14400.0, 14400.0]
    assert [name for name, _ in voyage.began] == ["1-0", "1-1", "2-0"]


def test_what_is_refused_before_the_run_is_blocked_and_nothing_begins() -> None:
    voyage = Voyage(*WAVES, gate=ScriptedGate(REFUSAL))
    assert voyage.began == []
    assert [(outcome, reason) for _, outcome, reason in voyage.endings_told] == [BLOCKED] * 3
    assert voyage.results[0].message == "Not begun: DiskFull is firing. Nothing was submitted."
    assert exit_code_of(voyage.results) is ExitCode.BLOCKED


def test_a_wave_that_is_refused_leaves_the_one_before_as_it_is() -> None:
    voyage = Voyage(*WAVES, gate=ScriptedGate(None, REFUSAL))
    assert [outcome for _, outcome, _ in voyage.endings_told] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.BLOCKED]


def test_a_refusal_is_final() -> None:
    waves = [*fleet_of(1, wave=1), *fleet_of(1, wave=2), *fleet_of(1, wave=3)]
    gate = ScriptedGate(REFUSAL, None)
    bears_all = Strategy(max_failures=FailureBudget(percent=Fraction(100)))
    voyage = Voyage(*waves, gate=gate, strategy=bears_all)
    assert (voyage.began, len(gate.asked)) == ([], 1)


def test_a_halted_run_does_not_ask() -> None:
    gate = ScriptedGate(None)
    Voyage(*WAVES, gate=gate, endings={"1-0": FAILS})
    assert len(gate.asked) == 1


def test_what_is_in_flight_is_followed_whatever_fires() -> None:
    voyage = Voyage(*WAVES, gate=ScriptedGate(REFUSAL), in_flight=["1-0"])
    assert voyage.began == [("1-0", 0)]
    assert [outcome for _, outcome, _ in voyage.endings_told] == [Outcome.SUCCEEDED, Outcome.BLOCKED, Outcome.BLOCKED]


def test_where_everything_is_in_flight_nobody_is_asked() -> None:
    gate = ScriptedGate(REFUSAL)
    voyage = Voyage(*fleet_of(1), gate=gate, in_flight=["1-0"])
    assert (gate.asked, voyage.ended_at) == ([], LONG)
