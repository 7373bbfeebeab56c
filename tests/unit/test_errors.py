import inspect
import re
from collections.abc import Iterator

import httpx
import pytest

from orchestrator import errors
from orchestrator.errors import (
    ConfigError,
    NameResolutionError,
    NotSentError,
    PassingError,
    PlatformError,
    RestartError,
    ThrottledError,
    UnansweredError,
    UsageError,
)
from orchestrator.network import NEVER_SENT, PERHAPS_SENT

NEVER_RAISED_BY_A_CALL = {
    "HTTPStatusError",  # only `raise_for_status` raises it
    "CookieConflict",  # only reading a cookie jar by name raises it
    "StreamConsumed",  # these four say that a response was misused by the caller
    "StreamClosed",
    "ResponseNotRead",
    "RequestNotRead",
}
"""What httpx exports and no request of ours can end in: each would be a defect of this program."""


def documented_tree() -> Iterator[tuple[str, str | None]]:
    """Yield each class of the docstring's drawing with its parent."""
    path: list[str] = []
    for line in inspect.getdoc(errors).split("\n"):  # type: ignore[union-attr]  # the module has a docstring
        if found := re.match(r"^ {4}((?:[│ ] {3})*(?:[├└]── )?)([A-Z]\w+Error)\b", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            yield found[2], path[depth - 1] if depth else None


def real_tree(root: type[Exception], parent: str | None = None) -> Iterator[tuple[str, str | None]]:
    yield root.__name__, parent
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from real_tree(child, root.__name__)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert list(documented_tree()) == list(real_tree(RestartError))


def test_every_error_of_the_module_hangs_on_the_tree() -> None:
    classes = {name for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, Exception)}
    assert classes == {name for name, _ in real_tree(RestartError)}


def exceptions_of_httpx() -> set[type[Exception]]:
    """Every exception that httpx exports and that is nobody's base."""
    exported = {
        item
        for item in (getattr(httpx, name) for name in httpx.__all__)
        if inspect.isclass(item) and issubclass(item, Exception)
    }
    bases = {base for one in exported for base in one.__mro__[1:]}
    return exported - bases


def test_every_exception_of_httpx_is_mapped_or_known_never_to_come() -> None:
    mapped = {*NEVER_SENT, *PERHAPS_SENT}
    assert {one.__name__ for one in exceptions_of_httpx() - mapped} == NEVER_RAISED_BY_A_CALL


def test_every_exception_that_a_request_can_raise_is_mapped() -> None:
    leaves = {one for one in exceptions_of_httpx() if issubclass(one, httpx.RequestError)}
    assert leaves <= {*NEVER_SENT, *PERHAPS_SENT}


def test_no_exception_of_httpx_is_mapped_twice_or_through_its_base() -> None:
    mapped = [*NEVER_SENT, *PERHAPS_SENT]
    assert len(mapped) == len(set(mapped))
    assert set(mapped) <= exceptions_of_httpx()


@pytest.mark.parametrize("kind", [ConfigError, NameResolutionError])
def test_a_usage_error_shows_every_problem_on_a_line_of_its_own(
    kind: type[ConfigError] | type[NameResolutionError],
) -> None:
    error = kind(["first", "second"])
    assert error.problems == ("first", "second")
    assert str(error) == "first\nsecond"
    assert isinstance(error, UsageError)


def test_a_defect_is_named_by_its_type_and_place_and_not_by_its_words() -> None:
    try:
        errors.ConfigError(None)  # type: ignore[arg-type]
    except TypeError as error:
        sentence = errors.defect_sentence(error)
    assert re.fullmatch(
        r"internal_error: a bug in qovery-restart [\w.]+ \(TypeError, orchestrator/errors\.py:\d+\)\. Please report .*",
        sentence,
    )


def test_a_defect_outside_of_our_code_has_no_place() -> None:
    assert "(KeyError). Please" in errors.defect_sentence(KeyError("s3cret"))


def test_a_group_of_one_defect_is_that_defect() -> None:
    group = ExceptionGroup("a", [ExceptionGroup("b", [ZeroDivisionError("s3cret")])])
    assert "(ZeroDivisionError)" in errors.defect_sentence(group)
    assert "(ExceptionGroup)" in errors.defect_sentence(ExceptionGroup("a", [KeyError(), ValueError()]))


def test_a_platform_error_keeps_the_status_that_it_came_with() -> None:
    assert PlatformError("gone", status=404).status == 404
    assert PlatformError("no answer at all").status is None


def test_a_throttled_error_says_how_long_to_wait_where_the_platform_did() -> None:
    error = ThrottledError("later", status=429, retry_after=12.5)
    assert (str(error), error.status, error.retry_after) == ("later", 429, 12.5)
    assert ThrottledError("later").retry_after is None


@pytest.mark.parametrize(
    ("error", "never_left"),
    [
        (NotSentError("refused"), True),
        (ThrottledError("our own quota"), True),
        (ThrottledError("the platform's", status=429), False),
        (UnansweredError("lost"), False),
    ],
    ids=["no connection", "our own quota", "a 429", "no answer"],
)
def test_a_request_never_left_if_nobody_can_have_seen_it(error: PassingError, never_left: bool) -> None:
    assert error.never_left is never_left
