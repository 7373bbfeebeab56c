"""What a session derives from the token and the configuration."""

from pathlib import Path
from random import Random

import pytest

from orchestrator.config import parse_config
from orchestrator.errors import NotFoundError, NotSentError, PlatformError, UsageError
from orchestrator.logs import get_logger
from orchestrator.runs.session import FIRST_CONTACT, Retrying, open_session
from tests.support.time import HandClock, in_virtual_time

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhdXRoMHw1ZiJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "token", "origin"),
    [
        pytest.param("", "qov_not-a-real-token", "API", id="an API token"),
        pytest.param("", JWT, None, id="a person's token: who knows"),
        pytest.param("api: {origin: CLI}", "qov_not-a-real-token", "CLI", id="as the file says"),
        pytest.param("api: {origin: API}", JWT, "API", id="as the file says, of a person's"),
        pytest.param("api: {origin: any}", "qov_not-a-real-token", None, id="the file says not to look"),
    ],
)
def test_how_ours_is_labelled_follows_from_the_token_unless_the_file_says_it(
    said: str, token: str, origin: str | None, tmp_path: Path
) -> None:
    text = f"version: 1\n{said}\nenvironments: [{{name: a, path: a/b/c, services: all}}]\n"
    config = parse_config(text, source="night.yaml", environ={})

    async def opened() -> str | None:
        async with open_session(config, environ={"QOVERY_API_TOKEN": token}, state_dir=tmp_path) as session:
            return session.origin

    assert in_virtual_time(opened()) == origin


# One API, however its URL is spelled.

FILE = "version: 1\n{api}\nenvironments: [{{name: a, path: a/b/c, services: all}}]\n"


def url_of(*, in_the_file: str = "", variable: str = "", so_far: str | None = None, folder: Path) -> str:
    """The URL of a session."""
    api = f"api: {{url: '{in_the_file}'}}" if in_the_file else ""
    config = parse_config(FILE.format(api=api), source="night.yaml", environ={})
    environ = {"QOVERY_API_TOKEN": "qov_not-a-real-token", "QOVERY_API_URL": variable}

    async def opened() -> str:
        async with open_session(config, environ=environ, api_url=so_far, state_dir=folder) as session:
            return session.api_url

    return in_virtual_time(opened())


SPELLINGS = [
    ("https://api.qovery.com", "https://api.qovery.com"),
    ("https://api.qovery.com/", "https://api.qovery.com"),
    ("https://api.qovery.com//", "https://api.qovery.com"),
    ("https://api.qovery.com/.", "https://api.qovery.com"),
    ("https://api.qovery.com/v1/..", "https://api.qovery.com"),
    ("https://api.qovery.com:443", "https://api.qovery.com"),
    ("https://api.qovery.com:443/", "https://api.qovery.com"),
    ("https://API.Qovery.COM", "https://api.qovery.com"),
    ("HTTPS://api.qovery.com", "https://api.qovery.com"),
    ("HTTPS://API.QOVERY.COM:443/./", "https://api.qovery.com"),
    ("https://api.qovery.com./", "https://api.qovery.com"),
    ("http://localhost:80/", "http://localhost"),
    ("http://localhost:443/", "http://localhost:443"),
    ("http://[::1]:8080/", "http://[::1]:8080"),
    ("https://proxy.example.com/qovery/", "https://proxy.example.com/qovery"),
    ("https://proxy.example.com/a//b/../qovery", "https://proxy.example.com/a/qovery"),
    ("https://proxy.example.com/Qovery", "https://proxy.example.com/Qovery"),
]


@pytest.mark.parametrize(("spelled", "one"), SPELLINGS)
def test_one_api_has_one_url_wherever_it_is_given(spelled: str, one: str, tmp_path: Path) -> None:
    assert url_of(in_the_file=spelled, folder=tmp_path) == one
    assert url_of(variable=spelled, folder=tmp_path) == one
    assert url_of(so_far=spelled, folder=tmp_path) == one
    assert url_of(variable=one, so_far=spelled, folder=tmp_path) == one
    assert url_of(variable=spelled, so_far=one, folder=tmp_path) == one


@pytest.mark.parametrize(
    "other", ["http://api.qovery.com", "https://api.qovery.com:8443", "https://api.qovery.com/v1", "https://qovery.com"]
)
def test_another_api_is_not_the_one_that_a_run_used(other: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another API"):
        url_of(variable=other, so_far="https://api.qovery.com", folder=tmp_path)


@pytest.mark.parametrize("spelled", ["https://api.qovery.com?key=1", "https://api.qovery.com/#top"])
def test_a_query_or_a_fragment_is_no_part_of_an_api(spelled: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a query or a fragment"):
        url_of(variable=spelled, folder=tmp_path)


def test_an_empty_query_is_none(tmp_path: Path) -> None:
    assert url_of(variable="https://api.qovery.com/?", folder=tmp_path) == "https://api.qovery.com"


# The first contact.


def given_up(error: PlatformError, *, defaults: str = "", answered: bool = False) -> tuple[float, str]:
    """Read what always fails, after one good answer or none; return after how many seconds it was given up, and why."""
    text = f"version: 1\n{defaults}\nenvironments: [{{name: a, path: a/b/c, services: all}}]\n"
    config = parse_config(text, source="night.yaml", environ={})

    async def fail() -> None:
        raise error

    async def answer() -> str:
        return "good"

    async def read() -> tuple[float, str]:
        clock = HandClock()
        retrying = Retrying(config, clock=clock, log=get_logger(), random=Random(1), api="https://x (from api.url)")
        if answered:
            await retrying(answer)
        began = clock.monotonic()
        with pytest.raises(PlatformError) as caught:
            await retrying(fail)
        return clock.monotonic() - began, str(caught.value)

    return in_virtual_time(read())


LASTING = NotSentError("GET /x: not sent: no such host", lasting=True)


@pytest.mark.parametrize(
    ("error", "defaults", "answered", "seconds"),
    [
        pytest.param(LASTING, "", False, FIRST_CONTACT, id="what hardly passes"),
        pytest.param(LASTING, "", True, 300.0, id="what was there before"),
        pytest.param(LASTING, "defaults: {lost_contact: 5s}", False, 5.0, id="told to be shorter"),
        pytest.param(LASTING, "defaults: {lost_contact: 10m}", False, 600.0, id="told to be longer"),
        pytest.param(NotSentError("GET /x: slow"), "", False, 300.0, id="what may pass"),
    ],
)
def test_what_hardly_passes_is_given_up_soon_if_nothing_was_answered_yet_and_the_file_says_nothing_else(
    error: PlatformError, defaults: str, answered: bool, seconds: float
) -> None:
    after, why = given_up(error, defaults=defaults, answered=answered)
    assert after == pytest.approx(seconds)
    assert str(error) in why
    assert "https://x (from api.url)" in why


@pytest.mark.parametrize("answered", [False, True], ids=["at first", "later"])
def test_a_404_of_the_first_call_names_the_api(answered: bool) -> None:
    after, why = given_up(NotFoundError("GET /x: HTTP 404", status=404), answered=answered)
    assert after == 0
    assert ("https://x (from api.url)" in why) is not answered


@pytest.mark.parametrize("so_far", ["", "::", "https://", "https://api.qovery.com:99999", "ftp://api.qovery.com"])
def test_a_journal_in_which_the_apis_url_is_none_is_a_mistake_and_not_a_bug(tmp_path: Path, so_far: str) -> None:
    with pytest.raises(UsageError, match=r"^The API's URL in the journal "):
        url_of(so_far=so_far, folder=tmp_path)
