"""What one job tells the report beside how it ended: when it began, what it waited for, what its checks answered."""

from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.ports import Clock


class Account:
    """Keeps account of one job.

    Args:
        clock: the source of time.

    Attributes:
        began_at: when the environment's turn came.
        proven_at: when its restart was proven.
        checks: what came of its health checks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waits: list[Wait] = []
        self._open: tuple[WaitedFor, datetime, float] | None = None
        self.began_at: datetime | None = None
        self.proven_at: datetime | None = None
        self.checks: list[CheckResult] = []

    def begin(self) -> None:
        """Note that the job begins, unless an earlier process has begun it."""
        self.began_at = self.began_at or self._clock.now()

    def recall(self, began_at: datetime | None, waits: Sequence[Wait]) -> None:
        """Take over what an earlier process noted."""
        self.began_at = began_at
        self._waits = list(waits)

    def add(self, wait: Wait) -> None:
        """Note a wait that is over."""
        self._waits.append(wait)

    def wait(self, what: WaitedFor | None) -> None:
        """Note what the job waits for from now on; None: for nothing."""
        if self._open is not None and self._open[0] is what:
            return
        self._waits = list(self.waits)
        self._open = None if what is None else (what, self._clock.now(), self._clock.monotonic())

    @property
    def waits(self) -> tuple[Wait, ...]:
        """Every wait, the one that goes on included."""
        if self._open is None:
            return tuple(self._waits)
        what, since, began = self._open
        duration = round(self._clock.monotonic() - began, 1)
        return (*self._waits, Wait(what=what, since=since, duration_s=duration))

    def prove(self) -> None:
        """Note that the restart is proven."""
        self.proven_at = self._clock.now()
