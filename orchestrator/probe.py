"""The port `Prober`, by HTTP. Probes are independent of Qovery: they never send the token or count as requests."""

import asyncio
from collections.abc import Callable, Iterable

import httpx

from orchestrator.network import ExchangeError, make_plain_client, through, translated
from orchestrator.redaction import redactor

TIMEOUT = 10.0
"""Seconds for one probe, at most."""

_redact = redactor()


class HttpProber:
    """Sends GET requests to URLs. Redirects are not followed: they count as answers.

    Args:
        client: the httpx client.
        proxy_to: describes the proxy that a URL is asked through; "" if there is none.
    """

    def __init__(self, client: httpx.AsyncClient, *, proxy_to: Callable[[str], str] = lambda _: "") -> None:
        self._client = client
        self._proxy_to = proxy_to

    async def probe(self, url: str, *, within: float) -> int | str:
        """Return the HTTP status, or the reason why there was none `within` so many seconds, or `TIMEOUT`."""
        timeout, proxy = min(within, TIMEOUT), self._proxy_to(url)
        try:
            async with asyncio.timeout(timeout):
                with translated(_redact, proxy=proxy):
                    async with self._client.stream("GET", url) as response:
                        return response.status_code
        except TimeoutError:
            return ", ".join(filter(None, [f"no answer within {timeout:.3g} s", through(proxy)]))
        except ExchangeError as error:
            return str(error)


def make_probe_client(urls: Iterable[str], transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make the httpx client for probes of `urls`.

    Raises:
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    return make_plain_client(urls, timeout=TIMEOUT, transport=transport)
