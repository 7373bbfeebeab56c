"""The sections of the configuration file, except `environments`: every key, what it may hold, and its default."""

from datetime import tzinfo
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orchestrator.config.explain import broken_rule
from orchestrator.config.scalars import (
    BaseUrl,
    Budget,
    Cron,
    Duration,
    Moment,
    Optional,
    PositiveDuration,
    SecretVariableName,
    Text,
    TimeZone,
    VariableName,
    no_secret,
)
from orchestrator.domain.notices import SecretPlace
from orchestrator.domain.plan import FailureBudget, OnBusy, OnDeadline, OnStopped, Policy, Strategy
from orchestrator.schedules import Cron as CronExpression
from orchestrator.schedules import DateRange, OnMissed, RepeatedBlackout, Schedule, load_zone

TOKEN_PLACES = ("env", "file")
BLACKOUT_KINDS = (("from", "to"), ("cron", "for"))
BLACKOUT_KEYS = (*BLACKOUT_KINDS[0], *BLACKOUT_KINDS[1])
ANY_ORIGIN = "any"
"""The value of `api.origin` that accepts a restart of any origin as ours."""


class Section(BaseModel):
    """A mapping in the file. Unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class PlaceConfig(Section):
    """Where a secret is."""

    env: Optional[SecretVariableName] = None
    """The environment variable that holds it."""
    file: Optional[Text] = None
    """The file that holds it."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise broken_rule("expected either env or file")
        return self

    def to_domain(self) -> SecretPlace:
        """Return the domain's `SecretPlace`."""
        return SecretPlace(env=self.env, file=self.file)


class TokenConfig(PlaceConfig):
    """Where the API token is. Without it: QOVERY_API_TOKEN, QOVERY_CLI_ACCESS_TOKEN, Q_CLI_ACCESS_TOKEN."""

    env: Optional[VariableName] = None
    """The environment variable that holds it."""


class ApiConfig(Section):
    """How to reach the Qovery API."""

    url: BaseUrl = "https://api.qovery.com"
    """The base URL. The environment variable QOVERY_API_URL overrides it."""
    token: Optional[Annotated[TokenConfig, BeforeValidator(no_secret)]] = None
    """Where the token is."""
    requests_per_hour: Annotated[int, Field(ge=1)] = 1000
    """The token's quota, shared by everything that a run does."""
    origin: Optional[
        Literal["API", "CLI", "CONSOLE", "GIT", "QOVERY_INTERNAL", "SKILL", "TERRAFORM_PROVIDER", "any"]
    ] = None
    """How Qovery's history labels the requests of this token, so that another user's restart is not taken for ours;
    `any` turns the check off. Default: API for an API token, any for a user's token."""
    request_timeout: PositiveDuration = 30.0
    """How long one request may take, including its answer."""


class PollConfig(Section):
    """How often to poll. The interval grows with the time already waited."""

    min: Optional[PositiveDuration] = None
    """The shortest interval."""
    max: Optional[PositiveDuration] = None
    """The longest interval."""


class PolicyConfig(Section):
    """How an environment is restarted."""

    deadline: Optional[PositiveDuration] = None
    """From submitting to settled. Default: 30m."""
    poll: Optional[PollConfig] = None
    """How often to poll. Default: 2s to 30s."""
    lost_contact: Optional[PositiveDuration] = None
    """After so long without a successful answer the outcome is unknown. Default: 5m."""
    invisible_for: Optional[PositiveDuration] = None
    """How long an accepted submit may stay invisible. A submit whose answer was lost is sent again only after so long
    without a trace of it, or of another user's activity. Default: 5m."""
    on_busy: Optional[Literal["wait", "fail"]] = None
    """What to do if another operation is in progress. Default: wait."""
    on_stopped: Optional[Literal["fail", "skip"]] = None
    """What to do if a target does not run. Default: fail."""
    on_deadline: Optional[Literal["leave", "cancel"]] = None
    """What to do with the restart when its deadline passes; only what is provably ours is cancelled. Default: leave."""

    def over(self, policy: Policy) -> Policy:
        """Return `policy` with the values set here in place of its own."""
        poll = self.poll or PollConfig()
        return Policy(
            deadline=_or(self.deadline, policy.deadline),
            poll_min=_or(poll.min, policy.poll_min),
            poll_max=_or(poll.max, policy.poll_max),
            lost_contact=_or(self.lost_contact, policy.lost_contact),
            on_busy=OnBusy(self.on_busy or policy.on_busy),
            on_stopped=OnStopped(self.on_stopped or policy.on_stopped),
            on_deadline=OnDeadline(self.on_deadline or policy.on_deadline),
            invisible_for=_or(self.invisible_for, policy.invisible_for),
        )


class StrategyConfig(Section):
    """How many environments at once, in what order, and until when."""

    max_parallel: Annotated[int, Field(ge=1)] = 5
    """Environments in flight at once."""
    max_failures: Budget = 0
    """How many environments may fail; when more do, the run halts. A number or a percentage."""
    pause_between_waves: Duration = 0.0
    """The pause between one wave and the next."""
    run_deadline: PositiveDuration = 14400.0
    """How long the whole run may take."""

    def to_domain(self) -> Strategy:
        """Return the domain's `Strategy`."""
        if isinstance(self.max_failures, int):
            budget = FailureBudget(count=self.max_failures)
        else:
            budget = FailureBudget(percent=Fraction(self.max_failures.removesuffix("%")))
        return Strategy(
            max_parallel=self.max_parallel,
            max_failures=budget,
            pause_between_waves=self.pause_between_waves,
            run_deadline=self.run_deadline,
        )


class ScheduleConfig(Section):
    """When `qovery-restart schedule` runs the file."""

    cron: Cron
    """Five fields: minute, hour, day of the month, month, day of the week."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`, such as Europe/Paris."""
    window: Optional[PositiveDuration] = None
    """Start nothing that is not expected to finish inside it; real time from the scheduled instant."""
    grace: Duration = 60.0
    """So late is on time."""
    on_missed: Literal["run", "skip"] = "run"
    """What to do about a time that passed while nothing was running: run inside the window, or skip."""

    def to_schedule(self) -> Schedule:
        """Return the room's `Schedule`, with the zone as its data is now.

        Raises:
            ValueError: the zone's data is gone.
        """
        return Schedule(
            cron=CronExpression.parse(self.cron),
            zone=load_zone(self.timezone).info,
            window=self.window,
            grace=self.grace,
            on_missed=OnMissed(self.on_missed),
        )


class BlackoutConfig(Section):
    """Nothing begins meanwhile. Either from one date to another, or whenever `cron` comes, `for` a while."""

    from_: Optional[Moment] = Field(default=None, alias="from")
    """A date, or a date and time, in the schedule's time zone."""
    to: Optional[Moment] = None
    """The last day, which is included; or a date and time, which is not."""
    cron: Optional[Cron] = None
    """When it begins, again and again."""
    for_: Optional[PositiveDuration] = Field(default=None, alias="for")
    """How long it then holds."""
    why: Optional[Text] = None
    """Shown to whoever has to wait."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = {key for key in BLACKOUT_KEYS if getattr(self, key if hasattr(self, key) else f"{key}_") is not None}
        if given not in ({"from", "to"}, {"cron", "for"}):
            raise broken_rule("expected either from and to, or cron and for")
        return self

    def to_blackout(self, zone: tzinfo) -> DateRange | RepeatedBlackout:
        """Return the room's blackout.

        Raises:
            ValueError: it ends before it begins.
        """
        if self.cron is not None:
            return RepeatedBlackout(
                cron=CronExpression.parse(self.cron), zone=zone, duration=self.for_ or 0.0, why=self.why
            )
        return DateRange.between(self.from_ or "", self.to or "", zone, why=self.why)


class JournalConfig(Section):
    """How long the journal keeps ended runs."""

    keep_days: Annotated[int, Field(ge=1)] = 90
    """Days."""
    keep_runs: Annotated[int, Field(ge=1)] = 1000
    """The maximum number of runs."""


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
