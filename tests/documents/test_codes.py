"""The codes that reports and logs carry are snake_case, and the guide lists each of them and no other."""

import re
from collections.abc import Mapping
from enum import StrEnum

import pytest

from orchestrator.domain.accounts import WaitedFor
from orchestrator.domain.evidence import Doubt
from orchestrator.domain.notices import NoticeKind, Undelivered
from orchestrator.domain.outcomes import Outcome, Reason
from orchestrator.domain.ownership import Standing, Trace
from orchestrator.domain.verdict import Finding
from orchestrator.reports.model import Trigger
from orchestrator.schedules import DecisionReason
from tests.support.guide import page

CODES = page("codes")
LOGGED: Mapping[tuple[str, ...], type[StrEnum]] = {
    ("notice_not_sent", "reason"): Undelivered,
    ("notice_not_sent", "kind"): NoticeKind,
    ("history_read", "doubt"): Doubt,
    ("history_read", "finding"): Finding,
    ("submit_looked_for", "found"): Trace,
    ("cancel_considered", "standing"): Standing,
    ("schedule_due", "schedule_skipped", "schedule_missed", "schedule_failed", "reason"): DecisionReason,
}


def table(head: str) -> list[list[str]]:
    """The rows of the table with this head, each a list of cells."""
    _, found, rest = CODES.partition(f"{head}\n")
    assert found, f"codes.md has no table {head}"
    rows = rest.splitlines()[1:]
    end = next((number for number, row in enumerate(rows) if not row.startswith("|")), len(rows))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[:end]]


def logged() -> dict[tuple[str, ...], list[str]]:
    """The codes of each event and key, as the guide lists them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for where, code, meaning in table("| event and key | code | meaning |"):
        assert meaning
        if where:
            codes = found[tuple(re.findall(r"`(\w+)`", where))] = []
        codes.append(code.strip("`"))
    return found


def test_the_guide_lists_every_reason() -> None:
    rows = table("| reason | meaning |")
    assert [reason.strip("`") for reason, _ in rows] == [reason.value for reason in Reason]
    assert all(meaning for _, meaning in rows)


def test_the_guide_lists_every_outcome() -> None:
    (listed,) = re.findall(r"`outcome` \((.*?)\)", CODES, re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == [outcome.value for outcome in Outcome]


@pytest.mark.parametrize(
    ("key", "codes"), [("what", WaitedFor), ("trigger", Trigger)], ids=["what was waited for", "what started a run"]
)
def test_the_guide_lists_every_code_of_a_key_of_reports(key: str, codes: type[StrEnum]) -> None:
    (listed,) = re.findall(rf"\(`{key}`: (.*?)\)", CODES, re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == [code.value for code in codes]


@pytest.mark.parametrize("where", LOGGED, ids=" ".join)
def test_the_guide_lists_every_code_of_an_event(where: tuple[str, ...]) -> None:
    assert logged()[where] == [member.value for member in LOGGED[where]]


def test_the_guide_lists_no_other_event() -> None:
    assert logged().keys() == LOGGED.keys()


@pytest.mark.parametrize(
    "codes", [Outcome, Reason, WaitedFor, Trigger, *LOGGED.values()], ids=lambda codes: codes.__name__
)
def test_a_code_is_one_snake_case_word(codes: type[StrEnum]) -> None:
    assert [member.value for member in codes] == [member.name.lower() for member in codes]
