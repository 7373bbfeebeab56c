"""What typer shows of the commands: plain words for their arguments, and no hint that could restart anything."""

from collections.abc import Iterable, MutableMapping, Sequence
from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup

HARMLESS = ("plan", "watch", "history", "report", "validate", "schema", "simulate")
"""The commands that a hint may name: whoever follows one without thinking restarts and cancels nothing."""


class PlainCommand(TyperCommand):
    """A command whose help has no types of Python, and no brackets around the brackets of its arguments."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's own copy of click's, or click's
        """Return the parameters, as their help shows them."""
        return _made_plain(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The commands as a whole: a mistyped name is answered with names of harmless commands alone."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's
        super().__init__(**attributes)
        self.suggest_commands = False  # typer's hint may name a command that restarts

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """Return the parameters, as their help shows them."""
        return _made_plain(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:  # noqa: ANN401
        """Return the command of the arguments; raise a usage error with a harmless hint if there is none."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            hint = did_you_mean(args[0], self.commands)
            if hint and isinstance(message := getattr(error, "message", None), str):
                error.message = f"{message} {hint}"  # type: ignore[attr-defined]  # a usage error of click's has one
            raise


def did_you_mean(typed: str, commands: Sequence[str] | MutableMapping[str, Any]) -> str:
    """Return a hint to commands that are called nearly so, of those that restart and cancel nothing.

    >>> did_you_mean("reprot", ["restart", "report"]), did_you_mean("restrat", ["restart", "report"])
    ("Did you mean 'report'?", '')
    """
    matches = get_close_matches(typed, [name for name in commands if name in HARMLESS])
    if not matches:
        return ""
    return f"Did you mean {' or '.join(map(repr, matches))}?"


def _made_plain(params: Iterable[Any]) -> list[Any]:
    params = list(params)
    for param in params:
        _make_plain(param)
    return params


def _make_plain(param: Any) -> None:  # noqa: ANN401
    """Let a parameter's help show what `metavar` says, and no type where there is nothing to give."""
    metavar = getattr(param, "metavar", None)
    if param.param_type_name == "argument" and metavar:
        param.get_usage_pieces = lambda _: [metavar]
        param.display_type_rich = lambda **_: None
    elif getattr(param, "is_flag", False):
        param.display_type_rich = lambda **_: None
