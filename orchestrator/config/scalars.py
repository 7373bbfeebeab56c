"""The types of single values in the configuration file: how each is read, and its JSON Schema for editors."""

import re
import uuid
from fractions import Fraction
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema

from orchestrator.domain.durations import PATTERN, parse_duration
from orchestrator.text import fold

T = TypeVar("T")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_PERCENTAGE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*%", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
SLASH = "%2F"
"""How a path writes a slash inside of a name, such as a branch's."""
_HIGHEST_PORT = 65535


class _NotNull:
    """Makes a key optional without allowing null.

    A `deadline:` with nothing after it is a mistake, or a variable that is empty. Reading it as "not set" would hide
    that, and editors would offer null everywhere.
    """

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's protocol
        (kind,) = (each for each in get_args(source) if each is not NoneType)
        return handler.generate_schema(kind)


Optional: TypeAlias = Annotated[T | None, _NotNull]


def _one_line(text: str) -> str:
    # Names reach logs, terminals and reports, where line breaks and escape sequences do harm.
    if _CONTROL.search(text):
        raise ValueError("expected text on one line, without control characters")
    if not fold(text):
        raise ValueError("expected some text, not only invisible characters")
    return text


def _duration(value: object) -> float:
    # A number goes to the parser as text, so that its message names what is missing: the unit.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return parse_duration(str(value) if is_number or isinstance(value, str) else "")


def _positive_duration(value: object) -> float:
    seconds = _duration(value)
    if seconds <= 0:
        raise ValueError("expected a duration greater than zero")
    return seconds


def _version(value: object) -> int:
    if type(value) is not int or value != 1:
        raise ValueError("expected 1, the only version of this format")
    return value


def _budget(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _PERCENTAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or Fraction(match["number"]) > 100:  # noqa: PLR2004 - per cent
        raise ValueError("expected a number of environments such as 2, or a percentage such as 10%")
    return f"{match['number']}%"


def _uuid(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not _UUID.fullmatch(text):
        raise ValueError("expected an id such as 3c90c3cc-0d44-4b50-8888-8dd25736052a")
    return str(uuid.UUID(text))


def _url(value: object) -> str:
    # The client's own parser decides: a URL that it refuses would end a run with a traceback.
    from httpx import URL, InvalidURL  # noqa: PLC0415 - only a file that names URLs needs it

    text = value.strip() if isinstance(value, str) else ""
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and (url.port or 1) <= _HIGHEST_PORT
        usable = usable and text.isprintable() and " " not in text
    except (InvalidURL, ValueError):
        usable = False
    if not usable:
        raise ValueError("expected a URL such as https://shop.example.com/healthz")
    if url.userinfo:
        raise ValueError("expected a URL without user information; secrets do not belong in this file")
    return text


def _base_url(value: object) -> str:
    url = _url(value)
    if "?" in url or "#" in url:
        raise ValueError("expected a URL without a query")
    return url


def no_secret(value: object) -> object:
    """Refuse a token written in place of `{env: NAME}` or `{file: PATH}`."""
    if isinstance(value, dict):
        return value
    raise ValueError("expected {env: NAME} or {file: PATH}, where the token is; secrets do not belong in this file")


def no_secret_url(value: object) -> object:
    """Refuse a URL written in place of `{env: NAME}` or `{file: PATH}`."""
    if isinstance(value, dict):
        return value
    raise ValueError("expected {env: NAME} or {file: PATH}, where the URL is; secrets do not belong in this file")


def _query(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not fold(text):
        raise ValueError('expected a query in PromQL, such as ALERTS{alertstate="firing"}')
    return text


def _variable_name(value: object, *, example: str = "QOVERY_API_TOKEN, not the token itself") -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not _VARIABLE.fullmatch(text) or text.startswith("qov_"):
        raise ValueError(f"expected the name of an environment variable, such as {example}")
    return text


def _secret_variable_name(value: object) -> str:
    return _variable_name(value, example="SLACK_URL, not the secret itself")


def _path(value: object) -> str:
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) > 3:  # noqa: PLR2004 - the parts of the message
        raise ValueError(
            f"expected organization/project/environment; write a slash inside a name as {SLASH}, or give id: instead"
        )
    if len(parts) != 3 or not all(fold(part) for part in parts):  # noqa: PLR2004
        raise ValueError("expected organization/project/environment")
    return _one_line("/".join(part.strip() for part in parts))


def some_services(value: object) -> object:
    """Refuse anything but `all` or a mapping, with a message that names both."""
    if value == "all" or isinstance(value, dict):
        return value
    raise ValueError("expected all, or a mapping with applications, containers or databases")


def _cron(value: object) -> str:
    from orchestrator.schedules.cron import Cron as CronExpression  # noqa: PLC0415 - only a schedule needs it

    text = " ".join(value.split()) if isinstance(value, str) else ""
    CronExpression.parse(text)
    return text


def _timezone(value: object) -> str:
    from orchestrator.schedules.zones import load_zone  # noqa: PLC0415 - only a file with a schedule needs it

    return load_zone(value.strip() if isinstance(value, str) else "").name


def _moment(value: object) -> str:
    from datetime import UTC  # noqa: PLC0415 - only a file with blackouts needs it

    from orchestrator.schedules.blackouts import read_moment  # noqa: PLC0415

    text = value.strip() if isinstance(value, str) else ""
    read_moment(text, UTC, last=False)
    return text


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["250ms", "2s", "15m", "1h30m"]})
_URL_SCHEMA = WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://[^@/]+(/.*)?$"})
_BASE_URL_SCHEMA = WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://[^@/?#]+(/[^?#]*)?$"})

Duration = Annotated[float, BeforeValidator(_duration), _DURATION_SCHEMA]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration), _DURATION_SCHEMA]
Version = Annotated[Literal[1], BeforeValidator(_version)]
Budget = Annotated[
    int | str,
    BeforeValidator(_budget),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}]}),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_one_line)]
Id = Annotated[str, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Url = Annotated[str, BeforeValidator(_url), _URL_SCHEMA]
BaseUrl = Annotated[str, BeforeValidator(_base_url), _BASE_URL_SCHEMA]
_VARIABLE_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})
VariableName = Annotated[str, BeforeValidator(_variable_name), _VARIABLE_SCHEMA]
SecretVariableName = Annotated[str, BeforeValidator(_secret_variable_name), _VARIABLE_SCHEMA]
EnvironmentPathText = Annotated[
    str, BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": "^[^/]+/[^/]+/[^/]+$"})
]
Query = Annotated[
    str,
    BeforeValidator(_query),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": ['ALERTS{alertstate="firing"}']}),
]
Cron = Annotated[
    str,
    BeforeValidator(_cron),
    WithJsonSchema({"type": "string", "pattern": r"^\S+(\s+\S+){4}$", "examples": ["0 3 * * 1-5"]}),
]
TimeZone = Annotated[
    str, BeforeValidator(_timezone), WithJsonSchema({"type": "string", "minLength": 1, "examples": ["Europe/Paris"]})
]
Moment = Annotated[
    str,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$",
            "examples": ["2026-12-20", "2027-01-04T12:00"],
        }
    ),
]
