"""Signals before a run takes them, and once it has been asked to stop: they end the process at once.

That is their default action, except for the first process of a container: the kernel drops every signal that it has no
handler for. So there are handlers from the first moment on, before anything heavy is imported.
"""

import os
import signal
from types import FrameType

OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_at_once(number: int, _: FrameType | None) -> None:
    """End the process with the exit code of an interrupted run. There is nothing to report."""
    os._exit(130 if number == signal.SIGINT else 143)


def obey_from_now_on() -> None:
    """Let every signal whose action is the default end the process."""
    for number in OBEYED:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, end_at_once)
