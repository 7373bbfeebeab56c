"""What must never be shown: the token, and anything in a header or URL that looks like a secret."""

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"
SHORT = 8
"""Characters. A secret with fewer is likely to occur in other words by chance; no real token is so short."""

_PATTERNS = (
    # Qovery's API tokens, of its API and of policies.
    re.compile(r"(?<![A-Za-z0-9])(?:qov_|sk-qov-)[\w.~+/=-]+", re.ASCII),
    # A JWT anywhere in the text.
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII),
    # An Authorization header that a server echoes.
    re.compile(r"(?<=\b[Tt]oken )[\w.~+/=-]{8,}|(?<=\b[Bb]earer )[\w.~+/=-]{8,}", re.ASCII),
    # The same for Basic, which is a word of many sentences, too.
    re.compile(r"(?P<kept>\bauthorization\W{1,8}basic\s+)[\w+/=-]+", re.ASCII | re.IGNORECASE),
    # The user information of a URL, a proxy's for example.
    re.compile(r"(?<=://)[^\s/@]+(?=@)"),
)
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
"""How HTML writes some characters."""


def redactor(*secrets: str) -> Callable[[str], str]:
    """Return a function that hides `secrets`, and anything else that looks like one, in a text."""
    hide = hider(*secrets)

    def redact(text: str) -> str:
        text = hide(text)
        for pattern in _PATTERNS:
            text = pattern.sub(_hidden, text)
        return text

    return redact


def _hidden(match: re.Match[str]) -> str:
    return f"{match.groupdict().get('kept', '')}{HIDDEN}"


def hider(*secrets: str) -> Callable[[str], str]:
    """Return a function that hides `secrets` in a text, also where URLs, JSON, HTML or base64 write them in their way.

    A secret of less than `SHORT` characters is hidden where it is a word of its own. Inside of other words, its letters
    are not the secret: hiding them would mangle every text, and show by its gaps what was hidden.
    """
    ordered = sorted(filter(None, secrets), key=len, reverse=True)
    known = [_Secret(secret) if len(secret) >= SHORT else _ShortSecret(secret) for secret in ordered]

    def hide(text: str) -> str:
        for secret in known:
            text = secret.hide_in(text)
        return text

    return hide


def answer_hider(secret: str, *, vocabulary: str = "") -> Callable[[str], str]:
    """Return a function that hides a secret in whole answers in JSON, before anything in them is used.

    A secret of less than `SHORT` characters is hidden where it is a word of its own in a value, and never in a key. One
    that is also a word of the vocabulary, or in capitals as the API's own words are, stays as it is: it means something
    else there, which would be lost, and whoever reads it learns nothing.

    Args:
        secret: what is hidden.
        vocabulary: what the answers are compared with, such as the names of a configuration.
    """
    if len(secret) >= SHORT:
        return hider(secret)
    short = _ShortSecret(secret, unless=r'(?!"\s*:)')
    if not secret or secret.isupper() or not secret.strip("0123456789.-") or short.is_in(vocabulary):
        return str
    return short.hide_in


class _ShortSecret:
    def __init__(self, secret: str, *, unless: str = "") -> None:
        self._word = re.compile(rf"(?<![\w-]){re.escape(secret)}(?![\w-]){unless}")

    def is_in(self, text: str) -> bool:
        return self._word.search(text) is not None

    def hide_in(self, text: str) -> str:
        return self._word.sub(HIDDEN, text)


class _Secret:
    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._spelled = re.compile("".join(map(_spellings, secret)))
        cores = "|".join(map(_spelled_in_base64, _in_base64(secret.encode("utf-8", "surrogatepass"))))
        self._encoded = re.compile(cores)
        # Base64 mixes the first and last characters with their neighbours, so the whole word has to go.
        self._encoded_word = re.compile(rf"[\w+/=-]*(?:{cores})(?:[\w+/=-]|%3[dD])*", re.ASCII)

    def hide_in(self, text: str) -> str:
        if any(mark in text for mark in "%\\&"):
            text = self._spelled.sub(HIDDEN, text)
        else:
            text = text.replace(self._secret, HIDDEN)
        # The search alone first: on long texts without the secret, the whole word would take quadratic time.
        return self._encoded_word.sub(HIDDEN, text) if self._encoded.search(text) else text


def _spellings(char: str) -> str:
    """Return a pattern of the ways in which texts write a character: as it is, `%2B`, `\u002b`, `&#43;` and so on."""
    ways = []
    if char.isascii():
        code = f"(?i:{ord(char):02x})"
        ways += [f"%(?:25)*{code}", rf"\\+u00{code}", rf"\\+{re.escape(char)}" if not char.isalnum() else ""]
        ways += [f"&#0*{ord(char)};", f"&#[xX]0*{code};", _NAMED.get(char, "")]
    # The character itself comes last: half of an escaped backslash must not stay behind.
    return f"(?:{'|'.join([*filter(None, ways), re.escape(char)])})"


def _in_base64(secret: bytes) -> list[str]:
    """Return what of `secret` base64 shows, after any number of other bytes."""
    cores = []
    for before in range(3):
        encoded = b64encode(bytes(before) + secret).decode("ascii")
        cores.append(encoded[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6])
    return cores


def _spelled_in_base64(core: str) -> str:
    ways = {"+": r"(?:[+-]|%2[bB])", "/": r"(?:\\*/|_|%2[fF])"}
    return "".join(ways.get(char, char) for char in core)


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
