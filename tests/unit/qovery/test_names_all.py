"""Which services `all` means: two successive readings have to agree, since one may leave a service out."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from orchestrator.domain.plan import EnvironmentSpec, Target
from orchestrator.errors import MalformedAnswerError, NameResolutionError, TokenRefusedError, UnansweredError
from orchestrator.qovery.directory import MOST_READINGS
from orchestrator.qovery.names import Resolver
from orchestrator.qovery.wire import WireLightService, WireNamed, WireService
from tests.support.http import in_virtual_time
from tests.support.organizations import (
    APPLICATION,
    PLAIN,
    SHOP,
    Acme,
    by_id,
    estate,
    path,
    problems_with,
    resolve,
    service,
    spec,
)

T = TypeVar("T")

UNREADABLE = WireService(id="")
LESS = PLAIN[1:]
"""What a reading shows that leaves a service out."""


class Forgetful(Acme):
    """Shows other services from reading to reading: for each environment or organization what is left out, in turn."""

    def __init__(self, **omissions: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.service_lists = {"staging-id": list(PLAIN), "production-id": list(PLAIN), "drafts-id": list(PLAIN)}
        self.omissions = {name.replace("_", "-"): list(each) for name, each in omissions.items()}

    def _omitted(self, what: str) -> Sequence[str]:
        left = self.omissions.get(what)
        return left.pop(0) if left else ()

    async def services(self, environment_id: str) -> list[WireService]:
        omitted = self._omitted(environment_id)
        return [each for each in await super().services(environment_id) if each.name not in omitted]

    async def organization_services(self, organization_id: str) -> list[WireLightService]:
        omitted = self._omitted(organization_id)
        listed = await super().organization_services(organization_id)
        return [each for each in listed if f"{each.environment_id}/{each.name}" not in omitted]


EVERYTHING = {each.id for each in PLAIN if each.service_type in ("APPLICATION", "CONTAINER")}
BOTH = (spec("a", "staging-id"), spec("b", "production-id"))


def services_of(targets: Sequence[Target]) -> list[set[str]]:
    return [set(target.service_ids) for target in targets]


@pytest.mark.parametrize(
    ("omitted", "readings"),
    [
        pytest.param([], 2, id="nothing"),
        pytest.param([["api"]], 3, id="left out once, at first"),
        pytest.param([[], ["api"]], 4, id="left out once, then"),
        pytest.param([["api"], ["web"]], 4, id="one after the other left out"),
    ],
)
def test_a_service_that_is_left_out_once_is_restarted_all_the_same(
    omitted: Sequence[Sequence[str]], readings: int
) -> None:
    acme = Forgetful(staging_id=omitted)
    assert services_of(resolve(acme, spec())) == [EVERYTHING]
    assert acme.kinds == {"environment": 1, "services": readings}


def test_a_list_that_never_agrees_is_a_fault_that_may_pass_and_no_union() -> None:
    acme = Forgetful(staging_id=[["api"], ["web"]] * 10)
    with pytest.raises(MalformedAnswerError, match=r"services of the environment staging-id differs from reading to"):
        resolve(acme, spec())
    assert acme.kinds["services"] == MOST_READINGS


def test_a_list_that_agrees_later_is_read_for_as_long_as_retrying_wants() -> None:
    acme, tries = Forgetful(staging_id=[["api"], ["web"]] * 4), 0

    async def until_it_works(read: Callable[[], Awaitable[T]], /) -> T:
        nonlocal tries
        while True:
            tries += 1
            try:
                return await read()
            except MalformedAnswerError:
                continue

    targets = in_virtual_time(Resolver(acme, retrying=until_it_works, console=False).resolve([spec()]))
    assert services_of(targets) == [EVERYTHING]
    assert tries > 3


def test_services_that_are_named_are_read_once_since_one_that_is_missing_is_noticed() -> None:
    acme = Forgetful()
    resolve(acme, spec(services={APPLICATION: ("api",)}))
    assert acme.kinds == {"environment": 1, "services": 1}


# The list of an organization.


def test_the_list_of_an_organization_is_read_once_more_for_all_its_environments() -> None:
    acme = estate(50, services=PLAIN)
    resolve(acme, *by_id(50))
    assert acme.kinds == {"organizations": 1, "organization environments": 1, "organization services": 2}


@pytest.mark.parametrize(
    "omitted", [[["staging-id/api"]], [[], ["staging-id/api"]]], ids=["in the first reading", "in the second"]
)
def test_where_its_readings_differ_the_environments_own_list_decides_for_that_environment_alone(
    omitted: Sequence[Sequence[str]],
) -> None:
    acme = Forgetful(acme_id=omitted)
    assert services_of(resolve(acme, *BOTH)) == [EVERYTHING] * 2
    assert acme.kinds["organization services"] == 2
    assert {what for what in acme.reads if what.startswith("services")} == {"services staging-id"}


def test_where_a_second_reading_is_refused_each_environment_has_its_own() -> None:
    acme = Forgetful()
    second = TokenRefusedError("HTTP 403", status=403)
    listed = acme.organization_services

    async def once(organization_id: str) -> list[WireLightService]:
        if acme.reads["organization services acme-id"]:
            acme.faults["organization services acme-id"] = [second]
        return await listed(organization_id)

    acme.organization_services = once  # type: ignore[method-assign]  # one instance
    assert services_of(resolve(acme, *BOTH)) == [EVERYTHING] * 2
    assert acme.kinds["services"] == 2, "its own list is the second reading"


def test_an_environments_own_list_is_the_second_reading_of_what_its_organization_lists() -> None:
    acme = Forgetful()
    acme.service_lists = {"staging-id": list(SHOP), "production-id": list(SHOP)}
    resolve(acme, *BOTH)
    assert acme.kinds == {"environment": 2, "organization services": 1, "services": 2}


def test_where_it_differs_from_what_its_organization_lists_it_is_read_again() -> None:
    acme = Forgetful(staging_id=[["api"]])
    acme.service_lists = {"staging-id": list(SHOP), "production-id": list(SHOP)}
    first, second = resolve(acme, *BOTH)
    assert first.service_ids == second.service_ids
    assert (acme.reads["services staging-id"], acme.reads["services production-id"]) == (3, 1)


def test_a_mode_that_changes_from_reading_to_reading_is_no_agreement() -> None:
    acme = Acme()
    shown = [None, "CONTAINER", None, "CONTAINER", "CONTAINER"]

    async def services(environment_id: str) -> list[WireService]:
        return [service("api"), service("cache", "DATABASE", shown.pop(0))]

    acme.services = services  # type: ignore[method-assign]  # one instance
    with pytest.raises(MalformedAnswerError):
        resolve(acme, spec())
    shown[:] = [None, "CONTAINER", "CONTAINER"]
    assert services_of(resolve(acme, spec())) == [{"api-id", "cache-id"}]


# What cannot be read, and what is there twice.


def test_all_is_not_known_where_an_entry_of_the_list_cannot_be_read() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [*PLAIN, UNREADABLE]
    assert problems_with(acme, spec()) == (
        "night: its list of services has an entry that cannot be read, so `all` is not known; name the services",
    )
    (target,) = resolve(acme, spec(services={APPLICATION: ("api",)}))
    assert target.service_ids == {"api-id"}
    assert "" not in {each.id for each in target.excluded}


def test_an_entry_of_an_organization_that_cannot_be_read_may_be_in_any_environment() -> None:
    acme = estate(3, services=PLAIN)
    listed = acme.organization_services

    async def with_an_alien(organization_id: str) -> list[WireLightService]:
        return [*await listed(organization_id), WireLightService(id="", environment_id="")]

    acme.organization_services = with_an_alien  # type: ignore[method-assign]  # one instance
    assert services_of(resolve(acme, *by_id(3))) == [EVERYTHING] * 3
    assert acme.kinds["services"] == 2 * 3, "each has a list of its own that is whole"
    acme.reads = Counter()
    resolve(acme, *by_id(3, services={APPLICATION: ("api",)}))
    assert acme.kinds["services"] == 0, "a service that is named is found"


@pytest.mark.parametrize("services", ["all", {APPLICATION: ("api", "web")}], ids=["all", "named"])
def test_a_service_that_is_there_twice_is_restarted_once(services: str | dict[object, object]) -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [*PLAIN, PLAIN[0], service("api", id="API-ID")]
    which = spec() if services == "all" else spec(services={APPLICATION: ("api", "web")})
    (target,) = resolve(acme, which)
    ids = [each.id for each in target.services]
    assert len(ids) == len(set(ids))
    assert {"api-id", "web-id"} <= set(ids)


def test_a_service_that_is_there_as_two_things_is_not_guessed_at() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [*PLAIN, service("api", "CONTAINER")]
    assert problems_with(acme, spec()) == (
        "night: its list of services contradicts itself (api), so `all` is not known; try again",
    )


@pytest.mark.parametrize("locator", ["staging-id", path("acme/shop/staging")], ids=["by id", "by path"])
def test_what_is_there_twice_in_a_list_of_names_is_not_ambiguous(locator: str) -> None:
    acme = Acme()
    acme.organization_list *= 2
    acme.project_lists["acme-id"] *= 2
    acme.environment_lists["shop-id"] = [*acme.environment_lists["shop-id"], acme.make_environment("staging")]
    (target,) = resolve(acme, spec(locator=locator))
    assert target.environment_id == "staging-id"


def test_a_name_that_cannot_be_read_is_neither_found_nor_suggested() -> None:
    acme = Acme()
    acme.organization_list = [WireNamed(id="acme-id"), WireNamed(id="other-id", name="Other")]
    asked: EnvironmentSpec = spec(locator=path("acme/shop/staging"))
    assert problems_with(acme, asked) == ('night: there is no organization called "acme" (available: Other)',)
    (target,) = resolve(acme, spec(locator=path("acme-id/shop/staging")))
    assert target.environment_id == "staging-id"


def test_no_answer_to_a_second_reading_is_what_retrying_makes_of_it() -> None:
    acme = Forgetful()
    acme.faults["services staging-id"] = []
    listed = acme.services

    async def once(environment_id: str) -> list[WireService]:
        if acme.reads["services staging-id"]:
            raise UnansweredError("No usable answer from Qovery for 300 s.")
        return await listed(environment_id)

    acme.services = once  # type: ignore[method-assign]  # one instance
    with pytest.raises((UnansweredError, NameResolutionError), match="No usable answer"):
        resolve(acme, spec())
