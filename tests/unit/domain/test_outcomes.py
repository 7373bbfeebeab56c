import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.outcomes import (
    EXIT_CODE_ORDER,
    EnvironmentResult,
    ExitCode,
    Outcome,
    Reason,
    RunOutcome,
    exit_code_of,
    run_outcome_of,
)
from tests.support.builders import target

SIGNALS = st.sampled_from([None, ExitCode.SIGINT, ExitCode.SIGTERM])


def ended(outcome: Outcome, reason: Reason = Reason.RESTARTED) -> EnvironmentResult:
    return EnvironmentResult(name="any", environment_id="any", wave=1, outcome=outcome, reason=reason, message="")


RESULTS = st.lists(st.builds(ended, st.sampled_from(Outcome), st.sampled_from(Reason)), max_size=6)


def test_the_contracts_numbers_are_the_numbers() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "SUCCEEDED": 0,
        "FAILED": 1,
        "USAGE": 2,
        "CANCELLED": 4,
        "BLOCKED": 5,
        "DEFECT": 70,
        "UNKNOWN": 75,
        "REFUSED": 77,
        "TIMED_OUT": 124,
        "SIGINT": 130,
        "SIGTERM": 143,
    }


def test_the_contracts_order_is_the_order() -> None:
    assert EXIT_CODE_ORDER == (130, 143, 2, 70, 77, 1, 75, 124, 4, 5, 0)


def test_no_exit_code_is_left_out_of_the_order() -> None:
    assert sorted(EXIT_CODE_ORDER) == sorted(ExitCode)


@pytest.mark.parametrize(
    ("outcome", "reason", "code"),
    [
        pytest.param(Outcome.SUCCEEDED, Reason.RESTARTED, 0, id="succeeded"),
        pytest.param(Outcome.FAILED, Reason.RESTART_ERROR, 1, id="failed"),
        pytest.param(Outcome.FAILED, Reason.VERIFICATION_FAILED, 1, id="verification failed"),
        pytest.param(Outcome.CANCELLED, Reason.SUPERSEDED, 4, id="superseded"),
        pytest.param(Outcome.BLOCKED, Reason.BUSY, 5, id="blocked"),
        pytest.param(Outcome.UNKNOWN, Reason.CONTACT_LOST, 75, id="contact lost"),
        pytest.param(Outcome.FAILED, Reason.TOKEN_REFUSED, 77, id="token refused before the submit"),
        pytest.param(Outcome.UNKNOWN, Reason.TOKEN_REFUSED, 77, id="token refused after the submit"),
        pytest.param(Outcome.TIMED_OUT, Reason.DEADLINE, 124, id="timed out"),
        pytest.param(Outcome.SKIPPED, Reason.NOT_RUNNING, 0, id="skipped by policy"),
        pytest.param(Outcome.SKIPPED, Reason.NOT_BEGUN, 5, id="left out of a resumed run"),
        pytest.param(Outcome.BLOCKED, Reason.LOCKED, 5, id="held by another run"),
        pytest.param(Outcome.BLOCKED, Reason.JOURNAL_UNWRITABLE, 5, id="could not be written down"),
        pytest.param(Outcome.UNKNOWN, Reason.NOT_CANCELLED, 75, id="not cancelled"),
        pytest.param(Outcome.UNKNOWN, Reason.UNATTRIBUTED, 75, id="restarted, but for whom?"),
    ],
)
def test_a_run_of_one_environment_exits_with_what_became_of_it(outcome: Outcome, reason: Reason, code: int) -> None:
    assert exit_code_of([ended(outcome, reason)]) == code


@pytest.mark.parametrize("reason", [Reason.HALTED, Reason.INTERRUPTED])
def test_what_was_skipped_for_another_reason_than_policy_has_no_say(reason: Reason) -> None:
    skipped = ended(Outcome.SKIPPED, reason)
    assert skipped.exit_code is None
    assert exit_code_of([skipped, ended(Outcome.TIMED_OUT)]) is ExitCode.TIMED_OUT


def test_a_resumed_run_that_was_told_to_begin_nothing_new_is_no_success_of_the_rest() -> None:
    left = ended(Outcome.SKIPPED, Reason.NOT_BEGUN)
    assert exit_code_of([ended(Outcome.SUCCEEDED), left]) is ExitCode.BLOCKED
    assert exit_code_of([ended(Outcome.FAILED), left]) is ExitCode.FAILED
    assert not left.counts_as_failure


@pytest.mark.parametrize(
    "results",
    [[], [ended(Outcome.SKIPPED, Reason.HALTED)], [ended(Outcome.SKIPPED, Reason.INTERRUPTED)]],
    ids=["no environments", "all halted", "all interrupted"],
)
def test_a_run_in_which_nothing_has_a_say_is_unknown_and_no_success(results: list[EnvironmentResult]) -> None:
    assert exit_code_of(results) is ExitCode.UNKNOWN


@given(results=RESULTS, signal=SIGNALS)
def test_the_first_in_the_contracts_order_that_applies_decides(
    results: list[EnvironmentResult], signal: ExitCode | None
) -> None:
    applicable = {result.exit_code for result in results} | {signal}
    code = exit_code_of(results, interrupted=signal)
    before = EXIT_CODE_ORDER[: EXIT_CODE_ORDER.index(code)]
    assert not applicable.intersection(before)
    assert code in applicable or applicable == {None}


@given(results=RESULTS, signal=SIGNALS)
def test_an_outcome_that_is_no_success_never_exits_0(results: list[EnvironmentResult], signal: ExitCode | None) -> None:
    good = (Outcome.SUCCEEDED, Outcome.SKIPPED)
    if exit_code_of(results, interrupted=signal) is ExitCode.SUCCEEDED:
        assert signal is None
        assert results
        assert all(result.outcome in good and result.reason is not Reason.TOKEN_REFUSED for result in results)
        assert any(result.exit_code is ExitCode.SUCCEEDED for result in results)


@given(results=RESULTS, signal=SIGNALS)
def test_the_order_in_which_environments_end_does_not_matter(
    results: list[EnvironmentResult], signal: ExitCode | None
) -> None:
    assert exit_code_of(results, interrupted=signal) == exit_code_of(reversed(results), interrupted=signal)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (ExitCode.SUCCEEDED, RunOutcome.SUCCEEDED),
        (ExitCode.FAILED, RunOutcome.FAILED),
        (ExitCode.USAGE, RunOutcome.FAILED),
        (ExitCode.CANCELLED, RunOutcome.CANCELLED),
        (ExitCode.BLOCKED, RunOutcome.BLOCKED),
        (ExitCode.UNKNOWN, RunOutcome.UNKNOWN),
        (ExitCode.REFUSED, RunOutcome.FAILED),
        (ExitCode.TIMED_OUT, RunOutcome.TIMED_OUT),
        (ExitCode.SIGINT, RunOutcome.INTERRUPTED),
        (ExitCode.SIGTERM, RunOutcome.INTERRUPTED),
    ],
    ids=lambda value: value.name,
)
def test_every_exit_code_has_its_word(code: ExitCode, word: RunOutcome) -> None:
    assert run_outcome_of(code) is word


def test_only_exit_code_0_is_called_succeeded() -> None:
    assert [code for code in ExitCode if run_outcome_of(code) is RunOutcome.SUCCEEDED] == [ExitCode.SUCCEEDED]


@pytest.mark.parametrize("outcome", Outcome)
def test_all_but_a_success_and_a_skip_use_up_the_failure_budget(outcome: Outcome) -> None:
    assert ended(outcome).counts_as_failure is (outcome not in (Outcome.SUCCEEDED, Outcome.SKIPPED))


def test_an_environment_whose_job_never_began_has_a_result_without_services() -> None:
    shop = target("api", wave=3)
    result = EnvironmentResult.not_begun(shop, Outcome.SKIPPED, Reason.NOT_BEGUN, "The run halted.")
    assert (result.name, result.environment_id, result.wave) == (shop.name, shop.environment_id, 3)
    assert (result.outcome, result.reason, result.message) == (Outcome.SKIPPED, Reason.NOT_BEGUN, "The run halted.")
    assert (result.console_url, result.services, result.submitted_at) == (shop.console_url, (), None)


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_is_unknown_or_out_of_time_is_worth_resuming(outcome: Outcome) -> None:
    assert ended(outcome).is_open_ended is (outcome in (Outcome.UNKNOWN, Outcome.TIMED_OUT))
