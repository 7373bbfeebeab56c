"""What must never be shown: the token, and anything in a header or URL that looks like a secret."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"
SHORT = 8
"""Characters. A secret with fewer is likely to occur in other words by chance; no real token is so short."""

_PATTERNS = (
    # Qovery's API tokens.
    re.compile(r"\bqov_[\w.~+/=-]+", re.ASCII),
    # A JWT anywhere in the text.
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII),
    # An Authorization header that a server echoes.
    re.compile(r"(?<=\b[Tt]oken )[\w.~+/=-]{8,}|(?<=\b[Bb]earer )[\w.~+/=-]{8,}", re.ASCII),
    # The user information of a URL, a proxy's for example.
    re.compile(r"(?<=://)[^\s/@]+(?=@)"),
)


def redactor(*secrets: str) -> Callable[[str], str]:
    """Return a function that hides `secrets`, and anything else that looks like one, in a text.

    A secret of less than `SHORT` characters is hidden where it is a word of its own. Inside of other words, its letters
    are not the secret: hiding them would mangle every text, and show by its gaps what was hidden.
    """
    known = [_pattern_of(secret) for secret in sorted(secrets, key=len, reverse=True) if secret]

    def redact(text: str) -> str:
        for secret in known:
            text = secret.sub(HIDDEN, text)
        for pattern in _PATTERNS:
            text = pattern.sub(HIDDEN, text)
        return text

    return redact


def _pattern_of(secret: str) -> re.Pattern[str]:
    """Return what finds a secret in a text."""
    return re.compile(re.escape(secret) if len(secret) >= SHORT else rf"(?<!\w){re.escape(secret)}(?!\w)")


def redact_deeply(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - any logged value
    """Apply `redact` to every string in a value made of dicts, lists and tuples."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: redact_deeply(item, redact) for key, item in value.items()}
        case list() | tuple():
            return [redact_deeply(item, redact) for item in value]
        case _:
            return value


def shown_url(url: str) -> str:
    """Return a URL that can be shown: without user information, and without the content of its query.

    >>> shown_url("https://me:pw@shop.example.com/healthz?key=s3cret")
    'https://shop.example.com/healthz?…'
    """
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, "…" if parts.query else "", ""))
