"""What `action.yml` runs, as `python -I -m orchestrator.cli.action`: a command with its inputs, and its outputs.

It takes the place of the step's shell, so that a signal for the step reaches the command itself.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn

from orchestrator.ci import github_command
from orchestrator.cli.inputs import PREFIX, REPORTS, Inputs, command_line
from orchestrator.cli.signals import obey_from_now_on
from orchestrator.domain.outcomes import ExitCode, run_outcome_of
from orchestrator.errors import UsageError
from orchestrator.text import printable

TOKEN = "QOVERY_API_TOKEN"  # noqa: S105 - the name of a variable
SUMMARY = "GITHUB_STEP_SUMMARY"
MATCHER = Path(__file__).with_name("problem_matcher.json")
"""It lets GitHub show what `validate` finds beside the lines of the file."""
OWNER = "qovery-restart"


def main() -> NoReturn:
    """Run what the inputs say, write the outputs, and exit with the command's exit code."""
    obey_from_now_on()
    try:
        code = _play(os.environ)
    except Exception as error:  # noqa: BLE001 - exit code 1 would say that a restart failed
        from orchestrator.cli.defects import report_defect  # noqa: PLC0415

        code = report_defect(error, arguments=sys.argv[1:], environ=os.environ).value
    sys.exit(code)


def _play(environ: MutableMapping[str, str]) -> int:
    inputs, folder = _take_inputs(environ), None
    try:
        folder = _folder(environ)
        words = _prepare(inputs, folder, environ)
    except UsageError as error:
        _say(github_command("error", printable(str(error)), title=OWNER))
        code = ExitCode.USAGE.value
    else:
        code = _run(words, matched=words[0] == "validate" and inputs.flag("annotations", default=True))
    _write_outputs(code, folder, environ)
    return code


def _take_inputs(environ: MutableMapping[str, str]) -> Inputs:
    """Return the inputs, which the command does not need to see: one of them is the token."""
    inputs = Inputs(environ)
    for name in [name for name in environ if name.startswith(PREFIX)]:
        del environ[name]
    return inputs


def _folder(environ: Mapping[str, str]) -> Path:
    """Make a folder for the reports of this step; the runner empties what it is in after the job.

    Raises:
        UsageError: none can be made.
    """
    parent = environ.get("RUNNER_TEMP") or None
    try:
        return Path(mkdtemp(prefix="qovery-restart-report-", dir=parent))
    except OSError as error:
        raise UsageError(f"RUNNER_TEMP: no folder can be made in {parent}: {error.strerror}.") from None


def _prepare(inputs: Inputs, folder: Path, environ: MutableMapping[str, str]) -> list[str]:
    """Set up this process as the inputs say; return the command line.

    Raises:
        UsageError: the inputs do not go together.
    """
    if token := inputs.text("token", "qovery-api-token"):
        environ[TOKEN] = token
    directory = inputs.text("working-directory")
    if not inputs.flag("summary", default=True):
        environ.pop(SUMMARY, None)
    words = command_line(inputs, folder)
    if directory:
        try:
            os.chdir(directory)
        except (OSError, ValueError) as error:
            raise UsageError(f"working-directory: {directory}: {getattr(error, 'strerror', error)}.") from None
    return words


def _run(words: list[str], *, matched: bool) -> int:
    """Run the command in this process; return its exit code.

    Args:
        words: the command line.
        matched: whether GitHub is to look for problems of a file in what it writes.
    """
    from orchestrator.cli import main as run_command  # noqa: PLC0415 - it sets up the streams

    if matched:
        _say(github_command("add-matcher", str(MATCHER)))
    sys.argv = ["qovery-restart", *words]
    try:
        run_command()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else ExitCode.SUCCEEDED.value
    finally:
        if matched:
            _say(github_command("remove-matcher", owner=OWNER))
    return ExitCode.SUCCEEDED.value


def _say(command: str) -> None:
    sys.stderr.write(f"{command}\n")
    sys.stderr.flush()


def _write_outputs(code: int, folder: Path | None, environ: Mapping[str, str]) -> None:
    """Write what later steps may ask for; it changes no exit code if that fails."""
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    outputs = {**_of_report(folder, code), **_files(folder)}
    try:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{name}={printable(value)}\n" for name, value in outputs.items())
    except OSError as error:
        _say(github_command("warning", f"The outputs were not written: {error.strerror}.", title=OWNER))


def _of_report(folder: Path | None, code: int) -> Mapping[str, str]:
    """Return what a report tells. Where there is none, the outcome of a failure follows from its exit code."""
    outputs: dict[str, str] = {}
    try:
        from orchestrator.reports.model import RunReport  # noqa: PLC0415 - there is not always a report
        from orchestrator.reports.outputs import outputs_of  # noqa: PLC0415

        content = b"" if folder is None else (folder / REPORTS["json"]).read_bytes()
        outputs.update(outputs_of(RunReport.model_validate_json(content)))
    except (OSError, ValueError):
        if code and code in set(ExitCode):
            outputs["outcome"] = run_outcome_of(ExitCode(code)).value
    return {**outputs, "exit-code": str(code)}


def _files(folder: Path | None) -> Mapping[str, str]:
    paths = {} if folder is None else {f"report-{name}": folder / file for name, file in REPORTS.items()}
    return {name: str(path) for name, path in paths.items() if path.exists()}


if __name__ == "__main__":
    main()
