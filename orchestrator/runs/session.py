"""Puts together what a run needs from outside: the real platform, or a simulated one."""

import posixpath
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import httpx
from pydantic import SecretStr
from structlog.typing import FilteringBoundLogger

from orchestrator import logs
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.config.sections import ANY_ORIGIN
from orchestrator.domain.costs import Estimate, costs_of, estimate
from orchestrator.domain.observations import API_ORIGIN, Hint, Observation
from orchestrator.domain.outcomes import Reason
from orchestrator.domain.plan import Plan
from orchestrator.errors import NotFoundError, RunDeadlineError, TokenRefusedError, UnansweredError, UsageError
from orchestrator.journal.store import state_folder
from orchestrator.machine import Machine, is_this_machine
from orchestrator.network import DEFAULT_PORTS, HIGHEST_PORT, has_odd_host, proxy_to, through
from orchestrator.ports import Clock
from orchestrator.probe import HttpProber, make_probe_client
from orchestrator.qovery.admission import QuotaAdmission
from orchestrator.qovery.auth import find_token, scheme_of
from orchestrator.qovery.feed import Feed
from orchestrator.qovery.http import QoveryHttp, make_client
from orchestrator.qovery.ledger import Ledger, connect, token_key
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.platform import QoveryPlatform
from orchestrator.qovery.quota import Quota
from orchestrator.redaction import answer_hider, redactor, shown_url
from orchestrator.reports.model import RequestCounts
from orchestrator.restart.identity import Identity
from orchestrator.restart.narrator import Narrator
from orchestrator.restart.polling import GaveUp, Poller, answered_within
from orchestrator.runs.rehearsal import Rehearsal, Transports

QOVERY_API_URL = httpx.URL("https://api.qovery.com")
SIMULATED_API_URL = httpx.URL("http://simulator.invalid")
"""The API of a rehearsal; it does not resolve."""
API_URL_VARIABLE = "QOVERY_API_URL"
FIRST_CONTACT = 20.0
"""Seconds after which to give up if there was no usable answer yet and the fault is one that hardly passes by itself,
such as a host that does not exist; unless the configuration sets `lost_contact`."""
MOST_CONNECTIONS = 50
"""The most connections, however many environments are in flight: their requests are short, and httpcore's pool checks
each of its connections for each request."""

T = TypeVar("T")


class Retrying:
    """Retries a read until it works; for what is read outside of any job.

    Args:
        config: its default policy says how often, and when contact is lost.
        clock: the source of time.
        log: logs each fault.
        random: the source of jitter.
        api: the API that is asked, and where its URL comes from, for users.
    """

    def __init__(
        self, config: Config, *, clock: Clock, log: FilteringBoundLogger, random: Random, api: str | None = None
    ) -> None:
        self._policy = config.default_policy()
        # Whoever sets `lost_contact` may know that the API is about to be there.
        self._first_contact = FIRST_CONTACT if config.defaults.lost_contact is None else float("inf")
        self._api = api
        self._was_answered = False
        self._until = clock.monotonic() + config.run_strategy().run_deadline
        self._clock = clock
        self._narrator = Narrator(log, clock)
        self._random = random

    async def __call__(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` returns.

        Raises:
            UnansweredError: there was no usable answer for as long as the policy allows.
            RunDeadlineError: the run's deadline passed first.
            PlatformError: an error that retrying does not help.
        """
        poller = Poller(
            self._clock,
            minimum=self._policy.poll_min,
            maximum=self._policy.poll_max,
            lost_contact=self._policy.lost_contact,
            random=self._random,
            on_fault=self._narrator.fault,
            lost_if_lasting=float("inf") if self._was_answered else self._first_contact,
            api=self._api,
        )
        try:
            result: T | GaveUp = await poller.poll(
                lambda: answered_within(read(), poller.contact.patience), until=self._until
            )
        except NotFoundError as error:
            if self._was_answered or self._api is None:
                raise
            # The first answer of all: perhaps it is not Qovery's.
            hint = f"If it exists, check the API's URL, {self._api}"
            raise NotFoundError(str(error), status=error.status, hint=hint) from error
        if result is Reason.DEADLINE:
            raise RunDeadlineError(f"The run's deadline passed. {poller.contact.silence} Nothing was submitted.")
        if isinstance(result, Reason):
            raise UnansweredError(f"{poller.contact.silence} Nothing was submitted.")
        self._was_answered = True
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a run works with."""

    run_id: str
    api_url: str
    api: str
    """The API's URL, and where it comes from, for users."""
    origin: str | None
    """The origin that Qovery gives to the requests of our token; None if unknown."""
    clock: Clock
    log: FilteringBoundLogger
    platform: QoveryPlatform
    prober: HttpProber
    quota: Quota
    feed: Feed
    identity: Identity
    """What Qovery calls whoever holds our token."""
    resolver: Resolver
    retrying: Retrying
    seed: int | None
    """In a rehearsal: the seed of its jitter."""
    redact: Callable[[str], str]
    """Hides the token, and whatever else looks like a secret, in a text."""

    def random(self, name: str) -> Random:
        """Return the source of jitter for an environment."""
        return _jitter(self.seed, name)

    @property
    def requests(self) -> RequestCounts:
        """The requests sent so far."""
        return RequestCounts(total=self.quota.used, submits=self.platform.submits)

    def admission(self, plan: Plan) -> QuotaAdmission:
        """Return what admits the environments of a plan."""
        costs = costs_of(plan.targets, at_once=plan.strategy.max_parallel)
        return QuotaAdmission(self.quota, self.feed, costs, clock=self.clock, log=self.log)

    def estimate(self, plan: Plan) -> Estimate:
        """Return what a plan is going to take, given what the quota has left now."""
        room = self.quota.room()
        return estimate(plan, left=room.left, per_hour=room.per_hour, renewed_in=room.renewed_at - room.now)

    async def read_hints(self, project_id: str) -> Mapping[str, Hint]:
        """Read hints for the environments of a project; none if that is refused."""
        try:
            return await self.retrying(lambda: self.platform.read_hints(project_id))
        except (TokenRefusedError, NotFoundError):
            return {}

    async def read(self, environment_id: str) -> Observation:
        """Read an environment's statuses, with retries until contact is lost."""
        return await self.retrying(lambda: self.platform.read_statuses(environment_id))


@asynccontextmanager
async def open_session(
    config: Config,
    *,
    environ: Mapping[str, str],
    rehearsal: Rehearsal | None = None,
    run_id: str | None = None,
    api_url: str | None = None,
    state_dir: Path | None = None,
) -> AsyncIterator[Session]:
    """Open a session with the platform that `config` names, or with a simulator.

    Args:
        config: where the platform is, and how it is asked.
        environ: where the token and `QOVERY_API_URL` are looked for.
        rehearsal: put a simulator in the platform's place.
        run_id: of the run that is resumed, or of the new one; a new id by default.
        api_url: the API that this run used so far, whatever `config` says.
        state_dir: where the ledger is, which all processes of a token share.

    Raises:
        UsageError: there is no token, proxies or certificates that the environment names cannot be used, the simulator
            is not installed, or the run used another API so far.
    """
    async with AsyncExitStack() as stack:
        if rehearsal is None:
            clock: Clock = SystemClock()
            token = find_token(environ, variable=config.token_variable, file=config.token_file)
            logs.hide_also(token.get_secret_value())
            transports = Transports()
            url, source = _api_url(config, environ, so_far=api_url)
        else:
            clock = rehearsal.clock
            logs.tell_time_by(clock.now)
            token = SecretStr("rehearsal")
            transports = rehearsal.transports(config)
            url, source = SIMULATED_API_URL, "--simulate"
        run_id = run_id or new_run_id(clock)
        log = logs.get_logger(run_id=run_id)
        if url.scheme == "http" and not is_this_machine(url.host) and rehearsal is None:
            log.warning("insecure_api_url", host=url.host, hint="the token is sent unencrypted")
        describe = proxy_to if rehearsal is None else _no_proxy
        secret, proxy = token.get_secret_value(), describe(url)
        api = ", ".join(filter(None, [f"{url} ({source})", through(proxy)]))
        ledger = _ledger(
            rehearsal,
            lambda: state_dir or state_folder(environ),
            key=token_key(secret, str(url)),
            clock=clock,
            log=log,
        )
        stack.callback(ledger.close)
        quota = Quota(clock, per_hour=config.api.requests_per_hour, ledger=ledger)
        client, posting = [
            await stack.enter_async_context(
                make_client(
                    url,
                    token,
                    request_timeout=config.api.request_timeout,
                    max_connections=min(config.run_strategy().max_parallel + 1, MOST_CONNECTIONS),
                    keep_alive=keep_alive,
                    transport=transports.api,
                )
            )
            for keep_alive in (True, False)
        ]
        probed = [check.http for environment in config.environments for check in environment.verify]
        probe_client = await stack.enter_async_context(make_probe_client(probed, transports.probes))
        platform = QoveryPlatform(
            QoveryHttp(
                client,
                posting=posting,
                quota=quota,
                request_timeout=config.api.request_timeout,
                redact=redactor(secret),
                proxy=proxy,
                hide=answer_hider(secret, vocabulary=_vocabulary(config)) if rehearsal is None else str,
            )
        )
        seed = None if rehearsal is None else rehearsal.seed
        retrying = Retrying(config, clock=clock, log=log, random=_jitter(seed, ""), api=api)
        console = rehearsal is None and url == QOVERY_API_URL
        yield Session(
            run_id=run_id,
            api_url=str(url),
            api=api,
            origin=_origin(config, token),
            clock=clock,
            log=log,
            platform=platform,
            prober=HttpProber(probe_client, proxy_to=describe),
            quota=quota,
            feed=Feed(platform.read_hints, quota=quota, clock=clock, log=log),
            identity=Identity(),
            resolver=Resolver(platform, retrying=retrying, console=console),
            retrying=retrying,
            seed=seed,
            redact=redactor(secret) if rehearsal is None else redactor(),
        )


def _vocabulary(config: Config) -> str:
    """Return all that the API's answers are compared with: names and ids of the configuration, and our origin."""
    return f"{config.environment_specs()} {config.api.origin} {API_ORIGIN}"


def _no_proxy(_: httpx.URL | str) -> str:
    """A rehearsal asks through no proxy."""
    return ""


def new_run_id(clock: Clock) -> str:
    """Return the id of a run that begins now."""
    return f"{clock.now():%Y%m%d-%H%M%S}-{Random().getrandbits(24):06x}"  # noqa: S311 - a name, not a secret


def _ledger(
    rehearsal: Rehearsal | None, folder: Callable[[], Path], *, key: str, clock: Clock, log: FilteringBoundLogger
) -> Ledger:
    """Open the ledger that all processes share; if that fails, log it and use one for this process alone."""

    def complain(error: Exception) -> None:
        log.warning(
            "quota_not_shared",
            error=str(error),
            hint="requests that other processes make with this token are not counted",
        )

    machine = Machine.here()
    if rehearsal is not None:
        return Ledger(rehearsal.ledger, key=key, clock=clock, machine=machine, keep_open=True)
    try:
        connection = connect(folder())
    except (sqlite3.Error, OSError, UsageError) as error:
        complain(error)
        connection = connect(None)
    return Ledger(connection, key=key, clock=clock, machine=machine, on_trouble=complain)


def _jitter(seed: int | None, name: str) -> Random:
    return Random() if seed is None else Random(f"{seed}/{name}")  # noqa: S311 - jitter keeps no secret


def _api_url(config: Config, environ: Mapping[str, str], *, so_far: str | None) -> tuple[httpx.URL, str]:
    """Return the API's URL, and where it comes from.

    Raises:
        UsageError: it is no URL of an API, or another one than the run used so far.
    """
    given = environ.get(API_URL_VARIABLE, "").strip()
    before = None if so_far is None else _checked_url(so_far, "The API's URL in the journal")
    if before is not None and not given:
        return before, "the API of the run that is resumed"
    name = API_URL_VARIABLE if given else "api.url"
    url = _checked_url(given or config.api.url, name)
    if before is not None and url != before:
        raise UsageError(
            f"The run used {so_far} so far, and {API_URL_VARIABLE} is {shown_url(given)}, another API. Unset it to "
            "resume the run."
        )
    is_default = not given and "url" not in config.api.model_fields_set
    return url, f"the default of {name}" if is_default else f"from {name}"


def _checked_url(text: str, name: str) -> httpx.URL:
    """Return the URL of an API; raise `UsageError`, which calls it `name`, if it is none."""
    try:
        url = one_spelling(httpx.URL(text))
    except (httpx.InvalidURL, ValueError):
        # The exception is not shown: a password with a # in it is taken for a port, and quoted.
        raise UsageError(f"{name} is not a URL: it has to look like https://api.qovery.com.") from None
    if (url.port or 0) > HIGHEST_PORT:
        raise UsageError(f"{name} has the port {url.port}, and the highest is {HIGHEST_PORT}.")
    if url.scheme not in ("http", "https") or not url.host or has_odd_host(url) or url.userinfo:
        raise UsageError(f"{name} has to look like https://api.qovery.com, without user information.")
    if url.query or url.fragment:
        raise UsageError(f"{name} has to look like https://api.qovery.com, without a query or a fragment.")
    return url


def one_spelling(url: httpx.URL) -> httpx.URL:
    """Return an API's URL in the one spelling that the lock, the quota and the journal compare.

    >>> str(one_spelling(httpx.URL("HTTPS://API.Qovery.com.:443/./")))
    'https://api.qovery.com'
    """
    path = posixpath.normpath(f"/{url.path}").strip("/")
    port = None if url.port == DEFAULT_PORTS.get(url.scheme) else url.port
    # httpx has put scheme and host into lower case. A dot at the end of a host changes nothing.
    return url.copy_with(host=url.host.rstrip("."), port=port, path=f"/{path}" if path else "", query=url.query or None)


def _origin(config: Config, token: SecretStr) -> str | None:
    """Return the origin that Qovery gives to the requests of `token`: known for an API token, not for a user's."""
    if config.api.origin is not None:
        return None if config.api.origin == ANY_ORIGIN else config.api.origin
    return API_ORIGIN if scheme_of(token) == "Token" else None
