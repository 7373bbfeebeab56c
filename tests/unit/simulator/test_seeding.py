"""A world in which everything that a configuration names exists, and more."""

import pytest

from orchestrator.domain.plan import ALL_SERVICES, EnvironmentPath, EnvironmentSpec, ServiceType
from orchestrator.domain.states import State
from orchestrator.simulator.chance import source
from orchestrator.simulator.faults import FaultProfile
from orchestrator.simulator.incidents import Incident, draw_incident
from orchestrator.simulator.model import DatabaseMode, Environment, Kind, Service
from orchestrator.simulator.seeding import build_world
from orchestrator.simulator.world import EPOCH, World

ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
SERVICE_ID = "11111111-2222-4333-8444-555555555555"
PATH = EnvironmentPath(organization="acme", project="shop", environment="production")

EVERYTHING = EnvironmentSpec(name="all", locator=PATH, services=ALL_SERVICES)
SOME = EnvironmentSpec(
    name="some",
    locator=ID,
    services={
        ServiceType.APPLICATION: ("api", "Web Front"),
        ServiceType.CONTAINER: (SERVICE_ID.upper(),),
        ServiceType.DATABASE: ("cache", "ledger"),
    },
)


def only(world: World) -> Environment:
    (environment,) = world.environments.values()
    return environment


def services(world: World) -> list[Service]:
    return [status.service for status in world.snapshot(only(world).id).services]


def test_an_environment_by_path_has_those_names() -> None:
    environment = only(build_world([EVERYTHING], seed=1))
    assert (environment.organization.name, environment.project.name, environment.name) == ("acme", "shop", "production")
    assert environment.mode == "PRODUCTION"


def test_an_environment_by_id_has_that_id_and_an_invented_place() -> None:
    world = build_world([SOME], seed=1)
    assert only(world).id == ID
    assert world.find(ID) is only(world)


def test_named_services_exist_with_the_type_of_their_list() -> None:
    found = {(one.name, one.kind) for one in services(build_world([SOME], seed=1))}
    assert found >= {
        ("api", Kind.APPLICATION),
        ("Web Front", Kind.APPLICATION),
        ("cache", Kind.DATABASE),
        ("ledger", Kind.DATABASE),
    }


def test_a_service_by_id_keeps_it() -> None:
    found = {one.id: one.kind for one in services(build_world([SOME], seed=1))}
    assert found[SERVICE_ID] is Kind.CONTAINER


def test_every_named_service_can_restart() -> None:
    found = {one.name: one for one in services(build_world([SOME], seed=1))}
    assert all(found[name].can_restart for name in ("api", "Web Front", "cache", "ledger"))


@pytest.mark.parametrize("spec", [EVERYTHING, SOME], ids=["all services", "named services"])
def test_there_is_always_something_that_nobody_named_and_something_that_cannot_restart(spec: EnvironmentSpec) -> None:
    found = services(build_world([spec], seed=1))
    assert {one.kind for one in found} == set(Kind)
    assert {one.database_mode for one in found if one.kind is Kind.DATABASE} == set(DatabaseMode)
    assert "metrics-exporter" in {one.name for one in found}


def test_all_services_means_a_plausible_mix() -> None:
    found = services(build_world([EVERYTHING], seed=1))
    restartable = sorted(one.name for one in found if one.can_restart)
    assert restartable == ["api", "cache", "metrics-exporter", "web", "worker"]
    assert len({one.id for one in found}) == len(found)


def test_names_that_differ_in_case_and_spaces_alone_mean_the_same_things() -> None:
    odd = EnvironmentPath(organization=" ACME", project="Shop\N{NO-BREAK SPACE}", environment="PRODUCTION ")
    world = build_world(
        [
            EnvironmentSpec(name="a", locator=PATH, services={ServiceType.APPLICATION: ("web front",)}),
            EnvironmentSpec(
                name="b", locator=odd, services={ServiceType.APPLICATION: ("Web\N{NO-BREAK SPACE}Front ", "api")}
            ),
        ],
        seed=1,
    )
    applications = [one.name for one in services(world) if one.kind is Kind.APPLICATION]
    assert applications == ["web front", "api"]
    assert len(world.projects) == len(world.organizations) == 1


def test_an_id_that_belongs_to_a_path_means_the_same_environment() -> None:
    identifier = only(build_world([EVERYTHING], seed=1)).id
    again = EnvironmentSpec(name="by id", locator=identifier, services=ALL_SERVICES)
    assert only(build_world([again, EVERYTHING], seed=1)).name == "production"


def test_ids_follow_from_the_seed_and_the_names_alone() -> None:
    def ids(seed: int) -> tuple[str, list[str]]:
        world = build_world([EVERYTHING], seed=seed)
        return only(world).id, [one.id for one in services(world)]

    assert ids(1) == ids(1)
    assert ids(1)[0] != ids(2)[0]


def test_every_environment_has_a_past() -> None:
    for seed in range(10):
        world = build_world([EVERYTHING], seed=seed)
        snapshot = world.snapshot(only(world).id)
        assert [run.execution_id.rpartition("-")[2] for run in snapshot.past] == ["38", "39", "40", "41"]
        assert all(run.ended_at is not None and run.ended_at < 0 for run in snapshot.past)
        assert {shown.state for shown in snapshot.truthful()} <= {State.RESTARTED, State.DEPLOYED}
        assert all(shown.execution_id for shown in snapshot.truthful())


def test_last_night_ended_with_a_restart_in_some_worlds_and_with_a_deployment_in_others() -> None:
    worlds = [build_world([EVERYTHING], seed=seed) for seed in range(20)]
    assert {world.snapshot(only(world).id).past[-1].state for world in worlds} == {State.RESTARTED, State.DEPLOYED}


def test_a_world_begins_when_it_is_told_to() -> None:
    later = EPOCH.replace(year=2030)
    assert build_world([SOME], seed=1, epoch=later).at(60.0) == later.replace(minute=1)
    assert build_world([SOME], seed=1).epoch == EPOCH


def test_a_profile_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="kind"):
        build_world([SOME], seed=1, faults="kind")


def incidents(profile: str) -> list[bool]:
    """Over many seeds: whether anything at all is in wait for an environment."""
    found = []
    for seed in range(100):
        world = build_world([EVERYTHING], seed=seed, faults=profile)
        environment = only(world)
        stopped = any(shown.state is State.STOPPED for shown in world.snapshot(environment.id).truthful())
        doomed = bool(world._engines[environment.id]._doomed)
        found.append(stopped or doomed or bool(world._armed))
    return found


def test_nothing_is_in_wait_in_a_calm_world() -> None:
    assert not any(incidents("none"))


def test_something_is_in_wait_in_about_half_of_the_hostile_environments() -> None:
    assert 35 <= sum(incidents("hostile")) <= 65


def test_something_is_in_wait_in_a_few_realistic_environments() -> None:
    assert 1 <= sum(incidents("realistic")) <= 15


def test_an_environment_that_was_stopped_has_the_rule_that_stops_it() -> None:
    stopped = []
    for seed in range(100):
        world = build_world([EVERYTHING], seed=seed, faults="hostile")
        snapshot = world.snapshot(only(world).id)
        if all(shown.state is State.STOPPED for shown in snapshot.truthful()):
            stopped.append(snapshot.environment.auto_stop.enabled)
    assert stopped
    assert all(stopped)


def test_every_incident_happens_somewhere_and_each_is_of_its_own_kind() -> None:
    # The profiles' chances are shared out among this many.
    assert {incident.name for incident in Incident} == {
        "COLLEAGUE_DEPLOYS",
        "COLLEAGUE_RESTARTS",
        "COLLEAGUE_RESTARTS_ALL",
        "RUN_CANCELLED",
        "REQUEST_CANCELLED",
        "SERVICE_FAILS",
        "SERVICE_DISAPPEARS",
        "AUTO_STOP",
        "CLOCK_SET",
        "STOPPED_BEFORE",
    }
    drawn = {draw_incident(FaultProfile.HOSTILE, source(seed, "test")) for seed in range(500)}
    assert drawn == {None, *Incident}
    assert {draw_incident(FaultProfile.NONE, source(seed, "test")) for seed in range(100)} == {None}
