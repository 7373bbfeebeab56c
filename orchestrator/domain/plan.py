"""What a run is going to do: targets in waves, the policy of each, and the failure budget."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from fractions import Fraction
from itertools import groupby


@unique
class ServiceType(StrEnum):
    """The kinds of service that Qovery can restart; its engine fails on all others."""

    APPLICATION = "application"
    CONTAINER = "container"
    DATABASE = "database"


@unique
class OnBusy(StrEnum):
    """What to do if another operation is in progress in the environment."""

    WAIT = "wait"
    FAIL = "fail"


@unique
class OnStopped(StrEnum):
    """What to do with a target that is not running."""

    FAIL = "fail"
    SKIP = "skip"


@unique
class OnDeadline(StrEnum):
    """What to do with our restart if the deadline passes before it has settled."""

    LEAVE = "leave"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one environment is treated. All spans are in seconds."""

    deadline: float = 1800.0
    """From submitting to settled; before that, the longest wait for a busy environment."""
    poll_min: float = 2.0
    poll_max: float = 30.0
    lost_contact: float = 300.0
    """Without a usable answer for this long, the outcome is unknown."""
    on_busy: OnBusy = OnBusy.WAIT
    on_stopped: OnStopped = OnStopped.FAIL
    on_deadline: OnDeadline = OnDeadline.LEAVE
    invisible_for: float = 300.0
    """The longest that an accepted submit can stay invisible everywhere (recorded: 2 s). A submit whose answer was lost
    counts as never arrived only after it was looked for in vain for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """A URL that has to answer as expected before a restart counts as a success."""

    url: str
    status: int = 200
    consecutive: int = 1
    """How many good answers in a row."""
    shown: str | None = None
    """The URL as the file spells it, if it contains environment variables: they may be secret."""
    within: float = 60.0
    """Seconds from the proof of the restart to the last of these answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that Qovery can restart."""

    id: str
    name: str
    type: ServiceType


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A service of the environment that is not restarted, and why."""

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
    """An environment as the user wrote it down, before its names are looked up."""

    name: str
    locator: str | EnvironmentPath
    """Its id, or its path."""
    services: str | Mapping[ServiceType, tuple[str, ...]]
    """`ALL_SERVICES`, or names and ids by type."""
    wave: int = 1
    policy: Policy = field(default_factory=Policy)
    checks: tuple[HttpCheck, ...] = ()
    line: int | None = field(default=None, compare=False)
    """Where its file lists it, from 1; None without a file. It changes nothing about what is restarted."""


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
    """None if unknown. Environments of one project share their looks."""
    line: int | None = field(default=None, compare=False)
    """Where its file lists it, from 1; None if that is unknown."""

    @property
    def all_services(self) -> "tuple[Service | Exclusion, ...]":
        """Every known service of the environment, with the excluded ones last."""
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
        """Return whether `failures` among `of` environments exceed (not equal) the budget."""
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
    """Everything that a run is going to do."""

    targets: tuple[Target, ...]
    strategy: Strategy = field(default_factory=Strategy)

    def waves(self) -> Iterator[tuple[int, tuple[Target, ...]]]:
        """Yield each wave's number with its targets, in ascending order; inside a wave the plan's order is kept."""
        ordered = sorted(self.targets, key=lambda target: target.wave)
        for wave, members in groupby(ordered, key=lambda target: target.wave):
            yield wave, tuple(members)
