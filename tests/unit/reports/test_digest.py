import pytest

from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason
from orchestrator.reports.digest import (
    HEADLINES,
    SHOWN_PROBLEMS,
    SHOWN_QUIET,
    Folded,
    cost,
    digest,
    environment_evidence,
    next_steps,
    restarted,
    service_evidence,
    tally,
    timeline_words,
    worst_first,
)
from orchestrator.reports.model import EnvironmentReport, ServiceReport
from tests.support.reports import RESUME, failed, interrupted_result, report, service, succeeded, without_submit


def _names(items: tuple[EnvironmentReport | Folded, ...]) -> list[str]:
    return [item.name if isinstance(item, EnvironmentReport) else f"{item.count} {item.reason}" for item in items]


def _skipped(name: str, reason: Reason = Reason.HALTED) -> EnvironmentResult:
    return without_submit(name, Outcome.SKIPPED, reason)


def test_successes_come_first_and_the_worst_last() -> None:
    chosen = digest(
        report(
            failed("failed 1"),
            without_submit("timed out", Outcome.TIMED_OUT, Reason.DEADLINE),
            _skipped("skipped"),
            succeeded("good 1"),
            without_submit("blocked", Outcome.BLOCKED, Reason.BUSY),
            without_submit("unknown", Outcome.UNKNOWN, Reason.CONTACT_LOST),
            failed("failed 2"),
            without_submit("cancelled", Outcome.CANCELLED, Reason.SUPERSEDED),
            succeeded("good 2"),
        )
    )
    assert _names(chosen.quiet) == ["good 1", "good 2", "skipped"]
    assert _names(chosen.problems) == ["blocked", "cancelled", "timed out", "unknown", "failed 1", "failed 2"]
    assert chosen.unshown == 0


def test_a_page_that_is_read_from_its_top_has_the_worst_first_and_keeps_the_plan_s_order() -> None:
    run = report(succeeded("good 1"), failed("bad 1"), succeeded("good 2"), failed("bad 2"))
    assert [environment.name for environment in worst_first(run.environments)] == ["bad 1", "bad 2", "good 1", "good 2"]


def test_as_many_successes_as_fit_are_shown() -> None:
    chosen = digest(report(*(succeeded(f"e{number}") for number in range(SHOWN_QUIET))))
    assert len(chosen.quiet) == SHOWN_QUIET


def test_more_successes_are_counted_and_skips_by_their_reason() -> None:
    chosen = digest(
        report(
            *(succeeded(f"e{number}") for number in range(SHOWN_QUIET + 1)),
            *(_skipped(f"h{number}") for number in range(SHOWN_QUIET + 2)),
            _skipped("asleep", Reason.NOT_RUNNING),
        )
    )
    assert _names(chosen.quiet) == ["51 restarted", "52 halted", "asleep"]


def test_of_too_many_problems_the_worst_are_shown() -> None:
    blocked = (without_submit(f"b{number}", Outcome.BLOCKED, Reason.BUSY) for number in range(SHOWN_PROBLEMS))
    chosen = digest(report(failed("the worst"), *blocked))
    assert len(chosen.problems) == SHOWN_PROBLEMS
    assert chosen.problems[-1].name == "the worst"
    assert chosen.unshown == 1


def test_everything_is_shown_on_request() -> None:
    chosen = digest(
        report(*(succeeded(f"e{number}") for number in range(60)), *(failed(f"f{number}") for number in range(210))),
        everything=True,
    )
    assert (len(chosen.quiet), len(chosen.problems), chosen.unshown) == (60, 210, 0)


def test_the_tally_counts_the_worst_first() -> None:
    assert tally(report(succeeded("a"), failed("b"), succeeded("c"))) == "1 failed, 2 succeeded"
    assert tally(report()) == "no environments"


def test_the_cost_names_time_and_requests() -> None:
    assert cost(report(submits=1)) == "1m 21s, 42 requests, 0 restarts accepted, 1 posted"


def test_services_are_counted_by_their_own_outcome() -> None:
    run = report(failed("bad"), without_submit("nothing", Outcome.SKIPPED, Reason.HALTED))
    assert [restarted(environment) for environment in run.environments] == ["1/3", "-"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        pytest.param("e-41", "e-42", "…-41 → …-42", id="both"),
        pytest.param("e-41", None, "still …-41", id="nothing newer"),
        pytest.param(None, "e-42", "…-42", id="no baseline, as in a watch"),
        pytest.param(None, None, "", id="neither"),
    ],
)
def test_the_evidence_of_a_service(before: str | None, after: str | None, shown: str) -> None:
    assert service_evidence(ServiceReport.of(service("api", before=before, after=after))) == shown


def test_the_evidence_of_an_environment_is_that_of_its_successes() -> None:
    services = [
        service("api", before="e-40", after="e-42"),
        service("web", before="e-41", after="e-42"),
        service("worker", Outcome.SKIPPED, "STOPPED", before="e-12", after=None),
    ]
    assert environment_evidence(EnvironmentReport.of(succeeded("s", services=services))) == "…-40, …-41 → …-42"


def test_too_many_executions_are_counted() -> None:
    services = [service(f"s{number}", before=f"e-{number}", after="e-42") for number in range(5)]
    evidence = environment_evidence(EnvironmentReport.of(succeeded("s", services=services)))
    assert evidence == "…-0, …-1, …-2, and 2 more → …-42"


def test_a_timeline_in_words() -> None:
    assert timeline_words(ServiceReport.of(service("api"))) == "RESTART_QUEUED 0.9s, RESTARTING 6.2s, RESTARTED 31s"


def test_a_run_of_which_everything_is_known_leaves_nothing_to_do() -> None:
    assert next_steps(report(failed("production"))) == ()
    assert next_steps(report(succeeded("production"))) == ()


def test_an_interrupted_run_says_what_goes_on_and_how_to_go_on() -> None:
    run = report(
        succeeded("staging"),
        interrupted_result("production"),
        _skipped("later", Reason.INTERRUPTED),
        _skipped("asleep", Reason.NOT_RUNNING),
        interrupted_result("preview"),
        interrupted=ExitCode.SIGINT,
        resume=RESUME,
    )
    assert next_steps(run) == (
        "May still be running at Qovery: production, preview.",
        "Not started: 1 environment.",
        f"Resume it; nothing is submitted twice: {RESUME}",
    )


def test_an_interrupted_run_counts_what_it_has_not_begun() -> None:
    left = [_skipped(f"later-{number}", Reason.INTERRUPTED) for number in range(6)]
    run = report(*left, interrupted=ExitCode.SIGTERM, resume=RESUME)
    assert next_steps(run)[0] == "Not started: 6 environments."


@pytest.mark.parametrize("ending", [Outcome.UNKNOWN, Outcome.TIMED_OUT], ids=str)
def test_a_run_that_left_something_open_says_how_to_look_again(ending: Outcome) -> None:
    run = report(succeeded("staging"), without_submit("production", ending, Reason.CONTACT_LOST), resume=RESUME)
    assert next_steps(run) == (f"Check again how it ended: {RESUME}",)


@pytest.mark.parametrize(
    ("submits", "advice"),
    [
        (0, "Nothing was submitted, so run it again."),
        (1, "It was interrupted after a submit: check its environments before you run it again."),
    ],
    ids=["before the first submit", "after it"],
)
def test_an_interrupted_run_that_cannot_be_resumed_says_what_to_do_instead(submits: int, advice: str) -> None:
    run = report(_skipped("later", Reason.INTERRUPTED), interrupted=ExitCode.SIGINT, submits=submits)
    assert next_steps(run) == ("Not started: 1 environment.", advice)


@pytest.mark.parametrize("interrupted", [ExitCode.SIGINT, None], ids=["interrupted", "not interrupted"])
def test_of_a_rehearsal_nothing_goes_on(interrupted: ExitCode | None) -> None:
    run = report(interrupted_result("a"), interrupted=interrupted, simulated=True, resume=RESUME)
    assert next_steps(run)[-1] == "The simulator ended with this run, so nothing is still running."
    assert not any(RESUME in sentence for sentence in next_steps(run))


def test_what_goes_on_is_told_without_a_character_that_a_terminal_would_act_upon() -> None:
    run = report(
        interrupted_result("a\x1b[31m"), interrupted=ExitCode.SIGINT, resume="qovery-restart\x1b[2J resume 'x\ny'"
    )
    assert all(sentence.isprintable() for sentence in next_steps(run))


def test_every_outcome_of_a_run_has_a_headline() -> None:
    assert all(report(exit_code=code).outcome in HEADLINES for code in ExitCode)
