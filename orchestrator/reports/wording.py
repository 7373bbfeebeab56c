"""How reports write names, durations and executions."""

from urllib.parse import quote

from orchestrator.domain.durations import span
from orchestrator.text import count, printable

__all__ = ["count", "short_execution", "span", "web_address"]

_SAFE_IN_LINKS = "%/:=&?~#+!$,;'@()*"
"""Characters that stay as they are in a URL, besides letters and digits. Quotes, brackets, backslashes and pipes are
encoded."""


def short_execution(execution_id: str) -> str:
    """Shorten an execution's id to its number.

    Qovery's ids have the form `<environment id>-<n>`, with n rising.

    >>> short_execution("3c90c3cc-0d44-4b50-8888-8dd25736052a-42")
    '…-42'
    """
    head, dash, number = printable(execution_id).rpartition("-")
    return f"…-{number}" if dash and head else printable(execution_id)


def web_address(url: str | None) -> str | None:
    """Return `url` encoded for a link, or None if it is not an http(s) address: a link may also hold a script.

    >>> web_address("https://shop.example.com/a b")
    'https://shop.example.com/a%20b'
    >>> web_address("javascript:alert(1)")
    """
    if url is None or not url.lower().startswith(("https://", "http://")):
        return None
    return quote(printable(url), safe=_SAFE_IN_LINKS)
