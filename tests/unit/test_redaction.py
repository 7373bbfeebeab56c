"""What must never be shown is not."""

import pytest

from orchestrator.redaction import HIDDEN, redact_deeply, redactor, shown_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("say s3cret-word twice: s3cret-word", "say *** twice: ***", id="a known secret"),
        pytest.param("invalid token qov_Ab1-_x", "invalid token ***", id="a token of the vendor's"),
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
