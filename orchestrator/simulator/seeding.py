"""Builds a world that contains everything that a configuration names."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from orchestrator.domain.plan import EnvironmentPath, EnvironmentSpec
from orchestrator.simulator.chance import source
from orchestrator.simulator.dials import Dials, dials_for
from orchestrator.simulator.faults import FaultProfile
from orchestrator.simulator.incidents import Incident, draw_incident, plant
from orchestrator.simulator.model import (
    AutoStop,
    DatabaseMode,
    Environment,
    Kind,
    Organization,
    Project,
    Service,
    Stage,
    normalised,
)
from orchestrator.simulator.past import past_of
from orchestrator.simulator.timings import CALM, HOSTILE, REALISTIC, Timings
from orchestrator.simulator.world import EPOCH, World

_NAMESPACE = uuid.UUID("6f3c1f9e-2d0b-5c57-9a52-7f1d5b0c8e11")

_TIMINGS: Mapping[FaultProfile, Timings] = MappingProxyType(
    {FaultProfile.NONE: CALM, FaultProfile.REALISTIC: REALISTIC, FaultProfile.HOSTILE: HOSTILE}
)

_DEFAULT_SERVICES = (
    ("api", Kind.APPLICATION),
    ("web", Kind.APPLICATION),
    ("worker", Kind.CONTAINER),
    ("cache", Kind.DATABASE),
)
"""The services to restart in an environment whose configuration names none."""

_OTHER_SERVICES = (
    ("metrics-exporter", Kind.CONTAINER, None),
    ("ledger", Kind.DATABASE, DatabaseMode.MANAGED),
    ("nightly-cleanup", Kind.JOB, None),
    ("ingress", Kind.HELM, None),
    ("network", Kind.TERRAFORM, None),
)
"""The services in every environment in addition to those."""

_STAGES = (
    ("DATABASE DEFAULT", frozenset({Kind.DATABASE, Kind.TERRAFORM})),
    ("JOB DEFAULT", frozenset({Kind.JOB})),
    ("CONTAINER DEFAULT", frozenset({Kind.CONTAINER, Kind.HELM})),
    ("APPLICATION DEFAULT", frozenset({Kind.APPLICATION})),
)


def build_world(
    specs: Sequence[EnvironmentSpec],
    *,
    seed: int,
    faults: str = FaultProfile.NONE,
    epoch: datetime | None = None,
    timings: Timings | None = None,
    dials: Dials | None = None,
) -> World:
    """Build a world from what a configuration names.

    Environments by path get the names in the path, environments by id get that id and a made-up path. Services that are
    named exist, with the type of their list; if all services are meant, an environment gets a plausible mix. Every
    environment also has other services, which nothing names, and a past. Ids depend only on the seed and the names.

    Args:
        specs: the environments that the configuration lists.
        seed: determines everything in the world.
        faults: the name of a `FaultProfile`: how fast the world is, and how much happens in it.
        epoch: the wall clock's time at second 0.
        timings: how long things take, instead of the profile's timings.
        dials: what is undocumented about the platform; by default drawn in the hostile profile, else the likeliest.

    Raises:
        ValueError: there is no such profile.
    """
    profile = FaultProfile(faults)
    world = World(
        seed=seed,
        epoch=EPOCH if epoch is None else epoch,
        timings=timings or _TIMINGS[profile],
        dials=dials or dials_for((), profile=profile, seed=seed),
    )
    environments: dict[str, Environment] = {}
    named: dict[str, list[EnvironmentSpec]] = {}
    # Paths first: an id that belongs to one of them then means the same environment.
    for spec in sorted(specs, key=lambda spec: isinstance(spec.locator, str)):
        environment = _environment(seed, spec)
        environments.setdefault(environment.id, environment)
        named.setdefault(environment.id, []).append(spec)
    for environment in environments.values():
        _populate(world, environment, named[environment.id], profile)
    return world


def _populate(world: World, environment: Environment, specs: Iterable[EnvironmentSpec], profile: FaultProfile) -> None:
    rng = source(world.seed, "past", environment.id)
    incident = draw_incident(profile, rng)
    environment = replace(environment, auto_stop=_auto_stop(incident, world.epoch))
    services = _services(world.seed, environment, specs)
    statuses, past = past_of(
        environment,
        services,
        dials=world.dials,
        rng=rng,
        may_have_failed=profile is not FaultProfile.NONE,
        stopped=incident is Incident.STOPPED_BEFORE,
    )
    world.add_environment(environment, services=statuses, past=past)
    if incident is not None:
        plant(world, environment.id, incident, rng)


def _environment(seed: int, spec: EnvironmentSpec) -> Environment:
    if isinstance(spec.locator, EnvironmentPath):
        path, identifier = spec.locator, None
    else:
        path = EnvironmentPath(organization="Simulated", project="By id", environment=spec.name)
        identifier = normalised(spec.locator)
    keys = [normalised(name) for name in (path.organization, path.project, path.environment)]
    organization = Organization(id=_id(seed, "organization", *keys[:1]), name=_tidy(path.organization))
    project = Project(id=_id(seed, "project", *keys[:2]), name=_tidy(path.project), organization_id=organization.id)
    environment_id = identifier or _id(seed, "environment", *keys)
    return Environment(
        id=environment_id,
        name=_tidy(path.environment),
        mode=_mode(keys[2]),
        cluster_id=_id(seed, "cluster", *keys[:1]),
        project=project,
        organization=organization,
        stages=tuple(
            Stage(id=_id(seed, "stage", environment_id, name), name=name, kinds=kinds) for name, kinds in _STAGES
        ),
    )


def _auto_stop(incident: Incident | None, epoch: datetime) -> AutoStop:
    if incident is Incident.STOPPED_BEFORE:
        return AutoStop(enabled=True, start_hour=(epoch.hour + 4) % 24, stop_hour=(epoch.hour - 8) % 24)
    if incident is Incident.AUTO_STOP:
        return AutoStop(enabled=True, start_hour=(epoch.hour - 12) % 24, stop_hour=epoch.hour)
    return AutoStop(enabled=False)


def _mode(name: str) -> str:
    if "prod" in name:
        return "PRODUCTION"
    return "STAGING" if "stag" in name else "DEVELOPMENT"


def _services(seed: int, environment: Environment, specs: Iterable[EnvironmentSpec]) -> list[Service]:
    services: dict[str, Service] = {}

    def add(name: str, kind: Kind, mode: DatabaseMode | None, identifier: str | None = None) -> None:
        identifier = identifier or _id(seed, "service", environment.id, kind, normalised(name))
        mode = DatabaseMode.CONTAINER if kind is Kind.DATABASE and mode is None else mode
        services.setdefault(identifier, Service(id=identifier, name=_tidy(name), kind=kind, database_mode=mode))

    wanted = [
        (Kind[service_type.name], name)
        for spec in specs
        if not isinstance(spec.services, str)
        for service_type, names in spec.services.items()
        for name in names
    ]
    # Names first: an id that belongs to one of them then means the same service.
    for kind, name in wanted:
        if not _is_id(name):
            add(name, kind, None)
    for kind, name in wanted:
        if _is_id(name):
            add(f"{kind.lower()}-{normalised(name)[:8]}", kind, None, normalised(name))
    if any(isinstance(spec.services, str) for spec in specs):
        for name, kind in _DEFAULT_SERVICES:
            add(name, kind, None)
    taken = {normalised(service.name) for service in services.values()}
    for name, kind, mode in _OTHER_SERVICES:
        add(f"{name}-2" if name in taken else name, kind, mode)
    return list(services.values())


def _id(seed: int, *parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\n".join((str(seed), *parts))))


def _tidy(name: str) -> str:
    """Return a name as a user would type it in the console."""
    return " ".join(name.split())


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text.strip())) == normalised(text)
    except ValueError:
        return False
