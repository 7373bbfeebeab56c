"""The port `Notices`: whoever the file names is told, each in its own way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from orchestrator.domain.notices import (
    NoticeKind,
    NoticePlan,
    RunEnd,
    SecretPlace,
    Undelivered,
    link_to_job,
    uuid_of_run,
)
from orchestrator.errors import UsageError
from orchestrator.machine import expand_home
from orchestrator.notices import traces
from orchestrator.notices.messages import document_of, headline, slack_payload, text_of
from orchestrator.notices.metrics import update_metrics
from orchestrator.notices.ping import Ping
from orchestrator.notices.posting import Poster, host_of, make_notice_client, secret_url
from orchestrator.notices.threads import in_thread
from orchestrator.ports import Clock, Delivery, Notice
from orchestrator.secret_places import read_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Somebody whose URL is known."""

    kind: NoticeKind
    named_by: str
    url: SecretStr

    @property
    def host(self) -> str:
        """What may be shown of the URL."""
        return shown_host(self.url.get_secret_value())


def shown_host(url: str) -> str:
    """Return the host of a URL of any scheme; of one without a host that may be shown, only its scheme."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return host_of(httpx.URL(url))
    # The host of other schemes may be a token, as in tgram://token/chat.
    return f"{parts.scheme}:"


def addressees_of(plan: NoticePlan, environ: Mapping[str, str]) -> tuple[list[Addressee], list[str]]:
    """Look up every URL that a plan names; return those that are there, and a problem for each that is not."""
    found, problems = [], []
    for kind, named_by, place in _places(plan):
        try:
            found.append(
                Addressee(kind=kind, named_by=named_by, url=SecretStr(_url_at(kind, named_by, place, environ)))
            )
        except UsageError as error:
            problems.append(str(error))
    return found, problems


def _places(plan: NoticePlan) -> Iterator[tuple[NoticeKind, str, SecretPlace]]:
    for key, place in ({} if plan.ping is None else plan.ping.places()).items():
        yield NoticeKind.PING, key, place
    for destination in plan.to:
        yield destination.kind, destination.named_by, destination.place


def _url_at(kind: NoticeKind, named_by: str, place: SecretPlace, environ: Mapping[str, str]) -> str:
    text = read_secret(place, environ, what=f"{named_by}: no URL", named_by=named_by)
    if kind is NoticeKind.APPRISE:
        scheme = text.partition("://")[0]
        if scheme == text or not scheme.isascii() or not text.isprintable():
            raise UsageError(f"{named_by}: {place} does not hold a URL such as mailto://…; it is not shown.")
        return text
    return str(secret_url(text, where=str(place), named_by=named_by))


class Sender:
    """The port `Notices`.

    Args:
        plan: who is told.
        addressees: those of the plan whose URLs are known.
        poster: sends what goes by HTTP.
        environ: the environment variables: the job's page, and whether traces are wanted.
    """

    def __init__(
        self, plan: NoticePlan, addressees: Sequence[Addressee], *, poster: Poster, environ: Mapping[str, str]
    ) -> None:
        self._plan = plan
        self._to = [each for each in addressees if each.kind is not NoticeKind.PING]
        pings = {each.named_by: each.url.get_secret_value() for each in addressees if each.kind is NoticeKind.PING}
        self._ping = Ping(poster, {key: httpx.URL(url) for key, url in pings.items()})
        self._ping_host = next((shown_host(url) for url in pings.values()), "")
        self._poster = poster
        self._link = link_to_job(environ)
        self._endpoint = traces.endpoint_of(environ)

    async def started(self, run_id: str) -> Sequence[Delivery]:
        """Tell that a run has begun; and, while there is time to change it, that no trace of it will be sent."""
        deliveries = [await self._ping.started(run_id)]
        return [each for each in deliveries if each is not None]

    def not_installed(self) -> Delivery | None:
        """Return that traces are wanted, and their extra is missing; None if all is well."""
        if self._endpoint is None or traces.is_installed():
            return None
        return Delivery(
            kind=NoticeKind.TRACES,
            to=shown_host(self._endpoint),
            problem=Undelivered.NOT_INSTALLED,
            words=traces.INSTALL,
        )

    def ended(self, end: RunEnd) -> Sequence[Notice]:
        """Return what there is to tell of a run that has ended."""
        return list(self._notices(end))

    async def skipped(self, text: str) -> Sequence[Delivery]:
        """Tell that nothing had to run."""
        return [each for each in [await self._ping.skipped(text)] if each is not None]

    async def missed(self, text: str) -> Sequence[Delivery]:
        """Tell that what should have run did not."""
        return [each for each in [await self._ping.missed(text)] if each is not None]

    def _notices(self, end: RunEnd) -> Iterator[Notice]:
        if self._plan.textfile is not None:
            path = Path(self._plan.textfile)
            yield Notice(kind=NoticeKind.METRICS, to=str(path), send=lambda: _write(path, end))
        if self._plan.ping is not None and self._ping_host:
            yield Notice(kind=NoticeKind.PING, to=self._ping_host, send=lambda: self._send_ping(end))
        if end.is_worth_a_message(self._plan.on):
            for each in self._to:
                yield Notice(kind=each.kind, to=each.host, send=self._sending(each, end))
        if self._endpoint is not None and traces.is_installed():
            host = shown_host(self._endpoint)
            yield Notice(kind=NoticeKind.TRACES, to=host, send=lambda: _export(host, end))

    async def _send_ping(self, end: RunEnd) -> Delivery:
        sent = await self._ping.ended(end.run_id, exit_code=end.exit_code, text=end.summary)
        return sent or Delivery(kind=NoticeKind.PING, to=self._ping_host)

    def _sending(self, to: Addressee, end: RunEnd) -> Callable[[], Any]:
        url = to.url.get_secret_value()
        link = self._link or next((each.console_url for each in end.named() if each.console_url), None)
        match to.kind:
            case NoticeKind.SLACK:
                return lambda: self._post_json(to.kind, url, slack_payload(end, link), end)
            case NoticeKind.WEBHOOK:
                return lambda: self._post_json(to.kind, url, document_of(end, link), end)
            case _:
                return lambda: _send_by_apprise(url, to.host, title=headline(end), body=text_of(end, link))

    async def _post_json(self, kind: NoticeKind, url: str, document: Mapping[str, Any], end: RunEnd) -> Delivery:
        headers = {"Content-Type": "application/json"}
        if end.run_id is not None:
            # For whoever gets it twice, because the answer was lost.
            headers["Idempotency-Key"] = str(uuid_of_run(f"{end.run_id}/{end.ended_at.isoformat()}"))
        content = json.dumps(document).encode("ascii")
        return await self._poster.post(kind, httpx.URL(url), content, headers=headers)


async def _write(path: Path, end: RunEnd) -> Delivery:
    try:
        # A file system may hang.
        await in_thread(lambda: update_metrics(expand_home(path), end))
    except (OSError, UsageError) as error:
        words = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        return Delivery(kind=NoticeKind.METRICS, to=str(path), problem=Undelivered.NOT_WRITTEN, words=words)
    except ModuleNotFoundError:
        words = "pip install 'qovery-restart[metrics]'"
        return Delivery(kind=NoticeKind.METRICS, to=str(path), problem=Undelivered.NOT_INSTALLED, words=words)
    return Delivery(kind=NoticeKind.METRICS, to=str(path))


async def _export(host: str, end: RunEnd) -> Delivery:
    try:
        async with asyncio.timeout(traces.FLUSH_WITHIN):
            accepted = await in_thread(lambda: traces.export(end))
    except TimeoutError:
        words = f"not accepted within {traces.FLUSH_WITHIN:g} s"
        return Delivery(kind=NoticeKind.TRACES, to=host, problem=Undelivered.NO_ANSWER, words=words)
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the run is over, and its outcome stands
        return Delivery(kind=NoticeKind.TRACES, to=host, problem=Undelivered.BROKEN, words=type(error).__name__)
    if accepted:
        return Delivery(kind=NoticeKind.TRACES, to=host)
    return Delivery(
        kind=NoticeKind.TRACES, to=host, problem=Undelivered.REFUSED, words="the collector did not take them"
    )


async def _send_by_apprise(url: str, host: str, *, title: str, body: str) -> Delivery:
    def send() -> str | None:
        apprise = import_module("apprise")
        sender = apprise.Apprise()
        if not sender.add(url):
            return "Apprise knows no such URL"
        return None if sender.notify(title=title, body=body) else "Apprise could not send it"

    try:
        words = await in_thread(send)
    except ModuleNotFoundError:
        words = "pip install 'qovery-restart[notify]'"
        return Delivery(kind=NoticeKind.APPRISE, to=host, problem=Undelivered.NOT_INSTALLED, words=words)
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the run is over, and its outcome stands
        return Delivery(kind=NoticeKind.APPRISE, to=host, problem=Undelivered.BROKEN, words=type(error).__name__)
    problem = None if words is None else Undelivered.REFUSED
    return Delivery(kind=NoticeKind.APPRISE, to=host, problem=problem, words=words or "")


@asynccontextmanager
async def open_notices(
    plan: NoticePlan,
    addressees: Sequence[Addressee],
    *,
    environ: Mapping[str, str],
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Sender]:
    """Open what tells `addressees`.

    Raises:
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    urls = [httpx.URL(each.url.get_secret_value()) for each in addressees if each.kind is not NoticeKind.APPRISE]
    async with make_notice_client(urls, transport) as client:
        yield Sender(plan, addressees, poster=Poster(client, clock), environ=environ)
