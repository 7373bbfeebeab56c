"""What went wrong, as GitHub shows it beside a file and on the page of a run: its annotations."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator.ci import github_command
from orchestrator.reports.digest import HEADLINES, is_problem, next_steps, outcome_words, tally, worst_first
from orchestrator.reports.model import EnvironmentReport, RunReport
from orchestrator.reports.wording import web_address
from orchestrator.text import printable

MOST = 10
"""GitHub shows ten errors of a step, and drops the others without a word."""
LONGEST = 4000
LONGEST_TITLE = 200
"""Characters of a message and of a title."""
TITLE = "qovery-restart"
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>[0-9]+):(?P<column>[0-9]+): ")
_NO_FILE = "<stdin>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One thing that went wrong, and where it can be mended."""

    message: str
    title: str = TITLE
    link: str | None = None
    """Where to look, below the message."""
    file: str | None = None
    """As it was given on the command line."""
    line: int | None = None
    column: int | None = None

    def command(self, place_of: "Places") -> str:
        """Return the workflow command that shows it."""
        file = None if self.file is None else place_of.file(self.file)
        message = _shortened(printable(self.message), LONGEST)
        return github_command(
            "error",
            f"{message}\n{self.link}" if self.link else message,
            title=_shortened(printable(self.title), LONGEST_TITLE),
            file=None if file is None else printable(file),
            line=self.line if file is not None else None,
            col=self.column if file is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where files are in the checkout, which is what annotations name.

    Attributes:
        workspace: the checkout; "" if it is not known.
        folder: the directory in which the command runs; by default that of this process.
    """

    workspace: str
    folder: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Places":
        """Return the places of a job of GitHub."""
        return cls(workspace=environ.get("GITHUB_WORKSPACE", ""))

    def file(self, given: str) -> str | None:
        """Return the path of a file inside the checkout; None if it is none of its files."""
        if given == _NO_FILE or "\0" in given:
            return None
        if not self.workspace:
            return given
        try:
            root, path = (os.path.realpath(os.path.join(self.folder, each)) for each in (self.workspace, given))  # noqa: PTH118
        except OSError:  # The directory in which the command runs is gone.
            return None
        return os.path.relpath(path, root) if os.path.commonpath([root, path]) == root else None


def annotations_of_problems(problems: Iterable[str]) -> Iterator[Annotation]:
    """Yield what to show of problems, of which those of a file begin with its name, line and column."""
    for problem in problems:
        place = _PLACE.match(problem)
        if place is None:
            yield Annotation(message=problem)
        else:
            yield Annotation(message=problem, file=place["file"], line=int(place["line"]), column=int(place["column"]))


def annotations_of_environments(report: RunReport) -> Iterator[Annotation]:
    """Yield what to show of environments, the worst first; of the run, if it failed and none of them did."""
    problems = worst_first(environment for environment in report.environments if is_problem(environment))
    for environment in problems:
        yield _of_environment(environment, report)
    if report.exit_code and not problems and not report.errors:
        yield Annotation(message=f"{HEADLINES[report.outcome]}: {tally(report)}.", file=report.config)


def _of_environment(environment: EnvironmentReport, report: RunReport) -> Annotation:
    return Annotation(
        title=f"{environment.name}: {outcome_words(environment.outcome)} ({environment.reason.value})",
        message=environment.message,
        link=web_address(environment.console_url),
        file=report.config,
        line=environment.line,
    )


def hint_of(report: RunReport) -> str | None:
    """Return the command that says how to go on with a run that left something open; None if none did."""
    steps = () if report.simulated else next_steps(report)
    if not steps:
        return None
    return github_command("notice", _shortened(printable(" ".join(steps)), LONGEST), title=f"{TITLE}: how to go on")


class Budget:
    """How many annotations a step still has."""

    def __init__(self) -> None:
        self.left = MOST

    def spend(self, annotations: Sequence[Annotation]) -> tuple[Sequence[Annotation], int]:
        """Return those for which there is room, and how many are left out; the last place is for that number."""
        shown = annotations if len(annotations) <= self.left else tuple(islice(annotations, max(self.left - 1, 0)))
        unshown = len(annotations) - len(shown)
        self.left = max(self.left - len(shown) - bool(unshown), 0)
        return shown, unshown


def more(count: int) -> str:
    """Return the command that says that there is more than GitHub shows."""
    return github_command("error", f"And {count} more: the log has them all.", title=TITLE)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
