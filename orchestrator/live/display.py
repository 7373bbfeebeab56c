"""Draws the live view: erased before a line of the log, drawn again after it, and gone without a trace at the end.

The cursor rests at the first column of the view's first line. A terminal that becomes narrower wraps its lines anew,
and keeps the cursor where it is in the text: so what is below it is always the view, and can be erased, whatever has
become of its lines. rich's `Live` goes up by the number of lines that it has drawn, which leaves pieces of them behind
then, and it writes to the terminal itself, for which the end of the process would have to wait.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TextIO

from orchestrator.clock import machine_seconds
from orchestrator.live.board import Board
from orchestrator.live.screen import lines_of
from orchestrator.live.view import view_of
from orchestrator.ports import Clock
from orchestrator.streams import LossyStream, descriptor_of

TICK = 0.25
"""Seconds between two frames while nothing happens: times go on."""
REHEARSAL_TICK = 5.0
"""The same in virtual time, in which hours pass in a moment."""
LEAST_PAUSE = 0.1
"""Seconds of the machine between two frames, however much happens."""
QUOTA_EVERY = 5.0
"""Seconds after which what is left of the quota is looked at again."""
LAST_FRAME = 0.3
"""Seconds for which the end of the view waits for a terminal that does not take anything."""

_ERASE = "\r\x1b[J"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_REST_OF_LINE = "\x1b[K"
_SETTLED = frozenset({"restart_settled", "watch_settled", "run_finished"})
"""The view shows these, and the summary does, whatever their level."""


class Display:
    """Shows a run while it goes on.

    Args:
        stream: the terminal.
        color: whether to use colours.
        tick: seconds between two frames while nothing happens.
        machine: the machine's time, which the pace of the frames follows also where the clock's is virtual.

    Attributes:
        clock: tells how long things take; set when the command's time is known.
        quota_left: returns how many requests are left; None until there is a session.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        color: bool,
        clock: Clock,
        tick: float = TICK,
        machine: Callable[[], float] = machine_seconds,
    ) -> None:
        self._stream = stream
        self._color = color
        self._tick = tick
        self._machine = machine
        self._board = Board()
        self._out = LossyStream(stream)
        self._is_drawn = False
        self._was_drawn = False
        self._is_closed = False
        self._began = asyncio.Event()
        self._drawn_at = float("-inf")
        self._size: tuple[int, int] | None = None
        self._quota: int | None = None
        self._quota_at = float("-inf")
        self.clock = clock
        self.quota_left: Callable[[], int] | None = None

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take in an event of the log; return whether the view shows it, so that no line has to."""
        was_on = self._board.is_on
        if self._is_closed:
            return self._board.run_id is not None and self._shows(event)
        with suppress(RuntimeError):  # Outside of an event loop, there is no run.
            self._board.take(event, self.clock.monotonic())
        if event.get("event") == "interrupted":
            self.close()
            return False
        if self._board.is_on:
            self._began.set()
        if not self._board.is_on:
            self._erase()
        elif self._shows(event):
            self._draw()
        return (was_on or self._board.is_on) and self._shows(event)

    def _shows(self, event: Mapping[str, Any]) -> bool:
        return event.get("level") in ("debug", "info") or event.get("event") in _SETTLED

    def around(self, text: str) -> str:
        """Return what to write for a text of the log: the view makes room for it."""
        if not self._is_drawn:
            return text
        return f"{_ERASE}{text}{self._frame()}"

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Let the view live as long as this context does."""
        ticking = asyncio.ensure_future(self._go_on())
        try:
            yield
        finally:
            ticking.cancel()
            self.close()

    async def _go_on(self) -> None:
        while True:
            # A schedule may wait for days until its next run.
            await self._began.wait()
            await self.clock.sleep(self._tick)
            if self._board.is_on:
                self._draw()
            else:
                self._began.clear()

    def close(self) -> None:
        """Erase the view for good."""
        self._is_closed = True
        self._erase()

    def make_way(self) -> None:
        """Erase the view, and let the terminal take that before anything else is written to it."""
        self._erase()
        if self._was_drawn:
            self._out.drain(LAST_FRAME)
            self._was_drawn = False

    def _erase(self) -> None:
        if self._is_drawn:
            self._is_drawn = False
            self._out.write(f"{_ERASE}{_SHOW}")

    def _draw(self) -> None:
        """Draw a frame, unless the last one was a moment ago, or the terminal has not taken it yet."""
        now = self._machine()
        if now < self._drawn_at + LEAST_PAUSE or self._out.is_behind or self._is_closed:
            return
        self._drawn_at = now
        frame = self._frame()
        self._is_drawn = self._was_drawn = True
        self._out.write(frame)

    def _frame(self) -> str:
        width, height = _size_of(self._stream)
        resized = self._size is not None and self._size != (width, height)
        self._size = (width, height)
        view = view_of(self._board, now=self.clock.monotonic(), height=height - 1, quota_left=self._quota_now())
        # The last column stays free: some terminals wrap when it is written, others do not.
        lines = lines_of(view, width=width - 1, color=self._color)[: height - 1]
        text = "\r\n".join(f"{line}{_REST_OF_LINE}" for line in lines)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        return f"{_HIDE}{_NO_WRAP}{_ERASE if resized else chr(13)}{text}\x1b[J\r{up}{_WRAP}"

    def _quota_now(self) -> int | None:
        now = self.clock.monotonic()
        if self.quota_left is not None and now >= self._quota_at + QUOTA_EVERY:
            self._quota_at = now
            self._quota = self.quota_left()
        return self._quota


def _size_of(stream: TextIO) -> tuple[int, int]:
    """Return the columns and lines of a terminal; what most have, if it does not know them."""
    descriptor = descriptor_of(stream)
    size = os.terminal_size((0, 0))
    if descriptor is not None:
        with suppress(OSError):
            size = os.get_terminal_size(descriptor)
    return max(size.columns or 80, 20), max(size.lines or 24, 4)
