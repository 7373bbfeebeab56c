"""Which runs are worth a message, who is named in it, and where the job's page is."""

from collections.abc import Mapping

import pytest

from orchestrator.domain.notices import (
    LastEnding,
    NoticePlan,
    NotifyOn,
    PingPlan,
    SecretPlace,
    link_to_job,
    uuid_of_run,
)
from orchestrator.domain.outcomes import Outcome
from tests.support.notices import end_of, names, result_of


@pytest.mark.parametrize(
    ("on", "last", "code", "worth"),
    [
        (NotifyOn.CHANGE, 0, 1, True),
        (NotifyOn.CHANGE, 1, 1, True),
        (NotifyOn.CHANGE, None, 1, True),
        (NotifyOn.CHANGE, 1, 0, True),
        (NotifyOn.CHANGE, 143, 0, True),
        (NotifyOn.CHANGE, 0, 0, False),
        (NotifyOn.CHANGE, None, 0, False),
        (NotifyOn.FAILURE, 0, 1, True),
        (NotifyOn.FAILURE, 1, 0, False),
        (NotifyOn.FAILURE, 0, 5, True),
        (NotifyOn.ALWAYS, 0, 0, True),
        (NotifyOn.ALWAYS, 0, 1, True),
    ],
)
def test_which_run_is_worth_a_message(on: NotifyOn, last: int | None, code: int, worth: bool) -> None:
    assert end_of(exit_code=code, last=LastEnding(exit_code=last)).is_worth_a_message(on) is worth


def test_of_a_failure_the_troubled_are_named_the_worst_first() -> None:
    end = end_of(
        result_of("good"), result_of("blocked", Outcome.BLOCKED), result_of("bad", Outcome.FAILED), exit_code=1
    )
    assert names(end.named()) == ["bad", "blocked"]
    assert end.by_outcome() == {Outcome.FAILED: 1, Outcome.BLOCKED: 1, Outcome.SUCCEEDED: 1}


def test_of_a_success_everybody_is_named_up_to_ten() -> None:
    assert names(end_of(*(result_of(f"e{number}") for number in range(12))).named()) == [f"e{n}" for n in range(10)]


def test_the_uuid_of_a_run_is_the_same_everywhere_and_of_no_other_run() -> None:
    assert uuid_of_run("a") == uuid_of_run("a") != uuid_of_run("b")


@pytest.mark.parametrize(
    ("environ", "link"),
    [
        ({}, None),
        (
            {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"},
            "https://github.com/a/b/actions/runs/7",
        ),
        ({"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "7"}, None),
        ({"CI_JOB_URL": "https://gitlab.example.test/j/7"}, "https://gitlab.example.test/j/7"),
        ({"BUILD_URL": "http://jenkins.example.test/7/"}, "http://jenkins.example.test/7/"),
        ({"BUILD_URL": "javascript:alert(1)"}, None),
        ({"CI_JOB_URL": "https://a b"}, None),
    ],
)
def test_the_page_of_the_job(environ: Mapping[str, str], link: str | None) -> None:
    assert link_to_job(environ) == link


def test_a_place_is_said_in_words() -> None:
    assert str(SecretPlace(env="HOOK")) == "the environment variable HOOK"
    assert str(SecretPlace(file="/run/hook")) == "the file /run/hook"


def test_the_places_of_a_ping_are_those_that_are_given() -> None:
    place = SecretPlace(env="P")
    assert PingPlan(one=place).places() == {"ping": place}
    assert PingPlan(success=place, failure=place).places() == {"ping.success": place, "ping.failure": place}


def test_metrics_want_to_know_the_last_ending_and_a_ping_does_not() -> None:
    assert NoticePlan(textfile="q.prom").needs_last_ending
    assert not NoticePlan(ping=PingPlan(one=SecretPlace(env="P"))).needs_last_ending
