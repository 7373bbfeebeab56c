"""The dead man's signal: whoever gets it raises the alarm if it stays away."""

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from orchestrator.domain.notices import NoticeKind, uuid_of_run
from orchestrator.notices.posting import Poster
from orchestrator.ports import Delivery

MOST_BYTES = 10_000
"""Of text in a ping. healthchecks.io cuts what is longer, from the wrong end."""
_CUT = "…\n"
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


class Ping:
    """Sends the signal: to one URL by the conventions of healthchecks.io, or to one for each thing to say.

    The conventions (https://healthchecks.io/docs/http_api/): `/start`, `/<exit code>`, `/fail`, `/log` behind the
    URL's path, and `rid`, a uuid that connects the pings of one run.

    Args:
        poster: sends.
        urls: by the key that names them: `ping` alone, or `ping.success` with perhaps `ping.start`, `ping.failure`.
    """

    def __init__(self, poster: Poster, urls: Mapping[str, httpx.URL]) -> None:
        self._poster = poster
        self._urls = urls

    async def started(self, run_id: str) -> Delivery | None:
        """Say that a run has begun; None if there is nobody to say it to, here and below."""
        return await self._send("start", "ping.start", run_id=run_id, text="")

    async def ended(self, run_id: str | None, *, exit_code: int, text: str) -> Delivery | None:
        """Say how a run has ended; of more than `MOST_BYTES` of text, the end is sent."""
        return await self._send(str(exit_code), _key(succeeded=exit_code == 0), run_id=run_id, text=text)

    async def skipped(self, text: str) -> Delivery | None:
        """Say that nothing had to run: neither good nor bad."""
        return await self._send("log", None, run_id=None, text=text)

    async def missed(self, text: str) -> Delivery | None:
        """Say that what should have run did not."""
        return await self._send("fail", "ping.failure", run_id=None, text=text)

    async def _send(self, what: str, key: str | None, *, run_id: str | None, text: str) -> Delivery | None:
        if "ping" in self._urls:
            url = signal_url(self._urls["ping"], what, run_id=run_id)
        elif key is not None and key in self._urls:
            url = self._urls[key]
        else:
            return None
        return await self._poster.post(NoticeKind.PING, url, _end_of(text), headers=_HEADERS)


def _key(*, succeeded: bool) -> str:
    return "ping.success" if succeeded else "ping.failure"


def signal_url(url: httpx.URL, what: str, *, run_id: str | None) -> httpx.URL:
    """Return the URL that says `what`; its own query stays.

    >>> str(signal_url(httpx.URL("https://hc.example.com/ping/key/nightly?create=1"), "start", run_id=None))
    'https://hc.example.com/ping/key/nightly/start?create=1'
    """
    path, _, query = url.raw_path.decode("ascii").partition("?")
    parameters = [query] if query else []
    if run_id is not None:
        parameters.append(f"rid={uuid_of_run(run_id)}")
    raw_path = "?".join([f"{path.rstrip('/')}/{quote(what)}", *(["&".join(parameters)] if parameters else [])])
    return url.copy_with(raw_path=raw_path.encode("ascii"))


def _end_of(text: str) -> bytes:
    content = text.encode("utf-8", "backslashreplace")
    if len(content) <= MOST_BYTES:
        return content
    # Failures and the outcome stand at the end of a report.
    kept = content[-(MOST_BYTES - len(_CUT.encode())) :].decode("utf-8", "ignore")
    return (_CUT + kept.partition("\n")[2]).encode() if "\n" in kept else (_CUT + kept).encode()
