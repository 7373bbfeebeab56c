"""How the reports write down names, spans of time and executions."""

import re
from urllib.parse import quote

_BREAKS = re.compile(r"[\t\n\r]+")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: they would drive a terminal, and XML forbids most of them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of the text around
    "\u2028\u2029"  # line breaks that only some readers see as such
    "\ud800-\udfff\ufffe\uffff]"  # what no encoding, or no XML, can carry
)

_SAFE_IN_LINKS = "%/:=&?~#+!$,;'@()*"
"""What a URL may hold as it is, besides letters and digits. Quotes, brackets, backslashes and pipes are encoded."""

_MINUTE = 60
_HOUR = 3600
_SHOWN_IN_TENTHS = 9.95
"""Seconds below which a tenth of a second is worth showing."""


def printable(text: str) -> str:
    r"""Return `text` on one line, with every control character shown as an escape in place of taking effect.

    Names come from the platform, and messages quote what proxies answer: neither may forge a line of the report,
    recolour a terminal, or make a document unreadable.

    >>> printable("api\x1b[31m\nweb")
    'api\\x1b[31m web'
    """
    return _UNPRINTABLE.sub(_escape, _BREAKS.sub(" ", text))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def span(seconds: float | None) -> str:
    """Write down a span of time, as exactly as a person wants it; "-" where there is none.

    >>> span(4.21), span(63), span(7384)
    ('4.2s', '1m 03s', '2h 03m')
    """
    if seconds is None:
        return "-"
    # The ends of a span may come from the wall clock, and that may be set back.
    seconds = max(0.0, seconds)
    if seconds < _SHOWN_IN_TENTHS:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"


def count(number: int, noun: str) -> str:
    """Count things whose plural ends in s.

    >>> count(1, "submit"), count(3, "submit")
    ('1 submit', '3 submits')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short_execution(execution_id: str) -> str:
    """Shorten an execution's id to what tells it from its neighbours.

    Qovery's ids read `<environment id>-<n>`, with n rising.

    >>> short_execution("3c90c3cc-0d44-4b50-8888-8dd25736052a-42")
    '…-42'
    """
    head, dash, number = printable(execution_id).rpartition("-")
    return f"…-{number}" if dash and head else printable(execution_id)


def web_address(url: str | None) -> str | None:
    """Return `url` fit for a link, or None where it is not an address of the web: a link may hold a program, too.

    >>> web_address("https://shop.example.com/a b")
    'https://shop.example.com/a%20b'
    >>> web_address("javascript:alert(1)")
    """
    if url is None or not url.lower().startswith(("https://", "http://")):
        return None
    return quote(printable(url), safe=_SAFE_IN_LINKS)
