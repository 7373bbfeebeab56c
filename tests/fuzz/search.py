"""Searches one input with hypothesis: from a seed, so many cases, and the smallest case of each finding."""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from tests.fuzz import answers, arguments, configuration, environment, journal

Case = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Something that the command reads."""

    cases: SearchStrategy[Case]
    findings: Callable[[Case], list[str]]
    """Plays a case, and returns what must not be."""


INPUTS = {
    "configuration": Input(cases=configuration.cases, findings=configuration.findings),
    "environment": Input(cases=environment.cases, findings=environment.findings),
    "arguments": Input(cases=arguments.cases, findings=arguments.findings),
    "answers": Input(cases=answers.cases, findings=answers.findings),
    "journal": Input(cases=journal.cases, findings=journal.findings),
}


PER_TEST = {"configuration": 60, "environment": 60, "arguments": 60, "answers": 40, "journal": 40}
"""How many cases of each seed every run of the tests plays: all of them together in about a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What must not be, and the smallest case that shows it."""

    input: str
    words: str
    case: Case

    @property
    def replay(self) -> str:
        """The command that plays it again."""
        return f"python -m tests.fuzz --input {self.input} --case {shlex.quote(json.dumps(self.case))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some cases, played."""

    played: int
    findings: Sequence[Finding]


class _FoundError(Exception):
    pass


def search(name: str, *, start: int, count: int, known: set[str]) -> Batch:
    """Play `count` cases of an input, and more until no finding is new; `known` findings are passed over, and grow."""
    played = 0
    found: list[Finding] = []
    while (one := _first(name, start=start, count=count, known=known)) is not None:
        played += one.played
        if not one.findings:
            break
        found += one.findings
        known.update(each.words for each in one.findings)
    return Batch(played=played, findings=found)


def _first(name: str, *, start: int, count: int, known: set[str]) -> Batch:
    played = 0
    last: list[Finding] = []
    chosen: list[str] = []

    @seed(start)
    @settings(
        max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False, print_blob=False, verbosity=Verbosity.quiet,
    )  # fmt: skip
    @given(INPUTS[name].cases)
    def play(case: Case) -> None:
        nonlocal played
        played += 1
        new = [words for words in INPUTS[name].findings(case) if words not in known]
        if chosen:
            new = [words for words in new if words == chosen[0]]  # Shrinking stays with what it began with.
        if new:
            chosen[:] = new[:1]
            last[:] = [Finding(input=name, words=new[0], case=case)]
            raise _FoundError

    try:
        play()
    except (_FoundError, Flaky):
        return Batch(played=played, findings=tuple(last))
    return Batch(played=played, findings=())


def found_in(name: str, *, seed: int) -> None:
    """Fail with what is found in the few cases of a seed that every run of the tests plays."""
    batch = search(name, start=seed, count=PER_TEST[name], known=set())
    if batch.findings:
        found = "\n".join(f"{finding.words}\n    {finding.replay}" for finding in batch.findings)
        pytest.fail(f"{len(batch.findings)} findings in {batch.played} cases:\n{found}", pytrace=False)
    # Where hypothesis has seen all that there is, there would be fewer.
    assert batch.played >= PER_TEST[name] * 9 // 10
