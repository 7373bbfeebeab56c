import asyncio
from collections import Counter

import pytest

from orchestrator.domain.plan import (
    ALL_SERVICES,
    EnvironmentSpec,
    HttpCheck,
    Policy,
    ServiceType,
)
from orchestrator.errors import NameResolutionError, NotFoundError, TokenRefusedError, UnansweredError
from orchestrator.qovery.names import AT_ONCE, Resolver
from orchestrator.qovery.wire import WireEnvironment, WireNamed, WireReference, WireService
from orchestrator.text import fold
from tests.support.http import in_virtual_time
from tests.support.organizations import (
    APPLICATION,
    CONTAINER,
    DATABASE,
    SHOP,
    Acme,
    only_reads,
    path,
    problems_with,
    resolve,
    spec,
    three_times,
    without_retrying,
)

# Environments.


def test_an_environment_is_found_by_its_id_whatever_its_case_and_without_reading_any_list() -> None:
    acme = Acme()
    with only_reads(acme, {"environment STAGING-ID"}, twice=["services staging-id"]):
        (target,) = resolve(acme, spec(locator="STAGING-ID"))
    assert target.environment_id == "staging-id"
    assert target.console_url == (
        "https://console.qovery.com/organization/acme-id/project/shop-id/environment/staging-id"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Acme/Shop/staging",
        "acme/SHOP/Staging",
        " Acme /\u00a0Shop\u00a0/staging\n",
        "acme-id/shop-id/staging-id",
        "ACME-ID/Shop/ STAGING-ID ",
    ],
    ids=["as written", "other case", "pasted with spaces", "ids", "ids and names"],
)
def test_an_environment_is_found_by_its_path_as_people_write_it(text: str) -> None:
    (target,) = resolve(Acme(), spec(locator=path(text)))
    assert target.environment_id == "staging-id"


def test_names_with_non_breaking_spaces_on_either_side_are_the_same_name() -> None:
    acme = Acme()
    acme.environment_lists["shop-id"] = [
        WireEnvironment(id="e-1", name="Black\u00a0Friday"),
        WireEnvironment(id="e-2", name="Black Monday"),
    ]
    acme.service_lists["e-1"] = SHOP
    (target,) = resolve(acme, spec(locator=path("acme/shop/black   friday")))
    assert target.environment_id == "e-1"
    assert fold("Straße") == fold("STRASSE")


def test_an_id_goes_before_the_same_word_as_a_name() -> None:
    acme = Acme()
    acme.project_lists["acme-id"].append(WireNamed(id="other-id", name="shop-id"))
    (target,) = resolve(acme, spec(locator=path("acme/shop-id/staging")))
    assert target.environment_id == "staging-id"


def test_a_target_carries_all_that_its_spec_says() -> None:
    policy, checks = Policy(deadline=5.0), (HttpCheck(url="https://shop.example.test/"),)
    wanted = EnvironmentSpec(
        name="night", locator="staging-id", services=ALL_SERVICES, wave=7, policy=policy, checks=checks
    )
    (target,) = resolve(Acme(), wanted)
    assert (target.name, target.wave, target.policy, target.checks) == ("night", 7, policy, checks)


def test_targets_keep_the_order_of_their_specs() -> None:
    names = ["drafts", "production", "staging"]
    targets = resolve(Acme(), *(spec(name, f"{name}-id") for name in names))
    assert [target.name for target in targets] == names


@pytest.mark.parametrize(
    ("project", "organization"),
    [(None, WireReference(id="acme-id")), (WireReference(id="shop-id"), None)],
    ids=["no project", "no organization"],
)
def test_an_environment_that_does_not_say_where_it_belongs_has_no_console_url(
    project: WireReference | None, organization: WireReference | None
) -> None:
    acme = Acme()
    acme.environment_lists["shop-id"] = [
        WireEnvironment(id="staging-id", name="staging", project=project, organization=organization)
    ]
    assert resolve(acme, spec())[0].console_url is None


def test_a_simulated_environment_has_no_console_url() -> None:
    assert resolve(Acme(), spec(), console=False)[0].console_url is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "Akme/shop/staging",
            'night: there is no organization called "Akme"; did you mean "Acme"?',
            id="organization, nearly",
        ),
        pytest.param(
            "acme/warehouse/staging",
            'night: there is no project of Acme called "warehouse" (available: Blog, Shop)',
            id="project, not at all",
        ),
        pytest.param(
            "acme/shop/PRODUCTIN",
            'night: there is no environment of Acme/Shop called "PRODUCTIN"; did you mean "production"?',
            id="environment, nearly",
        ),
        pytest.param(
            "acme/blog/staging",
            'night: there is no environment of Acme/Blog called "staging" (available: drafts)',
            id="environment of another project",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_explained_at_the_part_that_is_wrong(text: str, problem: str) -> None:
    assert problems_with(Acme(), spec(locator=path(text))) == (problem,)


def test_a_token_that_sees_no_organization_is_told_so() -> None:
    acme = Acme()
    acme.organization_list = []
    assert problems_with(acme, spec(locator=path("acme/shop/staging"))) == (
        'night: there is no organization called "acme" (the token sees none)',
    )


def test_of_many_names_only_the_first_ten_are_listed() -> None:
    acme = Acme()
    acme.project_lists["acme-id"] = [WireNamed(id=f"p-{n}", name=f"Nr {n:02}") for n in range(11)]
    (problem,) = problems_with(acme, spec(locator=path("acme/warehouse/staging")))
    assert problem.endswith("(available: Nr 00, Nr 01, Nr 02, Nr 03, Nr 04, Nr 05, Nr 06, Nr 07, Nr 08, Nr 09, …)")
    acme.project_lists["acme-id"].pop()
    (problem,) = problems_with(acme, spec(locator=path("acme/warehouse/staging")))
    assert problem.endswith("Nr 08, Nr 09)")


def test_a_name_that_two_projects_share_is_refused_with_both_ids() -> None:
    acme = Acme()
    acme.project_lists["acme-id"].append(WireNamed(id="old-shop-id", name="SHOP "))
    assert problems_with(acme, spec(locator=path("acme/shop/staging"))) == (
        'night: "shop" matches more than one project of Acme: use one of the ids old-shop-id, shop-id',
    )
    (target,) = resolve(acme, spec(locator=path("acme/shop-id/staging")))
    assert target.environment_id == "staging-id"


def test_an_id_that_nothing_has_is_a_problem_of_the_configuration() -> None:
    assert problems_with(Acme(), spec(locator="nowhere-id")) == (
        "night: there is no environment with the id nowhere-id",
    )


def test_an_id_that_is_forbidden_may_just_not_exist_since_qovery_says_403_for_both() -> None:
    acme = Acme()
    acme.faults["environment staging-id"] = [TokenRefusedError("HTTP 403", status=403)]
    assert problems_with(acme, spec()) == (
        "night: there is no environment with the id staging-id that the token may see",
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_altogether_is_that_and_not_a_wrong_name(status: int) -> None:
    acme = Acme()
    refused = TokenRefusedError(f"HTTP {status}", status=status)
    acme.faults = {"environment staging-id": [refused], "organizations": [refused]}
    with pytest.raises(TokenRefusedError) as caught:
        resolve(acme, spec(), spec("day", "production-id"))
    assert caught.value is refused


def test_a_401_is_about_the_token_and_leaves_nothing_to_find_out() -> None:
    acme = Acme()
    acme.faults["environment staging-id"] = [TokenRefusedError("HTTP 401", status=401)]
    with only_reads(acme, {"environment staging-id"}), pytest.raises(TokenRefusedError):
        resolve(acme, spec())


def test_the_id_of_an_environment_is_kept_in_lower_case_so_that_it_is_the_same_however_it_came() -> None:
    acme = Acme()
    acme.environment_lists["shop-id"] = [WireEnvironment(id="STAGING-ID", name="staging")]
    acme.service_lists = {"STAGING-ID": SHOP}
    (target,) = resolve(acme, spec(locator=path("acme/shop/staging")))
    assert target.environment_id == "staging-id"


def test_a_refusal_of_a_list_passes_through_as_it_is() -> None:
    acme = Acme()
    refused = TokenRefusedError("HTTP 403", status=403)
    acme.faults["services staging-id"] = [refused]
    with pytest.raises(TokenRefusedError) as caught:
        resolve(acme, spec(), spec("day", "production-id"), spec("nowhere", "nowhere-id"))
    assert caught.value is refused


def test_an_environment_that_vanishes_between_two_reads_is_the_platforms_word_not_a_wrong_name() -> None:
    acme = Acme()
    del acme.service_lists["staging-id"]
    with pytest.raises(NotFoundError, match="services staging-id"):
        resolve(acme, spec())


# Everything at once.


def test_every_problem_of_every_environment_is_told_in_one_go() -> None:
    assert problems_with(
        Acme(),
        spec("first", "nowhere-id"),
        spec("second", services={APPLICATION: ("apii", "web"), CONTAINER: ("cleanup",), DATABASE: ("ledger",)}),
        spec("third", path("acme/shop/stagin")),
        spec("fourth", "production-id"),
        spec("fifth", path("acme/shop/production")),
    ) == (
        "first: there is no environment with the id nowhere-id",
        'second: there is no application called "apii"; did you mean "api"?',
        'second: "cleanup" is of type job, which Qovery cannot restart',
        'second: "ledger" is a managed database, which Qovery cannot restart',
        'third: there is no environment of Acme/Shop called "stagin"; did you mean "staging"?',
        "fifth: is the same environment as fourth (production-id); list it once",
    )


@pytest.mark.parametrize(
    "again",
    [
        spec("day", "STAGING-ID"),
        spec("day", path("acme/shop/staging")),
        spec("day", services={APPLICATION: ("api",)}),
        spec("night"),
    ],
    ids=["by id", "by path", "for other services", "under the same name"],
)
def test_an_environment_that_is_listed_twice_would_be_restarted_twice_so_it_is_refused(again: EnvironmentSpec) -> None:
    assert problems_with(Acme(), spec("night"), again) == (
        f"{again.name}: is the same environment as night (staging-id); list it once",
    )


def test_each_list_is_read_once_however_many_environments_ask_for_it() -> None:
    acme = Acme()
    names = [f"env {n}" for n in range(50)]
    acme.environment_lists["shop-id"] = [acme.make_environment(name) for name in names]
    acme.service_lists = {f"{name}-id": SHOP for name in names}
    expected = {"organizations", "projects acme-id", "environments shop-id", "organization services acme-id"}
    with only_reads(acme, expected | {f"services {name}-id" for name in names}):
        targets = resolve(acme, *(spec(name, path(f"acme/shop/{name}")) for name in names))
    assert len(targets) == len(names)


def test_only_some_environments_are_looked_up_at_the_same_time() -> None:
    acme = Acme()
    names = [f"env {n}" for n in range(4 * AT_ONCE)]
    acme.environment_lists["shop-id"] = [acme.make_environment(name) for name in names]
    acme.service_lists = {f"{name}-id": SHOP for name in names}
    resolve(acme, *(spec(name, f"{name}-id") for name in names))
    assert acme.most_at_once == AT_ONCE


def test_every_read_passes_through_retrying_so_a_passing_fault_is_no_wrong_name() -> None:
    acme = Acme()
    reads = ["organizations", "projects acme-id", "environments shop-id", "environment production-id"]
    reads += ["organization services acme-id", "services staging-id", "services production-id"]
    acme.faults = {what: [UnansweredError("HTTP 502", status=502), UnansweredError("no answer")] for what in reads}
    resolver = Resolver(acme, retrying=three_times, console=True)
    specs = [spec("by path", path("acme/shop/staging")), spec("by id", "production-id")]
    targets = in_virtual_time(resolver.resolve(specs))
    assert [target.environment_id for target in targets] == ["staging-id", "production-id"]
    assert acme.reads == Counter(dict.fromkeys(reads, 3))


def test_when_retrying_gives_up_its_error_passes_through_and_nothing_is_left_running() -> None:
    acme = Acme()
    given_up = UnansweredError("HTTP 502", status=502)
    acme.faults["environment staging-id"] = [given_up]

    async def run() -> None:
        resolver = Resolver(acme, retrying=without_retrying, console=True)
        with pytest.raises(UnansweredError) as caught:
            await resolver.resolve([spec(), spec("day", path("acme/shop/production"))])
        assert caught.value is given_up
        assert asyncio.all_tasks() == {asyncio.current_task()}

    in_virtual_time(run())


# Names that look the same.


@pytest.mark.parametrize(
    "text", ["Ácme/Shóp/Pré prod", "A\u0301cme/SHO\u0301P/Pre\u0301\u00a0prod", "\u200bácme/shóp\ufeff/pr\u00adé prod"]
)
def test_names_that_look_the_same_match_wherever_they_stand(text: str) -> None:
    acme = Acme()
    acme.organization_list = [WireNamed(id="acme-id", name="\u00c1cme")]
    acme.project_lists["acme-id"] = [WireNamed(id="shop-id", name="Sho\u0301p")]
    acme.environment_lists["shop-id"] = [WireEnvironment(id="e-1", name="Pre\u0301 prod\u200b")]
    acme.service_lists["e-1"] = [WireService(id="s-1", name="ca\u0301fe\u2011api", service_type="APPLICATION")]
    (target,) = resolve(acme, spec(locator=path(text), services={ServiceType.APPLICATION: ("C\u00e1fe-API\u200b",)}))
    assert (target.environment_id, [service.id for service in target.services]) == ("e-1", ["s-1"])


def test_two_names_that_look_the_same_are_ambiguous() -> None:
    acme = Acme()
    acme.environment_lists["shop-id"] = [
        WireEnvironment(id="e-1", name="Pr\u00e9-prod"),
        WireEnvironment(id="e-2", name="Pre\u0301-prod"),
    ]
    with pytest.raises(NameResolutionError, match="use one of the ids e-1, e-2"):
        resolve(acme, spec(locator=path("acme/shop/Pré-prod")))


def test_a_name_that_cannot_be_read_is_like_no_other() -> None:
    acme = Acme()
    acme.service_lists["staging-id"] = [WireService(id="s-1", name="", service_type="APPLICATION")]
    with pytest.raises(NameResolutionError):
        resolve(acme, spec(services={ServiceType.APPLICATION: ("\u200b",)}))
