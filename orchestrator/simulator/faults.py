"""Faults of single requests, decided from a seed before the request is handled.

401 and 403 never come from here: they are the simulated platform's answers to a missing token or unknown environment.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, unique
from types import MappingProxyType
from typing import Protocol

from orchestrator.simulator.chance import EVEN, happens, source


@unique
class FaultProfile(StrEnum):
    """How much goes wrong."""

    NONE = "none"
    """Nothing goes wrong."""
    REALISTIC = "realistic"
    """A few percent of the requests fail temporarily, and colleagues interfere now and then: most runs succeed."""
    HOSTILE = "hostile"
    """Everything that has been seen to go wrong does, often, and at the worst moments."""


@unique
class Fault(Enum):
    """What can happen to one request."""

    NONE = "nothing"
    REFUSED = "the connection is refused: never sent"
    RESET = "the connection is reset"
    HANG_UP = "the connection is closed without an answer"
    TRUNCATED = "the connection is closed in the middle of the body"
    PROXY_PAGE = "an HTML page with status 200, from something on the way"
    BAD_GATEWAY = "an HTML page with status 502, from a proxy"
    EMPTY = "an empty body"
    HALF_JSON = "half of the JSON, declared as whole"
    OTHER_SHAPE = "JSON, but of another shape"
    SERVER_ERROR = "5xx"
    THROTTLED = "429, whatever is left of the quota"
    CONFLICT = "409, without a visible reason"
    STALE = "a reading from a cache"
    UNKNOWN_STATE = "a reading with an unpublished state"
    NO_EXECUTION_IDS = "a reading without execution ids"
    NO_LISTS = "a reading without some of its lists"


_NEVER_ACTED = frozenset({Fault.REFUSED, Fault.THROTTLED, Fault.CONFLICT})
_ALWAYS_ACTED = frozenset(
    {
        Fault.NONE,
        Fault.EMPTY,
        Fault.HALF_JSON,
        Fault.OTHER_SHAPE,
        Fault.TRUNCATED,
        Fault.STALE,
        Fault.UNKNOWN_STATE,
        Fault.NO_EXECUTION_IDS,
        Fault.NO_LISTS,
    }
)
"""These change an answer, so they need one. For all others chance decides whether the request takes effect first."""

_ON_THE_WAY: Mapping[Fault, int] = MappingProxyType(
    {
        Fault.REFUSED: 10,
        Fault.RESET: 10,
        Fault.HANG_UP: 6,
        Fault.TRUNCATED: 6,
        Fault.PROXY_PAGE: 4,
        Fault.BAD_GATEWAY: 8,
        Fault.SERVER_ERROR: 16,
        Fault.THROTTLED: 6,
        Fault.EMPTY: 4,
        Fault.HALF_JSON: 4,
        Fault.OTHER_SHAPE: 4,
    }
)
_OF_COMMANDS: Mapping[Fault, int] = MappingProxyType({**_ON_THE_WAY, Fault.CONFLICT: 8})
_OF_READINGS: Mapping[Fault, int] = MappingProxyType(
    {**_ON_THE_WAY, Fault.UNKNOWN_STATE: 8, Fault.NO_EXECUTION_IDS: 8, Fault.NO_LISTS: 6}
)

STALE_BY_UP_TO = 30.0
"""Seconds."""

TRUTHFUL_READING = "/statusesWithStages"
READINGS = (TRUTHFUL_READING, "/statuses", "/status", "/deploymentQueue", "/deploymentHistoryV2")
"""The path suffixes of calls that read something that changes."""

LONGEST_WAIT = 180.0
"""Seconds that a slow request can take to arrive: it may be acted upon long after its client has given up."""
BURST_LENGTH = 45.0
"""Seconds. Time is divided into slots of this length; in some of them hardly anything works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens to one request. Durations are in seconds."""

    fault: Fault
    acted: bool
    """Whether the platform acts on the request, whatever the answer."""
    before: float
    """From sending the request until the platform acts on it."""
    after: float
    """From then until the answer."""
    age: float = 0.0
    """The age of a stale reading."""
    roll: float = 0.0
    """Between 0 and 1: decides any further details of the fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    """The fault rates of a profile. Probabilities are per request."""

    least: float
    most: float
    """Each seed has its own share of faulty requests between these two."""
    burst: float
    """The share of slots that are bursts."""
    burst_faults: float
    slow: float
    """The share of very slow requests."""
    stale: float
    """The share of stale readings, `/statusesWithStages` excepted."""
    stale_truth: float
    """The share of stale readings of `/statusesWithStages`."""


_RATES: Mapping[FaultProfile, _Rates] = MappingProxyType(
    {
        FaultProfile.REALISTIC: _Rates(
            least=0.005, most=0.03, burst=0.01, burst_faults=0.5, slow=0.003, stale=0.03, stale_truth=0.0
        ),
        FaultProfile.HOSTILE: _Rates(
            least=0.08, most=0.22, burst=0.06, burst_faults=0.75, slow=0.02, stale=0.15, stale_truth=0.04
        ),
    }
)

_NO_FAULT = Fate(fault=Fault.NONE, acted=True, before=0.1, after=0.05)


class FaultSource(Protocol):
    """Decides what happens to requests. A test can provide its own, to break one chosen request."""

    def next(self, method: str, path: str, *, now: float) -> Fate:
        """Decide what happens to the next request of its kind, at `now` in the world's time."""
        ...


class Faults:
    """Decides what happens to requests.

    The same seed and the same sequence of requests of one kind (method and path) give the same fates, whatever other
    requests come in between; only bursts also depend on the time.
    """

    def __init__(self, profile: FaultProfile, *, seed: int) -> None:
        self._seed = seed
        self._sources: dict[tuple[str, str], random.Random] = {}
        self._rates = _RATES.get(profile)
        self._share = 0.0
        if self._rates is not None:
            self._share = source(seed, "share").uniform(self._rates.least, self._rates.most)

    def next(self, method: str, path: str, *, now: float) -> Fate:
        """Decide what happens to the next request of its kind."""
        rates = self._rates
        if rates is None:
            return _NO_FAULT
        rng = self._source(method, path)
        before, after = _latency(rng, slow=rates.slow)
        share = rates.burst_faults if self._in_burst(rates, now) else self._share
        age = rng.uniform(1.0, STALE_BY_UP_TO)
        stale = rates.stale_truth if path.endswith(TRUTHFUL_READING) else rates.stale
        if happens(rng, share):
            fault = self._draw(rng, method, path)
        elif method == "GET" and path.endswith(READINGS) and happens(rng, stale):
            fault = Fault.STALE
        else:
            fault = Fault.NONE
        return Fate(
            fault=fault,
            acted=fault in _ALWAYS_ACTED or (fault not in _NEVER_ACTED and happens(rng, EVEN)),
            before=before,
            after=after,
            age=age if fault is Fault.STALE else 0.0,
            roll=rng.random(),
        )

    def _source(self, method: str, path: str) -> random.Random:
        kind = (method, path)
        if kind not in self._sources:
            self._sources[kind] = source(self._seed, "faults", *kind)
        return self._sources[kind]

    def _in_burst(self, rates: _Rates, now: float) -> bool:
        return happens(source(self._seed, "burst", int(now // BURST_LENGTH)), rates.burst)

    @staticmethod
    def _draw(rng: random.Random, method: str, path: str) -> Fault:
        weights = _ON_THE_WAY
        if method != "GET":
            weights = _OF_COMMANDS
        elif path.endswith(READINGS):
            weights = _OF_READINGS
        return rng.choices(list(weights), weights=list(weights.values()))[0]


def _latency(rng: random.Random, *, slow: float) -> tuple[float, float]:
    """Return the seconds before and after the platform acts; rarely longer than the client waits."""
    before, after = rng.lognormvariate(-2.5, 0.7), rng.lognormvariate(-3.0, 0.7)
    if happens(rng, slow):
        wait = rng.uniform(5.0, LONGEST_WAIT) if happens(rng, EVEN) else rng.uniform(5.0, 60.0)
        return (before + wait, after) if happens(rng, EVEN) else (before, after + wait)
    return before, after
