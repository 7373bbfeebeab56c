"""What a run means to do: targets in waves, the policy of each, and how many failures it bears."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from fractions import Fraction
from itertools import groupby


@unique
class ServiceType(StrEnum):
    """The kinds of service that Qovery can restart. Its engine fails on all others."""

    APPLICATION = "application"
    CONTAINER = "container"
    DATABASE = "database"


@unique
class OnBusy(StrEnum):
    """What to do where another operation is in progress."""

    WAIT = "wait"
    FAIL = "fail"


@unique
class OnStopped(StrEnum):
    """What to do with a target that does not run."""

    FAIL = "fail"
    SKIP = "skip"


@unique
class OnDeadline(StrEnum):
    """What to do with our restart when the deadline passes before it settled."""

    LEAVE = "leave"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one environment is treated. All spans are in seconds."""

    deadline: float = 1800.0
    """From submitting to settled; and, before that, the longest wait for a busy environment."""
    poll_min: float = 2.0
    poll_max: float = 30.0
    lost_contact: float = 300.0
    """No successful answer for so long: the outcome is unknown."""
    on_busy: OnBusy = OnBusy.WAIT
    on_stopped: OnStopped = OnStopped.FAIL
    on_deadline: OnDeadline = OnDeadline.LEAVE
    invisible_for: float = 300.0
    """The longest that an accepted submit is expected to stay invisible everywhere (recorded: 2 s). Only after looking
    in vain for so long is a submit whose answer was lost taken for one that never arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """A URL that must answer well before a restart counts as a success."""

    url: str
    status: int = 200
    consecutive: int = 1
    """How many good answers in a row."""
    shown: str | None = None
    """How the URL may be shown, where it took something from the environment: as the file says it."""
    within: float = 60.0
    """Seconds from the restart's proof to the last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that Qovery can restart."""

    id: str
    name: str
    type: ServiceType


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A service of the environment that is left out, and why."""

    id: str
    name: str
    type: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPath:
    """An environment by its names."""

    organization: str
    project: str
    environment: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.project}/{self.environment}"


ALL_SERVICES = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec:
    """An environment as a person wrote it down, before its names are looked up."""

    name: str
    locator: str | EnvironmentPath
    """Its id, or its path."""
    services: str | Mapping[ServiceType, tuple[str, ...]]
    """`ALL_SERVICES`, or names and ids by type."""
    wave: int = 1
    policy: Policy = field(default_factory=Policy)
    checks: tuple[HttpCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One environment to restart, with every name looked up."""

    name: str
    environment_id: str
    services: tuple[Service, ...]
    excluded: tuple[Exclusion, ...] = ()
    wave: int = 1
    policy: Policy = field(default_factory=Policy)
    checks: tuple[HttpCheck, ...] = ()
    console_url: str | None = None
    project_id: str | None = None
    """Where it is known: environments of one project are looked at together."""

    @property
    def all_services(self) -> "tuple[Service | Exclusion, ...]":
        """Every service that is known of it, those that are left out at the end."""
        return (*self.services, *self.excluded)

    @property
    def service_ids(self) -> frozenset[str]:
        """The ids of the services to restart."""
        return frozenset(service.id for service in self.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBudget:
    """How many environments may fail before the run halts: a number, or a percentage of all of them.

    >>> FailureBudget(count=2).exceeded_by(2, of=10)
    False
    >>> FailureBudget(percent=Fraction(10)).exceeded_by(2, of=10)
    True
    """

    count: int = 0
    percent: Fraction | None = None
    """Set: `count` is ignored."""

    def exceeded_by(self, failures: int, *, of: int) -> bool:
        """Tell whether `failures` among `of` environments exceed (not equal) the budget."""
        if self.percent is None:
            return failures > self.count
        return failures * 100 > self.percent * of


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How many environments at once, in what order, and until when. All spans are in seconds."""

    max_parallel: int = 5
    max_failures: FailureBudget = field(default_factory=FailureBudget)
    pause_between_waves: float = 0.0
    run_deadline: float = 14400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run is about to do."""

    targets: tuple[Target, ...]
    strategy: Strategy = field(default_factory=Strategy)

    def waves(self) -> Iterator[tuple[int, tuple[Target, ...]]]:
        """Yield each wave's number with its targets, in rising order; inside a wave the plan's order holds."""
        ordered = sorted(self.targets, key=lambda target: target.wave)
        for wave, members in groupby(ordered, key=lambda target: target.wave):
            yield wave, tuple(members)
