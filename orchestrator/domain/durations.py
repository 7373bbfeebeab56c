"""Durations as users write them: `250ms`, `2s`, `15m`, `1h30m`."""

import re
from decimal import Decimal

HOUR = 3600.0
"""Seconds."""
LONGEST = 30 * 24 * HOUR
"""Seconds. Anything longer is taken for a mistake."""

PATTERN = r"^(?=\d)(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?$"
"""The pattern of a duration, in a syntax that JavaScript and Python share: it is part of the JSON Schema."""

_MINUTE_S = 60
_HOUR_S = 3600
_SHOWN_IN_TENTHS = 9.95
"""Seconds below which tenths of a second are shown."""
_SECONDS_IN = {"h": HOUR, "m": 60.0, "s": 1.0, "ms": 0.001}
_WHOLE = re.compile(PATTERN, re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)", re.ASCII)
_DAYS = re.compile(r"(\d{1,4})d(.*)", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the seconds in a duration such as `90s`, `15m` or `1h30m`.

    >>> parse_duration("1h30m")
    5400.0

    Raises:
        ValueError: it is not one; the message says what one looks like.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        raise ValueError("expected a duration with its unit, such as 30s or 30m")
    if not _WHOLE.fullmatch(text):
        raise ValueError("expected a duration such as 250ms, 2s, 15m or 1h30m")
    seconds = sum(float(number) * _SECONDS_IN[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST:
        raise ValueError("expected a duration of at most 720h")
    return seconds


def parse_span(text: str) -> float:
    """Return the seconds in a span that may have days, such as `7d`, `1d12h` or `90m`.

    >>> parse_span("1d12h")
    129600.0

    Raises:
        ValueError: it is none; the message says what one looks like.
    """
    days = _DAYS.fullmatch(text.strip())
    if days is None:
        return parse_duration(text)
    return float(days[1]) * 24 * HOUR + (parse_duration(days[2]) if days[2] else 0.0)


def format_duration(seconds: float) -> str:
    """Return a number of seconds as a duration for users; `parse_duration` reads it again.

    It is exact to the millisecond under a second, to the tenth of a second under ten minutes, to the second above.

    >>> format_duration(0.25), format_duration(81.44), format_duration(5400), format_duration(0)
    ('250ms', '1m21.4s', '1h30m', '0s')
    """
    milliseconds = round(seconds * 1000)
    if 0 < milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms"
    rounded = round(seconds, 1) if seconds < 600 else float(round(seconds))  # noqa: PLR2004 - ten minutes, as said
    minutes, rest = divmod(rounded, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{round(rest, 1):g}s" if rest else ""]
    return "".join(parts) or "0s"


def exact_duration(seconds: float) -> str:
    """Return a number of seconds as a duration to the last digit: `parse_duration` returns the same number.

    >>> exact_duration(5400.0), exact_duration(1e-05)
    ('5400.0s', '0.00001s')
    """
    return f"{Decimal(repr(seconds)):f}s"


def span(seconds: float | None) -> str:
    """Return a duration in words, rounded for reading; "-" if there is none.

    >>> span(4.21), span(63), span(7384)
    ('4.2s', '1m 03s', '2h 03m')
    """
    if seconds is None:
        return "-"
    # The duration may come from the wall clock, which may be set back.
    seconds = max(0.0, seconds)
    if seconds < _SHOWN_IN_TENTHS:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m {whole % _MINUTE_S:02}s"
    return f"{whole // _HOUR_S}h {whole % _HOUR_S // _MINUTE_S:02}m"
