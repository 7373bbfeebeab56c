"""`action.yml`, played step by step: outputs, exit codes, summary and annotations, whatever it is given."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.action import ACTION, ROOT, STEPS, Job, annotations_in, commands_in, without_python
from tests.support.command import PATIENCE, STATE_DIR, TOKEN, write_config
from tests.support.small_platform import ENVIRONMENT, NEVER_ENDING, SHOP, SmallPlatform, serving

SIMULATED = """\
version: 1
environments:
  - {name: staging, path: acme/shop/staging, services: all}
  - {name: production, path: acme/shop/production, services: all, wave: 2}
"""
FAILING = ("RESTARTING", "RESTART_ERROR")


def write(path: Path, text: str = SIMULATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_that_succeeds_tells_its_outputs_its_summary_and_its_waves(tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "nightly.yaml", "extra-args": "--simulate"})
    write(job.work / "nightly.yaml")
    step = job.run()
    assert step.code == 0, step.log
    outputs = job.outputs
    assert {name: outputs[name] for name in ("exit-code", "outcome", "failed", "failed-count")} == {
        "exit-code": "0", "outcome": "succeeded", "failed": "[]", "failed-count": "0",
    }  # fmt: skip
    assert "resume" not in outputs
    report = json.loads(Path(outputs["report-json"]).read_text(encoding="utf-8"))
    assert (report["run_id"], report["config"]) == (outputs["run-id"], "nightly.yaml")
    assert Path(outputs["report-junit"]).read_text(encoding="utf-8").startswith("<?xml")
    assert Path(outputs["report-html"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "Run succeeded" in step.summary
    assert commands_in(step.log) == [
        "::group::Wave 1 of 2: 1 environment", "::endgroup::", "::group::Wave 2 of 2: 1 environment", "::endgroup::",
    ]  # fmt: skip
    assert "set-up" not in job.steps, "the runner has a Python"


def test_a_run_that_fails_ends_the_step_with_its_code_and_all_is_told(tmp_path: Path) -> None:
    with serving(SmallPlatform(states=FAILING)) as platform:
        job = Job(
            tmp_path, {"config": "night.yaml", "token": TOKEN}, {"QOVERY_API_URL": platform.url, "QOVERY_API_TOKEN": ""}
        )
        write_config(job.work, [SHOP])
        step = job.run()
    assert step.code == 1
    assert (job.outputs["exit-code"], job.outputs["outcome"], job.outputs["failed"]) == ("1", "failed", '["shop"]')
    (annotation,) = annotations_in(step.log)
    assert annotation.startswith("::error title=shop%3A failed (restart_error),file=night.yaml,line=5::")
    assert "Run failed" in step.summary
    last = commands_in(step.log)
    assert last[-2:] == ["::endgroup::", annotation], "no problem is folded away"
    assert step.log.index("Run failed") < step.log.index(annotation), "problems come last"
    assert TOKEN not in step.log + step.summary + str(job.outputs)


def test_an_environment_is_restarted_without_a_file(tmp_path: Path) -> None:
    with serving(SmallPlatform()) as platform:
        job = Job(tmp_path, {"qovery-environment-id": ENVIRONMENT, "all-services": "true", "qovery-api-token": TOKEN},
                  {"QOVERY_API_URL": platform.url})  # fmt: skip
        step = job.run()
        assert (step.code, platform.submits) == (0, 1), step.log
        assert {request.token for request in platform.asked} == {f"Token {TOKEN}"}


@pytest.mark.parametrize(
    "name",
    [
        "it's $(touch pwned) `touch pwned`.yaml",
        'a:b, "c" 100 %0A.yaml',
        "-rf --simulate.yaml",
        "*.yaml",
        "::error::x.yaml",
        "two\nlines.yaml",
    ],
)
def test_whatever_a_file_is_called_it_is_that_file_and_nothing_else(name: str, tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": name, "working-directory": "deep down", "extra-args": "--simulate"})
    write(job.work / "deep down" / name, SIMULATED.replace("staging,", '"$(touch pwned) ::error::forged",', 1))
    step = job.run()
    assert step.code == 0, step.log
    assert list(tmp_path.rglob("pwned")) == []
    assert all(line.startswith(("::group::Wave", "::endgroup::")) for line in commands_in(step.log)), step.log
    report = json.loads(Path(job.outputs["report-json"]).read_text(encoding="utf-8"))
    assert report["config"] == name


def test_what_is_wrong_in_a_file_is_shown_beside_its_lines(tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "a,b:c.yaml", "working-directory": "deep"})
    write(job.work / "deep" / "a,b:c.yaml", "version: 1\nenviroments: []\n")
    step = job.run()
    assert (step.code, job.outputs["exit-code"], job.outputs["outcome"]) == (2, "2", "failed")
    assert any("file=deep/a%2Cb%3Ac.yaml,line=2,col=1::" in line for line in annotations_in(step.log)), step.log
    assert "report-json" in job.outputs


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        pytest.param({}, "Give config", id="nothing"),
        pytest.param({"config": "f", "environment": "a/b/c\n::error::forged"}, "does not go with", id="both"),
        pytest.param(
            {"config": "f", "working-directory": "no\n::error::where"}, "No such file or directory", id="nowhere"
        ),
        pytest.param({"config": "f", "extra-args": "'"}, "extra-args", id="no words"),
        pytest.param({"config": "f", "annotations": "perhaps"}, "expected true or false", id="no flag"),
    ],
)
def test_inputs_that_do_not_go_together_are_wrong_usage(inputs: dict[str, str], said: str, tmp_path: Path) -> None:
    job = Job(tmp_path, inputs)
    step = job.run()
    assert (step.code, job.outputs) == (2, {"exit-code": "2", "outcome": "failed"})
    (line,) = commands_in(step.log)
    assert line.startswith("::error title=qovery-restart::")
    assert said in line


def test_an_option_that_there_is_not_is_wrong_usage_with_its_outputs(tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "f.yaml", "extra-args": "--nonsense"})
    step = job.run()
    assert (step.code, job.outputs) == (2, {"exit-code": "2", "outcome": "failed"})
    assert "nonsense" in step.log


def test_summary_and_annotations_can_be_switched_off(tmp_path: Path) -> None:
    with serving(SmallPlatform(states=FAILING)) as platform:
        job = Job(
            tmp_path,
            {"config": "night.yaml", "summary": "false", "annotations": "false"},
            {"QOVERY_API_URL": platform.url},
        )
        write_config(job.work, [SHOP])
        step = job.run()
    assert (step.code, step.summary, annotations_in(step.log)) == (1, "", [])
    assert job.outputs["failed"] == '["shop"]'


def test_three_hundred_failures_are_ten_annotations_and_a_summary_that_fits(tmp_path: Path) -> None:
    entries = "".join(f"  - {{name: env-{i:03}, path: acme/shop/env-{i:03}, services: all}}\n" for i in range(300))
    text = (
        "version: 1\nstrategy: {max_parallel: 300, max_failures: 100%}\n"
        f"blackouts: [{{from: 2000-01-01, to: 2200-01-01}}]\nenvironments:\n{entries}"
    )
    job = Job(tmp_path, {"config": "many.yaml", "extra-args": "--simulate"})
    write(job.work / "many.yaml", text)
    step = job.run()
    assert step.code == 5, step.log[-2000:]
    annotations = annotations_in(step.log)
    assert len(annotations) == 10
    assert annotations[-1].endswith("::And 291 more: the log has them all.")
    assert len(json.loads(job.outputs["failed"])) == 300
    assert 0 < len(step.summary.encode()) < 1_000_000


def test_a_file_is_validated_with_a_matcher_for_its_problems(tmp_path: Path) -> None:
    job = Job(tmp_path, {"command": "validate", "config": "night.yaml"})
    write(job.work / "night.yaml", "version: 1\nenviroments: []\nenvironments:\n  - {name: x, nme: y}\n")
    step = job.run()
    added, removed = commands_in(step.log)
    assert removed == "::remove-matcher owner=qovery-restart::"
    (matcher,) = json.loads(Path(added.removeprefix("::add-matcher::")).read_text(encoding="utf-8"))["problemMatcher"]
    (pattern,) = matcher["pattern"]
    matches = [re.match(pattern["regexp"], line) for line in step.log.splitlines() if line.startswith("error: ")]
    found = [(match[pattern["file"]], int(match[pattern["line"]])) for match in matches if match]
    assert len(found) == len(matches) >= 2, step.log
    assert set(found) == {("night.yaml", 2), ("night.yaml", 4)}
    assert (step.code, job.outputs) == (2, {"exit-code": "2", "outcome": "failed"})
    quiet = Job(tmp_path, {"command": "validate", "config": "night.yaml", "annotations": "false"})
    assert commands_in(quiet.run().log) == []


def test_nothing_that_is_due_is_no_outcome(tmp_path: Path) -> None:
    job = Job(tmp_path, {"command": "schedule", "config": "f.yaml", "extra-args": "--simulate", "state-dir": "state"})
    write(job.work / "f.yaml", SIMULATED + 'schedule: {cron: "0 3 29 2 *", timezone: UTC}\n')
    step = job.run()
    assert (step.code, job.outputs, step.summary) == (0, {"exit-code": "0"}, ""), step.log


def test_a_step_that_is_cancelled_stops_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    with serving(SmallPlatform(states=NEVER_ENDING)) as platform:
        state = str(tmp_path / "state")
        job = Job(tmp_path, {"config": "night.yaml"}, {"QOVERY_API_URL": platform.url, STATE_DIR: state})
        write_config(job.work, [SHOP])
        job.run("look", "install")
        step = STEPS["run"]
        with subprocess.Popen(
            job.command(step), env=job.environ_of(step), cwd=job.work, encoding="utf-8",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it calls nothing that a thread could hold
        ) as process:  # fmt: skip
            assert process.stdout is not None
            heard = ""
            for line in process.stdout:
                heard += line
                if "restart_submitted" in line:
                    break
            process.send_signal(signal.SIGINT)  # the runner's first signal, to the step's own process alone
            rest, _ = process.communicate(timeout=PATIENCE)
    ended = job.steps["run"] = job.finished(step, process.returncode, heard + rest)
    assert (ended.code, job.outputs["exit-code"], job.outputs["outcome"]) == (130, "130", "interrupted")
    assert job.outputs["resume"].startswith(f"qovery-restart resume {job.outputs['run-id']}")
    commands = commands_in(ended.log)
    assert commands[:2] == ["::group::Wave 1 of 1: 1 environment", "::endgroup::"]
    assert commands[-1].startswith("::notice title=qovery-restart%3A how to go on::")
    assert "Run interrupted" in ended.summary


@pytest.mark.parametrize("extras", ["notify] $(touch pwned)", "x;y", "--index-url=x", "A"])
def test_extras_that_are_none_are_never_installed(extras: str, tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "f.yaml", "extras": extras})
    assert (job.run().code, job.outputs) == (2, {"exit-code": "2"})
    assert "extras: expected names" in annotations_in(job.steps["install"].log)[0]
    assert list(tmp_path.rglob("pwned")) == []


@pytest.mark.parametrize(
    "version", ["0.1.0; touch pwned", "--index-url=http://127.0.0.1:9", "$(touch pwned)", "1.0 2.0"]
)
def test_a_version_that_is_none_is_never_installed(version: str, tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "f.yaml", "version": version})
    step = job.run()
    assert (step.code, job.outputs) == (2, {"exit-code": "2"})
    assert annotations_in(step.log) == [
        "::error title=qovery-restart::version: expected a version such as 0.1.0. Nothing was restarted."
    ]
    assert list(tmp_path.rglob("pwned")) == []


def test_what_cannot_be_installed_is_not_called_a_failed_restart(tmp_path: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull,
               "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}  # fmt: skip
    job = Job(tmp_path, {"config": "f.yaml", "version": "0.0.1"}, nowhere)
    step = job.run()
    assert (step.code, job.outputs) == (2, {"exit-code": "2"})
    assert annotations_in(step.log)[-1].endswith("It could not be installed. Nothing was restarted.")


def test_a_runner_without_a_python_that_is_new_enough_gets_one(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    job = Job(tmp_path, {"config": "f.yaml", "extra-args": "--simulate"}, {"PATH": without_python(folder)})
    old = folder / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    write(job.work / "f.yaml")
    assert job.run().code == 0
    assert "set-up" in job.steps


def test_on_windows_it_says_that_it_does_not_run_there(tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "f.yaml"}, {"RUNNER_OS": "Windows"})
    step = job.run()
    assert (step.code, job.outputs) == (2, {"exit-code": "2"})
    assert "not on Windows" in annotations_in(step.log)[0]


def test_files_of_the_checkout_do_not_take_the_place_of_the_programs_own(tmp_path: Path) -> None:
    job = Job(tmp_path, {"config": "f.yaml", "extra-args": "--simulate"}, {"PYTHONPATH": "."})
    write(job.work / "f.yaml")
    for name in ("orchestrator/__init__.py", "yaml.py", "sitecustomize.py"):
        write(job.work / name, "raise SystemExit('hijacked')\n")
    assert job.run().code == 0, job.steps["run"].log


@pytest.mark.skipif(
    not os.environ.get("ACTION_INSTALLS"), reason="ACTION_INSTALLS is not set: it needs a package index"
)
def test_it_is_installed_from_its_own_checkout(tmp_path: Path) -> None:
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    job = Job(tmp_path, {"config": "f.yaml", "extra-args": "--simulate"}, pip, installed=False)
    # A copy: a build leaves files.
    job.action_path.unlink()
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        if name.startswith(("orchestrator/", "action.yml", "pyproject.toml", "README.md", "LICENSE")):
            target = job.action_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    write(job.work / "f.yaml")
    step = job.run()
    assert step.code == 0, (job.steps["install"].log, step.log)
    assert sys.executable not in job.steps["install"].outputs["python"]


def test_the_action_is_what_these_tests_play() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert list(STEPS) == ["look", "set-up", "install", "run"]
