"""The port `AlertSource`: asks Prometheus, or what answers like it, whether anything is firing."""

import asyncio
import json
from collections.abc import Iterable

import httpx
import tenacity
from pydantic import SecretStr

from orchestrator.domain.alerts import Alert, AlertReading, query_of_since, read_alerts, with_since
from orchestrator.network import ExchangeError, make_plain_client, translated
from orchestrator.ports import Clock
from orchestrator.redaction import redactor

TIMEOUT = 10.0
"""Seconds for one answer."""
TRIES = 3
MOST_BYTES = 4 * 1024 * 1024
"""Of an answer: more series than fit into it are not needed to know that something is firing."""
_LONGEST_PROBLEM = 200


class PrometheusAlerts:
    """Asks one query.

    Args:
        client: sends the requests; made by `make_alert_client`.
        clock: waits between two tries.
        url: the base URL of the API.
        query: in PromQL.
        token: the bearer token, if one is needed.
    """

    def __init__(
        self, client: httpx.AsyncClient, clock: Clock, *, url: str, query: str, token: SecretStr | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._url = httpx.URL(url.rstrip("/") + "/api/v1/query")
        self._query = query
        self._token = token
        self._redact = redactor(*([] if token is None else [token.get_secret_value()]))

    async def read(self) -> AlertReading:
        """Ask, up to `TRIES` times. Never raises: that it is not known is an answer, too."""
        source = self._url.netloc.decode("ascii", "replace")
        retrying = tenacity.AsyncRetrying(
            sleep=self._clock.sleep,
            stop=tenacity.stop_after_attempt(TRIES),
            wait=tenacity.wait_exponential(multiplier=1.0, max=5.0),
            retry=tenacity.retry_if_exception_type(ValueError),
            reraise=True,
        )
        try:
            firing: tuple[Alert, ...] = await retrying(self._ask, self._query)
        except ValueError as error:
            problem = " ".join(self._redact(str(error)).split())[:_LONGEST_PROBLEM]
            return AlertReading(source=source, problem=problem)
        return AlertReading(source=source, firing=await self._dated(firing))

    async def _dated(self, firing: tuple[Alert, ...]) -> tuple[Alert, ...]:
        """Return alerts with the time since which they are active, where that can be found out."""
        if not any(alert.since is None for alert in firing):
            return firing
        try:
            return with_since(firing, await self._ask(query_of_since(firing)))
        except ValueError:
            return firing

    async def _ask(self, query: str) -> tuple[Alert, ...]:
        """Return what a query finds. Raises `ValueError` with a few words if that is not known."""
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            async with asyncio.timeout(TIMEOUT):
                with translated(self._redact):
                    status, content = await self._get(query, headers)
        except TimeoutError:
            raise ValueError(f"no answer within {TIMEOUT:g} s") from None
        except ExchangeError as error:
            raise ValueError(str(error)) from None
        try:
            return read_alerts(json.loads(content))
        except RecursionError:
            raise ValueError("the answer is not one of Prometheus'") from None
        except ValueError as error:
            is_json = not isinstance(error, UnicodeDecodeError | json.JSONDecodeError)
            raise ValueError(f"{status}, {error}" if is_json else f"{status}, and no JSON") from None

    async def _get(self, query: str, headers: dict[str, str]) -> tuple[int, bytes]:
        content = b""
        async with self._client.stream("GET", self._url, params={"query": query}, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    break
            return response.status_code, content


def make_alert_client(urls: Iterable[str], transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make the httpx client that asks `urls`.

    Raises:
        UsageError: proxies or certificates that the environment names cannot be used.
    """
    return make_plain_client(urls, timeout=TIMEOUT, transport=transport, headers={"Accept": "application/json"})
