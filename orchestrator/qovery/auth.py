"""The token: where it comes from, and how it is sent. It is read here, kept in a `SecretStr`, and shown nowhere."""

import re
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NoReturn

import httpx
from pydantic import SecretStr

from orchestrator.errors import UsageError
from orchestrator.redaction import redactor

DEFAULT_VARIABLES = ("QOVERY_API_TOKEN", "QOVERY_CLI_ACCESS_TOKEN", "Q_CLI_ACCESS_TOKEN")
"""Where a token is looked for, in this order: as the vendor's tools do, then as its command line does."""

# Where a name is expected, people put the token itself; then the message about it must not show it.
_redact = redactor()

_JWT = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*", re.ASCII)


def find_token(environ: Mapping[str, str], *, variable: str | None = None, file: str | Path | None = None) -> SecretStr:
    """Read the token from the variable or file that is named, else from the first of `DEFAULT_VARIABLES` that is set.

    Raises:
        UsageError: there is none, or what is there cannot be a token. The message never shows it.
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
        "No token: set the environment variable QOVERY_API_TOKEN, or say with `api.token` where it is. "
        "To rehearse without an account, add --simulate."
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        # Without its cause: it repeats the path.
        raise UsageError(f"No token: cannot read the file {_redact(str(path))}: {error.strerror}.") from None
    except UnicodeDecodeError:
        # Without its cause: it carries the bytes of the file.
        raise UsageError(f"No token: the file {_redact(str(path))} is not text.") from None


def _checked(text: str, source: str) -> SecretStr:
    token = text.strip()
    if not token:
        raise UsageError(f"No token: {source} is empty.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"Not a token: {source} holds spaces, line breaks or characters that no token has.")
    return SecretStr(token)


def scheme_of(token: SecretStr) -> str:
    """Return `Bearer` for a person's JWT, `Token` for an API token (they look like `qov_...`)."""
    return "Bearer" if _JWT.fullmatch(token.get_secret_value()) else "Token"


class TokenAuth(httpx.Auth):
    """Puts the token into the header of each request, and nowhere before."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __reduce__(self) -> NoReturn:
        raise TypeError("A token is neither pickled nor copied.")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorize one request."""
        request.headers["Authorization"] = f"{scheme_of(self._token)} {self._token.get_secret_value()}"
        yield request
