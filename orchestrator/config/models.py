"""The configuration's models: every key of the file, what it may hold, and what it means in the domain's words."""

import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    model_validator,
)

from orchestrator.config.explain import broken_rule, did_you_mean, explain_unlocated, path_text
from orchestrator.config.scalars import (
    BaseUrl,
    Budget,
    Cron,
    Duration,
    EnvironmentPathText,
    Id,
    Optional,
    PositiveDuration,
    Text,
    TimeZone,
    Url,
    VariableName,
    Version,
    folded,
    no_secret,
    some_services,
)
from orchestrator.config.yaml_errors import printable
from orchestrator.domain.durations import exact_duration
from orchestrator.domain.plan import (
    ALL_SERVICES,
    EnvironmentPath,
    EnvironmentSpec,
    FailureBudget,
    HttpCheck,
    OnBusy,
    OnDeadline,
    OnStopped,
    Policy,
    ServiceType,
    Strategy,
)
from orchestrator.errors import ConfigError

LOCATORS = ("id", "path")
ANY_ORIGIN = "any"
_NOT_AS_IT_IS = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What YAML does not take as it stands, or reads as the end of a line; JSON would let it pass."""
TOKEN_PLACES = ("env", "file")
KINDS = ("applications", "containers", "databases")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class TokenConfig(_Section):
    """Where the API token is. Without it: QOVERY_API_TOKEN, QOVERY_CLI_ACCESS_TOKEN, Q_CLI_ACCESS_TOKEN."""

    env: Optional[VariableName] = None
    """The environment variable that holds it."""
    file: Optional[Text] = None
    """The file that holds it."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise broken_rule("expected either env or file")
        return self


class ApiConfig(_Section):
    """How the Qovery API is reached."""

    url: BaseUrl = "https://api.qovery.com"
    """The base URL. The environment variable QOVERY_API_URL wins over it."""
    token: Optional[Annotated[TokenConfig, BeforeValidator(no_secret)]] = None
    """Where the token is."""
    requests_per_hour: Annotated[int, Field(ge=1)] = 1000
    """The token's quota, shared by everything that a run does."""
    origin: Optional[
        Literal["API", "CLI", "CONSOLE", "GIT", "QOVERY_INTERNAL", "SKILL", "TERRAFORM_PROVIDER", "any"]
    ] = None
    """How Qovery's history labels what this token asks for, so that somebody else's restart is not taken for ours; or
    `any`, not to look. Default: API for an API token, any for a person's."""
    request_timeout: PositiveDuration = 30.0
    """How long one request may take, its answer included."""


class PollConfig(_Section):
    """How often to look. The interval grows with the time already waited."""

    min: Optional[PositiveDuration] = None
    """The shortest interval."""
    max: Optional[PositiveDuration] = None
    """The longest interval."""


class PolicyConfig(_Section):
    """How an environment is treated."""

    deadline: Optional[PositiveDuration] = None
    """From submitting to settled. Default: 30m."""
    poll: Optional[PollConfig] = None
    """How often to look. Default: 2s to 30s."""
    lost_contact: Optional[PositiveDuration] = None
    """No successful answer for so long: the outcome is unknown. Default: 5m."""
    invisible_for: Optional[PositiveDuration] = None
    """How long an accepted submit may stay invisible. One whose answer was lost is sent again only after so long
    without a trace of it, or of anybody else. Default: 5m."""
    on_busy: Optional[Literal["wait", "fail"]] = None
    """Another operation runs there. Default: wait."""
    on_stopped: Optional[Literal["fail", "skip"]] = None
    """A target does not run. Default: fail."""
    on_deadline: Optional[Literal["leave", "cancel"]] = None
    """What to do with the restart when its deadline passes; only what is provably ours is cancelled. Default: leave."""

    def over(self, policy: Policy) -> Policy:
        """Return `policy` with what is set here."""
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


class StrategyConfig(_Section):
    """How many environments at once, in what order, and until when."""

    max_parallel: Annotated[int, Field(ge=1)] = 5
    """Environments in flight at once."""
    max_failures: Budget = 0
    """How many environments may fail; when more do, the run halts. A number or a percentage."""
    pause_between_waves: Duration = 0.0
    """The pause between one wave and the next."""
    run_deadline: PositiveDuration = 14400.0
    """By when the whole run ends."""

    def to_domain(self) -> Strategy:
        """Return it in the domain's words."""
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


Names = Annotated[list[Text], Field(min_length=1, json_schema_extra={"uniqueItems": True})]


class ServicesConfig(_Section):
    """Services by name or id."""

    applications: Optional[Names] = None
    """Names or ids of applications."""
    containers: Optional[Names] = None
    """Names or ids of containers."""
    databases: Optional[Names] = None
    """Names or ids of databases that run in a container. Managed ones cannot restart."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.applications or self.containers or self.databases):
            raise broken_rule(f"expected at least one of {', '.join(KINDS)}")
        return self

    def to_domain(self) -> Mapping[ServiceType, tuple[str, ...]]:
        """Return them in the domain's words."""
        lists = {
            ServiceType.APPLICATION: self.applications,
            ServiceType.CONTAINER: self.containers,
            ServiceType.DATABASE: self.databases,
        }
        return {service_type: tuple(names) for service_type, names in lists.items() if names}


class CheckConfig(_Section):
    """A URL that has to answer well after the platform says restarted."""

    http: Url
    """The URL; it is asked with GET, without the token, and redirects are not followed."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The HTTP status that is wanted."""
    consecutive: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many good answers in a row."""
    within: PositiveDuration = 60.0
    """How long it may take."""


def _kind_of_services(value: object) -> str:
    return "lists" if isinstance(value, dict | ServicesConfig) else "all"


class EnvironmentConfig(PolicyConfig):
    """An environment to restart. Every default may be set again here."""

    name: Text
    """How logs, reports and --only speak of it. Unique."""
    id: Optional[Id] = None
    """Its id. Either this or `path`."""
    path: Optional[EnvironmentPathText] = None
    """organization/project/environment. Either this or `id`."""
    services: Annotated[
        Annotated[Literal["all"], Tag("all")] | Annotated[ServicesConfig, Tag("lists")],
        Discriminator(_kind_of_services),
        BeforeValidator(some_services),
    ]
    """`all`, for every service that can restart; or lists of names or ids."""
    wave: Annotated[int, Field(ge=1)] = 1
    """A wave starts when the one before has settled and the run has not halted."""
    verify: list[CheckConfig] = []
    """Checks that have to pass after the restart."""

    @model_validator(mode="after")
    def _one_locator(self) -> Self:
        if (self.id is None) == (self.path is None):
            raise broken_rule("expected either id or path")
        return self

    @property
    def locator(self) -> str | EnvironmentPath:
        """Where it is."""
        if self.path is None:
            return str(self.id)
        organization, project, environment = self.path.split("/")
        return EnvironmentPath(organization=organization, project=project, environment=environment)


class ScheduleConfig(_Section):
    """When `qovery-restart schedule` runs the file."""

    cron: Cron
    """Five fields: minute, hour, day of the month, month, day of the week."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`, such as Europe/Paris."""
    window: Optional[PositiveDuration] = None
    """Start nothing that is not expected to finish inside it."""
    on_missed: Literal["run", "skip"] = "run"
    """What to do about a time that passed while nothing was running."""


class JournalConfig(_Section):
    """How long the journal keeps runs that have ended."""

    keep_days: Annotated[int, Field(ge=1)] = 90
    """Days."""
    keep_runs: Annotated[int, Field(ge=1)] = 1000
    """How many, at the most."""


class Config(_Section):
    """What to restart, and how: made by `load_config`, `parse_config` or `Config.for_environment`."""

    version: Version
    """The version of this format: 1."""
    api: ApiConfig = ApiConfig()
    """How the Qovery API is reached."""
    defaults: PolicyConfig = PolicyConfig()
    """How each environment is treated, unless it says otherwise."""
    strategy: StrategyConfig = StrategyConfig()
    """How many at once, in what order, and until when."""
    environments: Annotated[list[EnvironmentConfig], Field(min_length=1)]
    """The environments to restart."""
    schedule: Optional[ScheduleConfig] = None
    """When `qovery-restart schedule` runs the file."""
    journal: JournalConfig = JournalConfig()
    """How long the journal keeps runs that have ended."""

    _source: str | None = PrivateAttr(default=None)
    _templates: Mapping[str, str] = PrivateAttr(default={})

    @property
    def source(self) -> str | None:
        """The file's name as it was given; None without one."""
        return self._source

    @property
    def token_variable(self) -> str | None:
        """The environment variable that holds the token, where the file names one."""
        return self.api.token.env if self.api.token is not None else None

    @property
    def token_file(self) -> str | None:
        """The file that holds the token, where the configuration names one."""
        return self.api.token.file if self.api.token is not None else None

    def default_policy(self) -> Policy:
        """Return how an environment is treated that says nothing itself."""
        return self.defaults.over(Policy())

    def environment_specs(self) -> tuple[EnvironmentSpec, ...]:
        """Return the environments in the domain's words, in the file's order."""
        default = self.default_policy()
        return tuple(
            EnvironmentSpec(
                name=environment.name,
                locator=environment.locator,
                services=ALL_SERVICES if environment.services == "all" else environment.services.to_domain(),
                wave=environment.wave,
                policy=environment.over(default),
                checks=tuple(
                    HttpCheck(
                        url=check.http,
                        shown=self._templates.get(check.http),
                        status=check.status,
                        consecutive=check.consecutive,
                        within=check.within,
                    )
                    for check in environment.verify
                ),
            )
            for environment in self.environments
        )

    def run_strategy(self) -> Strategy:
        """Return the strategy in the domain's words."""
        return self.strategy.to_domain()

    def document(self) -> str:
        """Return the configuration as a document that `parse_config` reads again, to the same effect.

        What the file took from environment variables is in it, but for the URLs of checks: they may carry a secret, and
        take their variables from the environment again when they are read.
        """
        content = self.model_dump(mode="json", exclude_unset=True)
        text = json.dumps(_written(content, self._templates), ensure_ascii=False)
        return _NOT_AS_IT_IS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

    def with_deadline(self, seconds: float) -> "Config":
        """Return a copy in which every environment has this deadline."""
        environments = [
            environment.model_copy(update={"deadline": float(seconds)}) for environment in self.environments
        ]
        return self.model_copy(update={"environments": environments})

    def named(self, source: str | None) -> "Config":
        """Return a copy that came from a file of this name."""
        config = self.model_copy()
        config._source = source  # noqa: SLF001 - our own, of another instance
        return config

    def only(self, names: Sequence[str]) -> "Config":
        """Return a copy with just the environments called `names`.

        Raises:
            ConfigError: there is none of a name.
        """
        known = {folded(environment.name): environment for environment in self.environments}
        wanted = {folded(name): name for name in names}
        given = [environment.name for environment in self.environments]
        unknown = [name for key, name in wanted.items() if key not in known]
        if unknown:
            raise ConfigError(
                [f'--only: no environment is called "{printable(name)}"{did_you_mean(name, given)}' for name in unknown]
            )
        chosen = [environment for key, environment in known.items() if key in wanted]
        return self.model_copy(update={"environments": chosen})

    @classmethod
    def for_environment(cls, locator: str, services: str | Mapping[str, Sequence[str]]) -> "Config":
        """Make the configuration of one environment without a file.

        Args:
            locator: an id, or organization/project/environment.
            services: `all`, or names and ids by `applications`, `containers` and `databases`.

        Raises:
            ConfigError: the locator is neither, or the services are none.
        """
        environment = {
            "name": locator.strip(),
            "path" if "/" in locator else "id": locator,
            "services": services if isinstance(services, str) else _without_repetition(services),
        }
        try:
            return cls.model_validate({"version": 1, "environments": [environment]})
        except ValidationError as error:
            findings = [(path[2:], message) for path, message in explain_unlocated(error)]
        lines = [f"{path_text(path)}: {message}" for path, message in findings if path[0] == "services"]
        if len(lines) < len(findings):
            lines.insert(
                0,
                f'"{printable(locator)}" names no environment: '
                "expected an id such as 3c90c3cc-0d44-4b50-8888-8dd25736052a, or organization/project/environment",
            )
        raise ConfigError(lines)


def _without_repetition(services: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {key: list({folded(name): name for name in names}.values()) for key, names in services.items()}


def _written(value: Any, templates: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Return a value as a file says it: what looks like a variable is escaped, and what came from one is a variable."""
    match value:
        case dict():
            return {key: _written(item, templates) for key, item in value.items()}
        case list():
            return [_written(item, templates) for item in value]
        case float():
            return exact_duration(value)  # Nothing else in a configuration is a number with a fraction.
        case str():
            return templates.get(value, value.replace("${", "$${"))
        case _:
            return value


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
