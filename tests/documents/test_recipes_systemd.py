"""systemd's units in `config/recipes/systemd`: what they promise, by a reading of our own and by systemd's."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.config import load_config
from tests.support.recipes import RECIPES, commands_in, config_of, read_unit, seconds

FOLDER = RECIPES / "systemd"
UNITS = {path.name: read_unit(path) for path in sorted(FOLDER.iterdir())}
RUNNERS = ("qovery-restart.service", "qovery-restart-due.service")
STAYS, ONCE, TIMER = "qovery-restart.service", "qovery-restart-due.service", "qovery-restart-due.timer"
COMMAND = "/opt/qovery-restart/bin/qovery-restart"
EXIT_PROMISED = 3.0
"""Seconds from a signal to the end of the process."""
MOST_EXPOSED = 15
"""Of 100, as `systemd-analyze security` counts; a service without any restrictions has 96."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def one(unit: str, section: str, key: str) -> str:
    (value,) = UNITS[unit][section][key]
    return value


def words_of(unit: str, key: str) -> set[str]:
    return {word for value in UNITS[unit]["Unit"].get(key, ()) for word in value.split()}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_the_sections_that_it_needs(name: str) -> None:
    assert {"Unit", Path(name).suffix.removeprefix(".").capitalize()} <= UNITS[name].keys()


@pytest.mark.parametrize("name", UNITS)
def test_no_key_but_those_that_are_lists_is_given_twice(name: str) -> None:
    twice = {key for section in UNITS[name].values() for key, values in section.items() if len(values) > 1}
    assert twice <= {"Environment", "SystemCallFilter"}


@pytest.mark.parametrize("name", RUNNERS)
def test_a_service_begins_once_the_network_and_the_clock_are_there(name: str) -> None:
    assert words_of(name, "After") >= {"network-online.target", "time-sync.target"}
    assert words_of(name, "Wants") == words_of(name, "After")


@pytest.mark.parametrize("name", RUNNERS)
def test_what_fails_is_told_by_a_unit_that_is_here_with_the_name_of_what_failed(name: str) -> None:
    template, instance = re.fullmatch(r"(.+@)(%n)\.service", one(name, "Unit", "OnFailure")).groups()  # type: ignore[union-attr]
    assert instance == "%n"
    assert "%i" in one(f"{template}.service", "Service", "ExecStart")


@pytest.mark.parametrize("name", RUNNERS)
def test_a_service_is_not_killed_before_it_has_had_the_time_that_is_promised_and_the_end_is_no_failure(
    name: str,
) -> None:
    assert 2 * EXIT_PROMISED <= seconds(one(name, "Service", "TimeoutStopSec")) <= 60
    assert one(name, "Service", "SuccessExitStatus") == "143"


@pytest.mark.parametrize("name", RUNNERS)
def test_the_token_is_a_credential_and_the_configuration_reads_it_from_there(name: str) -> None:
    credential, _, source = one(name, "Service", "LoadCredential").partition(":")
    (words,) = [words for words in commands_in(FOLDER / name) if words[0] == "schedule"]
    config = load_config(config_of(words), environ={"CREDENTIALS_DIRECTORY": "/run/credentials/this"})

    assert source == "/etc/qovery-restart/token"
    assert config.token_file == f"/run/credentials/this/{credential}"
    assert not any("QOVERY_API_TOKEN" in value for value in UNITS[name]["Service"]["Environment"])


@pytest.mark.parametrize("name", RUNNERS)
def test_the_journal_is_in_the_state_directory_which_is_the_services_own(name: str) -> None:
    service = UNITS[name]["Service"]
    assert f"QOVERY_RESTART_STATE_DIR=%S/{one(name, 'Service', 'StateDirectory')}" in service["Environment"]
    assert (service["DynamicUser"], service["User"], service["UMask"]) == (["yes"], ["qovery-restart"], ["0077"])


@pytest.mark.parametrize("name", RUNNERS)
def test_what_the_journal_reads_of_the_machine_is_not_hidden(name: str) -> None:
    assert "ProcSubset" not in UNITS[name]["Service"], "it hides /proc/sys/kernel/random/boot_id"


def test_both_services_have_the_same_restrictions() -> None:
    kept = re.compile(r"Protect|Private|Restrict(?!art)|SystemCall|NoNew|Capab|Lock|Memory|Remove|Limit|Tasks|UMask")
    hardened = [{key: value for key, value in UNITS[name]["Service"].items() if kept.match(key)} for name in RUNNERS]
    assert hardened[0] == hardened[1]
    assert len(hardened[0]) > 20


def test_the_service_that_stays_is_watched_reloaded_and_started_again_but_not_for_ever() -> None:
    service, unit = UNITS[STAYS]["Service"], UNITS[STAYS]["Unit"]
    assert (service["Type"], service["NotifyAccess"]) == (["notify"], ["main"])
    assert shlex.split(one(STAYS, "Service", "ExecReload")) == ["/bin/kill", "-HUP", "$MAINPID"]
    assert (service["Restart"], service["RestartPreventExitStatus"]) == (["on-failure"], ["2"])
    assert 60 <= seconds(one(STAYS, "Service", "WatchdogSec")) <= 600
    burst, every = int(unit["StartLimitBurst"][0]), seconds(one(STAYS, "Service", "RestartSec"))
    assert burst * every < seconds(unit["StartLimitIntervalSec"][0]), "the limit would never be reached"
    assert UNITS[STAYS]["Install"]["WantedBy"] == ["multi-user.target"]


def test_the_service_that_stays_may_run_for_as_long_as_it_likes() -> None:
    assert "RuntimeMaxSec" not in UNITS[STAYS]["Service"]


def test_the_service_of_the_timer_is_not_repeated_and_outlasts_a_window_and_a_run() -> None:
    ((_, config, *more),) = [words for words in commands_in(FOLDER / ONCE) if words[0] == "schedule"]
    loaded = load_config(config_of(["", config]), environ={})
    assert (one(ONCE, "Service", "Type"), one(ONCE, "Service", "Restart"), more) == ("oneshot", "no", ["--due"])
    assert loaded.schedule is not None
    longest = (loaded.schedule.window or 0) + loaded.run_strategy().run_deadline
    assert seconds(one(ONCE, "Service", "TimeoutStartSec")) > longest
    assert "Install" not in UNITS[ONCE]


def test_the_timer_asks_often_and_is_no_later_than_the_grace() -> None:
    config = load_config(RECIPES.parent / "unattended.yaml", environ={})
    assert config.schedule is not None
    assert one(TIMER, "Timer", "OnCalendar") == "*:00/5"
    assert config.schedule.cron.split()[0] in {str(minute) for minute in range(0, 60, 5)}
    assert seconds(one(TIMER, "Timer", "AccuracySec")) < config.schedule.grace
    assert "RandomizedDelaySec" not in UNITS[TIMER]["Timer"]
    assert UNITS[TIMER]["Install"]["WantedBy"] == ["timers.target"]


def installed(folder: Path) -> list[Path]:
    """Copy the units to where systemd-analyze finds them together, with a command that is on this machine."""
    for name in UNITS:
        text = (FOLDER / name).read_text(encoding="utf-8").replace(COMMAND, "/bin/true")
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in UNITS]


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words: Sequence[str] = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", *installed(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_finds_what_is_wrong(tmp_path: Path) -> None:
    service = installed(tmp_path)[[*UNITS].index(STAYS)]
    service.write_text(service.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSecs"), encoding="utf-8")
    assert "WatchdogSecs" in analyze("verify", "--man=no", service).stderr


@needs_systemd
@pytest.mark.parametrize("name", RUNNERS)
def test_systemd_thinks_that_little_is_exposed(name: str, tmp_path: Path) -> None:
    installed(tmp_path)
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", tmp_path / name)
    assert done.returncode == 0, done.stdout
