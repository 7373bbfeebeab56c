"""Whom a plan names, and the libraries that send in their own way, faked."""

import asyncio
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Self

import httpx
import pytest

from orchestrator.domain.notices import Destination, NoticeKind, NoticePlan, NotifyOn, SecretPlace, Undelivered
from orchestrator.notices import traces
from orchestrator.notices.sending import addressees_of, open_notices, shown_host
from orchestrator.notices.threads import in_thread
from orchestrator.ports import Delivery
from orchestrator.simulator.virtual_time import VirtualTimeLoop
from tests.support.notices import end_of
from tests.support.time import HandClock

APPRISE = Destination(kind=NoticeKind.APPRISE, place=SecretPlace(env="APPRISE"), named_by="notify.to[0].apprise")
TO_APPRISE = NoticePlan(on=NotifyOn.ALWAYS, to=(APPRISE,))


def sent(plan: NoticePlan, environ: Mapping[str, str]) -> list[Delivery]:
    """Tell of a good run, and return what became of each notice."""

    async def send() -> list[Delivery]:
        addressees, problems = addressees_of(plan, environ)
        assert problems == []
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        async with open_notices(plan, addressees, environ=environ, clock=HandClock(), transport=transport) as sender:
            return [await notice.send() for notice in sender.ended(end_of())]

    return asyncio.run(send())


class FakeApprise(ModuleType):
    """Knows `json://`, keeps what it is told."""

    told: list[tuple[str, str]]
    works = True

    def __init__(self) -> None:
        super().__init__("apprise")
        self.told = []

    def Apprise(self) -> Self:  # noqa: N802 - the library's name
        return self

    def add(self, url: str) -> bool:
        return url.startswith("json://")

    def notify(self, *, title: str, body: str) -> bool:
        self.told.append((title, body))
        return self.works


@pytest.fixture
def apprise(monkeypatch: pytest.MonkeyPatch) -> FakeApprise:
    fake = FakeApprise()
    monkeypatch.setitem(sys.modules, "apprise", fake)
    return fake


def test_apprise_is_given_a_title_and_a_text(apprise: FakeApprise) -> None:
    assert sent(TO_APPRISE, {"APPRISE": "json://key@host"}) == [Delivery(kind=NoticeKind.APPRISE, to="json:")]
    ((title, body),) = apprise.told
    assert "night.yaml restarted" in title
    assert "Run 20261124" in body


def test_a_url_that_apprise_does_not_know_is_a_problem(apprise: FakeApprise) -> None:
    (delivery,) = sent(TO_APPRISE, {"APPRISE": "nosuch://token"})
    assert (delivery.problem, delivery.to) == (Undelivered.REFUSED, "nosuch:")


def test_what_apprise_could_not_send_is_a_problem(apprise: FakeApprise) -> None:
    apprise.works = False
    assert sent(TO_APPRISE, {"APPRISE": "json://h"})[0].problem is Undelivered.REFUSED


def test_without_apprise_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    (delivery,) = sent(TO_APPRISE, {"APPRISE": "json://h"})
    assert (delivery.problem, delivery.words) == (Undelivered.NOT_INSTALLED, "pip install 'qovery-restart[notify]'")


def test_whatever_apprise_raises_is_a_problem(apprise: FakeApprise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise, "add", lambda _: 1 / 0)
    (delivery,) = sent(TO_APPRISE, {"APPRISE": "json://h"})
    assert (delivery.problem, delivery.words) == (Undelivered.BROKEN, "ZeroDivisionError")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@hooks.example.test/T0/x", "hooks.example.test"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("tgram://token/chat", "tgram:"),
        ("mailto://user:pw@example.test", "mailto:"),
    ],
)
def test_of_a_url_only_the_host_is_shown_and_not_even_that_where_it_may_be_a_token(url: str, shown: str) -> None:
    assert shown_host(url) == shown


@pytest.mark.parametrize("text", ["discord", "\u00e9tat://x", "json://a\nb"])
def test_what_is_no_url_of_any_scheme_is_refused(text: str) -> None:
    found, problems = addressees_of(TO_APPRISE, {"APPRISE": text})
    assert found == []
    assert problems[0].startswith("notify.to[0].apprise: the environment variable APPRISE does not hold a URL")


def test_a_url_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("\ufeffhttps://hooks.example.test/T0\n", encoding="utf-8")
    place = SecretPlace(file=str(tmp_path / "hook"))
    plan = NoticePlan(to=(Destination(kind=NoticeKind.SLACK, place=place, named_by="notify.to[0].slack"),))
    (found,), _ = addressees_of(plan, {})
    assert found.url.get_secret_value() == "https://hooks.example.test/T0"
    assert "T0" not in repr(found)
    (tmp_path / "hook").unlink()
    assert addressees_of(plan, {})[1] == [
        f"notify.to[0].slack: no URL: cannot read the file {tmp_path / 'hook'}: No such file or directory."
    ]


# Traces.

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


def test_traces_go_where_the_variable_says_and_nowhere_without_it() -> None:
    assert traces.endpoint_of({}) is None
    assert traces.endpoint_of({**COLLECTOR, "OTEL_SDK_DISABLED": "true"}) is None
    assert traces.endpoint_of(COLLECTOR) == "http://127.0.0.1:9"


def test_a_collector_that_never_answers_is_left_after_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(traces, "is_installed", lambda: True)
    monkeypatch.setattr(traces, "export", lambda _: never.wait(60))

    async def send() -> tuple[Delivery, float]:
        async with open_notices(NoticePlan(), [], environ=COLLECTOR, clock=HandClock()) as sender:
            (notice,) = sender.ended(end_of())
            return await notice.send(), asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        delivery, took = runner.run(send())
    never.set()
    assert (delivery.problem, took) == (Undelivered.NO_ANSWER, traces.FLUSH_WITHIN)


@pytest.mark.parametrize(("accepted", "problem"), [(True, None), (False, Undelivered.REFUSED)])
def test_what_the_collector_says_counts(
    accepted: bool, problem: Undelivered | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "is_installed", lambda: True)
    monkeypatch.setattr(traces, "export", lambda _: accepted)
    assert [delivery.problem for delivery in sent(NoticePlan(), COLLECTOR)] == [problem]


# Threads.


def test_a_call_in_a_thread_returns_or_raises_what_it_does() -> None:
    assert asyncio.run(in_thread(lambda: 7)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 // 0))


def test_a_call_that_hangs_is_left_behind() -> None:
    never = threading.Event()

    async def give_up() -> bool:
        task = asyncio.ensure_future(in_thread(lambda: never.wait(60)))
        await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.4)
        return task in done

    assert asyncio.run(give_up())
    never.set()
