"""What is left to say when a bug ends the command outside of its run: in the exit code, on stderr, and in the JSON."""

import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TextIO

import structlog

from orchestrator.cli.options import variable_of
from orchestrator.domain.outcomes import ExitCode
from orchestrator.errors import defect_sentence
from orchestrator.redaction import redactor


def report_defect(error: BaseException, *, arguments: Sequence[str], environ: Mapping[str, str]) -> ExitCode:
    """Write an unforeseen exception to stderr and, if the result was to be JSON, to stdout; return the exit code.

    Args:
        error: the exception.
        arguments: of the command line. They are read again, since their parser may be what failed.
        environ: the environment variables.
    """
    sentence = defect_sentence(error)
    log_traceback(error)
    if not (structlog.is_configured() and _chosen("--log-format", arguments, environ) == "json"):
        _write(sys.stderr, f"error: {sentence}\n")
    if _chosen("--output", arguments, environ) == "json":
        _write(sys.stdout, json.dumps({"exit_code": ExitCode.DEFECT.value, "errors": [sentence]}, indent=2) + "\n")
    return ExitCode.DEFECT


def log_traceback(error: BaseException) -> None:
    """Log an unforeseen exception without secrets; to stderr, if no command has set up the log."""
    if structlog.is_configured():
        structlog.get_logger().error("internal_error", exc_info=error, problems=[defect_sentence(error)])
    else:
        _write(sys.stderr, redactor(*secrets_in_environment())("".join(traceback.format_exception(error))))


def secrets_in_environment() -> tuple[str, ...]:
    """Return what the environment contains that must never be shown: tokens, and the passwords of proxies."""
    from orchestrator.network import proxy_passwords  # noqa: PLC0415 - httpx comes with it
    from orchestrator.qovery.auth import DEFAULT_VARIABLES  # noqa: PLC0415

    tokens = (os.environ.get(name, "").strip() for name in DEFAULT_VARIABLES)
    return tuple(secret for secret in (*tokens, *proxy_passwords()) if secret)


def _chosen(option: str, arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the value of an option on the command line, or of its variable; "" if neither is given."""
    value = environ.get(variable_of(option), "")
    words = [part for word in arguments for part in word.split("=", 1)]
    for word, following in pairwise([*words, ""]):
        if word == option or (word, option) == ("-o", "--output"):
            value = following
    return value


def _write(stream: TextIO, text: str) -> None:
    with suppress(OSError, ValueError):
        stream.write(text)
