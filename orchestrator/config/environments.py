"""The environments of the configuration file: where each one is, its services, its checks, and its own policy."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from orchestrator.config.explain import broken_rule
from orchestrator.config.scalars import (
    SLASH,
    EnvironmentPathText,
    Id,
    Optional,
    PositiveDuration,
    Text,
    Url,
    some_services,
)
from orchestrator.config.sections import PolicyConfig, Section
from orchestrator.domain.plan import EnvironmentPath, ServiceType

_SLASH = re.compile(re.escape(SLASH), re.IGNORECASE)
LOCATORS = ("id", "path")
KINDS = ("applications", "containers", "databases")

Names = Annotated[list[Text], Field(min_length=1, json_schema_extra={"uniqueItems": True})]


class ServicesConfig(Section):
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
        """Return the names and ids by the domain's `ServiceType`."""
        lists = {
            ServiceType.APPLICATION: self.applications,
            ServiceType.CONTAINER: self.containers,
            ServiceType.DATABASE: self.databases,
        }
        return {service_type: tuple(names) for service_type, names in lists.items() if names}


class CheckConfig(Section):
    """A URL that must answer as expected after the platform reports RESTARTED."""

    http: Url
    """The URL; requested with GET, without the token. Redirects are not followed."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The expected HTTP status."""
    consecutive: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many such answers in a row."""
    within: PositiveDuration = 60.0
    """How long it may take."""


def _kind_of_services(value: object) -> str:
    return "lists" if isinstance(value, dict | ServicesConfig) else "all"


class EnvironmentConfig(PolicyConfig):
    """An environment to restart. It may override every default."""

    name: Text
    """Its name in logs, reports and --only. Unique."""
    id: Optional[Id] = None
    """Its id. Either this or `path`."""
    path: Optional[EnvironmentPathText] = None
    """organization/project/environment; a slash inside of a name is written %2F. Either this or `id`."""
    services: Annotated[
        Annotated[Literal["all"], Tag("all")] | Annotated[ServicesConfig, Tag("lists")],
        Discriminator(_kind_of_services),
        BeforeValidator(some_services),
    ]
    """`all`, for every service that can restart; or lists of names or ids."""
    wave: Annotated[int, Field(ge=1)] = 1
    """A wave starts when the previous one has settled and the run has not halted."""
    verify: list[CheckConfig] = Field(default_factory=list)
    """Checks that must pass after the restart."""

    @model_validator(mode="after")
    def _one_locator(self) -> Self:
        if (self.id is None) == (self.path is None):
            raise broken_rule("expected either id or path")
        return self

    @property
    def locator(self) -> str | EnvironmentPath:
        """Where it is: its id, or its path."""
        if self.path is None:
            return str(self.id)
        organization, project, environment = (_SLASH.sub("/", part) for part in self.path.split("/"))
        return EnvironmentPath(organization=organization, project=project, environment=environment)
