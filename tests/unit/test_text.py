"""Text from outside: it takes no effect where it is shown, and what looks the same is the same."""

import doctest
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import text
from orchestrator.text import encodable, fold, printable, printable_json
from tests.support.reports import texts

HOSTILE = "svc\x1b[2J\n::error::forged \x9b2J \u202e \u2028 \ud800 ##vso[task.complete] \U000e0041"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("api", "api", id="plain"),
        pytest.param("東京 café 👩‍👩‍👧", "東京 café 👩‍👩‍👧", id="unicode is left alone"),
        pytest.param("a\r\nb\tc\n\nd", "a b c d", id="line breaks and tabs"),
        pytest.param("\x1b[31m", r"\x1b[31m", id="escape"),
        pytest.param("\x9b2J\x7f\x00", r"\x9b2J\x7f\x00", id="other control characters"),
        pytest.param("\u202eexe.gnp", r"\u202eexe.gnp", id="reversed text"),
        pytest.param("a\u2028b", r"a\u2028b", id="line separator"),
        pytest.param("\udcff\ufffe", r"\udcff\ufffe", id="what cannot be encoded"),
    ],
)
def test_text_is_shown_on_one_line_without_taking_effect(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_printable_ascii_is_left_alone() -> None:
    ascii_letters = "".join(map(chr, range(0x20, 0x7F)))
    assert printable(ascii_letters) == ascii_letters


@given(texts)
def test_whatever_is_printable_has_one_line_and_an_encoding(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("::error::x", r":\x3aerror::x", id="GitHub"),
        pytest.param("  ::ADD-mask::x", r"  :\x3aADD-mask::x", id="GitHub, indented"),
        pytest.param("aaaa::set-output name=x::y", r"aaaa:\x3aset-output name=x::y", id="where a wrap may come"),
        pytest.param("x ##vso[task.complete]", r"x #\x23vso[task.complete]", id="Azure"),
        pytest.param("##[error]x", r"#\x23[error]x", id="GitHub and Azure, old"),
        pytest.param("##teamcity[x]", r"#\x23teamcity[x]", id="TeamCity"),
        pytest.param("std::vector fe80::1 ## Title", "std::vector fe80::1 ## Title", id="no command"),
    ],
)
def test_a_name_gives_no_command_to_a_ci_system(given: str, shown: str) -> None:
    assert printable(given) == shown


@given(st.text())
def test_a_json_document_keeps_its_meaning_and_takes_no_effect(value: str) -> None:
    value = encodable(value + HOSTILE)
    document = json.dumps({"name": value, "empty": ""}, indent=2, ensure_ascii=False)
    shown = printable_json(document)
    assert json.loads(shown) == {"name": value, "empty": ""}
    assert all(printable(line) == line for line in shown.split("\n"))


def test_what_cannot_be_encoded_is_escaped() -> None:
    assert encodable("caf\udce9 é") == "caf\\udce9 é"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Pré-production", unicodedata.normalize("NFD", "Pré-production"), id="accents apart"),
        pytest.param("pré", "PRÉ", id="case"),
        pytest.param("ÅNGSTRÖM", "\u212bngström", id="a letter that is two"),
        pytest.param("Straße", "STRASSE", id="a letter that becomes two"),
        pytest.param("shop", "shop\u200b", id="zero-width space"),
        pytest.param("shop", "\ufeffshop", id="byte order mark"),
        pytest.param("shop", "sh\u00adop", id="soft hyphen"),
        pytest.param("shop", "sh\u2060op\u200e", id="joiner and direction"),
        pytest.param("❤", "❤\ufe0f", id="variation selector"),
        pytest.param("black friday", "Black\u00a0 Friday ", id="non-breaking space"),
        pytest.param("a b", "a\u202f\u3000b", id="other spaces"),
        pytest.param("a-b", "a\u2011b", id="non-breaking hyphen"),
        pytest.param("api2", "\uff41\uff50\uff492", id="full width"),
        pytest.param("file", "\ufb01le", id="ligature"),
    ],
)
def test_names_that_look_the_same_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("a", "á"), ("a b", "ab"), ("a-b", "ab"), ("o", "\u03bf"), ("a_b", "a-b")])
def test_names_that_look_different_are_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_a_folded_name_stays_as_it_is(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert fold(f" {name}\u200b") == fold(name)


def test_invisible_characters_alone_are_no_name() -> None:
    assert fold("\u200b\u00ad \ufeff") == ""


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(text)
    assert failed == 0
    assert attempted
