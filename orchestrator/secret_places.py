"""Secrets are named, never written: reading one from the environment variable or the file that is named."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from pathlib import Path

from orchestrator.domain.notices import SecretPlace
from orchestrator.errors import UsageError
from orchestrator.machine import expand_home
from orchestrator.redaction import redactor

LARGEST_FILE = 64 * 1024
"""Bytes. What has more holds no secret, or has no end at all, as `/dev/zero`."""

# Users put the secret itself where a name is expected: the error message must not show it.
_redact = redactor()


def read_secret(place: SecretPlace, environ: Mapping[str, str], *, what: str, named_by: str) -> str:
    """Return the secret at a place, without white space around it; arguments and errors are those of the next two."""
    if place.env is not None:
        return read_variable(environ, place.env, what=what, named_by=named_by)
    return read_file(str(place.file), what=what)


def read_variable(environ: Mapping[str, str], name: str, *, what: str, named_by: str) -> str:
    """Return the secret in an environment variable, without white space around it.

    Args:
        environ: the environment variables.
        name: of the variable.
        what: begins the error message, such as "No token".
        named_by: the key of the configuration that names the variable.

    Raises:
        UsageError: it is not set, or empty.
    """
    value = environ.get(name, "").strip()
    if not value:
        raise UsageError(f"{what}: the environment variable {_redact(name)}, named by `{named_by}`, is not set.")
    return value


def read_file(path: str | Path, *, what: str) -> str:
    """Return the secret in a file, without white space around it; `what` begins the error message.

    Raises:
        UsageError: it cannot be read, is no text, or is empty.
    """
    shown = _redact(str(path))
    try:
        with expand_home(Path(path), shown=f"{what}: the file {shown}").open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise UsageError(f"{what}: the file {shown} is too large to be one.")
        # Editors and PowerShell begin a file with a mark that says how it is encoded.
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig").strip()
    except OSError as error:
        # No cause: it repeats the path.
        raise UsageError(f"{what}: cannot read the file {shown}: {error.strerror}.") from None
    except UnicodeDecodeError:
        # No cause: it contains the bytes of the file.
        raise UsageError(f"{what}: the file {shown} is not text.") from None
    if not text:
        raise UsageError(f"{what}: the file {shown} is empty.")
    return text


def check_token(text: str, *, where: str) -> str:
    """Return `text` if it can be a token; `where` is its place, for users.

    Raises:
        UsageError: it contains what no token has. The message does not show it.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"Not a token: {where} contains spaces, line breaks or characters that no token has.")
    return text
