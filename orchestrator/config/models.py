"""The whole configuration, `Config`: what a run needs of it, copies with changes, and writing it back as a document."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError

from orchestrator.config.environments import EnvironmentConfig
from orchestrator.config.explain import did_you_mean, explain_unlocated, path_text
from orchestrator.config.scalars import Optional, Version, no_secret_url
from orchestrator.config.sections import (
    ApiConfig,
    BlackoutConfig,
    JournalConfig,
    PolicyConfig,
    ScheduleConfig,
    Section,
    StrategyConfig,
)
from orchestrator.config.telling import BlockerConfig, MetricsConfig, NotifyConfig, PingConfig
from orchestrator.config.yaml_errors import printable
from orchestrator.domain.costs import least_duration
from orchestrator.domain.durations import exact_duration, format_duration
from orchestrator.domain.notices import NoticePlan, NotifyOn
from orchestrator.domain.plan import ALL_SERVICES, EnvironmentSpec, HttpCheck, Policy, Strategy
from orchestrator.errors import ConfigError
from orchestrator.machine import is_this_machine
from orchestrator.redaction import shown_url
from orchestrator.schedules import Blackouts, Schedule, load_zone, zone_warning
from orchestrator.text import fold

_FILES = ("file", "textfile")
"""The keys whose values are paths of files."""
_NOT_IN_YAML = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON allows in a string, and that YAML forbids or reads as the end of a line."""


class Config(Section):
    """What to restart, and how: made by `load_config`, `parse_config` or `Config.for_environment`."""

    version: Version
    """The version of this format: 1."""
    api: ApiConfig = ApiConfig()
    """How to reach the Qovery API."""
    defaults: PolicyConfig = PolicyConfig()
    """How each environment is restarted, unless it overrides this."""
    strategy: StrategyConfig = StrategyConfig()
    """How many environments at once, in what order, and until when."""
    environments: Annotated[list[EnvironmentConfig], Field(min_length=1)]
    """The environments to restart."""
    schedule: Optional[ScheduleConfig] = None
    """When `qovery-restart schedule` runs the file."""
    blackouts: Annotated[list[BlackoutConfig], Field(default_factory=list)]
    """When nothing may begin, in the time zone of `schedule`."""
    journal: JournalConfig = JournalConfig()
    """How long the journal keeps ended runs."""
    notify: Optional[NotifyConfig] = None
    """Messages about runs."""
    ping: Optional[Annotated[PingConfig, BeforeValidator(no_secret_url)]] = None
    """A dead man's signal."""
    metrics: Optional[MetricsConfig] = None
    """Metrics of the last run."""
    blocked_by: Annotated[list[BlockerConfig], Field(min_length=1)] = Field(default_factory=list)
    """What must not be firing when a run, or a wave of it, begins."""

    _source: str | None = PrivateAttr(default=None)
    _templates: Mapping[str, str] = PrivateAttr(default={})
    _places: Mapping[str, str] = PrivateAttr(default={})
    _lines: Mapping[str, int] = PrivateAttr(default={})

    @property
    def source(self) -> str | None:
        """The file's name as it was given; None without a file."""
        return self._source

    @property
    def token_variable(self) -> str | None:
        """The environment variable that holds the token, if the file names one."""
        return self.api.token.env if self.api.token is not None else None

    @property
    def token_file(self) -> str | None:
        """The file that holds the token, if the configuration names one."""
        return self.api.token.file if self.api.token is not None else None

    def warnings(self) -> tuple[str, ...]:
        """Return what is valid, and hardly meant, a sentence each."""
        found = [
            f"{spec.name}: `deadline` ({format_duration(spec.policy.deadline)}) is not longer than `invisible_for` "
            f"({format_duration(spec.policy.invisible_for)}): a submit whose answer is lost can neither be confirmed "
            "nor repeated in that time."
            for spec in self.environment_specs()
            if spec.policy.deadline <= spec.policy.invisible_for
        ]
        tokens_to = {"api.url": self.api.url} | {
            f"blocked_by[{index}].prometheus": each.prometheus
            for index, each in enumerate(self.blocked_by)
            if each.token is not None
        }
        for key, url in tokens_to.items():
            parts = urlsplit(url)
            if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
                found.append(f"{key}: {shown_url(url)} is not encrypted: the token can be read on the way.")
        found += [f"{self._where(key)}{key}: {warning}" for key, warning in self._schedule_warnings()]
        return tuple(found)

    @property
    def lines(self) -> Mapping[str, int]:
        """Where the file lists each environment, by name, from 1; empty if that is unknown."""
        return self._lines

    def place_of(self, key: str) -> str | None:
        """Return where a key of `schedule` is written, such as `nightly.yaml:12:3`; None without a file."""
        return self._places.get(key)

    def _where(self, key: str) -> str:
        place = self.place_of(key)
        return f"{place}: " if place is not None else ""

    def _schedule_warnings(self) -> Iterator[tuple[str, str]]:
        """Yield the key and what is hardly meant by it."""
        if self.schedule is None:
            return
        if odd := zone_warning(self.schedule.timezone):
            yield "schedule.timezone", odd
        if self.schedule.window is None:
            if self.schedule.on_missed == "run":
                warning = (
                    "without a `window`, a night that was missed may be made up at noon: within half of the time to "
                    "the next one. Set `window`, or `on_missed: skip`."
                )
                yield "schedule.on_missed", warning
            return
        least = self.least_duration()
        if self.schedule.window < least:
            window, least_text = format_duration(self.schedule.window), format_duration(ceil(least))
            warning = f"{window} is shorter than the run, which takes at least {least_text}: not everything starts."
            yield "schedule.window", warning

    def least_duration(self) -> float:
        """Return the seconds that a run takes at least, as far as the file alone tells."""
        waves: dict[int, list[int]] = {}
        for environment in self.environment_specs():
            known = 1 if isinstance(environment.services, str) else sum(map(len, environment.services.values()))
            waves.setdefault(environment.wave, []).append(known)
        return least_duration([waves[number] for number in sorted(waves)], self.run_strategy())

    def run_schedule(self) -> Schedule | None:
        """Return when the file runs, with the zone as its data is now; None without a schedule.

        Raises:
            ValueError: the zone's data is gone.
        """
        return self.schedule.to_schedule() if self.schedule is not None else None

    def run_blackouts(self) -> Blackouts:
        """Return the blackouts, in the schedule's zone; in UTC without a schedule.

        Raises:
            ValueError: one ends before it begins, which `parse_config` reports, or the zone's data is gone.
        """
        zone = load_zone(self.schedule.timezone if self.schedule is not None else "UTC").info
        return Blackouts(tuple(each.to_blackout(zone) for each in self.blackouts))

    def default_policy(self) -> Policy:
        """Return the policy of an environment that overrides nothing."""
        return self.defaults.over(Policy())

    def environment_specs(self) -> tuple[EnvironmentSpec, ...]:
        """Return the domain's specifications of the environments, in the file's order."""
        default = self.default_policy()
        return tuple(
            EnvironmentSpec(
                name=environment.name,
                locator=environment.locator,
                services=ALL_SERVICES if environment.services == "all" else environment.services.to_domain(),
                wave=environment.wave,
                line=self._lines.get(environment.name),
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

    def notice_plan(self) -> NoticePlan:
        """Return who is told of a run, and when."""
        return NoticePlan(
            on=NotifyOn.CHANGE if self.notify is None else self.notify.when(),
            to=() if self.notify is None else tuple(to.to_domain(index) for index, to in enumerate(self.notify.to)),
            ping=None if self.ping is None else self.ping.to_domain(),
            textfile=None if self.metrics is None else self.metrics.textfile,
        )

    def run_strategy(self) -> Strategy:
        """Return the domain's `Strategy`."""
        return self.strategy.to_domain()

    def document(self) -> str:
        """Return the configuration as a document that `parse_config` reads back to the same effect.

        Values that came from environment variables are included, except the URLs of checks: they may carry a secret, so
        they keep their variables, which are read from the environment again. Files are written with their whole paths,
        since the document may be read from another directory.
        """
        content = _with_whole_paths(self.model_dump(mode="json", exclude_unset=True, by_alias=True))
        text = json.dumps(_written(content, self._templates), ensure_ascii=False)
        return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

    def with_deadline(self, seconds: float) -> "Config":
        """Return a copy in which every environment has this deadline."""
        environments = [
            environment.model_copy(update={"deadline": float(seconds)}) for environment in self.environments
        ]
        return self.model_copy(update={"environments": environments})

    def without_blackouts(self) -> "Config":
        """Return a copy without blackouts; so is the run that it makes, also when it is resumed."""
        return self.model_copy(update={"blackouts": []})

    def named(self, source: str | None) -> "Config":
        """Return a copy whose `source` is this; where in it anything is written is not known."""
        config = self.model_copy()
        config._source = source  # noqa: SLF001 - our own, of another instance
        config._lines = {}  # noqa: SLF001 - the same
        return config

    def only(self, names: Sequence[str]) -> "Config":
        """Return a copy with only the environments called `names`.

        Raises:
            ConfigError: no environment has one of the names.
        """
        known = {fold(environment.name): environment for environment in self.environments}
        wanted = {fold(name): name for name in names}
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
        """Return the configuration of one environment, without a file.

        Args:
            locator: an id, or organization/project/environment.
            services: `all`, or names and ids by `applications`, `containers` and `databases`.

        Raises:
            ConfigError: the locator or the services are invalid.
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
    return {key: list({fold(name): name for name in names}.values()) for key, names in services.items()}


def _with_whole_paths(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case dict():
            return {
                key: _whole_path(item) if key in _FILES and isinstance(item, str) else _with_whole_paths(item)
                for key, item in value.items()
            }
        case list():
            return [_with_whole_paths(item) for item in value]
        case _:
            return value


def _whole_path(path: str) -> str:
    return path if path.startswith("~") else str(Path(path).absolute())


def _written(value: Any, templates: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Return a value as a file would spell it: variables that were replaced are back, a literal `${` is escaped."""
    match value:
        case dict():
            return {key: _written(item, templates) for key, item in value.items()}
        case list():
            return [_written(item, templates) for item in value]
        case float():
            return exact_duration(value)  # Every float in a configuration is a duration.
        case str():
            return templates.get(value, value.replace("${", "$${"))
        case _:
            return value
