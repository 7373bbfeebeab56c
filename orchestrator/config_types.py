"""The types of single values in the configuration file: how each is read, and what an editor is told of it."""

import uuid
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

from orchestrator.durations import PATTERN, parse_duration


def _duration(value: object) -> float:
    if isinstance(value, float):  # already read
        return value
    return parse_duration(value if isinstance(value, str) else "")


def _positive_duration(value: object) -> float:
    seconds = _duration(value)
    if seconds <= 0:
        raise ValueError("expected a duration longer than nothing")
    return seconds


def _budget(value: object) -> int | str:
    message = "expected a number of environments such as 2, or a percentage such as 10%"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if not isinstance(value, str) or not value.endswith("%"):
        raise ValueError(message)
    try:
        percent = Fraction(value[:-1].strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(message) from None
    if not 0 <= percent <= 100 or "/" in value:  # noqa: PLR2004 - per cent
        raise ValueError(message)
    return value


def _uuid(value: object) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("expected an id such as 3c90c3cc-0d44-4b50-8888-8dd25736052a") from None


def _url(value: object) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415 - only a file that names URLs needs it

    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in str(value)):
        raise ValueError("expected a URL such as https://shop.example.com/healthz, without user information")
    return str(value)


def _base_url(value: object) -> str:
    url = _url(value)
    if "?" in url or "#" in url:
        raise ValueError("expected a URL without a query")
    return url


def no_secret(value: object) -> object:
    """Refuse a token where the place of one is expected."""
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic takes no TypeError
            "secrets are not written in files: say {env: NAME} or {file: PATH} where the token is"
        )
    return value


def _path(value: object) -> str:
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 3 or not all(part.strip() for part in parts):  # noqa: PLR2004 - as it says
        raise ValueError("expected organization/project/environment")
    return str(value)


def _cron(value: object) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - only a file with a schedule needs it

    from cronsim import CronSim, CronSimError  # noqa: PLC0415

    try:
        # Any instant will do: it is the expression that is checked.
        CronSim(value if isinstance(value, str) else "", datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise ValueError('expected a cron expression of five fields, such as "0 3 * * 1-5"') from None
    return str(value)


def _timezone(value: object) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only a file with a schedule needs it

    try:
        ZoneInfo(value if isinstance(value, str) else "")
    except (ValueError, OSError, KeyError):
        raise ValueError("expected a time zone such as Europe/Paris") from None
    return str(value)


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["250ms", "2s", "15m", "1h30m"]})
Duration = Annotated[float, BeforeValidator(_duration), _DURATION_SCHEMA]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration), _DURATION_SCHEMA]
Budget = Annotated[
    int | str,
    BeforeValidator(_budget),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}]}),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Id = Annotated[str, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Url = Annotated[
    str, BeforeValidator(_url), WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"})
]
BaseUrl = Annotated[
    str, BeforeValidator(_base_url), WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"})
]
EnvironmentPathText = Annotated[
    str, BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": "^[^/]+/[^/]+/[^/]+$"})
]
Cron = Annotated[str, BeforeValidator(_cron)]
TimeZone = Annotated[str, BeforeValidator(_timezone)]
