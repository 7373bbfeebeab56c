"""The configuration file: its models, and errors that name the line, the column and what was expected."""

import os
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

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

from orchestrator.config_errors import did_you_mean, explain, explain_unlocated
from orchestrator.config_types import (
    BaseUrl,
    Budget,
    Cron,
    Duration,
    EnvironmentPathText,
    Id,
    PositiveDuration,
    Text,
    TimeZone,
    Url,
    no_secret,
)
from orchestrator.errors import ConfigError
from orchestrator.plan import (
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
from orchestrator.yaml_source import Place, Problem, read_document


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class TokenConfig(_Section):
    """Where the API token is. Without it: QOVERY_API_TOKEN, QOVERY_CLI_ACCESS_TOKEN, Q_CLI_ACCESS_TOKEN."""

    env: Text | None = None
    """The environment variable that holds it."""
    file: Text | None = None
    """The file that holds it."""

    @model_validator(mode="after")
    def _one(self) -> "TokenConfig":
        if (self.env is None) == (self.file is None):
            raise ValueError("expected either {env: NAME} or {file: PATH}")
        return self


class ApiConfig(_Section):
    """How the Qovery API is reached."""

    url: BaseUrl = "https://api.qovery.com"
    """The base URL. The environment variable QOVERY_API_URL wins over it."""
    token: Annotated[TokenConfig, BeforeValidator(no_secret)] | None = None
    """Where the token is."""
    requests_per_hour: Annotated[int, Field(ge=1)] = 1000
    """The token's quota, shared by everything that a run does."""
    request_timeout: PositiveDuration = 30.0
    """How long one request may take, its answer included."""


class PollConfig(_Section):
    """How often to look. The interval grows with the time already waited."""

    min: PositiveDuration | None = None
    """The shortest interval."""
    max: PositiveDuration | None = None
    """The longest interval."""


class PolicyConfig(_Section):
    """How an environment is treated."""

    deadline: PositiveDuration | None = None
    """From submitting to settled. Default: 30m."""
    poll: PollConfig | None = None
    """How often to look. Default: 2s to 30s."""
    lost_contact: PositiveDuration | None = None
    """No successful answer for so long: the outcome is unknown. Default: 5m."""
    on_busy: Literal["wait", "fail"] | None = None
    """Another operation runs there. Default: wait."""
    on_stopped: Literal["fail", "skip"] | None = None
    """A target does not run. Default: fail."""
    on_deadline: Literal["leave", "cancel"] | None = None
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
            invisible_for=policy.invisible_for,
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
            budget = FailureBudget(percent=Fraction(self.max_failures.removesuffix("%").strip()))
        return Strategy(
            max_parallel=self.max_parallel,
            max_failures=budget,
            pause_between_waves=self.pause_between_waves,
            run_deadline=self.run_deadline,
        )


class ServicesConfig(_Section):
    """Services by name or id."""

    applications: Annotated[list[Text], Field(min_length=1)] | None = None
    """Names or ids of applications."""
    containers: Annotated[list[Text], Field(min_length=1)] | None = None
    """Names or ids of containers."""
    databases: Annotated[list[Text], Field(min_length=1)] | None = None
    """Names or ids of databases that run in a container. Managed ones cannot restart."""

    @model_validator(mode="after")
    def _something(self) -> "ServicesConfig":
        if not (self.applications or self.containers or self.databases):
            raise ValueError("expected at least one of applications, containers and databases")
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
    id: Id | None = None
    """Its id. Either this or `path`."""
    path: EnvironmentPathText | None = None
    """organization/project/environment. Either this or `id`."""
    services: Annotated[
        Annotated[Literal["all"], Tag("all")] | Annotated[ServicesConfig, Tag("lists")],
        Discriminator(_kind_of_services),
    ]
    """`all`, for every service that can restart; or lists of names or ids."""
    wave: Annotated[int, Field(ge=1)] = 1
    """A wave starts when the one before has settled and the run has not halted."""
    verify: list[CheckConfig] = []
    """Checks that have to pass after the restart."""

    @model_validator(mode="after")
    def _located(self) -> "EnvironmentConfig":
        if (self.id is None) == (self.path is None):
            raise ValueError("expected either id or path")
        return self

    @property
    def locator(self) -> str | EnvironmentPath:
        """Where it is."""
        if self.path is None:
            return str(self.id)
        organization, project, environment = (part.strip() for part in self.path.split("/"))
        return EnvironmentPath(organization=organization, project=project, environment=environment)


class ScheduleConfig(_Section):
    """When `qovery-restart schedule` runs the file."""

    cron: Cron
    """Five fields: minute, hour, day of the month, month, day of the week."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`, such as Europe/Paris."""
    window: PositiveDuration | None = None
    """Start nothing that is not expected to finish inside it."""
    on_missed: Literal["run", "skip"] = "run"
    """What to do about a time that passed while nothing was running."""


class Config(_Section):
    """What to restart, and how."""

    version: Literal[1]
    """The version of this format: 1."""
    api: ApiConfig = ApiConfig()
    """How the Qovery API is reached."""
    defaults: PolicyConfig = PolicyConfig()
    """How each environment is treated, unless it says otherwise."""
    strategy: StrategyConfig = StrategyConfig()
    """How many at once, in what order, and until when."""
    environments: Annotated[list[EnvironmentConfig], Field(min_length=1)]
    """The environments to restart."""
    schedule: ScheduleConfig | None = None
    """When `qovery-restart schedule` runs the file."""

    _source: str | None = PrivateAttr(default=None)

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
                    HttpCheck(url=check.http, status=check.status, consecutive=check.consecutive, within=check.within)
                    for check in environment.verify
                ),
            )
            for environment in self.environments
        )

    def run_strategy(self) -> Strategy:
        """Return the strategy in the domain's words."""
        return self.strategy.to_domain()

    def with_deadline(self, seconds: float) -> "Config":
        """Return a copy in which every environment has this deadline."""
        environments = [
            environment.model_copy(update={"deadline": float(seconds)}) for environment in self.environments
        ]
        return self.model_copy(update={"environments": environments})

    def only(self, names: Sequence[str]) -> "Config":
        """Return a copy with just the environments called `names`.

        Raises:
            ConfigError: there is none of a name.
        """
        known = {_folded(environment.name): environment for environment in self.environments}
        unknown = [name for name in names if _folded(name) not in known]
        if unknown:
            given = [environment.name for environment in self.environments]
            raise ConfigError(
                [f'--only: no environment is called "{name}"{did_you_mean(name, given)}' for name in unknown]
            )
        wanted = {_folded(name) for name in names}
        chosen = [environment for name, environment in known.items() if name in wanted]
        return self.model_copy(update={"environments": chosen})

    @classmethod
    def for_environment(cls, locator: str, services: str | Mapping[str, Sequence[str]]) -> "Config":
        """Make the configuration of one environment without a file.

        Args:
            locator: an id, or organization/project/environment.
            services: `all`, or names and ids by `applications`, `containers` and `databases`.

        Raises:
            ConfigError: the locator is neither.
        """
        environment = {
            "name": locator.strip(),
            "path" if "/" in locator else "id": locator.strip(),
            "services": services
            if isinstance(services, str)
            else {key: list(names) for key, names in services.items()},
        }
        try:
            return cls.model_validate({"version": 1, "environments": [environment]})
        except ValidationError as error:
            raise ConfigError(
                [f'the environment "{locator}": {problem}' for problem in explain_unlocated(error)]
            ) from None


def load_config(path: str | Path, *, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file; `-` is standard input.

    Raises:
        ConfigError: with every problem of the file, each with its line and column.
    """
    if str(path) == "-":
        return parse_config(sys.stdin.read(), source="<stdin>", environ=environ)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not a text file in UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    return parse_config(text, source=str(path), environ=environ)


def parse_config(text: str, *, source: str, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration from `text`; `source` is what errors call it.

    Raises:
        ConfigError: with every problem, each with its line and column.
    """
    document = read_document(text, environ)
    problems = list(document.problems)
    config: Config | None = None
    if not isinstance(document.content, dict):
        if not problems:
            problems.append(Problem(Place(1, 1), (), "expected `version: 1` and `environments:`, found no mapping"))
    else:
        try:
            config = Config.model_validate(document.content)
        except ValidationError as error:
            problems += explain(error, document, Config)
        problems += [
            Problem(document.place_of(path), path, message) for path, message in _across(document.content, config)
        ]
    if problems:
        raise ConfigError([_line(source, problem) for problem in sorted(set(problems), key=_by_place)])
    assert config is not None  # noqa: S101 - whatever kept it from being made is a problem
    config._source = source  # noqa: SLF001 - not part of the file, so not a field
    return config


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the configuration file.

    Wherever a value is expected that is not free text, a `${VARIABLE}` is as good.
    """
    schema = Config.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_with_placeholders(schema),
        "title": "qovery-restart configuration",
    }


_PLACEHOLDER = {"type": "string", "pattern": r"\$\{[A-Za-z_]", "description": "An environment variable."}


def _with_placeholders(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(schema, list):
        return [_with_placeholders(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    is_free_text = kind == "string" and not {"pattern", "enum", "format", "const"} & schema.keys()
    if kind in ("integer", "number", "boolean", "string") and not is_free_text:
        about = {key: schema[key] for key in ("description", "default", "title") if key in schema}
        rest = {key: value for key, value in schema.items() if key not in about}
        return {**about, "anyOf": [rest, _PLACEHOLDER]}
    return {
        key: value if key in ("default", "examples", "enum", "const", "required") else _with_placeholders(value)
        for key, value in schema.items()
    }


def _across(content: Mapping[str, Any], config: Config | None) -> list[tuple[tuple[str | int, ...], str]]:
    """Find what is wrong between the parts: told from the raw content, so that no other problem hides it."""
    problems: list[tuple[tuple[str | int, ...], str]] = []
    environments = content.get("environments")
    seen: dict[tuple[str, str], str] = {}
    for index, environment in enumerate(environments if isinstance(environments, list) else []):
        for key in ("name", "id", "path"):
            value = environment.get(key) if isinstance(environment, dict) else None
            if not isinstance(value, str):
                continue
            folded = "/".join(_folded(part) for part in value.split("/"))
            first = seen.setdefault((key, folded), f"environments[{index}]")
            if first != f"environments[{index}]":
                what = "names have to be unique" if key == "name" else "an environment is listed once"
                problems.append((("environments", index, key), f"the same as that of {first}; {what}"))
    if config is not None:
        for index, spec in enumerate(config.environment_specs()):
            if spec.policy.poll_min > spec.policy.poll_max:
                own = config.environments[index].poll is not None
                path = ("environments", index, "poll") if own else ("defaults", "poll")
                problems.append((path, "expected min to be at most max"))
    return list(dict.fromkeys(problems))


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _by_place(problem: Problem) -> tuple[Place, str]:
    return problem.place, problem.message


def _line(source: str, problem: Problem) -> str:
    where = f"{source}:{problem.place.line}:{problem.place.column}"
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.path).lstrip(".")
    return f"{where}: {path}: {problem.message}" if path else f"{where}: {problem.message}"
