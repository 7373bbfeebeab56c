"""What the platform calls us is learnt once, and believed while nothing speaks against it."""

import pytest

from orchestrator.restart.identity import Identity


@pytest.mark.parametrize(
    ("before", "learnt", "name"),
    [
        (None, [], None),
        (None, [None], None),
        (None, ["robot"], "robot"),
        (None, ["robot", None, "robot"], "robot"),
        ("robot", [], "robot"),
        ("robot", ["robot"], "robot"),
    ],
)
def test_one_name_is_learnt(before: str | None, learnt: list[str | None], name: str | None) -> None:
    identity = Identity(before)
    for one in learnt:
        identity.learn(one)
    assert identity.name == name


@pytest.mark.parametrize("again", ["robot", "somebody", None])
@pytest.mark.parametrize("before", [None, "robot"])
def test_two_different_names_are_none_for_good(before: str | None, again: str | None) -> None:
    identity = Identity(before)
    identity.learn("robot")
    identity.learn("somebody")
    assert identity.name is None
    identity.learn(again)
    assert identity.name is None
