"""The token: where it is read from and how it is sent. It is kept in a `SecretStr` and never shown."""

import re
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NoReturn

import httpx
from pydantic import SecretStr

from orchestrator.errors import UsageError
from orchestrator.redaction import redactor
from orchestrator.secret_places import check_token, read_file, read_variable

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
        return SecretStr(check_token(read_file(file, what="No token"), where=f"the file {_redact(str(file))}"))
    if variable is not None:
        token = read_variable(environ, variable, what="No token", named_by="api.token")
        return SecretStr(check_token(token, where=f"the environment variable {_redact(variable)}"))
    for name in DEFAULT_VARIABLES:
        if token := environ.get(name, "").strip():
            return SecretStr(check_token(token, where=f"the environment variable {name}"))
    raise UsageError(
        "No token: set the environment variable QOVERY_API_TOKEN, or name another variable or a file in `api.token`. "
        "To rehearse without an account: qovery-restart run CONFIG --simulate."
    )


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
