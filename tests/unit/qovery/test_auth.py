import copy
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from orchestrator.errors import UsageError
from orchestrator.qovery.auth import DEFAULT_VARIABLES, TokenAuth, find_token, scheme_of

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhdXRoMHw1ZiJ9.c2lnbmF0dXJl"
SECRET = "tok_3f9a1c5e7b2d4f6a8c0e"


def shown(error: BaseException) -> str:
    """Everything that a person or a log could see of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)


def test_the_vendors_variables_are_tried_in_the_vendors_order() -> None:
    assert DEFAULT_VARIABLES == ("QOVERY_API_TOKEN", "QOVERY_CLI_ACCESS_TOKEN", "Q_CLI_ACCESS_TOKEN")
    environ = {name: f"token-of-{name}" for name in reversed(DEFAULT_VARIABLES)}
    for name in DEFAULT_VARIABLES:
        assert find_token(environ).get_secret_value() == f"token-of-{name}"
        del environ[name]


@pytest.mark.parametrize("blank", ["", "  ", "\n"], ids=["empty", "spaces", "newline"])
def test_a_blank_variable_counts_as_not_set(blank: str) -> None:
    environ = {"QOVERY_API_TOKEN": blank, "Q_CLI_ACCESS_TOKEN": SECRET}
    assert find_token(environ).get_secret_value() == SECRET
    with pytest.raises(UsageError, match=r"the environment variable MINE, named by `api\.token`, is not set"):
        find_token({"MINE": blank, **environ}, variable="MINE")


def test_without_any_token_the_error_says_how_to_give_one_and_how_to_go_without() -> None:
    with pytest.raises(UsageError, match=r"QOVERY_API_TOKEN.*`api\.token`.*--simulate"):
        find_token({})


def test_a_named_variable_is_the_only_one_that_is_read() -> None:
    environ = {"QOVERY_API_TOKEN": "another", "MINE": SECRET}
    assert find_token(environ, variable="MINE").get_secret_value() == SECRET
    with pytest.raises(UsageError, match="MINE"):
        find_token({"QOVERY_API_TOKEN": "another"}, variable="MINE")


def test_a_named_file_goes_before_every_variable(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    environ = {"QOVERY_API_TOKEN": "another", "MINE": "a-third"}
    assert find_token(environ, variable="MINE", file=file).get_secret_value() == SECRET
    assert find_token(environ, file=str(file)).get_secret_value() == SECRET


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"], ids=["newline", "windows", "spaces and newlines"])
def test_what_editors_put_at_the_end_of_a_file_is_not_part_of_the_token(tmp_path: Path, end: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(f"{SECRET}{end}".encode())
    assert find_token({}, file=file).get_secret_value() == SECRET


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_mark_that_an_editor_puts_before_a_token_is_not_part_of_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "token"
    mark = "\ufeff" if encoding.endswith("e") else ""
    file.write_bytes(f"{mark}{SECRET}\r\n".encode(encoding))
    assert find_token({}, file=file).get_secret_value() == SECRET


def test_a_token_may_be_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text(SECRET)
    assert find_token({}, file="~/token").get_secret_value() == SECRET
    with pytest.raises(UsageError, match="the file ~nobody-at-all/token: there is no such home directory"):
        find_token({}, file="~nobody-at-all/token")


def make_directory(path: Path) -> None:
    path.mkdir()


def make_unreadable(path: Path) -> None:
    path.write_text(SECRET)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user reads every file")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda path: None, "cannot read the file .*: No such file or directory", id="missing"),
        pytest.param(make_directory, "cannot read the file .*: Is a directory", id="directory"),
        pytest.param(make_unreadable, "cannot read the file .*: Permission denied", id="unreadable"),
        pytest.param(
            lambda path: path.symlink_to(path), "cannot read the file .*: Too many levels", id="link to itself"
        ),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe\x00" + SECRET.encode()), "is not text", id="binary"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is too large to be one", id="without an end"),
        pytest.param(lambda path: path.write_text(""), "is empty", id="empty"),
        pytest.param(lambda path: path.write_text(" \n"), "is empty", id="blank"),
    ],
)
def test_a_file_that_holds_no_token_is_named_and_never_quoted(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    file = tmp_path / "the-token-file"
    make(file)
    with pytest.raises(UsageError, match=words) as caught:
        find_token({"QOVERY_API_TOKEN": "another"}, file=file)
    assert "the-token-file" in str(caught.value)
    assert SECRET not in shown(caught.value)


@pytest.mark.parametrize(
    "text",
    [f"Bearer {SECRET}", f"{SECRET}\n{SECRET}", f"{SECRET}\r\nX-Evil: 1", f"{SECRET}\x00", f"{SECRET}é", f"“{SECRET}”"],
    ids=["two words", "two lines", "header injection", "control character", "non-ASCII", "typographic quotes"],
)
def test_what_cannot_be_a_token_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError, match="Not a token: the environment variable QOVERY_API_TOKEN") as caught:
        find_token({"QOVERY_API_TOKEN": text})
    assert SECRET not in shown(caught.value)


@pytest.mark.parametrize("text", ["qov_3f9a1c5e7b2d", JWT], ids=["API token", "JWT"])
def test_a_token_put_where_its_name_belongs_is_not_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as as_variable:
        find_token({}, variable=text)
    with pytest.raises(UsageError) as as_file:
        find_token({}, file=tmp_path / text)
    (tmp_path / text).write_bytes(b"\xff")
    with pytest.raises(UsageError) as as_binary_file:
        find_token({}, file=tmp_path / text)
    (tmp_path / text).write_bytes(b"")
    with pytest.raises(UsageError) as as_empty_file:
        find_token({}, file=tmp_path / text)
    with pytest.raises(UsageError) as as_odd_variable:
        find_token({text: "two words"}, variable=text)
    for caught in (as_variable, as_file, as_binary_file, as_empty_file, as_odd_variable):
        assert text not in shown(caught.value)
        assert "***" in str(caught.value)


@pytest.mark.parametrize(
    ("token", "scheme"),
    [
        pytest.param("qov_3f9a1c5e7b2d", "Token", id="the vendor's API token"),
        pytest.param(SECRET, "Token", id="anything else"),
        pytest.param(JWT, "Bearer", id="a person's JWT"),
        pytest.param(JWT.rpartition(".")[0] + ".", "Bearer", id="a JWT without a signature"),
        pytest.param("eyJhbGciOiJSUzI1NiJ9", "Token", id="one part of a JWT"),
        pytest.param(f"x{JWT}", "Token", id="a JWT inside something else"),
        pytest.param(f"{JWT}.more", "Token", id="four parts"),
    ],
)
def test_the_scheme_follows_the_form_of_the_token(token: str, scheme: str) -> None:
    assert scheme_of(SecretStr(token)) == scheme
    request = httpx.Request("GET", "https://api.example.test/")
    authorized = next(TokenAuth(SecretStr(token)).auth_flow(request))
    assert authorized.headers["Authorization"] == f"{scheme} {token}"


def test_neither_the_token_nor_its_bearer_can_be_read_off_or_stored() -> None:
    token = find_token({"QOVERY_API_TOKEN": SECRET})
    auth = TokenAuth(token)
    request = next(auth.auth_flow(httpx.Request("GET", "https://api.example.test/")))
    for thing in (token, auth, vars(auth), request, request.headers):
        assert SECRET not in f"{thing!r} {thing!s} {thing}"
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            store(auth)
