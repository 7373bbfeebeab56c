"""The sections of the file that tell others about a run, and that ask others whether it may begin."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.config.explain import broken_rule
from orchestrator.config.scalars import BaseUrl, Optional, Query, SecretVariableName, Text, no_secret, no_secret_url
from orchestrator.config.sections import PlaceConfig, Section
from orchestrator.domain.notices import Destination, NoticeKind, NotifyOn, PingPlan, SecretPlace

KINDS = ("slack", "webhook", "apprise")
"""What a message can be sent to."""

UrlPlace = Annotated[PlaceConfig, BeforeValidator(no_secret_url)]


class DestinationConfig(Section):
    """Somebody to send a message to: one of these."""

    slack: Optional[UrlPlace] = None
    """Where the URL of an incoming webhook is: of Slack, or of what understands the same, such as Mattermost."""
    webhook: Optional[UrlPlace] = None
    """Where the URL is that gets a JSON document."""
    apprise: Optional[UrlPlace] = None
    """Where the URL of a service of Apprise is. Needs `pip install 'qovery-restart[notify]'`."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise broken_rule(f"expected one of {', '.join(KINDS)}")
        return self

    def to_domain(self, index: int) -> Destination:
        """Return the domain's `Destination`; `index` is its place in the list."""
        kind, place = next((kind, place) for kind in KINDS if (place := getattr(self, kind)) is not None)
        return Destination(kind=NoticeKind(kind), place=place.to_domain(), named_by=f"notify.to[{index}].{kind}")


class NotifyConfig(Section):
    """Messages about runs. One that cannot be sent is a warning."""

    on: Literal["change", "failure", "always"] = "change"
    """Of which runs: `change` is a failure, and the first success after one."""
    to: Annotated[list[DestinationConfig], Field(min_length=1)]
    """To whom."""

    def when(self) -> NotifyOn:
        """Return the domain's `NotifyOn`."""
        return NotifyOn(self.on)


class PingConfig(Section):
    """A dead man's signal: whoever gets it raises the alarm if it stays away.

    Either `env` or `file`, with a URL of healthchecks.io's conventions; or `success`, perhaps with `start` and
    `failure`, for others.
    """

    env: Optional[SecretVariableName] = None
    """The environment variable that holds the URL."""
    file: Optional[Text] = None
    """The file that holds the URL."""
    start: Optional[UrlPlace] = None
    """Where the URL is that is asked when a run begins."""
    success: Optional[UrlPlace] = None
    """Where the URL is that is asked when a run has succeeded."""
    failure: Optional[UrlPlace] = None
    """Where the URL is that is asked when a run has ended in any other way."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if [self.env, self.file, self.success].count(None) != 2:  # noqa: PLR2004 - two of the three
            raise broken_rule("expected either env, file, or success")
        return self

    def to_domain(self) -> PingPlan:
        """Return the domain's `PingPlan`."""
        if self.success is None:
            return PingPlan(one=SecretPlace(env=self.env, file=self.file))
        return PingPlan(start=_place(self.start), success=_place(self.success), failure=_place(self.failure))


class MetricsConfig(Section):
    """Metrics of the last run, for Prometheus."""

    textfile: Text
    """The file, for node_exporter's textfile collector: it ends in `.prom`, and belongs to this configuration alone.
    Needs `pip install 'qovery-restart[metrics]'`."""


class BlockerConfig(Section):
    """A query of Prometheus that blocks restarts while it yields any series, or no answer."""

    prometheus: BaseUrl
    """The base URL of the API: of Prometheus, or of what answers like it."""
    query: Query
    """The query, in PromQL."""
    token: Optional[Annotated[PlaceConfig, BeforeValidator(no_secret)]] = None
    """Where the bearer token is, if one is needed."""


def _place(config: PlaceConfig | None) -> SecretPlace | None:
    return None if config is None else config.to_domain()
