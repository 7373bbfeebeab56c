"""What goes wrong with single requests: decided from a seed alone, before the request is looked at.

401 and 403 never come from here: the simulated platform itself answers so to a missing token or an unknown environment.
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
    """How unkind the world is."""

    NONE = "none"
    """Nothing ever goes wrong."""
    REALISTIC = "realistic"
    """A few requests in a hundred fail in passing, now and then a colleague is about: most runs succeed."""
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
    THROTTLED = "429, quota or not"
    CONFLICT = "409, for no reason that can be seen"
    STALE = "a reading from a cache"
    UNKNOWN_STATE = "a reading with a state that nobody has published"
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
"""What mangles an answer needs one; of all others chance decides whether the request had its effect first."""

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
"""How the paths end of what shows something that changes."""

LONGEST_WAIT = 180.0
"""Seconds that a slow request can take on its way: long after its client has given up, it may still be acted upon."""
BURST_LENGTH = 45.0
"""Seconds. Time is divided into slots of this length; in some of them hardly anything works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens to one request. Spans are in seconds."""

    fault: Fault
    acted: bool
    """Whether the platform does what was asked, whatever comes back."""
    before: float
    """From sending the request to the platform's acting on it."""
    after: float
    """From that to the answer."""
    age: float = 0.0
    """Of a stale reading."""
    roll: float = 0.0
    """Between 0 and 1: whatever else chance has to decide about this fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weather:
    """A profile's numbers. Probabilities are per request."""

    least: float
    most: float
    """Each seed has its own share of faulty requests between these."""
    burst: float
    """The share of slots that are bursts."""
    burst_faults: float
    slow: float
    """The share of requests that take very long."""
    stale: float
    """The share of other readings that are stale."""
    stale_truth: float
    """The share of `/statusesWithStages` that are."""


_WEATHER: Mapping[FaultProfile, _Weather] = MappingProxyType(
    {
        FaultProfile.REALISTIC: _Weather(
            least=0.005, most=0.03, burst=0.01, burst_faults=0.5, slow=0.003, stale=0.03, stale_truth=0.0
        ),
        FaultProfile.HOSTILE: _Weather(
            least=0.08, most=0.22, burst=0.06, burst_faults=0.75, slow=0.02, stale=0.15, stale_truth=0.04
        ),
    }
)

_CALM = Fate(fault=Fault.NONE, acted=True, before=0.1, after=0.05)


class FaultSource(Protocol):
    """Whatever decides what happens to requests. A test can bring its own, to break one chosen request."""

    def next(self, method: str, path: str, *, now: float) -> Fate:
        """Decide what happens to the next request of its kind, at `now` of the world's time."""
        ...


class Faults:
    """Decides the fate of requests.

    The same seed and the same sequence of requests of one kind (method and path) have the same fate, whatever other
    requests there are in between; only bursts depend on the time, too.
    """

    def __init__(self, profile: FaultProfile, *, seed: int) -> None:
        self._seed = seed
        self._sources: dict[tuple[str, str], random.Random] = {}
        self._weather = _WEATHER.get(profile)
        self._share = 0.0
        if self._weather is not None:
            self._share = source(seed, "share").uniform(self._weather.least, self._weather.most)

    def next(self, method: str, path: str, *, now: float) -> Fate:
        """Decide what happens to the next request of its kind."""
        weather = self._weather
        if weather is None:
            return _CALM
        rng = self._source(method, path)
        before, after = _latency(rng, slow=weather.slow)
        share = weather.burst_faults if self._in_burst(weather, now) else self._share
        age = rng.uniform(1.0, STALE_BY_UP_TO)
        stale = weather.stale_truth if path.endswith(TRUTHFUL_READING) else weather.stale
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

    def _in_burst(self, weather: _Weather, now: float) -> bool:
        return happens(source(self._seed, "burst", int(now // BURST_LENGTH)), weather.burst)

    @staticmethod
    def _draw(rng: random.Random, method: str, path: str) -> Fault:
        weights = _ON_THE_WAY
        if method != "GET":
            weights = _OF_COMMANDS
        elif path.endswith(READINGS):
            weights = _OF_READINGS
        return rng.choices(list(weights), weights=list(weights.values()))[0]


def _latency(rng: random.Random, *, slow: float) -> tuple[float, float]:
    """Return the seconds before and after the platform acts; rarely so many that the client has given up by then."""
    before, after = rng.lognormvariate(-2.5, 0.7), rng.lognormvariate(-3.0, 0.7)
    if happens(rng, slow):
        wait = rng.uniform(5.0, LONGEST_WAIT) if happens(rng, EVEN) else rng.uniform(5.0, 60.0)
        return (before + wait, after) if happens(rng, EVEN) else (before, after + wait)
    return before, after
