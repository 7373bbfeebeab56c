"""What must never be shown is not."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.redaction import HIDDEN, answer_hider, hider, redact_deeply, redactor, shown_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("say s3cret-word twice: s3cret-word", "say *** twice: ***", id="a known secret"),
        pytest.param("invalid token qov_Ab1-_x", "invalid token ***", id="a token of the vendor's"),
        pytest.param("invalid token sk-qov-01-abc_DEF.9", "invalid token ***", id="a policy's token"),
        pytest.param("token_qov_abc123", "token_***", id="a token behind a name"),
        pytest.param("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***", id="a header of another kind"),
        pytest.param('"Authorization": "Basic dXNlcjpwdw=="', '"Authorization": "Basic ***"', id="a header in JSON"),
        pytest.param("basic authentication is required", "basic authentication is required", id="a word"),
        pytest.param("eyJhbGciOi.eyJzdWIi.c2ln", "***", id="a JWT"),
        pytest.param("Authorization: Bearer abcdefgh1234", "Authorization: Bearer ***", id="a header"),
        pytest.param("Authorization: Token abcdefgh1234", "Authorization: Token ***", id="a header of the vendor's"),
        pytest.param("http://me:pw@proxy:8080/", "http://***@proxy:8080/", id="a proxy's URL"),
        pytest.param("the token was refused", "the token was refused", id="a sentence"),
    ],
)
def test_whatever_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redactor("s3cret-word", "")(text) == shown


def test_a_secret_inside_a_longer_one_does_not_save_it() -> None:
    assert redactor("abc", "abcdef")("abcdef") == "***"


def test_values_are_redacted_however_deep() -> None:
    value = {"a": ["x", ("y", {"b": "x"})], "n": 5, "none": None}
    assert redact_deeply(value, lambda text: text.upper()) == {"a": ["X", ["Y", {"b": "X"}]], "n": 5, "none": None}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("https://me:pw@x.example/h?key=1", "https://x.example/h?…", id="everything"),
        pytest.param("https://x.example:8443/h", "https://x.example:8443/h", id="nothing to hide"),
    ],
)
def test_a_url_is_shown_without_what_it_carries(url: str, shown: str) -> None:
    assert shown_url(url) == shown


# Short secrets.


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        pytest.param("x", "https://shop.example.com/index", "https://shop.example.com/index", id="inside of words"),
        pytest.param("x", "Authorization: Token x", "Authorization: Token ***", id="a word"),
        pytest.param("x", "x", "***", id="alone"),
        pytest.param("x", '{"token": "x"}', '{"token": "***"}', id="in quotes"),
        pytest.param("x", "?key=x&more=xx", "?key=***&more=xx", id="in a query"),
        pytest.param("x", "(x), x. x;", "(***), ***. ***;", id="between marks"),
        pytest.param("any", "many any", "many ***", id="three letters"),
        pytest.param("-", "a-b - c", "a-b *** c", id="a mark"),
        pytest.param("1234567", "12345678 1234567", "12345678 ***", id="seven"),
        pytest.param("12345678", "0123456789", "0***9", id="eight are hidden wherever they are"),
        pytest.param("a.c", "abc a.c", "abc ***", id="is no pattern"),
        pytest.param("a+b(c[d", "a+b(c[d", "***", id="is no pattern either"),
        pytest.param("\\1", r"\1", "***", id="a backslash"),
    ],
)
def test_a_short_secret_is_hidden_where_it_is_a_word(secret: str, text: str, shown: str) -> None:
    assert redactor(secret)(text) == shown


@pytest.mark.parametrize("secret", ["x", "ab", "s3cret-word-of-a-real-length"])
@pytest.mark.parametrize("around", ["{}", "Token {}", "'{}'", "a {} c", "/{}/", "{0},{0}", "\n{}\n"], ids=repr)
def test_a_secret_is_hidden_whatever_stands_around_it(secret: str, around: str) -> None:
    assert redactor(secret)(around.format(secret)) == around.format(HIDDEN)


@pytest.mark.parametrize("text", ["any-thing", "by anybody", "nobody", "many", "some_any"])
def test_pieces_of_words_are_not_hidden(text: str) -> None:
    assert redactor("any", "body")(text) == text


# Short secrets in whole answers.


@pytest.mark.parametrize(
    ("secret", "answer", "shown"),
    [
        pytest.param("body", '{"body": "body"}', '{"body": "***"}', id="a value, and a key"),
        pytest.param("body", '{"body" : "nobody, somebody-else"}', '{"body" : "nobody, somebody-else"}', id="pieces"),
        pytest.param(
            "body", '{"detail": "the token body is wrong"}', '{"detail": "the token *** is wrong"}', id="a word"
        ),
        pytest.param("test", '{"name": "test"}', '{"name": "test"}', id="a name of the configuration"),
        pytest.param("API", '{"origin": "API"}', '{"origin": "API"}', id="a word of the API"),
        pytest.param("41", '{"total": 41}', '{"total": 41}', id="a number"),
        pytest.param("", '{"name": ""}', '{"name": ""}', id="nothing"),
        pytest.param("12345678", '{"12345678": "x12345678"}', '{"***": "x***"}', id="a long one, wherever it is"),
    ],
)
def test_a_short_secret_is_hidden_in_an_answer_where_it_means_nothing_else(
    secret: str, answer: str, shown: str
) -> None:
    assert answer_hider(secret, vocabulary="acme/shop/test")(answer) == shown


# Secrets in other spellings.

AWKWARD = "p+q/r=s\\t\"u&v<w>'x_y~z-0%1"
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)


@pytest.mark.parametrize("secret", ["qow-0123456789abcdef", AWKWARD])
@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda secret: quote(secret, safe=""), id="in a URL"),
        pytest.param(lambda secret: quote(secret, safe="").lower(), id="in a URL, in lower case"),
        pytest.param(lambda secret: quote(quote(secret, safe=""), safe=""), id="twice in a URL"),
        pytest.param(lambda secret: "".join(f"%{ord(char):02X}" for char in secret), id="all of it in a URL"),
        pytest.param(json.dumps, id="in JSON"),
        pytest.param(lambda secret: json.dumps(json.dumps(secret)), id="in JSON in JSON"),
        pytest.param(lambda secret: json.dumps(secret).replace("/", "\\/"), id="in PHP's JSON"),
        pytest.param(lambda secret: "".join(f"\\u{ord(char):04x}" for char in secret), id="all of it in JSON"),
        pytest.param(escape, id="in HTML"),
        pytest.param(lambda secret: "".join(f"&#{ord(char)};" for char in secret), id="all of it in HTML"),
        pytest.param(lambda secret: f"Authorization: Token {secret}", id="in a header"),
    ],
)
def test_a_secret_is_hidden_in_whatever_spelling(secret: str, spell: Callable[[str], str]) -> None:
    spelled = spell(secret)
    shown = hider(secret)(f"x {spelled} y")
    assert HIDDEN in shown
    assert len(shown) < len(spelled)
    assert shown.count(HIDDEN) == 1
    assert set(shown.replace(HIDDEN, "")) <= set('x y"\\Authorization: Token')


@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9), urlsafe=st.booleans())
def test_a_secret_is_hidden_in_base64_with_whatever_stands_around_it(
    secret: str, before: bytes, after: bytes, urlsafe: bool
) -> None:
    encode = urlsafe_b64encode if urlsafe else b64encode
    encoded = encode(before + secret.encode() + after).decode()
    assert hider(secret)(f"<{encoded}>") == f"<{HIDDEN}>"


@given(secret=SECRETS, safe=st.sampled_from(["", "/", "/+="]))
def test_any_secret_is_hidden_in_urls_and_in_json(secret: str, safe: str) -> None:
    hide = hider(secret)
    assert hide(quote(secret, safe=safe)) == HIDDEN
    assert hide(json.dumps(secret)) == f'"{HIDDEN}"'


def test_a_text_that_is_long_costs_no_more_than_its_length() -> None:
    text = "a" * 1_000_000
    assert hider("0123456789-secret")(text) == text
