"""The port `Prober`, by HTTP. Probes are independent of Qovery: they never send the token or count as requests."""

import asyncio

import httpx

from orchestrator._version import __version__
from orchestrator.redaction import redactor

TIMEOUT = 10.0
"""Seconds for one probe."""

_redact = redactor()


class HttpProber:
    """Sends GET requests to URLs. Redirects are not followed: they count as answers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def probe(self, url: str) -> int | str:
        """Return the HTTP status, or the reason why there was none."""
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
