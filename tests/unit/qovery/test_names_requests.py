"""What looking up many environments costs."""

from collections import Counter
from collections.abc import Callable

import pytest

from orchestrator.domain.plan import EnvironmentPath, EnvironmentSpec, Exclusion
from orchestrator.errors import TokenRefusedError
from orchestrator.qovery.wire import WireEnvironment, WireNamed, WireReference, WireService
from tests.support.organizations import (
    APPLICATION,
    DATABASE,
    PLAIN,
    SHOP,
    Acme,
    by_id,
    by_path,
    estate,
    one_by_one,
    path,
    problems_with,
    resolve,
    spec,
)

# What it costs.


# The list that decides which services `all` means is read twice, since one reading may leave one out: one request more,
# however many environments it serves.


@pytest.mark.parametrize(
    ("count", "projects", "cost"),
    [
        pytest.param(1, 1, {"organizations": 1, "projects": 1, "environments": 1, "services": 2}, id="one environment"),
        pytest.param(
            2, 1, {"organizations": 1, "projects": 1, "environments": 1, "organization services": 2}, id="two"
        ),
        pytest.param(
            2,
            2,
            {"organizations": 1, "projects": 1, "organization environments": 1, "organization services": 2},
            id="two in two projects",
        ),
        pytest.param(
            100, 1, {"organizations": 1, "projects": 1, "environments": 1, "organization services": 2}, id="a hundred"
        ),
        pytest.param(
            100,
            20,
            {"organizations": 1, "projects": 1, "organization environments": 1, "organization services": 2},
            id="a hundred in twenty projects",
        ),
    ],
)
def test_environments_without_databases_cost_by_path_what_their_organization_costs(
    count: int, projects: int, cost: dict[str, int]
) -> None:
    acme = estate(count, projects=projects, services=PLAIN)
    assert len(resolve(acme, *by_path(count, projects=projects))) == count
    assert acme.kinds == cost


@pytest.mark.parametrize("projects", [1, 20])
@pytest.mark.parametrize(
    ("count", "cost"),
    [
        pytest.param(1, {"environment": 1, "services": 2}, id="one"),
        pytest.param(2, {"environment": 2, "organization services": 2}, id="two"),
        pytest.param(3, {"organizations": 1, "organization environments": 1, "organization services": 2}, id="three"),
        pytest.param(
            100, {"organizations": 1, "organization environments": 1, "organization services": 2}, id="a hundred"
        ),
    ],
)
def test_environments_without_databases_cost_by_id_what_their_organization_costs(
    count: int, projects: int, cost: dict[str, int]
) -> None:
    acme = estate(count, projects=projects, services=PLAIN)
    assert len(resolve(acme, *by_id(count))) == count
    assert acme.kinds == cost


def test_an_environment_with_a_database_costs_one_request_more_since_only_its_own_list_says_the_mode() -> None:
    """Its own list is the second reading of its services. The others need the organization's list once more."""
    acme = estate(100, projects=20, services=PLAIN)
    acme.service_lists |= {f"env-{n}-id": SHOP for n in range(40)}
    targets = resolve(acme, *by_path(100, projects=20))
    assert [len(target.services) for target in targets] == [4] * 40 + [3] * 60
    assert acme.kinds == Counter(
        {"organizations": 1, "projects": 1, "organization environments": 1, "organization services": 2, "services": 40}
    )


def test_a_database_that_is_not_named_costs_nothing_and_is_left_out_whatever_its_mode() -> None:
    acme = estate(2)
    first, _ = resolve(acme, *by_id(2, services={APPLICATION: ("api", "web")}))
    assert first.service_ids == {"api-id", "web-id"}
    assert first.excluded == (
        Exclusion(id="worker-id", name="worker", type="container", why="not named in the configuration"),
        Exclusion(id="cache-id", name="cache", type="database", why="not named in the configuration"),
        Exclusion(id="ledger-id", name="ledger", type="database", why="not named in the configuration"),
        Exclusion(id="cleanup-id", name="cleanup", type="job", why="of type job"),
        Exclusion(id="ingress-id", name="ingress", type="helm", why="of type helm"),
    )
    assert acme.kinds == {"environment": 2, "organization services": 1}


def test_a_database_that_is_named_is_looked_up_where_its_mode_is_said() -> None:
    acme = estate(10)
    specs = by_id(10, services={APPLICATION: ("api",)})
    specs[3] = spec("env 3", "env-3-id", {APPLICATION: ("api",), DATABASE: ("cache",)})
    targets = resolve(acme, *specs)
    assert targets[3].service_ids == {"api-id", "cache-id"}
    assert Exclusion(id="ledger-id", name="ledger", type="database", why="a managed database") in targets[3].excluded
    assert acme.kinds["organization services"] == 1
    assert {what for what in acme.reads if what.startswith("services")} == {"services env-3-id"}


def test_where_all_but_one_name_a_database_the_list_of_the_organization_would_save_nothing() -> None:
    acme = estate(2)
    specs = [*by_id(1, services={DATABASE: ("cache",)}), spec("env 1", "env-1-id", {APPLICATION: ("api",)})]
    resolve(acme, *specs)
    assert acme.kinds == {"environment": 2, "services": 2}


def test_an_environment_that_is_listed_twice_is_one_for_which_the_list_of_its_organization_saves_nothing() -> None:
    acme = estate(2)
    assert problems_with(acme, spec("one", "env-0-id"), spec("other", "ENV-0-ID")) == (
        "other: is the same environment as one (env-0-id); list it once",
    )
    assert acme.kinds["organization services"] == 0


def test_environments_of_different_organizations_are_not_many() -> None:
    acme = estate(2, services=PLAIN)
    acme.environment_lists["project-0-id"][1] = WireEnvironment(
        id="env-1-id", name="env-1", organization=WireReference(id="other-id")
    )
    resolve(acme, *by_id(2))
    assert acme.kinds == {"environment": 2, "services": 4}


def test_paths_and_ids_in_one_run_share_what_they_read() -> None:
    acme = estate(100, projects=20, services=PLAIN)
    resolve(acme, *by_path(100, projects=20)[:50], *by_id(100)[50:])
    assert acme.kinds == {
        "organizations": 1,
        "projects": 1,
        "organization environments": 1,
        "organization services": 2,
    }


@pytest.mark.parametrize("services", [PLAIN, SHOP], ids=["without databases", "with databases"])
@pytest.mark.parametrize("specs", [by_path(20, projects=4), by_id(20)], ids=["by path", "by id"])
def test_what_is_found_is_the_same_for_many_as_for_each_alone(
    services: list[WireService], specs: list[EnvironmentSpec]
) -> None:
    acme = estate(20, projects=4, services=services)
    assert resolve(acme, *specs) == one_by_one(acme, specs)


@pytest.mark.parametrize(
    ("environments", "services"),
    [(str, str.upper), (str.upper, str), (str.upper, str.upper)],
    ids=["services shout", "environments shout", "both shout"],
)
@pytest.mark.parametrize("specs", [by_path(20, projects=4), by_id(20)], ids=["by path", "by id"])
def test_the_lists_of_an_organization_may_write_ids_in_another_case(
    environments: Callable[[str], str], services: Callable[[str], str], specs: list[EnvironmentSpec]
) -> None:
    acme = estate(20, projects=4, services=PLAIN)
    acme.writes_environments, acme.writes_services = environments, services
    targets = resolve(acme, *specs, console=False)
    assert acme.kinds["environment"] == acme.kinds["environments"] == acme.kinds["services"] == 0
    assert targets == resolve(estate(20, projects=4, services=PLAIN), *specs, console=False)


def test_the_list_of_projects_may_write_ids_in_another_case() -> None:
    acme = estate(20, projects=4, services=PLAIN)
    acme.writes_environments = str.lower
    acme.project_lists["acme-id"] = [WireNamed(id=f"PROJECT-{n}-ID", name=f"project-{n}") for n in range(4)]
    acme.environment_lists = {project.upper(): listed for project, listed in acme.environment_lists.items()}
    resolve(acme, *by_path(20, projects=4))
    assert acme.kinds["environments"] == 0


def test_the_same_thing_written_in_two_ways_is_not_many() -> None:
    acme = estate(3, services=PLAIN)
    assert problems_with(acme, *by_id(2), spec("again", "ENV-1-ID"))
    assert acme.kinds == {"environment": 3, "organization services": 2}
    acme = estate(2, services=PLAIN)
    resolve(acme, spec("one", path("acme/project-0/env-0")), spec("other", path("Acme/ Project-0/env-1")))
    assert acme.kinds["organization environments"] == 0


def test_an_environment_belongs_to_the_organization_that_lists_it_even_if_it_does_not_say_so_itself() -> None:
    acme = estate(3, services=PLAIN)
    acme.environment_lists["project-0-id"] = [WireEnvironment(id=f"env-{n}-id", name=f"env-{n}") for n in range(3)]
    resolve(acme, *by_id(3))
    assert acme.kinds == {"organizations": 1, "organization environments": 1, "organization services": 2}


# Several organizations.


def two_organizations() -> Acme:
    acme = estate(4, projects=2, services=PLAIN)
    acme.organization_list = [WireNamed(id="other-id", name="Other"), WireNamed(id="acme-id", name="Acme")]
    acme.project_lists["other-id"] = [WireNamed(id="lab-id", name="lab")]
    acme.environment_lists["lab-id"] = [
        WireEnvironment(
            id=f"trial-{n}-id",
            name=f"trial-{n}",
            organization=WireReference(id="other-id"),
            project=WireReference(id="lab-id"),
        )
        for n in range(2)
    ]
    acme.service_lists |= {f"trial-{n}-id": PLAIN for n in range(2)}
    return acme


def test_ids_are_looked_for_in_one_organization_after_the_other() -> None:
    acme = two_organizations()
    trials = [spec(f"trial {n}", f"trial-{n}-id") for n in range(2)]
    assert len(resolve(acme, *by_id(4), *trials)) == 6
    assert acme.kinds == {"organizations": 1, "organization environments": 2, "organization services": 4}


def test_no_further_organization_is_read_once_every_id_is_found() -> None:
    acme = two_organizations()
    acme.organization_list.reverse()
    resolve(acme, *by_id(4))
    assert "organization environments other-id" not in acme.reads


def test_an_organization_that_refuses_its_list_does_not_hide_the_others() -> None:
    acme = two_organizations()
    acme.faults["organization environments other-id"] = [TokenRefusedError("HTTP 403", status=403)]
    resolve(acme, *by_id(4))
    assert acme.kinds["environment"] == 0


def test_where_there_are_as_many_organizations_as_ids_each_id_is_asked_for() -> None:
    acme = two_organizations()
    acme.organization_list.append(WireNamed(id="third-id", name="Third"))
    resolve(acme, *by_id(3))
    assert acme.kinds == {"organizations": 1, "environment": 3, "organization services": 2}


def test_projects_of_the_same_name_in_different_organizations_are_not_many_of_one() -> None:
    acme = two_organizations()
    resolve(acme, spec("here", path("acme/project-0/env-0")), spec("there", path("other/lab/trial-0")))
    assert acme.kinds == {"organizations": 1, "projects": 2, "environments": 2, "services": 4}


# Where a target belongs.


@pytest.mark.parametrize("locator", ["env-1-id", path("acme/project-1/env-1")], ids=["by id", "by path"])
@pytest.mark.parametrize("count", [1, 20], ids=["alone", "among many"])
def test_a_target_says_in_lower_case_in_which_project_it_is(locator: str | EnvironmentPath, count: int) -> None:
    acme = estate(20, projects=2, services=PLAIN)
    acme.environment_lists = {
        project: [acme.make_environment(one.name, project=project.upper()) for one in environments]
        for project, environments in acme.environment_lists.items()
    }
    others = by_id(20) if isinstance(locator, str) else by_path(20, projects=2)
    targets = resolve(acme, spec("env 1", locator), *others[2 : count + 1])
    assert targets[0].project_id == "project-1-id"


def test_a_target_is_in_the_project_of_its_path_even_if_it_does_not_say_so_itself() -> None:
    acme = estate(1, services=PLAIN)
    acme.environment_lists["project-0-id"] = [WireEnvironment(id="env-0-id", name="env-0")]
    (target,) = resolve(acme, *by_path(1))
    assert target.project_id == "project-0-id"
    assert target.console_url == (
        "https://console.qovery.com/organization/acme-id/project/project-0-id/environment/env-0-id"
    )


def test_a_target_whose_project_nobody_says_has_none() -> None:
    acme = estate(1, services=PLAIN)
    acme.environment_lists["project-0-id"] = [WireEnvironment(id="env-0-id", name="env-0")]
    assert resolve(acme, *by_id(1))[0].project_id is None
