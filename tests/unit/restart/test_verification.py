import asyncio
from collections.abc import Mapping

import pytest

from orchestrator.clock import RehearsalClock
from orchestrator.domain.plan import HttpCheck
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.progress import Progress
from orchestrator.restart.verification import INTERVAL, CheckFailure, verify
from tests.support.builders import NOON
from tests.support.log import CapturedLog
from tests.support.scripted_platform import ScriptedProber
from tests.support.time import in_virtual_time

URL = "https://shop.example.test/healthz"
OTHER = "https://shop.example.test/readyz"


def verified(
    *checks: HttpCheck, answers: Mapping[str, Mapping[float, int | str]], until: float = 1000.0
) -> tuple[list[CheckFailure], ScriptedProber, CapturedLog, float]:
    """Verify on virtual time; return the failures, the prober, the log and the second at which it ended."""

    async def go() -> tuple[list[CheckFailure], ScriptedProber, CapturedLog, float]:
        clock = RehearsalClock(NOON)
        log, prober = CapturedLog(clock), ScriptedProber(clock, answers)
        narrator = Narrator(log.logger, clock)
        failures = await verify(
            checks,
            prober=prober,
            clock=clock,
            narrator=narrator,
            until=until,
            progress=Progress([], narrator=narrator, clock=clock),
        )
        return failures, prober, log, clock.monotonic()

    return in_virtual_time(go())


def test_a_good_answer_passes_at_once() -> None:
    failures, prober, log, ended_at = verified(HttpCheck(url=URL), answers={URL: {0: 200}})
    assert (failures, prober.probes, ended_at) == ([], [(URL, 0.0)], 0.0)
    assert [name for name in log.names if name != "verification_answered"] == ["verification_passed"]


def test_a_service_may_need_a_while() -> None:
    failures, _, log, ended_at = verified(HttpCheck(url=URL), answers={URL: {0: "refused", 10: 503, 20: 200}})
    assert (failures, ended_at) == ([], 20.0)
    assert log.named("verification_passed")[0].details == {"url": URL, "elapsed_s": 20.0}


def test_good_answers_must_come_in_a_row() -> None:
    check = HttpCheck(url=URL, consecutive=3)
    failures, prober, _, ended_at = verified(check, answers={URL: {0: 200, 3: 503, 5: 200}})
    assert (failures, ended_at) == ([], 6 + 2 * INTERVAL)
    assert len(prober.probes) == 6


@pytest.mark.parametrize("answer", [500, 302, 201, "no answer within 10 s"], ids=str)
def test_any_answer_but_the_wanted_one_fails_when_the_time_is_up(answer: int | str) -> None:
    check = HttpCheck(url=URL, within=61)
    failures, prober, log, ended_at = verified(check, answers={URL: {0: answer}})
    assert failures == [CheckFailure(check=check, last_answer=answer, waited=check.within)]
    assert (ended_at, prober.probes[-1]) == (61.0, (URL, 60.0))
    assert [(event.name, event.level) for event in log.events if event.level != "debug"] == [
        ("verification_failed", "warning")
    ]
    assert log.named("verification_failed")[0].details == {"url": URL, "last_answer": answer, "wanted": 200}


def test_another_status_than_200_can_be_wanted() -> None:
    assert verified(HttpCheck(url=URL, status=401), answers={URL: {0: 401}})[0] == []


def test_a_good_answer_that_comes_too_late_is_not_waited_for() -> None:
    failures, *_ = verified(HttpCheck(url=URL, within=60), answers={URL: {0: 503, 60.5: 200}})
    assert [failure.last_answer for failure in failures] == [503]


def test_a_good_answer_at_the_last_moment_passes() -> None:
    assert verified(HttpCheck(url=URL, within=61), answers={URL: {0: 503, 60: 200}})[0] == []


def test_a_streak_that_the_time_cuts_off_fails() -> None:
    check = HttpCheck(url=URL, consecutive=3, within=10)
    failures, *_ = verified(check, answers={URL: {0: 503, 8: 200}})
    assert [failure.last_answer for failure in failures] == [200]


def test_the_environments_deadline_ends_a_check_early() -> None:
    failures, _, _, ended_at = verified(HttpCheck(url=URL, within=600), answers={URL: {0: 503}}, until=30)
    assert (len(failures), ended_at) == (1, 30.0)


def test_a_deadline_that_has_passed_leaves_no_probe() -> None:
    failures, prober, _, ended_at = verified(HttpCheck(url=URL), answers={URL: {0: 200}}, until=-1)
    assert ([failure.last_answer for failure in failures], prober.probes, ended_at) == (["never asked"], [], 0.0)


def test_a_probe_has_the_time_that_is_left() -> None:
    given = []

    class SilentProber:
        async def probe(self, url: str, *, within: float) -> str:
            given.append(within)
            await asyncio.sleep(min(within, 3))
            return "no answer"

    async def go() -> tuple[list[CheckFailure], float]:
        clock = RehearsalClock(NOON)
        narrator = Narrator(CapturedLog(clock).logger, clock)
        check = HttpCheck(url=URL, within=9)
        failures = await verify(
            [check],
            prober=SilentProber(),
            clock=clock,
            narrator=narrator,
            until=1000.0,
            progress=Progress([], narrator=narrator, clock=clock),
        )
        return failures, clock.monotonic()

    failures, ended_at = in_virtual_time(go())
    assert (len(failures), given, ended_at) == (1, [9.0, 4.0], 9.0)


def test_all_checks_run_at_once_and_each_failure_is_returned_in_their_order() -> None:
    slow, bad = HttpCheck(url=URL, within=50), HttpCheck(url=OTHER, within=20)
    failures, _, log, ended_at = verified(slow, bad, answers={URL: {0: 503}, OTHER: {0: 404}})
    assert ([failure.check for failure in failures], ended_at) == ([slow, bad], 50.0)
    assert len(log.named("verification_failed")) == 2


def test_no_checks_fail_nothing() -> None:
    assert verified(answers={})[0] == []


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        pytest.param(
            CheckFailure(check=HttpCheck(url=URL), last_answer=503, waited=60.0),
            f"{URL} did not answer HTTP 200 within 60 s (last: HTTP 503)",
            id="a status",
        ),
        pytest.param(
            CheckFailure(check=HttpCheck(url=URL, status=204, consecutive=3), last_answer="refused", waited=0.5),
            f"{URL} did not answer HTTP 204 3 times in a row within 0.5 s (last: refused)",
            id="words, and a streak",
        ),
    ],
)
def test_a_failure_says_what_was_wanted_and_what_came(failure: CheckFailure, words: str) -> None:
    assert str(failure) == words


@pytest.mark.parametrize("answer", [200, 503])
def test_what_a_url_took_from_the_environment_is_shown_as_the_file_says_it(answer: int) -> None:
    url = "https://s3cret.example.test/s3cret"
    check = HttpCheck(url=url, shown="https://${HOST}.example.test/${PATH}")
    failures, prober, log, _ = verified(check, answers={url: {0: answer}})
    told = f"{failures} {log.events}" if answer == 200 else f"{failures[0]} {log.events}"
    assert "s3cret" not in told
    assert "https://${HOST}.example.test/${PATH}" in told
    assert prober.probes[0][0] == url


def test_what_a_url_keeps_secret_is_shown_nowhere() -> None:
    secret = "https://me:pa55@shop.example.test/healthz?key=s3cret"
    failures, _, log, _ = verified(HttpCheck(url=secret, within=1), answers={secret: {0: 503}})
    shown = f"{failures[0]} {log.events}"
    assert "pa55" not in shown
    assert "s3cret" not in shown


def test_a_good_answer_that_arrives_after_its_time_is_none() -> None:
    class SlowProber:
        async def probe(self, url: str, *, within: float) -> int:
            await asyncio.sleep(8)
            return 200

    async def go() -> list[CheckFailure]:
        clock = RehearsalClock(NOON)
        narrator = Narrator(CapturedLog(clock).logger, clock)
        check = HttpCheck(url=URL, within=5)
        return await verify(
            [check],
            prober=SlowProber(),
            clock=clock,
            narrator=narrator,
            until=1000.0,
            progress=Progress([], narrator=narrator, clock=clock),
        )

    assert len(in_virtual_time(go())) == 1
