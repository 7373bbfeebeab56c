import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.reports.wording import count, short_execution, span, web_address
from tests.support.reports import texts


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        pytest.param(None, "-", id="none"),
        pytest.param(-3.0, "0.0s", id="a clock that was set back"),
        pytest.param(0.94, "0.9s", id="tenths"),
        pytest.param(9.94, "9.9s", id="the last tenth"),
        pytest.param(9.95, "10s", id="whole seconds"),
        pytest.param(59.4, "59s", id="just below a minute"),
        pytest.param(59.6, "1m 00s", id="rounded up to a minute"),
        pytest.param(63, "1m 03s", id="minutes"),
        pytest.param(3599.6, "1h 00m", id="rounded up to an hour"),
        pytest.param(93784, "26h 03m", id="more than a day"),
    ],
)
def test_a_span_is_shown_as_exactly_as_it_is_read(seconds: float | None, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        pytest.param(0, "0 submits", id="none"),
        pytest.param(1, "1 submit", id="one"),
        pytest.param(2, "2 submits", id="more"),
    ],
)
def test_things_are_counted(number: int, shown: str) -> None:
    assert count(number, "submit") == shown


@pytest.mark.parametrize(
    ("execution_id", "shown"),
    [
        pytest.param("3c90c3cc-0d44-4b50-8888-8dd25736052a-42", "…-42", id="an id as Qovery makes it"),
        pytest.param("opaque", "opaque", id="without a dash"),
        pytest.param("-42", "-42", id="nothing before the dash"),
        pytest.param("a\x1b-b\x07", r"…-b\x07", id="control characters"),
    ],
)
def test_an_execution_is_shown_by_its_last_part(execution_id: str, shown: str) -> None:
    assert short_execution(execution_id) == shown


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("https://a.example/b?c=d&e=%20#f", "https://a.example/b?c=d&e=%20#f", id="as it is"),
        pytest.param("HTTP://a.example", "HTTP://a.example", id="capitals"),
        pytest.param("javascript:alert(1)", None, id="a program"),
        pytest.param("data:text/html,x", None, id="a document"),
        pytest.param(" https://a.example", None, id="something before it"),
        pytest.param('https://a/"><b>|`\\', "https://a/%22%3E%3Cb%3E%7C%60%5C", id="what could end a link"),
    ],
)
def test_only_an_address_of_the_web_becomes_a_link(url: str | None, address: str | None) -> None:
    assert web_address(url) == address


@given(st.one_of(texts, texts.map(lambda text: f"https://{text}")))
def test_an_address_holds_nothing_that_could_end_a_link(url: str) -> None:
    assert not set(web_address(url) or "") & set('<>"`|\\ \n[]')
