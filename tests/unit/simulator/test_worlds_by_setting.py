"""Worlds are set by texts of the form KEY=VALUE, or drawn from a seed."""

import re
from dataclasses import fields
from inspect import getsource

import pytest

from orchestrator.domain.plan import ALL_SERVICES, EnvironmentPath, EnvironmentSpec
from orchestrator.simulator.dials import (
    ALL_DEFAULT,
    DEFAULT,
    STAYS_DEFAULT,
    Dials,
    changed,
    dials_for,
    draw,
    names,
    parse,
    values,
)
from orchestrator.simulator.seeding import build_world

PATH = EnvironmentPath(organization="acme", project="shop", environment="production")
SPECS = [EnvironmentSpec(name="one", locator=PATH, services=ALL_SERVICES)]


@pytest.mark.parametrize(
    ("setting", "parsed"),
    [
        pytest.param("colleague_origin=API", ("colleague_origin", "API"), id="a word"),
        pytest.param(" colleague_origin = api ", ("colleague_origin", "API"), id="in any case, with spaces"),
        pytest.param("date_ahead=-60", ("date_ahead", -60), id="a number"),
        pytest.param("second_delivery=409", ("second_delivery", 409), id="a number among words"),
        pytest.param("second_delivery=none", ("second_delivery", "none"), id="a word among numbers"),
    ],
)
def test_a_setting_is_read(setting: str, parsed: tuple[str, object]) -> None:
    assert parse(setting) == parsed


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("colleague_origin", ["'colleague_origin' is not of the form KEY=VALUE."], id="no value"),
        pytest.param("", ["'' is not of the form KEY=VALUE."], id="nothing"),
        pytest.param(
            "colleage_origin=API", ["There is no 'colleage_origin', did you mean 'colleague_origin'?"], id="misspelt"
        ),
        pytest.param("x=1", ["There is no 'x'. There are: ", *names(), "all=default"], id="unlike any"),
        pytest.param(
            "date_ahead=5",
            ["date_ahead cannot be '5'; it can be 0, 12, 60, 3600, -12, -60, -3600."],
            id="no such value",
        ),
        pytest.param("all=API", ["There is no 'all'"], id="all, to something else"),
    ],
)
def test_what_is_no_setting_is_refused_with_what_there_is(setting: str, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refused:
        dials_for([setting], profile="none", seed=1)
    assert all(word in str(refused.value) for word in words)


def test_the_first_value_of_a_dial_is_its_default_and_all_can_be_set_by_text() -> None:
    for name in names():
        first, *others = values(name)
        assert first == getattr(DEFAULT, name)
        assert others
        assert [parse(f"{name}={value}") for value in values(name)] == [(name, value) for value in values(name)]


def test_every_dial_says_what_is_known_of_it() -> None:
    text = getsource(Dials).partition("@property")[0]
    for field in fields(Dials):
        assert re.search(rf'^    {field.name}: .*\n    """\S', text, re.MULTILINE), field.name


@pytest.mark.parametrize("profile", ["none", "realistic"])
def test_only_the_hostile_profile_draws_its_world(profile: str) -> None:
    assert dials_for([], profile=profile, seed=1) == DEFAULT
    assert dials_for([], profile="hostile", seed=1) == draw(1) != DEFAULT


def test_a_setting_overrides_what_was_drawn_and_nothing_else() -> None:
    drawn = draw(1)
    value = next(value for value in values("history_lag") if value != drawn.history_lag)
    assert dials_for([f"history_lag={value}"], profile="hostile", seed=1).history_lag == value
    others = set(names()) - {"history_lag"}
    chosen = dials_for([f"history_lag={value}"], profile="hostile", seed=1)
    assert all(getattr(chosen, name) == getattr(drawn, name) for name in others)


def test_nothing_is_drawn_where_all_others_are_default() -> None:
    dials = dials_for(["merging=never", ALL_DEFAULT], profile="hostile", seed=1)
    assert changed(dials) == {"merging": "never"}


def test_every_value_is_drawn_somewhere_and_most_dials_keep_their_default() -> None:
    worlds = [draw(seed) for seed in range(800)]
    for name in names():
        assert {getattr(world, name) for world in worlds} == set(values(name))
    kept = sum(world.merging == DEFAULT.merging for world in worlds) / len(worlds)
    assert kept == pytest.approx(STAYS_DEFAULT, abs=0.05)
    assert draw(1) == draw(1)


def test_a_world_has_the_dials_that_it_is_given_or_those_of_its_profile() -> None:
    given = Dials(merging="never")
    assert build_world(SPECS, seed=1, faults="hostile", dials=given).dials == given
    assert build_world(SPECS, seed=1, faults="hostile").dials == draw(1)
    assert build_world(SPECS, seed=1, faults="realistic").dials == DEFAULT


def test_readings_are_late_by_as_much_as_a_world_says() -> None:
    assert DEFAULT.stale_by_up_to < Dials(history_lag=60).stale_by_up_to < Dials(old_readings="once").stale_by_up_to
