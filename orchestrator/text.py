"""How text from outside (names, states, error texts, arguments) is shown, encoded and compared; and a counted noun."""

import re
import unicodedata

_BREAKS = re.compile(r"[\t\n\r]+")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: terminals act on them, and XML forbids most of them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that change the direction of the text
    "\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # what nobody sees
    "\u2028\u2029"  # line breaks for some readers only
    "\ud800-\udfff\ufffe\uffff]"  # characters that UTF-8 or XML cannot encode
)
# GitHub acts on `::error::` at the start of a line, where wrapping may put it; Azure and TeamCity on `##vso[` anywhere.
_CI_COMMAND = re.compile(
    r"(?<=:):(?=add-|debug|echo|end|error|group|notice|remove-|save-|set-|stop-|warning)|(?<=#)#(?=[a-z]*\[)",
    re.IGNORECASE,
)
_UNPRINTABLE_IN_JSON = re.compile(f"(?![\n\r\t]){_UNPRINTABLE.pattern}")
"""Line breaks and tabs of a document stand between its values; JSON escapes those inside of texts."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_HYPHENS = re.compile("[\u2010\u2011]")
_INVISIBLE = re.compile(  # Unicode's property Default_Ignorable_Code_Point
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    r"""Return `text` on one line, with every control character escaped.

    Names come from the platform, and messages quote the answers of proxies: neither may forge a line of the log or a
    report, give a command to a CI system, recolour a terminal, or make a document unreadable.

    >>> printable("api\x1b[31m\nweb")
    'api\\x1b[31m web'
    >>> printable("::error::forged")
    ':\\x3aerror::forged'
    """
    return _CI_COMMAND.sub(_escape_visible, _UNPRINTABLE.sub(_escape, _BREAKS.sub(" ", text)))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _escape_visible(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"


def printable_json(document: str) -> str:
    r"""Return a JSON document of the same meaning in which what `printable` escapes is escaped as JSON does.

    >>> printable_json('{"name": "\x9b2J ##vso[task]"}')
    '{"name": "\\u009b2J #\\u0023vso[task]"}'
    """
    return _CI_COMMAND.sub(_escape_as_json, _UNPRINTABLE_IN_JSON.sub(_escape_as_json, document))


def _escape_as_json(match: re.Match[str]) -> str:
    code = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[start : start + 4]}" for start in range(0, len(code), 4))


def encodable(text: str) -> str:
    r"""Return `text` with lone surrogates escaped, which no document can encode.

    Python uses them for bytes in arguments and file names that are not UTF-8.

    >>> encodable("caf\udce9")
    'caf\\udce9'
    """
    return _SURROGATES.sub(_escape, text)


def fold(name: str) -> str:
    r"""Return `name` as it is compared: names that look the same are the same.

    This is Unicode's NFKC_Casefold: case, the form of accents (macOS decomposes them) and invisible characters (chats
    and documents add them) do not matter. Besides, any white space is one space, and any hyphen is one. A name of
    invisible characters alone becomes empty, and must not match anything.

    >>> fold(" My\u00a0API\u200b "), fold("Pre\u0301-production") == fold("PRÉ\u2011PRODUCTION")
    ('my api', True)
    """
    if name.isascii():
        return " ".join(name.split()).casefold()
    seen = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _HYPHENS.sub("-", name)))
    folded = unicodedata.normalize("NFKC", seen.casefold())
    return " ".join(_HYPHENS.sub("-", folded).split())


def count(number: int, noun: str) -> str:
    """Return a number with its noun, whose plural must end in s.

    >>> count(1, "submit"), count(3, "submit")
    ('1 submit', '3 submits')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
