"""The token: where it is read from and how it is sent. It is kept in a `SecretStr` and never shown."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NoReturn

import httpx
from pydantic import SecretStr

from orchestrator.errors import UsageError
from orchestrator.machine import expand_home
from orchestrator.redaction import redactor

DEFAULT_VARIABLES = ("QOVERY_API_TOKEN", "QOVERY_CLI_ACCESS_TOKEN", "Q_CLI_ACCESS_TOKEN")
"""Environment variables that may hold the token, in this order: the name that Qovery's tools use, then its CLI's."""

# Users put the token itself where a name is expected: the error message must not show it.
_redact = redactor()

_JWT = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*", re.ASCII)


def find_token(environ: Mapping[str, str], *, variable: str | None = None, file: str | Path | None = None) -> SecretStr:
    """Return the token from the given variable or file, else from the first of `DEFAULT_VARIABLES` that is set.

    Raises:
        UsageError: there is no token, or the value cannot be one. The message never shows it.
    """
    if file is not None:
        return _checked(_read(Path(file)), f"the file {_redact(str(file))}")
    if variable is not None:
        if not environ.get(variable, "").strip():
            raise UsageError(
                f"No token: the environment variable {_redact(variable)}, named by `api.token`, is not set."
            )
        return _checked(environ[variable], f"the environment variable {_redact(variable)}")
    for name in DEFAULT_VARIABLES:
        if environ.get(name, "").strip():
            return _checked(environ[name], f"the environment variable {name}")
    raise UsageError(
        "No token: set the environment variable QOVERY_API_TOKEN, or name another variable or a file in `api.token`. "
        "To rehearse without an account: qovery-restart run CONFIG --simulate."
    )


def _read(path: Path) -> str:
    path = expand_home(path, shown=f"No token: the file {_redact(str(path))}")
    try:
        content = path.read_bytes()
        # Editors and PowerShell begin a file with a mark that says how it is encoded.
        return content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except OSError as error:
        # No cause: it repeats the path.
        raise UsageError(f"No token: cannot read the file {_redact(str(path))}: {error.strerror}.") from None
    except UnicodeDecodeError:
        # No cause: it contains the bytes of the file.
        raise UsageError(f"No token: the file {_redact(str(path))} is not text.") from None


def _checked(text: str, source: str) -> SecretStr:
    token = text.strip()
    if not token:
        raise UsageError(f"No token: {source} is empty.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"Not a token: {source} contains spaces, line breaks or characters that no token has.")
    return SecretStr(token)


def scheme_of(token: SecretStr) -> str:
    """Return `Bearer` for a user's JWT, `Token` for an API token (`qov_...`)."""
    return "Bearer" if _JWT.fullmatch(token.get_secret_value()) else "Token"


class TokenAuth(httpx.Auth):
    """Sets the Authorization header of each request, so that the client's own headers never contain the token."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __reduce__(self) -> NoReturn:
        raise TypeError("A token cannot be pickled or copied.")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorize one request."""
        request.headers["Authorization"] = f"{scheme_of(self._token)} {self._token.get_secret_value()}"
        yield request
