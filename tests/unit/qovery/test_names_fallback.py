"""Nothing but the cost of looking up many environments depends on the lists of whole organizations."""

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from orchestrator.domain.plan import EnvironmentSpec, ServiceType
from orchestrator.errors import (
    MalformedAnswerError,
    NotFoundError,
    PlatformError,
    RefusedError,
    TokenRefusedError,
    UnansweredError,
)
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.wire import WireEnvironment, WireReference, WireService
from tests.support.http import in_virtual_time
from tests.support.organizations import (
    APPLICATION,
    CONTAINER,
    DATABASE,
    PLAIN,
    by_id,
    by_path,
    estate,
    one_by_one,
    only_reads,
    path,
    problems_with,
    resolve,
    service,
    spec,
    three_times,
)

# Where a list of a whole organization is not to be had.

REFUSALS: dict[str, Callable[[], PlatformError]] = {
    "403": lambda: TokenRefusedError("HTTP 403", status=403),
    "404": lambda: NotFoundError("HTTP 404", status=404),
    "400": lambda: RefusedError("HTTP 400", status=400),
}
GIVEN_UP: dict[str, Callable[[], PlatformError]] = {
    "no answer": lambda: UnansweredError("No usable answer from Qovery for 300 s."),
}
each_refusal = pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
each_absence = pytest.mark.parametrize("refusal", (REFUSALS | GIVEN_UP).values(), ids=(REFUSALS | GIVEN_UP).keys())


@each_absence
@pytest.mark.parametrize("specs", [by_path(20, projects=4), by_id(20)], ids=["by path", "by id"])
def test_where_the_services_of_an_organization_are_not_to_be_had_each_environment_is_asked(
    refusal: Callable[[], PlatformError], specs: list[EnvironmentSpec]
) -> None:
    acme = estate(20, projects=4)
    acme.faults["organization services acme-id"] = [refusal()]
    targets = resolve(acme, *specs)
    assert (acme.kinds["organization services"], acme.kinds["services"]) == (1, 2 * 20), "`all` takes two readings"
    assert targets == one_by_one(acme, specs)


@each_absence
def test_where_the_environments_of_an_organization_are_not_to_be_had_each_project_is_asked(
    refusal: Callable[[], PlatformError],
) -> None:
    acme, specs = estate(20, projects=4, services=PLAIN), by_path(20, projects=4)
    acme.faults["organization environments acme-id"] = [refusal()]
    targets = resolve(acme, *specs)
    assert (acme.kinds["organization environments"], acme.kinds["environments"]) == (1, 4)
    assert targets == one_by_one(acme, specs)


@each_absence
def test_where_the_environments_of_an_organization_are_not_to_be_had_each_id_is_asked_for(
    refusal: Callable[[], PlatformError],
) -> None:
    acme, specs = estate(20, projects=4, services=PLAIN), by_id(20)
    acme.faults["organization environments acme-id"] = [refusal()]
    targets = resolve(acme, *specs)
    assert (acme.kinds["organization environments"], acme.kinds["environment"]) == (1, 20)
    assert targets == one_by_one(acme, specs)


@each_refusal
def test_where_the_organizations_are_refused_each_id_is_asked_for(refusal: Callable[[], PlatformError]) -> None:
    acme = estate(20, services=PLAIN)
    acme.faults["organizations"] = [refusal()]
    assert len(resolve(acme, *by_id(20))) == 20
    assert acme.kinds == {"organizations": 1, "environment": 20, "organization services": 2}


def test_where_even_the_organizations_are_not_answered_nothing_else_would_be() -> None:
    acme = estate(20)
    given_up = GIVEN_UP["no answer"]()
    acme.faults["organizations"] = [given_up]
    with only_reads(acme, {"organizations"}), pytest.raises(UnansweredError) as caught:
        resolve(acme, *by_id(20))
    assert caught.value is given_up


@pytest.mark.parametrize(
    "what", ["organizations", "organization environments acme-id", "organization services acme-id"]
)
def test_a_401_is_about_the_token_whichever_list_it_comes_from(what: str) -> None:
    acme = estate(20)
    refused = TokenRefusedError("HTTP 401", status=401)
    acme.faults[what] = [refused]
    with pytest.raises(TokenRefusedError) as caught:
        resolve(acme, *by_id(20))
    assert caught.value is refused
    assert acme.kinds["services"] == acme.kinds["environment"] == 0


def test_the_lists_of_an_organization_are_read_again_while_it_may_help() -> None:
    acme = estate(20, projects=4, services=PLAIN)
    reads = ["organizations", "organization environments acme-id", "organization services acme-id"]
    acme.faults = {what: [UnansweredError("HTTP 502", status=502), UnansweredError("no answer")] for what in reads}
    resolver = Resolver(acme, retrying=three_times, console=True)
    assert len(in_virtual_time(resolver.resolve(by_id(20)))) == 20
    assert acme.reads == Counter(dict.fromkeys(reads, 3)) + Counter({reads[-1]: 1}), "`all` takes two readings"


def test_an_answer_that_stays_malformed_is_for_retrying_to_give_up_on() -> None:
    acme = estate(20)
    acme.faults["organization services acme-id"] = [MalformedAnswerError("HTML")]
    with pytest.raises(MalformedAnswerError):
        resolve(acme, *by_id(20))


# What a list of a whole organization lacks.


def test_an_id_that_the_organizations_list_lacks_is_asked_for() -> None:
    acme = estate(20, services=PLAIN)
    acme.unlisted = {"env-7-id"}
    targets = resolve(acme, *by_id(20))
    assert {what for what in acme.reads if what.startswith("environment ")} == {"environment env-7-id"}
    assert targets == one_by_one(acme, by_id(20))


def test_an_id_that_is_nowhere_is_the_same_problem_among_many_as_alone() -> None:
    acme = estate(3)
    acme.faults["environment hidden-id"] = [TokenRefusedError("HTTP 403", status=403)]
    assert problems_with(acme, *by_id(3), spec("gone", "Gone-id"), spec("hidden", "hidden-id")) == (
        "gone: there is no environment with the id Gone-id",
        "hidden: there is no environment with the id hidden-id that the token may see",
    )
    assert acme.kinds["environment"] == 2


def test_an_id_is_found_among_many_whatever_its_case() -> None:
    acme = estate(3)
    targets = resolve(acme, *(spec(f"env {n}", f"ENV-{n}-ID") for n in range(3)))
    assert [target.environment_id for target in targets] == ["env-0-id", "env-1-id", "env-2-id"]
    assert acme.kinds["environment"] == 0


def test_a_path_that_the_organizations_list_lacks_is_looked_for_in_its_project() -> None:
    acme, specs = estate(20, projects=4, services=PLAIN), by_path(20, projects=4)
    acme.unlisted = {"env-7-id"}
    targets = resolve(acme, *specs)
    assert {what for what in acme.reads if what.startswith("environments")} == {"environments project-3-id"}
    assert targets == one_by_one(acme, specs)


def test_a_path_that_is_nowhere_is_the_same_problem_among_many_as_alone() -> None:
    acme = estate(4, projects=2)
    wrong = [
        spec("typo", path("acme/project-0/env-22")),
        spec("elsewhere", path("acme/project-1/env-0")),
        spec("no project", path("acme/project-9/env-0")),
    ]
    assert problems_with(acme, *by_path(4, projects=2), *wrong) == tuple(
        problem for one in wrong for problem in problems_with(estate(4, projects=2), one)
    )


def test_an_environment_of_the_organizations_list_that_names_no_project_is_looked_for_in_its_project() -> None:
    acme = estate(4, projects=2, services=PLAIN)
    acme.environment_lists["project-1-id"] = [
        WireEnvironment(id=f"env-{n}-id", name=f"env-{n}", organization=WireReference(id="acme-id")) for n in (1, 3)
    ]
    assert resolve(acme, *by_path(4, projects=2)) == resolve(
        estate(4, projects=2, services=PLAIN), *by_path(4, projects=2)
    )
    assert acme.kinds["environments"] == 1


@pytest.mark.parametrize("services", [[], [service("cleanup", "JOB")]], ids=["no service", "only a job"])
def test_an_environment_with_nothing_to_restart_is_the_same_problem_among_many_as_alone(
    services: list[WireService],
) -> None:
    acme = estate(20, services=PLAIN)
    acme.service_lists["env-7-id"] = services
    assert problems_with(acme, *by_id(20)) == ("env 7: it has no service that Qovery can restart",)


def test_an_environment_whose_services_the_organizations_list_lacks_is_asked_for_them() -> None:
    acme = estate(20, services=PLAIN)
    acme.unlisted = {"env-7-id"}
    assert len(resolve(acme, *by_id(20))) == 20
    assert {what for what in acme.reads if what.startswith("services")} == {"services env-7-id"}


@pytest.mark.parametrize(
    "services",
    [
        {APPLICATION: ("apii",)},
        {APPLICATION: ("ledger",)},
        {APPLICATION: ("cache",)},
        {CONTAINER: ("cleanup",)},
        {CONTAINER: ("web",)},
        {DATABASE: ("ledger", "cache")},
    ],
    ids=["nearly", "managed database", "database in the wrong list", "job", "wrong list", "named databases"],
)
def test_a_name_that_is_wrong_is_the_same_problem_among_many_as_alone(
    services: Mapping[ServiceType, tuple[str, ...]],
) -> None:
    acme = estate(20)
    specs = by_id(20, services={APPLICATION: ("api",)})
    specs[7] = spec("env 7", "env-7-id", services)
    assert problems_with(acme, *specs) == problems_with(estate(20), specs[7])
    assert {what for what in acme.reads if what.startswith("services")} == {"services env-7-id"}


def test_who_only_watches_needs_nothing_that_can_restart_among_many_either() -> None:
    acme = estate(3, services=PLAIN)
    acme.service_lists["env-1-id"] = [service("cleanup", "JOB")]
    targets = resolve(acme, *by_id(3), to_restart=False)
    assert [len(target.services) for target in targets] == [3, 0, 3]
    assert [exclusion.name for exclusion in targets[1].excluded] == ["cleanup"]
