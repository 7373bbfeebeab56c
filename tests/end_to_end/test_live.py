"""What is seen at a terminal while a run goes on, and that nothing of it is left, or gets into a pipe."""

import re
import signal
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.support.command import Running, environ, run, write_config
from tests.support.terminal import Terminal

FLEET = [
    f"{{name: shop-{number}, path: acme/shop/env-{number}, services: all, wave: {number}}}" for number in range(1, 5)
]
TOGETHER = [f"{{name: shop-{number:02}, path: acme/shop/env-{number}, services: all}}" for number in range(40)]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SIZES = [pytest.param(80, 24, id="80x24"), pytest.param(200, 60, id="200x60")]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a simulated platform that has all that is named here, and is slow enough to watch."""
    world = write_config(tmp_path_factory.mktemp("world"), TOGETHER)
    with Running.start("simulate", world, "--port", "0", "--speed", "12", env=environ()) as server:
        yield server.wait_for("simulator_listening")["url"]


def at(url: str, **more: str) -> dict[str, str]:
    return environ(QOVERY_API_URL=url, **more)


def is_clean(terminal: Terminal) -> None:
    """Nothing of the view is left, and the cursor is where it was before, and to be seen."""
    for piece in ("█", "░", " done", "to begin", "  … ", "quota "):
        assert piece not in terminal.text, terminal.text
    assert not terminal.screen.cursor.hidden
    assert (terminal.screen.cursor.x, terminal.screen.cursor.y) == (0, len(terminal.shown))


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_a_rehearsal_leaves_nothing_but_its_summary(columns: int, lines: int, tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    with Terminal("run", config, "--simulate", env=environ(), columns=columns, lines=lines) as terminal:
        assert terminal.finish() == 0
    assert b"done" in terminal.raw
    assert terminal.shown[0].startswith("ENVIRONMENT")
    assert [line.split()[:2] for line in terminal.shown[1:5]] == [[f"shop-{n}", "succeeded"] for n in range(1, 5)]
    assert "Run succeeded" in terminal.text
    is_clean(terminal)


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_a_run_is_seen_while_it_goes_on(columns: int, lines: int, platform: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    with Terminal("run", config, env=at(platform), columns=columns, lines=lines) as terminal:
        terminal.wait_until(lambda: any("restarting" in line or "queued" in line for line in terminal.shown))
        header, row, *_, folded = terminal.shown
        assert header.startswith("night.yaml")
        assert "wave 1 of 4" in header
        assert "0/4 done" in header
        assert re.match(r"  shop-1    [█░]{10}  (restarting|queued) ", row)
        assert folded == "  … 3 to begin"
        assert (terminal.screen.cursor.x, terminal.screen.cursor.y) == (0, 0)
        terminal.wait_until(lambda: "2/4 done" in terminal.text)
        assert terminal.finish() == 0
    assert terminal.shown[0].startswith("ENVIRONMENT")
    is_clean(terminal)


def test_a_large_run_fills_the_screen_and_no_more(platform: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, TOGETHER, more="strategy: {max_parallel: 30}")
    with Terminal("run", config, env=at(platform), columns=80, lines=12) as terminal:
        terminal.wait_until(lambda: "10 to begin" in terminal.text and "more" in terminal.text)
        # One line is left free, for the cursor of whatever comes next.
        assert len(terminal.shown) == 11
        assert [line.split()[0] for line in terminal.shown[1:10]] == [f"shop-{number:02}" for number in range(9)]
        assert re.fullmatch(r"  … .*\b10 to begin", terminal.shown[-1])


def has_two_frames_since(terminal: Terminal, seen: int) -> bool:
    return terminal.raw.count(b"\x1b[?7h", seen) >= 2


def test_a_resize_midway_does_no_harm(platform: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, TOGETHER, more="strategy: {max_parallel: 30}")
    with Terminal("run", config, env=at(platform), columns=100, lines=30) as terminal:
        terminal.wait_until(lambda: "10 to begin" in terminal.text)
        for columns, lines in ((50, 20), (120, 10), (40, 8), (100, 30)):
            terminal.resize(columns, lines)
            seen = len(terminal.raw)
            # A frame of before may be on its way.
            terminal.wait_until(partial(has_two_frames_since, terminal, seen))
            headers = [line for line in terminal.shown if "/40 done" in line]
            assert len(headers) == 1, terminal.text
            assert len(terminal.shown) <= lines
            rows = [line for line in terminal.shown if re.match(r"  shop-\d\d", line)]
            assert len(rows) == len({row.split()[0] for row in rows}), terminal.text
        assert terminal.finish() == 0
    is_clean(terminal)


def test_ctrl_c_leaves_a_clean_screen_within_three_seconds(platform: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    with Terminal("run", config, env=at(platform), columns=120, lines=50) as terminal:
        terminal.wait_until(lambda: "submitted" in terminal.text or "restarting" in terminal.text)
        terminal.type("\x03")
        assert terminal.finish(within=3.0) == 130
    assert "Run interrupted" in terminal.text
    assert sum("interrupted signal=SIGINT" in line for line in terminal.shown) == 1
    is_clean(terminal)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_terminal_that_takes_nothing_holds_nothing_up(number: signal.Signals, platform: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    with Terminal("run", config, env=at(platform)) as terminal:
        terminal.wait_until(lambda: "submitted" in terminal.text or "restarting" in terminal.text)
        terminal.type("\x13")  # Ctrl-S
        terminal.process.send_signal(number)
        assert terminal.process.wait(timeout=3.0) == 128 + number


def test_a_problem_stays_in_sight_and_a_warning_scrolls_above(platform: str, tmp_path: Path) -> None:
    check = "verify: [{http: 'http://127.0.0.1:9/', within: 1s}]"
    bad = f"{{name: bad, path: acme/shop/env-1, services: {{applications: [api]}}, {check}}}"
    good = "{name: good, path: acme/shop/env-2, services: all, wave: 2}"
    config = write_config(tmp_path, [bad, good], more="strategy: {max_failures: 2}")
    with Terminal("run", config, env=at(platform), columns=100) as terminal:
        terminal.wait_until(lambda: any(line.startswith("! bad ") for line in terminal.shown))
        (problem,) = [line for line in terminal.shown if line.startswith("! bad ")]
        assert "failed  verification_failed" in problem
        warning = next(place for place, line in enumerate(terminal.shown) if "warning verification_failed" in line)
        assert warning < terminal.shown.index(problem)
        assert terminal.finish() == 1
    assert "warning verification_failed" in terminal.text
    is_clean(terminal)


NEVER_LIVE: list[Mapping[str, str]] = [{"CI": "1"}, {"TERM": "dumb"}, {"QOVERY_RESTART_PROGRESS": "lines"}]


@pytest.mark.parametrize("variables", NEVER_LIVE, ids=lambda variables: next(iter(variables)))
def test_a_terminal_that_nobody_watches_gets_lines(variables: Mapping[str, str], tmp_path: Path) -> None:
    with Terminal(
        "run", write_config(tmp_path, FLEET), "--simulate", env=environ(**variables), columns=200
    ) as terminal:
        assert terminal.finish() == 0
    assert b"restart_settled" in terminal.raw
    assert not re.search(rb"\x1b\[(?![0-9;]*m)", terminal.raw)


# Pipes.

VARIABLES: list[Mapping[str, str]] = [
    {},
    {"GITHUB_ACTIONS": "true", "CI": "true"},
    {"CI": "1"},
    {"NO_COLOR": "1"},
    {"TERM": "dumb"},
    {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    {"FORCE_COLOR": "1", "NO_COLOR": "1"},
    {"FORCE_COLOR": "0"},
    {"PY_COLORS": "1"},
    {"QOVERY_RESTART_PROGRESS": "live"},
    {"QOVERY_RESTART_PROGRESS": "live", "TERM": "xterm", "GITHUB_ACTIONS": "true"},
]


def commands(config: Path) -> list[list[str]]:
    return [["run", str(config), "--simulate"], ["run", "--help"], ["--help"], ["rnu"], ["run", "--nope"]]


@pytest.mark.parametrize("variables", VARIABLES, ids=lambda variables: " ".join(variables) or "none")
def test_no_escape_ever_gets_into_a_pipe(variables: Mapping[str, str], tmp_path: Path) -> None:
    for command in commands(write_config(tmp_path, FLEET)):
        finished = run(*command, env=environ(**variables))
        assert "\x1b" not in finished.stdout + finished.stderr, command


@pytest.mark.parametrize(
    "variables",
    [{}, {"CI": "1", "GITHUB_ACTIONS": "true"}, {"TERM": "dumb"}],
    ids=" ".join,
)
def test_forced_colours_colour_log_and_summary_and_move_nothing(variables: Mapping[str, str], tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    forced = run("run", config, "--simulate", env=environ(FORCE_COLOR="1", **variables))
    for stream in (forced.stdout, forced.stderr):
        assert COLOUR.search(stream)
        assert "\x1b" not in COLOUR.sub("", stream)
    plain = run("run", config, "--simulate", env=environ(**variables))
    assert len(COLOUR.sub("", forced.stderr).splitlines()) == len(plain.stderr.splitlines())
    assert len(COLOUR.sub("", forced.stdout).splitlines()) == len(plain.stdout.splitlines())
    as_json = run("run", config, "--simulate", "-o", "json", "--log-format", "json", env=environ(FORCE_COLOR="1"))
    assert "\x1b" not in as_json.stdout + as_json.stderr
    assert as_json.report["exit_code"] == 0


def test_a_live_view_that_cannot_be_is_told_once_and_is_lines(tmp_path: Path) -> None:
    finished = run("run", write_config(tmp_path, FLEET), "--simulate", "--progress", "live", env=environ())
    assert finished.code == 0
    told = [line for line in finished.stderr.splitlines() if "progress_not_live" in line]
    assert len(told) == 1
    assert "stderr is no terminal" in told[0]
    assert "restart_settled" in finished.stderr


def test_without_progress_there_are_warnings_and_the_result_alone(tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    quiet = run("run", config, "--simulate", "--progress", "none", env=environ())
    assert (quiet.code, quiet.stderr) == (0, "")
    assert "Run succeeded" in quiet.stdout
    as_json = run("run", config, "--simulate", "--progress", "none", "--log-format", "json", env=environ())
    assert "restart_submitted" in {event["event"] for event in as_json.events}


def test_lines_have_one_for_each_reading_of_an_environment(tmp_path: Path) -> None:
    finished = run("run", write_config(tmp_path, FLEET[:1]), "--simulate", env=environ())
    readings = [line for line in finished.stderr.splitlines() if re.search(r"RESTART(ED|ING|_QUEUED) \d/\d", line)]
    assert readings
    assert len(readings) == len(set(readings))
    assert "service_state_changed" not in finished.stderr
    assert all(len(line) <= 80 for line in readings)


# Hints and help.


@pytest.mark.parametrize("typed", ["reprt", "restrat", "rn", "rum", "resum", "schedul", "cancl", "restar", "runs"])
def test_no_hint_names_a_command_that_restarts_or_cancels(typed: str) -> None:
    finished = run(typed, env=environ())
    assert finished.code == 2
    for name in ("restart", "run", "resume", "schedule", "cancel"):
        assert f"'{name}'" not in finished.stderr.replace("No such command", "").replace(f"'{typed}'", "")


def test_a_slip_is_answered_with_a_command_that_does_no_harm() -> None:
    assert "Did you mean 'report'?" in run("reprt", env=environ()).stderr


@pytest.mark.parametrize("command", [["run"], ["history"], ["resume"], ["simulate"], []], ids=" ".join)
def test_the_help_shows_arguments_as_they_are_written(command: list[str]) -> None:
    shown = run(*command, "--help", env=environ()).stdout
    for oddity in ("<bool>", "<str>", "{CONFIG}", "[[", "]]", "{ENVIRONMENT}"):
        assert oddity not in shown


def test_a_report_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    config = write_config(tmp_path, FLEET)
    for command in (["run", str(config)], ["schedule", str(config), "--due"], ["restart", "a/b/c", "--all-services"]):
        finished = run(*command, "--simulate", "--report", "/nonexistent/x.json", env=environ())
        assert finished.code == 2
        assert (finished.stdout + finished.stderr).count("/nonexistent/x.json") == 1
