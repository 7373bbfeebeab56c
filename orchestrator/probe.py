"""The port `Prober`, by HTTP. It has nothing to do with Qovery: it never carries the token, nor counts as a request."""

import asyncio

import httpx

from orchestrator._version import __version__
from orchestrator.redaction import redactor

TIMEOUT = 10.0
"""Seconds for one probe."""

_redact = redactor()


class HttpProber:
    """Asks URLs with GET. Redirects are answers like any other: they are not followed."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def probe(self, url: str) -> int | str:
        """Return the HTTP status, or a few words on why there was none."""
        try:
            async with asyncio.timeout(TIMEOUT), self._client.stream("GET", url) as response:
                return response.status_code
        except TimeoutError:
            return f"no answer within {TIMEOUT:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _redact(str(error) or type(error).__name__)


def make_probe_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make the httpx client for probes."""
    return httpx.AsyncClient(
        headers={"User-Agent": f"qovery-restart/{__version__}"},
        timeout=TIMEOUT,
        follow_redirects=False,
        transport=transport,
    )
