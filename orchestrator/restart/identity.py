"""What the platform calls us: one name for all jobs of a token."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Identity:
    """The name that the platform gives to whoever makes our requests (`triggered_by`), as far as it has been learnt.

    It is learnt from our own queue entry, or from a run that was proven to be ours, in whichever environment; so a job
    whose answer was lost can recognize its run by it.

    Args:
        name: what an earlier run has learnt.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._is_ambiguous = False
        self._witnesses = 0
        self._something_happened = asyncio.Event()

    @property
    def may_be_learnt(self) -> bool:
        """Whether the name is unknown, and a job is under way that may show it."""
        return self._name is None and self._witnesses > 0

    @contextmanager
    def witnessed(self) -> Iterator[None]:
        """Let a job that may show the name be under way, for as long as the context is open."""
        self._witnesses += 1
        try:
            yield
        finally:
            self._witnesses -= 1
            self._wake()

    async def told(self, *, within: float) -> None:
        """Wait while the name may be learnt, for so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.may_be_learnt:
                    await self._something_happened.wait()

    def _wake(self) -> None:
        self._something_happened.set()
        self._something_happened = asyncio.Event()

    @property
    def name(self) -> str | None:
        """The name; None while it is unknown, and for good once two different ones have been seen."""
        return None if self._is_ambiguous else self._name

    def learn(self, name: str | None) -> None:
        """Take in a name that something of ours bears."""
        if name is None:
            return
        self._is_ambiguous = self._is_ambiguous or self._name not in (None, name)
        self._name = name
        self._wake()
