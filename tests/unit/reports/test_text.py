import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.domain.outcomes import ExitCode, Outcome, Reason
from orchestrator.reports.digest import HEADLINES, SIMULATED
from orchestrator.reports.model import RunReport
from orchestrator.reports.text import NARROWEST, SHOWN_SERVICES, render_summary
from orchestrator.text import printable
from tests.support.reports import (
    CONSOLE,
    RESUME,
    every_ending,
    failed,
    interrupted_result,
    report,
    reports,
    service,
    succeeded,
    without_submit,
)

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def plainly(run: RunReport, *, width: int = 100, verbose: bool = False) -> str:
    return render_summary(run, width=width, color=False, verbose=verbose)


def test_a_mixed_run_reads_so() -> None:
    run = report(
        failed("production"),
        succeeded("staging"),
        without_submit("demo", Outcome.SKIPPED, Reason.HALTED, "Not begun: the run had halted."),
        without_submit(
            "preview",
            Outcome.BLOCKED,
            Reason.STOPPED,
            "Not running: api (STOPPED). Start it. Nothing was submitted.",
            services=[service("api", Outcome.BLOCKED, "STOPPED", after=None)],
        ),
    )
    assert plainly(run) == (
        "ENVIRONMENT  OUTCOME    DURATION  SERVICES  REASON\n"
        "staging      succeeded       31s       2/2  restarted, execution …-41 → …-42\n"
        "demo         skipped           -         -  halted\n"
        "    Not begun: the run had halted.\n"
        "\n"
        "preview      blocked           -       0/1  stopped\n"
        "    Not running: api (STOPPED). Start it. Nothing was submitted.\n"
        "    api  application  STOPPED  still …-41\n"
        "\n"
        "production   failed       1m 03s       1/3  restart_error\n"
        "    Qovery failed to restart web. Look at its logs, then run again.\n"
        "    web     application  RESTART_ERROR  …-41 → …-42\n"
        "    worker  container    CANCELED       …-41 → …-42\n"
        f"    {CONSOLE}\n"
        "\n"
        "Run failed (exit code 1): 1 failed, 1 blocked, 1 skipped, 1 succeeded. "
        "1m 21s, 42 requests, 2 restarts accepted, 3 posted. Run id r-7f3a\n"
    )


def test_verbose_shows_every_service_with_its_timeline() -> None:
    shown = plainly(report(succeeded("staging", services=[service("api"), service("web-2")])), verbose=True)
    assert shown.splitlines()[1:4] == [
        "staging      succeeded       31s       2/2  restarted, execution …-41 → …-42",
        "    api    application  RESTARTED  …-41 → …-42  RESTART_QUEUED 0.9s, RESTARTING 6.2s, RESTARTED 31s",
        "    web-2  application  RESTARTED  …-41 → …-42  RESTART_QUEUED 0.9s, RESTARTING 6.2s, RESTARTED 31s",
    ]


def test_an_interrupted_run_says_what_goes_on_right_above_its_last_line() -> None:
    run = report(succeeded("staging"), interrupted_result("production"), interrupted=ExitCode.SIGINT, resume=RESUME)
    assert plainly(run).splitlines()[-3:] == [
        "May still be running at Qovery: production.",
        f"Resume it; nothing is submitted twice: {RESUME}",
        (
            "Run interrupted (exit code 130): 1 unknown, 1 succeeded. "
            "1m 21s, 42 requests, 2 restarts accepted, 3 posted. Run id r-7f3a"
        ),
    ]


def test_a_run_that_left_something_open_says_right_above_its_last_line_how_to_look_again() -> None:
    run = report(without_submit("production", Outcome.UNKNOWN, Reason.CONTACT_LOST), resume=RESUME)
    assert plainly(run).splitlines()[-2:] == [
        f"Check again how it ended: {RESUME}",
        "Outcome unknown (exit code 75): 1 unknown. 1m 21s, 42 requests, 0 restarts accepted, 3 posted. Run id r-7f3a",
    ]


def test_a_run_without_environments_says_why() -> None:
    shown = plainly(report(errors=["The token was refused: 401."], exit_code=ExitCode.REFUSED))
    assert shown == (
        "Error: The token was refused: 401.\n"
        "Run failed (exit code 77): no environments. "
        "1m 21s, 42 requests, 0 restarts accepted, 3 posted. Run id r-7f3a\n"
    )


def test_a_rehearsal_says_so_on_a_line_of_its_own() -> None:
    assert SIMULATED in plainly(report(succeeded("staging"), simulated=True)).splitlines()
    assert SIMULATED not in plainly(report(succeeded("staging")))


def test_a_success_that_is_no_restart_says_what_it_is() -> None:
    watched = without_submit("staging", Outcome.SUCCEEDED, Reason.NOTHING_IN_PROGRESS, "Nothing is in progress there.")
    assert plainly(report(watched)).splitlines()[1:3] == [
        "staging      succeeded         -         -  nothing_in_progress",
        "    Nothing is in progress there.",
    ]


def test_a_failure_without_a_console_page_shows_none() -> None:
    assert "https" not in plainly(report(failed("production", console_url=None)))


def test_a_service_that_was_left_out_of_a_success_is_named() -> None:
    left_out = service("worker", Outcome.SKIPPED, "STOPPED", after=None)
    shown = plainly(report(succeeded("staging", services=[service("api"), left_out])))
    assert "    worker  application  STOPPED  still …-41" in shown.splitlines()


def test_the_services_of_a_skipped_environment_are_shown_on_request_alone() -> None:
    asleep = without_submit(
        "staging",
        Outcome.SKIPPED,
        Reason.NOT_RUNNING,
        services=[service("api", Outcome.SKIPPED, None, before=None, after=None)],
    )
    assert "not seen" not in plainly(report(asleep))
    assert "    api  application  not seen" in plainly(report(asleep), verbose=True).splitlines()


def test_many_failing_services_are_counted() -> None:
    services = [service(f"s{number}", Outcome.UNKNOWN, "RESTARTING") for number in range(SHOWN_SERVICES + 2)]
    lost = without_submit("staging", Outcome.UNKNOWN, Reason.CONTACT_LOST, services=services)
    shown = plainly(report(lost))
    assert "    … and 2 more services" in shown.splitlines()
    assert "    s20" not in shown
    assert "    s21" in plainly(report(lost), verbose=True)


def test_a_fleet_is_summed_up_and_its_failures_are_named() -> None:
    fleet = report(
        *(succeeded(f"good-{number}") for number in range(900)), *(failed(f"bad-{number}") for number in range(201))
    )
    shown = plainly(fleet).splitlines()
    assert "900 environments succeeded (restarted); -v lists them" in shown
    assert "… and 1 more problem, no worse than these; -v lists them" in shown
    assert sum(line.startswith("bad-") for line in shown) == 200
    assert not any(line.startswith("good-") for line in shown)


def test_verbose_leaves_nothing_of_a_fleet_out() -> None:
    fleet = report(
        *(succeeded(f"good-{number}") for number in range(60)), *(failed(f"bad-{number}") for number in range(201))
    )
    shown = plainly(fleet, verbose=True).splitlines()
    assert sum(line.startswith("bad-") for line in shown) == 201
    assert sum(line.startswith("good-") for line in shown) == 60


def test_a_fleet_of_successes_needs_no_headings() -> None:
    assert plainly(report(*(succeeded(f"e{number}") for number in range(51)))).startswith("51 environments succeeded")


def test_a_name_that_is_too_long_for_its_column_gets_a_line_of_its_own() -> None:
    long = "a-preview-environment-with-a-long-name-of-a-branch"
    shown = plainly(report(succeeded("staging"), succeeded(long)), width=80).splitlines()
    assert shown[1].startswith("staging                 succeeded")
    assert shown[2] == long
    assert shown[3].startswith("                        succeeded")


def test_wide_letters_keep_the_columns() -> None:
    shown = plainly(report(succeeded("東京東京東京東京"), succeeded("tokyo"))).splitlines()
    assert len({cell_len(line.partition("succeeded")[0]) for line in shown[1:3]}) == 1


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    for color in (True, False):
        shown = render_summary(report(succeeded("[red]alert[/red] :boom:")), width=100, color=color)
        assert "[red]alert[/red] :boom:" in shown


def test_a_name_cannot_forge_a_line_or_drive_the_terminal() -> None:
    shown = plainly(report(failed("prod\nRun succeeded (exit code 0)\x1b[2J\x9b31m")))
    assert not any(line.startswith("Run succeeded") for line in shown.splitlines())
    assert "\x1b" not in shown
    assert r"\x1b[2J\x9b31m" in shown


def test_long_messages_are_folded_and_tables_are_not() -> None:
    message = "Look at the logs of the services that failed, then run again when it suits. " * 3
    wordy = without_submit(
        "production", Outcome.FAILED, Reason.SUBMIT_REFUSED, message, services=[service("api", Outcome.FAILED)]
    )
    shown = plainly(report(wordy), width=50).splitlines()
    folded = [line for line in shown if line.startswith("    ") and "application" not in line]
    assert len(folded) > 3
    assert max(map(len, folded)) <= 50
    assert " ".join(line.strip() for line in folded) == message.strip()


@pytest.mark.parametrize("width", [0, 1, NARROWEST])
def test_a_terminal_that_does_not_know_its_width_is_taken_for_a_narrow_one(width: int) -> None:
    assert plainly(report(failed("production")), width=width) == plainly(report(failed("production")), width=NARROWEST)


def test_colour_adds_escapes_and_changes_no_word() -> None:
    run = report(*every_ending()[::7], simulated=True, errors=["Something is wrong."], exit_code=ExitCode.FAILED)
    colored = render_summary(run, width=100, color=True)
    assert ANSI.search(colored)
    uncolored = [line.rstrip() for line in ANSI.sub("", colored).splitlines()]
    assert uncolored == plainly(run).splitlines()


def test_the_surroundings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = report(succeeded("staging"), failed("production"))
    before = [render_summary(run, width=100, color=color) for color in (True, False)]
    for variable, value in [("NO_COLOR", "1"), ("FORCE_COLOR", "1"), ("COLUMNS", "50"), ("TERM", "dumb")]:
        monkeypatch.setenv(variable, value)
    assert [render_summary(run, width=100, color=color) for color in (True, False)] == before


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name.lower())
def test_every_ending_of_a_run_is_shown_at_the_end(code: ExitCode) -> None:
    run = report(succeeded("e"), exit_code=code)
    assert plainly(run).splitlines()[-1].startswith(f"{HEADLINES[run.outcome]} (exit code {code.value}): ")


def test_every_ending_of_an_environment_is_shown() -> None:
    run = report(*every_ending(), exit_code=ExitCode.FAILED)
    shown = plainly(run).splitlines()
    for environment in run.environments:
        assert any(environment.name in line for line in shown)


@given(reports(), st.integers(min_value=0, max_value=200), st.booleans())
def test_without_colour_any_report_is_plain_text(run: RunReport, width: int, verbose: bool) -> None:
    shown = plainly(run, width=width, verbose=verbose)
    lines = shown.split("\n")
    assert lines.pop() == ""
    assert shown.replace("\n", "").isprintable() or printable(shown.replace("\n", "")) == shown.replace("\n", "")
    assert not any(line.endswith(" ") for line in lines)
    assert f"(exit code {run.exit_code}): " in lines[-1]
    shown.encode("utf-8")
