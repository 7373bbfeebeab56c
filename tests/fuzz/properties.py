"""What must be true of every command, whatever it was given."""

import json
import re
from collections.abc import Iterator

from orchestrator.domain.outcomes import ExitCode
from tests.fuzz.stage import TOKEN, Played

CODES = frozenset(map(int, ExitCode))
_USAGE = re.compile(r"Usage:|Try .* for help|─ Error ─".encode())


def findings_of(played: Played, *, json_wanted: bool = False, ends_within: float | None = None) -> Iterator[str]:
    """Yield what must not be.

    Args:
        played: the command.
        json_wanted: whether stdout was to be JSON.
        ends_within: seconds of virtual time that it may take.
    """
    words = " ".join(played.words[:1])
    if played.hung:
        yield f"{words}: a hang"
        return
    if played.escaped is not None:
        yield f"{words}: escaped: {played.escaped}"
    elif played.code not in CODES:
        yield f"{words}: exit code {played.code!r}"
    if played.code == ExitCode.DEFECT or b"Traceback (most" in played.stderr or b"internal_error" in played.stderr:
        yield f"{words}: {_defect(played)}"
    if b"Traceback (most" in played.stdout:
        yield f"{words}: a traceback on stdout"
    for error in played.loop_errors:
        yield f"{words}: in the event loop: {error}"
    if TOKEN.encode() in played.stdout + played.stderr:
        yield f"{words}: the token is shown"
    if ends_within is not None and played.lasted > ends_within:
        yield f"{words}: no end: {played.lasted:.1f} s, {ends_within:.1f} s are allowed"
    if json_wanted:
        yield from (f"{words}: {problem}" for problem in _of_json(played))


def _defect(played: Played) -> str:
    """Return what tells one bug from another: the exception, and the last line of ours in its traceback."""
    text = played.stderr.decode("utf-8", "replace").replace("\\n", "\n")
    kinds = re.findall(
        r"^\s*\|?\s*([A-Za-z_.]+(?:Error|Exception|Interrupt|Warning|Group|Iteration|Exit))\b", text, re.MULTILINE
    )
    places = re.findall(r"orchestrator/[\w/]+\.py\S* line \d+|orchestrator/[\w/]+\.py\", line \d+", text)
    return f"exit code {played.code}: {kinds[-1:]} {places[-1:]}"


def _of_json(played: Played) -> Iterator[str]:
    if not played.stdout.strip() and played.code == ExitCode.USAGE and _USAGE.search(played.stderr):
        return  # The command line itself was not understood.
    try:
        document = json.loads(played.stdout.decode("utf-8"), parse_constant=_refuse)
    except ValueError as error:
        yield f"stdout is not JSON: {re.sub('[0-9]+', '…', str(error))}"
        return
    if not isinstance(document, dict):
        return
    if tuple(played.words[:1]) == ("report",) and "environments" in document:
        # It is the report of another run, with that run's exit code; that it can be shown is a success.
        if played.code != ExitCode.SUCCEEDED:
            yield f"a past report was shown, and the exit code is {played.code}"
    elif document.get("exit_code", played.code) != played.code:
        yield f"the JSON says {document['exit_code']}, the exit code is {played.code}"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
