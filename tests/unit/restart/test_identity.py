from orchestrator.restart.identity import Identity


def test_a_name_is_known_once_something_of_ours_bears_it() -> None:
    identity = Identity()
    identity.learn(None)
    assert identity.name is None
    identity.learn("robot")
    identity.learn("robot")
    assert identity.name == "robot"


def test_two_names_are_none_for_good() -> None:
    identity = Identity("robot")
    identity.learn("another")
    identity.learn("another")
    assert identity.name is None
