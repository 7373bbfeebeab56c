from collections.abc import Mapping

import pytest

from orchestrator.domain.plan import (
    ALL_SERVICES,
    Exclusion,
    Service,
    ServiceType,
)
from orchestrator.qovery.names import why_not
from orchestrator.qovery.wire import WireService
from tests.support.organizations import APPLICATION, CONTAINER, DATABASE, Acme, problems_with, resolve, service, spec


def test_all_services_are_those_that_can_restart_and_the_others_say_why_not() -> None:
    (target,) = resolve(Acme(), spec())
    assert target.services == (
        Service(id="api-id", name="api", type=APPLICATION),
        Service(id="web-id", name="web", type=APPLICATION),
        Service(id="worker-id", name="worker", type=CONTAINER),
        Service(id="cache-id", name="cache", type=DATABASE),
    )
    assert target.excluded == (
        Exclusion(id="ledger-id", name="ledger", type="database", why="a managed database"),
        Exclusion(id="cleanup-id", name="cleanup", type="job", why="of type job"),
        Exclusion(id="ingress-id", name="ingress", type="helm", why="of type helm"),
    )


def test_named_services_are_found_by_name_and_by_id_and_the_others_are_left_out() -> None:
    names = {APPLICATION: (" API ", "WEB-ID"), DATABASE: ("Cache",)}
    (target,) = resolve(Acme(), spec(services=names))
    assert [service.id for service in target.services] == ["api-id", "web-id", "cache-id"]
    assert [(exclusion.name, exclusion.why) for exclusion in target.excluded] == [
        ("worker", "not named in the configuration"),
        ("ledger", "a managed database"),
        ("cleanup", "of type job"),
        ("ingress", "of type helm"),
    ]


def test_a_service_that_is_named_twice_is_restarted_once() -> None:
    (target,) = resolve(Acme(), spec(services={APPLICATION: ("api", "api-id", "API")}))
    assert [service.id for service in target.services] == ["api-id"]


def test_ids_are_compared_and_kept_in_lower_case() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [service("api", id="ABC-1"), service("job", "JOB", id="ABC-2")]
    (target,) = resolve(acme, spec(services={APPLICATION: ("abc-1",)}))
    assert [service.id for service in target.services] == ["abc-1"]
    assert [exclusion.id for exclusion in target.excluded] == ["abc-2"]


@pytest.mark.parametrize(
    ("service_type", "name", "problem"),
    [
        pytest.param(APPLICATION, "apii", 'there is no application called "apii"; did you mean "api"?', id="nearly"),
        pytest.param(
            APPLICATION, "billing", 'there is no application called "billing" (available: api, web)', id="not at all"
        ),
        pytest.param(APPLICATION, "worker", '"worker" is not an application but a container', id="wrong list"),
        pytest.param(CONTAINER, "WEB-ID", '"WEB-ID" is not a container but an application', id="wrong list, by id"),
        pytest.param(CONTAINER, "cache", '"cache" is not a container but a database', id="database as a container"),
        pytest.param(
            DATABASE, "ledger", '"ledger" is a managed database, which Qovery cannot restart', id="managed database"
        ),
        pytest.param(
            APPLICATION,
            "ledger",
            '"ledger" is a managed database, which Qovery cannot restart',
            id="managed database in the wrong list",
        ),
        pytest.param(CONTAINER, "cleanup", '"cleanup" is of type job, which Qovery cannot restart', id="job"),
        pytest.param(CONTAINER, "ingress", '"ingress" is of type helm, which Qovery cannot restart', id="helm"),
    ],
)
def test_a_name_that_is_no_service_to_restart_is_explained(service_type: ServiceType, name: str, problem: str) -> None:
    assert problems_with(Acme(), spec(services={service_type: (name,)})) == (f"night: {problem}",)


def test_a_name_that_two_services_of_the_list_share_is_refused_even_where_another_list_has_it_too() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [
        service("api", id="a-2"),
        service("API", id="a-1"),
        service("api", "JOB", id="j"),
    ]
    ambiguous = 'night: "api" matches more than one application: use one of the ids a-1, a-2'
    assert problems_with(acme, spec(services={APPLICATION: ("api",)})) == (ambiguous,)


def test_a_name_that_stands_in_two_other_lists_is_not_guessed_at() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [service("api"), service("mail", "CONTAINER"), service("mail", "JOB", id="j")]
    assert problems_with(acme, spec(services={APPLICATION: ("mail",)})) == (
        'night: there is no application called "mail" (available: api)',
    )


def test_a_name_that_stands_in_its_own_list_and_in_another_is_the_one_in_its_own() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [service("api"), service("api", "CONTAINER", id="c")]
    (target,) = resolve(acme, spec(services={CONTAINER: ("api",)}))
    assert target.service_ids == {"c"}


@pytest.mark.parametrize(
    "services",
    [ALL_SERVICES, {}, {APPLICATION: ()}],
    ids=["all", "nothing named", "an empty list"],
)
def test_an_environment_without_anything_to_restart_is_a_problem_and_not_an_easy_success(
    services: str | Mapping[ServiceType, tuple[str, ...]],
) -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [service("cleanup", "JOB"), service("ledger", "DATABASE", "MANAGED")]
    assert problems_with(acme, spec(services=services)) == ("night: it has no service that Qovery can restart",)


def test_who_only_watches_needs_nothing_that_can_restart() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [service("cleanup", "JOB")]
    (target,) = resolve(acme, spec(), to_restart=False)
    assert target.services == ()
    assert [exclusion.name for exclusion in target.excluded] == ["cleanup"]


@pytest.mark.parametrize(
    ("kind", "mode", "why"),
    [
        ("APPLICATION", None, None),
        ("application", "", None),
        ("CONTAINER", "MANAGED", None),
        ("DATABASE", "CONTAINER", None),
        ("database", "container", None),
        ("DATABASE", "MANAGED", "a managed database"),
        ("DATABASE", None, "a database whose mode (container or managed) is unknown"),
        ("DATABASE", "SERVERLESS", "a database whose mode (container or managed) is unknown"),
        ("JOB", None, "of type job"),
        ("HELM", None, "of type helm"),
        ("TERRAFORM", None, "of type terraform"),
        ("AGENTIC_WORKFLOW", None, "of type agentic workflow"),
        ("", None, "of type unknown"),
    ],
)
def test_only_applications_containers_and_container_databases_restart(
    kind: str, mode: str | None, why: str | None
) -> None:
    assert why_not(WireService(id="s", name="s", service_type=kind, mode=mode)) == why
