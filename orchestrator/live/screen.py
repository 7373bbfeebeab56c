"""The live view as lines of a terminal, drawn with rich, which is imported when the first line is drawn."""

from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from orchestrator.live.view import FlightRow, Header, ProblemRow, View

if TYPE_CHECKING:
    from rich.text import Text

_BAR = 10
_GAP = "  "
_HEADER_GAP = "   "
_LEAST_NAME, _MOST_NAME = 8, 32
_LEAST_WIDTHS = (10, 7, 5, 0)
"""Columns of what goes on, of its time, of its details and of its usual time: so they do not move with every frame."""
_LEAVE_OUT = ("run", "quota", "wave", "config", "elapsed")
"""The parts of the header that a narrow terminal leaves out, in this order; what is done stays."""


def lines_of(view: View, *, width: int, color: bool) -> list[str]:
    """Return the view as lines of at most `width` columns, without line breaks; with `color`, they have ANSI codes."""
    from rich.console import Console  # noqa: PLC0415 - most commands draw nothing

    out = StringIO()
    # Everything that rich would read from the environment is given.
    console = Console(
        file=out,
        width=width,
        height=25,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        force_jupyter=False,
        force_interactive=False,
        legacy_windows=False,
    )
    for text in texts_of(view, width=width):
        console.print(text, soft_wrap=True)
    return out.getvalue().split("\n")[:-1]


def texts_of(view: View, *, width: int) -> list["Text"]:
    """Return the view as rich's texts, each of at most `width` columns."""
    from rich.text import Text  # noqa: PLC0415

    lines = [_header(view.header, width)]
    names = [*(row.name for row in view.problems), *(row.name for row in view.flights)]
    name_width = _name_width(names, width)
    columns = _Columns.for_rows(view.flights, width=width - 2 - name_width)
    lines += [_problem(row, name_width, width) for row in view.problems]
    lines += [columns.line(row, name_width) for row in view.flights]
    if view.folded:
        lines.append(Text(f"  … {view.folded}" if names else f"  {view.folded}", "dim"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _header(header: Header, width: int) -> "Text":
    from rich.text import Text  # noqa: PLC0415

    parts = {
        "config": header.config,
        "run": header.run,
        "wave": header.wave,
        "elapsed": header.elapsed,
        "done": header.done,
        "quota": header.quota,
    }
    for name in _LEAVE_OUT:
        if len(_HEADER_GAP.join(filter(None, parts.values()))) <= width:
            break
        parts[name] = ""
    return Text(_HEADER_GAP.join(filter(None, parts.values())), "bold")


def _name_width(names: Sequence[str], width: int) -> int:
    from rich.cells import cell_len  # noqa: PLC0415

    widest = max(map(cell_len, names), default=0)
    return min(max(widest, _LEAST_NAME), _MOST_NAME, max(width // 3, _LEAST_NAME))


def _fitted(text: str, width: int) -> str:
    """Return a text of exactly `width` columns."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415

    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def _problem(row: ProblemRow, name_width: int, width: int) -> "Text":
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.style import Style  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    line = Text.assemble(
        ("! ", "bold red"), (_fitted(row.name, name_width), "bold"), _GAP, (row.outcome, "red"), _GAP, row.reason
    )
    if row.console_url is None:
        return line
    link = Style(link=row.console_url)
    if line.cell_len + len(" → ") + cell_len(row.console_url) <= width:
        return line.append(" → ").append(row.console_url, link)
    # Where the address does not fit, its word is a link, and the summary shows it.
    word = " → console…"
    line.truncate(max(width - len(word), 0), overflow="ellipsis")
    return line.append(" → ").append(word.removeprefix(" → "), link)


class _Columns:
    """The columns of what is in flight: as many as fit, the most telling first."""

    def __init__(self, shown: Sequence[tuple[Callable[[FlightRow], str], int, str]], *, with_bar: bool) -> None:
        self._shown = shown
        self._with_bar = with_bar

    @classmethod
    def for_rows(cls, rows: Sequence[FlightRow], *, width: int) -> "_Columns":
        """Return the columns that fit into `width`, the name left out."""
        from rich.cells import cell_len  # noqa: PLC0415

        wanted: list[tuple[Callable[[FlightRow], str], str]] = [
            (lambda row: row.doing, "cyan"),
            (lambda row: row.elapsed, ""),
            (lambda row: row.detail, ""),
            (lambda row: row.usually, "dim"),
        ]
        order = (0, 2, 1, 3)
        widest = [max((cell_len(of(row)) for row in rows), default=0) for of, _ in wanted]
        widths = [max(found, least) if found else 0 for found, least in zip(widest, _LEAST_WIDTHS, strict=True)]
        taken, left = [], width
        for place, needed in enumerate(widths):
            if needed and needed + len(_GAP) <= left:
                taken.append(place)
                left -= needed + len(_GAP)
        shown = [(wanted[place][0], widths[place], wanted[place][1]) for place in order if place in taken]
        return cls(shown, with_bar=left >= _BAR + len(_GAP))

    def line(self, row: FlightRow, name_width: int) -> "Text":
        """Return the line of an environment in flight."""
        from rich.text import Text  # noqa: PLC0415

        pieces: list[str | tuple[str, str]] = ["  ", (_fitted(row.name, name_width), "bold")]
        if self._with_bar:
            pieces += [_GAP, *_bar(row.filled)]
        for of, width, style in self._shown:
            text = of(row)
            # Numbers line up at their ends.
            padded = text.rjust(width) if text[:1].isdigit() and of(row) == row.elapsed else _fitted(text, width)
            pieces += [_GAP, (padded, style)]
        line = Text.assemble(*pieces)
        line.rstrip()
        return line


def _bar(filled: float) -> Iterator[tuple[str, str]]:
    full = int(filled * _BAR)
    yield "█" * full, "green"
    yield "░" * (_BAR - full), "dim"
