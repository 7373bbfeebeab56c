"""Whether a run, or a wave of it, may begin: not while something fires that `blocked_by` asks for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from pydantic import SecretStr
from structlog.typing import FilteringBoundLogger

from orchestrator import logs
from orchestrator.alerts import PrometheusAlerts, make_alert_client
from orchestrator.config import Config
from orchestrator.domain.alerts import refusal_of
from orchestrator.domain.notices import SecretPlace
from orchestrator.domain.outcomes import Refusal
from orchestrator.errors import ConfigError, UsageError
from orchestrator.ports import AlertSource, Clock
from orchestrator.runs.rehearsal import Rehearsal
from orchestrator.secret_places import check_token, read_secret

ASK_AGAIN_AFTER = 30.0
"""Seconds between two times of asking, while there is a window to wait in."""


class AlertGate:
    """The port `Gate`: refuses while anything is firing, or nobody can say.

    Args:
        sources: whom to ask.
        clock: the source of time.
        log: a logger with `run_id` bound.
        window_ends: the instant until which to wait for alerts to pass; None if there is no window: then the first
            refusal counts.
    """

    def __init__(
        self,
        sources: Sequence[AlertSource],
        *,
        clock: Clock,
        log: FilteringBoundLogger,
        window_ends: float | None = None,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._log = log
        self._window_ends = window_ends

    async def refusal_now(self) -> Refusal | None:
        """Ask once, and return why nothing may begin; None if it may."""
        return refusal_of(await asyncio.gather(*(source.read() for source in self._sources)))

    async def refusal(self, *, until: float) -> Refusal | None:
        """Return why nothing may begin; None if it may. Waits for the window to end, but no longer than `until`."""
        while True:
            refusal = await self.refusal_now()
            if refusal is None:
                return None
            left = 0.0 if self._window_ends is None else min(until, self._window_ends) - self._clock.monotonic()
            if left <= 0:
                self._log.warning("run_blocked", reason=refusal.reason.value, error=refusal.message)
                return refusal
            self._log.warning(
                "waiting_for_alerts", reason=refusal.reason.value, error=refusal.message, at_most_s=round(left)
            )
            await self._clock.sleep(min(ASK_AGAIN_AFTER, left))


@asynccontextmanager
async def open_gate(
    config: Config,
    *,
    environ: Mapping[str, str],
    rehearsal: Rehearsal | None,
    clock: Clock,
    log: FilteringBoundLogger,
    window_ends: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[AlertGate | None]:
    """Open the gate of a run; None if its file names nothing to ask, or it is a rehearsal.

    Args:
        config: whom it asks.
        environ: where tokens are looked for.
        rehearsal: the one that this is.
        clock: the source of time.
        log: a logger with `run_id` bound.
        window_ends: the instant until which to wait for alerts to pass.
        transport: takes the place of the network.

    Raises:
        UsageError: a token is missing, or proxies or certificates that the environment names cannot be used.
    """
    if rehearsal is not None or not config.blocked_by:
        yield None
        return
    tokens, problems = alert_tokens(config, environ)
    if problems:
        raise ConfigError(problems)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            make_alert_client([each.prometheus for each in config.blocked_by], transport)
        )
        sources = [
            PrometheusAlerts(client, clock, url=each.prometheus, query=each.query, token=token)
            for each, token in zip(config.blocked_by, tokens, strict=True)
        ]
        yield AlertGate(sources, clock=clock, log=log, window_ends=window_ends)


def alert_tokens(config: Config, environ: Mapping[str, str]) -> tuple[list[SecretStr | None], list[str]]:
    """Return the token of each Prometheus, None for those that need none; and what is missing, a sentence each."""
    tokens: list[SecretStr | None] = []
    problems = []
    for index, each in enumerate(config.blocked_by):
        try:
            place = None if each.token is None else each.token.to_domain()
            tokens.append(None if place is None else _token_at(place, f"blocked_by[{index}].token", environ))
        except UsageError as error:
            problems.append(str(error))
    return tokens, problems


def _token_at(place: SecretPlace, named_by: str, environ: Mapping[str, str]) -> SecretStr:
    text = read_secret(place, environ, what=f"{named_by}: no token", named_by=named_by)
    check_token(text, where=str(place))
    logs.hide_also(text)
    return SecretStr(text)
