"""PyYAML's complaints in words for whoever wrote the file, who need not know how YAML is parsed."""

from typing import Any

import yaml

DEEPEST = 50
"""More levels than this are a mistake, or an attack: the C composer's stack has no guard of its own."""
TOO_DEEP = f"nested too deeply: more than {DEEPEST} levels"
_MISFIT = "this does not fit what stands before it; check the indentation and the quotes"


def explain_syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[Any, str]:
    """Return where an error shows (PyYAML's mark) and what to say.

    PyYAML's two parsers, the one in C and the one in Python, word most errors differently; what they have in common is
    what is looked for here. What is not known keeps PyYAML's words.
    """
    here: Any = error.problem_mark
    began: Any = error.context_mark
    context, problem = error.context or "", error.problem or ""
    found = text[here.index : here.index + 1]
    too_deep = "nesting depth" in problem  # PyYAML's C parser has a limit of its own since 6.0.4, far above ours.
    if too_deep or "tab character" in problem or found == "\t":
        return here, TOO_DEEP if too_deep else "a tab stands here; YAML is indented with spaces"
    if "cannot start any token" in problem:
        return here, f"{printable(found)} cannot begin a value; put the value in quotes"
    if "quoted scalar" in context and "unexpected" in problem:
        return began, "the quote that opens here is never closed"
    if "flow" in context and text[: here.index + 1].endswith("${"):
        return here, "inside { } or [ ], a value with a ${VARIABLE} needs quotes"
    if "flow" in context:
        kind, end = ("list", "]") if "sequence" in context else ("mapping", "}")
        return began, f"the {kind} that opens here expects a comma or {end} at line {here.line + 1}"
    if "expected ':'" in problem:
        return began, "expected `key: value`"
    if "duplicate anchor" in context:
        return here, f"an anchor of this name stands already at line {began.line + 1}"
    return here, _at_the_spot(context, problem)


def _at_the_spot(context: str, problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "no key can stand here; put text that holds a colon in quotes, or mend the indentation"
    if "entries are not allowed" in problem:
        return "no list item can begin here; begin it on a line of its own"
    if "undefined alias" in problem:
        return "an alias of an anchor that does not stand above it"
    if "another document" in problem:
        return "a second document begins here; a configuration is a single one"
    if "while parsing a block" in context:
        return _MISFIT
    return " ".join(part for part in (context, problem) if part)


def printable(text: str) -> str:
    r"""Return `text` on one line, without what a terminal would obey.

    >>> printable("one\nline")
    'one\\nline'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
