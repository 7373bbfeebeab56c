"""Turns PyYAML's syntax errors into messages for the file's author, who need not know how YAML is parsed."""

from typing import Any

import yaml

DEEPEST = 50
"""More levels than this are a mistake or an attack. The C composer recurses without a limit of its own."""
TOO_DEEP = f"nested too deeply: more than {DEEPEST} levels"
_MISFIT = "this does not fit what comes before it; check the indentation and the quotes"


def explain_syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[Any, str]:
    """Return the place of an error (PyYAML's mark) and its message.

    PyYAML's two parsers, in C and in Python, word most errors differently, so this looks for the words that both use.
    An error that it does not recognise keeps PyYAML's words.
    """
    here: Any = error.problem_mark
    began: Any = error.context_mark
    context, problem = error.context or "", error.problem or ""
    found = text[here.index : here.index + 1]
    too_deep = "nesting depth" in problem  # PyYAML's C parser has a limit of its own since 6.0.4, far above ours.
    if too_deep or "tab character" in problem or found == "\t":
        return here, TOO_DEEP if too_deep else "tab character; indent YAML with spaces"
    if "cannot start any token" in problem:
        return here, f"a value cannot start with {printable(found)}; put the value in quotes"
    if "quoted scalar" in context and "unexpected" in problem:
        return began, "the quote opened here is never closed"
    if "flow" in context and text[: here.index + 1].endswith("${"):
        return here, "inside { } or [ ], a value with a ${VARIABLE} needs quotes"
    if "flow" in context:
        kind, end = ("list", "]") if "sequence" in context else ("mapping", "}")
        line = here.line + 1 if here.index < len(text) else text.count("\n") + 1
        return began, f"the {kind} opened here expects a comma or {end} at line {line}"
    if "expected ':'" in problem:
        return began, "expected `key: value`"
    if "duplicate anchor" in context:
        return here, f"duplicate anchor; first defined at line {began.line + 1}"
    return here, _at_the_spot(context, problem)


def _at_the_spot(context: str, problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "a key is not allowed here; put text that contains a colon in quotes, or fix the indentation"
    if "entries are not allowed" in problem:
        return "a list item is not allowed here; start it on its own line"
    if "undefined alias" in problem:
        return "undefined alias; its anchor must come before it"
    if "another document" in problem:
        return "a second document starts here; a configuration is a single document"
    if "while parsing a block" in context:
        return _MISFIT
    return " ".join(part for part in (context, problem) if part)


def printable(text: str) -> str:
    r"""Return `text` on one line, with control characters escaped.

    >>> printable("one\nline")
    'one\\nline'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
