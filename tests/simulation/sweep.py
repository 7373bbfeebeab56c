"""Play many hostile nights, each in a world of its own, and keep what came out, slice by slice.

python -m tests.simulation.sweep --from 3000000 --count 20000 --results sweep.jsonl --jobs 2
python -m tests.simulation.sweep --from 3000000 --count 5000 --results sweep.jsonl --ordeals death

A slice that is in the file for this commit is not played again: after a crash, the same command goes on.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.simulator.faults import FaultProfile
from tests.simulation.oracle import command_to_replay, violations
from tests.simulation.replay import ORDEALS, play
from tests.simulation.worlds import WORST

SLICE = 50
"""Nights."""
PROFILE = FaultProfile.HOSTILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some nights that are played one after the other, with one ordeal."""

    first: int
    count: int
    ordeal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out of a slice: a line of the file."""

    first: int
    count: int
    ordeal: str
    commit: str
    outcomes: dict[str, int]
    """How many environments ended so."""
    violations: list[dict[str, Any]]
    """The nights on which a promise was broken: seed, problems, and the command that replays them."""

    @property
    def of(self) -> Slice:
        """The slice."""
        return Slice(first=self.first, count=self.count, ordeal=self.ordeal)


def play_slice(which: Slice, commit: str) -> Result:
    """Play the nights of a slice."""
    outcomes: Counter[str] = Counter()
    violated = []
    for seed in range(which.first, which.first + which.count):
        ends, problems = _night(seed, which.ordeal)
        outcomes.update(ends)
        if problems:
            replay = command_to_replay(profile=PROFILE, seed=seed, ordeal=which.ordeal)
            violated.append({"seed": seed, "problems": problems, "replay": replay})
    return Result(**asdict(which), commit=commit, outcomes=dict(outcomes), violations=violated)


def _night(seed: int, ordeal: str) -> tuple[list[str], list[str]]:
    """Return how the environments of a night ended, and what was violated."""
    try:
        run = play(seed, profile=PROFILE, ordeal=ordeal)
        problems = violations(run)
    except Exception as error:  # noqa: BLE001 - one night must not end the sweep
        return ["crashed"], [f"CRASHED: {error!r}"]
    if run.final is None:
        return ["refused"], problems
    return [f"{each.outcome}: {each.reason}" for each in run.final.environments], problems


def slices(first: int, count: int, ordeals: Iterable[str]) -> Iterator[Slice]:
    """Divide nights into slices, all ordeals of the earliest nights first."""
    for start in range(first, first + count, SLICE):
        for ordeal in ordeals:
            yield Slice(first=start, count=min(SLICE, first + count - start), ordeal=ordeal)


def results_in(path: Path, *, commit: str) -> list[Result]:
    """Return what a file has of a commit. A line that a crash has cut off does not count."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            result = Result(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if result.commit == commit:
            found.append(result)
    return found


def append(path: Path, result: Result) -> None:
    """Write a line, so that it survives a crash."""
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut_off else "") + json.dumps(asdict(result)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def this_commit() -> str:
    """Return the commit that is checked out; one that is changed is another, and not to be found again."""
    commit = _git("rev-parse", "HEAD")
    return f"{commit}, changed" if _git("status", "--porcelain", "--untracked-files=no") else commit


def _git(*arguments: str) -> str:
    here = Path(__file__).parent
    return subprocess.run(["git", *arguments], cwd=here, check=True, capture_output=True, text=True).stdout.strip()


def summary(results: Sequence[Result]) -> str:
    """Render as Markdown: a row for each ordeal, then how environments ended."""
    ordeals = sorted({result.ordeal for result in results}, key=ORDEALS.index)
    rows = [_row(ordeal, [result for result in results if result.ordeal == ordeal]) for ordeal in ordeals]
    outcomes: Counter[str] = Counter()
    for result in results:
        outcomes.update(result.outcomes)
    return "\n".join(
        (
            f"| ordeal | nights | violated | {' | '.join(WORST)} | unknown |",
            f"|---|---:|---:|{'---:|' * len(WORST)}---:|",
            *rows,
            "",
            *(f"{count:8} {outcome}" for outcome, count in sorted(outcomes.items())),
        )
    )


def _row(ordeal: str, results: Sequence[Result]) -> str:
    violated = [night for result in results for night in result.violations]
    worst = [sum(any(words in each for each in night["problems"]) for night in violated) for words in WORST]
    unknown = sum(
        count for result in results for outcome, count in result.outcomes.items() if outcome.startswith("unknown")
    )
    cells = (ordeal, sum(result.count for result in results), len(violated), *worst, unknown)
    return f"| {' | '.join(map(str, cells))} |"


def sweep(wanted: Iterable[Slice], path: Path, *, commit: str, jobs: int) -> list[Result]:
    """Play the slices that a file has not of a commit yet, and return what came out of all of them."""
    wanted = list(wanted)
    there = {result.of: result for result in results_in(path, commit=commit)}
    missing = [which for which in wanted if which not in there]
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(play_slice, which, commit) for which in missing]):
            result = done.result()
            append(path, result)
            there[result.of] = result
    return [there[which] for which in wanted]


def main() -> int:
    """Sweep what the command line asks for; return 1 where anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, required=True, help="the first seed")
    parser.add_argument("--count", type=int, required=True, help="how many nights for each ordeal")
    parser.add_argument("--results", type=Path, required=True, help="the file that is appended to, and resumed from")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    parser.add_argument("--ordeals", default=",".join(ORDEALS), help="what happens to the run's own process")
    options = parser.parse_args()
    ordeals = options.ordeals.split(",")
    if not set(ordeals) <= set(ORDEALS):
        parser.error(f"--ordeals: expected some of {','.join(ORDEALS)}")
    results = sweep(
        slices(options.first, options.count, ordeals), options.results, commit=this_commit(), jobs=options.jobs
    )
    for result in results:
        for night in result.violations:
            print("\n    ".join((night["replay"], *night["problems"])))  # noqa: T201 - this is a command
    print(summary(results))  # noqa: T201
    return 1 if any(result.violations for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
