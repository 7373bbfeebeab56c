"""Waiting for another process that is writing: only the caller waits, not the whole process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import TypeVar

from orchestrator.errors import JournalBusyError
from orchestrator.ports import Clock

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds to wait for another process that keeps the journal, before a submit: without it nothing is submitted."""
IMPATIENCE = 1.0
"""Seconds to wait for it after a submit: what happened is known, and the end must not wait for a record of it."""
AT_ONCE = 0.05
"""Seconds for which the whole process waits for another that is writing. A transaction takes milliseconds."""
TRY_AGAIN_AFTER = 0.1
"""Seconds."""


@asynccontextmanager
async def when_free(
    open_transaction: Callable[[], AbstractContextManager[T]], *, clock: Clock, within: float
) -> AsyncIterator[T]:
    """Open a transaction as soon as no other process is writing. Nothing may be awaited inside.

    Args:
        open_transaction: tries it once.
        clock: the source of time.
        within: seconds to wait.

    Raises:
        JournalBusyError: another process kept the journal for longer.
    """
    give_up_at = clock.monotonic() + within
    with ExitStack() as stack:
        while True:
            try:
                transaction = stack.enter_context(open_transaction())
                break
            except JournalBusyError:
                if clock.monotonic() >= give_up_at:
                    raise
                await clock.sleep(TRY_AGAIN_AFTER)
        yield transaction
