"""Endings in words: what a person reads at three in the morning."""

import pytest

from orchestrator.domain.outcomes import EnvironmentResult, Outcome, Reason
from orchestrator.domain.ownership import Ours, Standing, Trace
from orchestrator.domain.plan import HttpCheck
from orchestrator.domain.readiness import Obstacle, Readiness
from orchestrator.domain.verdict import Finding, ServiceVerdict, Verdict
from orchestrator.errors import JournalError, PlatformError
from orchestrator.restart import settlement
from orchestrator.restart.polling import GaveUp
from orchestrator.restart.settlement import Settlement
from orchestrator.restart.verification import CheckFailure
from tests.support.builders import execution, holder, run, service, target

OURS = target("api", "web")
DONE, FAILED, ABSENT = (
    ServiceVerdict(finding=finding) for finding in (Finding.SUCCEEDED, Finding.FAILED, Finding.UNPROVEN)
)
ERROR = PlatformError("GET /x: HTTP 403: no", status=403)
BUSY = Readiness(obstacle=Obstacle.BUSY, running=(service("api"),), affected=("API (DEPLOYING)",))


RESTARTED = Settlement(outcome=Outcome.SUCCEEDED, reason=Reason.RESTARTED, message="Every service restarted.")


def verdict(finding: Finding, reason: Reason | None, api: ServiceVerdict, web: ServiceVerdict) -> Verdict:
    return Verdict(finding=finding, reason=reason, services={"api": api, "web": web})


@pytest.mark.parametrize(
    ("given", "outcome", "words"),
    [
        pytest.param(
            verdict(Finding.SUCCEEDED, Reason.RESTARTED, DONE, DONE), Outcome.SUCCEEDED, "Every service", id="success"
        ),
        pytest.param(
            verdict(Finding.FAILED, Reason.RESTART_ERROR, DONE, FAILED), Outcome.FAILED, "restart WEB.", id="failure"
        ),
        pytest.param(
            verdict(Finding.CANCELLED, Reason.RUN_CANCELLED, FAILED, FAILED),
            Outcome.CANCELLED,
            "API, WEB did not restart",
            id="cancelled",
        ),
        pytest.param(
            verdict(Finding.ABSENT, Reason.NOT_RESTARTED, DONE, ABSENT),
            Outcome.FAILED,
            "nothing shows that WEB",
            id="left out",
        ),
        pytest.param(
            verdict(Finding.ABSENT, Reason.REQUEST_CANCELLED, ABSENT, ABSENT),
            Outcome.CANCELLED,
            "left the queue",
            id="cancelled in the queue",
        ),
        pytest.param(
            verdict(Finding.ABSENT, Reason.SUPERSEDED, ABSENT, ABSENT),
            Outcome.CANCELLED,
            "in place of",
            id="superseded",
        ),
        pytest.param(
            verdict(Finding.ABSENT, Reason.UNATTRIBUTED, DONE, DONE),
            Outcome.UNKNOWN,
            "it has another origin or name than our requests",
            id="for whom?",
        ),
        pytest.param(
            verdict(Finding.ABSENT, Reason.SERVICE_DISAPPEARED, DONE, ABSENT),
            Outcome.FAILED,
            "WEB disappeared",
            id="disappeared",
        ),
    ],
)
def test_a_verdict_becomes_an_outcome_with_the_names_that_matter(given: Verdict, outcome: Outcome, words: str) -> None:
    settled = settlement.by_verdict(given, OURS, missing=["web"])
    assert (settled.outcome, settled.reason) == (outcome, given.reason)
    assert words in settled.message


def test_a_success_names_what_was_left_out() -> None:
    one = Verdict(finding=Finding.SUCCEEDED, reason=Reason.RESTARTED, services={"api": DONE})
    assert settlement.by_verdict(one, OURS).message == (
        "Every service restarted that was running; left out, since not running: WEB."
    )


def test_a_journal_that_is_an_old_copy_is_named() -> None:
    settled = settlement.journal_outdated(run(42, {"api": "RESTARTED"}))
    assert (settled.outcome, settled.reason) == (Outcome.UNKNOWN, Reason.SUBMIT_UNCONFIRMED)
    assert f"{execution(42)} restarted these services" in settled.message


@pytest.mark.parametrize(
    ("suspected", "is_said"), [(Reason.UNATTRIBUTED, True), (Reason.REQUEST_CANCELLED, False), (None, False)]
)
def test_a_timeout_says_what_was_suspected_only_where_that_helps(suspected: Reason | None, is_said: bool) -> None:
    settled = settlement.timed_out(by_run=False, elapsed=90.0, afterwards="It continues.", suspected=suspected)
    assert ("`api.origin`" in settled.message) is is_said
    assert settled.message.endswith("It continues.")


def test_a_refusal_that_could_not_be_confirmed_is_quoted() -> None:
    settled = settlement.unconfirmed(Reason.DEADLINE, looked_for=30.0, saw=None, refusal=ERROR)
    assert settled.message.startswith(f"The submit was refused ({ERROR}), and in 30 s")


def test_a_verdict_without_a_reason_is_never_taken_for_a_success() -> None:
    settled = settlement.by_verdict(verdict(Finding.ABSENT, None, ABSENT, ABSENT), OURS)
    assert (settled.outcome, settled.reason) == (Outcome.FAILED, Reason.NOT_RESTARTED)


@pytest.mark.parametrize(
    ("obstacle", "reason", "advice"),
    [
        (Obstacle.STOPPED, Reason.STOPPED, "on_stopped: skip"),
        (Obstacle.UNREADABLE, Reason.NO_BASELINE, "console"),
        (Obstacle.BUSY, Reason.BUSY, "Run again when it has ended"),
    ],
    ids=["stopped", "unreadable", "busy"],
)
def test_what_stands_in_the_way_is_named_with_what_to_do_about_it(
    obstacle: Obstacle, reason: Reason, advice: str
) -> None:
    settled = settlement.blocked(Readiness(obstacle=obstacle, running=(), affected=("API (X)", "WEB (Y)")))
    assert (settled.outcome, settled.reason) == (Outcome.BLOCKED, reason)
    assert "API (X), WEB (Y)" in settled.message
    assert advice in settled.message
    assert settled.message.endswith("Nothing was submitted.")


def test_what_policy_skips_is_named() -> None:
    settled = settlement.not_running(Readiness(obstacle=Obstacle.STOPPED, running=(), affected=("API (STOPPED)",)))
    assert (settled.outcome, settled.reason) == (Outcome.SKIPPED, Reason.NOT_RUNNING)
    assert "API (STOPPED)" in settled.message


@pytest.mark.parametrize(
    ("gave_up", "obstacle", "by_run", "outcome", "reason"),
    [
        pytest.param(Reason.CONTACT_LOST, BUSY, True, Outcome.UNKNOWN, Reason.CONTACT_LOST, id="contact lost"),
        pytest.param(Reason.DEADLINE, BUSY, True, Outcome.TIMED_OUT, Reason.RUN_DEADLINE, id="the run's deadline"),
        pytest.param(Reason.DEADLINE, BUSY, False, Outcome.BLOCKED, Reason.BUSY, id="busy to the end"),
        pytest.param(Reason.DEADLINE, None, False, Outcome.TIMED_OUT, Reason.DEADLINE, id="nothing in the way"),
    ],
)
def test_what_was_never_submitted_says_why_and_that_nothing_was(
    gave_up: GaveUp, obstacle: Readiness | None, by_run: bool, outcome: Outcome, reason: Reason
) -> None:
    settled = settlement.never_started(
        gave_up, obstacle=obstacle, waited=1800, silence="No answer for 300 s.", by_run=by_run
    )
    assert (settled.outcome, settled.reason) == (outcome, reason)
    assert "Nothing was submitted." in settled.message


@pytest.mark.parametrize(
    ("gave_up", "reason"),
    [(Reason.CONTACT_LOST, Reason.CONTACT_LOST), (Reason.DEADLINE, Reason.SUBMIT_UNCONFIRMED)],
    ids=["contact lost", "deadline"],
)
def test_a_submit_that_was_never_confirmed_is_unknown(gave_up: GaveUp, reason: Reason) -> None:
    settled = settlement.unconfirmed(gave_up, looked_for=301.4, saw=Trace.UNCLEAR)
    assert (settled.outcome, settled.reason) == (Outcome.UNKNOWN, reason)
    assert "301 s" in settled.message
    assert "(last seen: part of the picture is missing)" in settled.message
    assert "last seen" not in settlement.unconfirmed(gave_up, looked_for=0.0, saw=None).message


@pytest.mark.parametrize(
    ("by_run", "reason"), [(True, Reason.RUN_DEADLINE), (False, Reason.DEADLINE)], ids=["run", "environment"]
)
def test_a_deadline_says_whose_it_was(by_run: bool, reason: Reason) -> None:
    settled = settlement.timed_out(by_run=by_run, elapsed=1800.0, afterwards="And then?")
    assert (settled.outcome, settled.reason) == (Outcome.TIMED_OUT, reason)
    assert ("run's deadline" in settled.message) is by_run
    assert settled.message.endswith("And then?")


ENDINGS = [
    pytest.param(
        settlement.locked(holder(at_work=True)),
        Outcome.BLOCKED,
        Reason.LOCKED,
        "Held since 2026-11-24 11:00:00 UTC by the run run-2, which has not ended: process 7 on runner-1 is at work on "
        "it. Wait for it with --wait-lock DURATION, or run again when it has ended. Nothing was submitted.",
        id="held by a run at work",
    ),
    pytest.param(
        settlement.locked(holder(at_work=False)),
        Outcome.BLOCKED,
        Reason.LOCKED,
        "process 7 on runner-1 is dead. Finish it with `qovery-restart resume run-2`, or abandon it with "
        "`qovery-restart resume run-2 --abandon`. Nothing was submitted.",
        id="held by a run that was interrupted",
    ),
    pytest.param(
        settlement.journal_unwritable(JournalError("The disk is full.")),
        Outcome.BLOCKED,
        Reason.JOURNAL_UNWRITABLE,
        "The disk is full. What is not in the journal before it is submitted could be submitted twice, so nothing "
        "was submitted.",
        id="not to be written down",
    ),
    pytest.param(
        settlement.never_accepted(),
        Outcome.SKIPPED,
        Reason.NOT_BEGUN,
        "never arrived at Qovery",
        id="nothing to cancel",
    ),
    pytest.param(
        settlement.not_cancelled(Ours(standing=Standing.AWAITED)),
        Outcome.UNKNOWN,
        Reason.NOT_CANCELLED,
        "not provably ours alone: another request waits behind it. It may still be running at Qovery: look at the "
        "environment in the console.",
        id="not cancelled",
    ),
    pytest.param(
        settlement.contact_lost(silence="No answer for 300 s."),
        Outcome.UNKNOWN,
        Reason.CONTACT_LOST,
        "300 s",
        id="contact",
    ),
    pytest.param(
        settlement.unverified(
            [CheckFailure(check=HttpCheck(url="https://x.test"), last_answer=503, waited=29.0)],
            RESTARTED,
            by_run=False,
            elapsed=600.4,
        ),
        Outcome.TIMED_OUT,
        Reason.DEADLINE,
        "The deadline passed 600 s after the submit. Every service restarted, but https://x.test did not answer "
        "HTTP 200 within 29 s (last: HTTP 503).",
        id="not verified by the deadline",
    ),
    pytest.param(
        settlement.unhealthy(
            [CheckFailure(check=HttpCheck(url="https://x.test"), last_answer=503, waited=60.0)], RESTARTED
        ),
        Outcome.FAILED,
        Reason.VERIFICATION_FAILED,
        "HTTP 503",
        id="unhealthy",
    ),
    pytest.param(settlement.refused(ERROR), Outcome.FAILED, Reason.SUBMIT_REFUSED, str(ERROR), id="refused"),
    pytest.param(
        settlement.token_refused(ERROR, submitted=False),
        Outcome.FAILED,
        Reason.TOKEN_REFUSED,
        "Nothing was submitted",
        id="token refused before",
    ),
    pytest.param(
        settlement.token_refused(ERROR, submitted=True),
        Outcome.UNKNOWN,
        Reason.TOKEN_REFUSED,
        "may still be running",
        id="token refused after",
    ),
    pytest.param(
        settlement.environment_disappeared(ERROR), Outcome.FAILED, Reason.ENVIRONMENT_DISAPPEARED, str(ERROR), id="gone"
    ),
    pytest.param(
        settlement.interrupted(submitted=False, in_doubt=False),
        Outcome.SKIPPED,
        Reason.INTERRUPTED,
        "Nothing was submitted",
        id="interrupted before",
    ),
    pytest.param(
        settlement.interrupted(submitted=True, in_doubt=False),
        Outcome.UNKNOWN,
        Reason.INTERRUPTED,
        "continues at Qovery",
        id="interrupted after",
    ),
    pytest.param(
        settlement.interrupted(submitted=True, in_doubt=True),
        Outcome.UNKNOWN,
        Reason.INTERRUPTED,
        "may have been accepted",
        id="interrupted between",
    ),
    pytest.param(
        settlement.defect(KeyError("x"), submitted=False),
        Outcome.UNKNOWN,
        Reason.INTERNAL_ERROR,
        "(KeyError); the log has the details. Nothing was submitted.",
        id="a defect before",
    ),
    pytest.param(
        settlement.defect(KeyError("x"), submitted=True),
        Outcome.UNKNOWN,
        Reason.INTERNAL_ERROR,
        "may still be running",
        id="a defect after",
    ),
]


@pytest.mark.parametrize(("settled", "outcome", "reason", "words"), ENDINGS)
def test_every_other_ending_has_its_outcome_its_reason_and_its_words(
    settled: Settlement, outcome: Outcome, reason: Reason, words: str
) -> None:
    assert (settled.outcome, settled.reason) == (outcome, reason)
    assert words in settled.message


@pytest.mark.parametrize(("settled", "outcome", "reason", "words"), ENDINGS)
def test_none_of_these_endings_exits_0(settled: Settlement, outcome: Outcome, reason: Reason, words: str) -> None:
    result = EnvironmentResult(
        name="x", environment_id="x", wave=1, outcome=settled.outcome, reason=settled.reason, message=settled.message
    )
    assert result.exit_code != 0


@pytest.mark.parametrize(
    ("finding", "reason"),
    [(Finding.CANCELLED, Reason.RUN_CANCELLED), (Finding.ABSENT, Reason.REQUEST_CANCELLED)],
)
def test_what_we_have_cancelled_ourselves_asks_for_nobody(finding: Finding, reason: Reason) -> None:
    given = verdict(finding, reason, ABSENT, ABSENT)
    by_others, by_us = (settlement.by_verdict(given, OURS, cancelled_by_us=ours) for ours in (False, True))
    assert (by_us.outcome, by_us.reason) == (by_others.outcome, by_others.reason)
    assert "as this command asked" in by_us.message
    assert "un again" not in by_us.message
