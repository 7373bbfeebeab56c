"""The hourly quota of a token, as the simulated platform counts it."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The quota's decision on one request."""

    granted: bool
    limit: int
    remaining: int
    reset_in: float
    """Seconds until there is more."""


class Quota:
    """Counts the requests of each user. Refused ones do not count."""

    def __init__(
        self,
        requests_per_hour: int,
        *,
        window: Literal["first_request", "clock_hours", "sliding"] = "first_request",
        epoch: float = 0.0,
    ) -> None:
        """Count in hours that begin with a user's first request, with the hours of the clock, or at any instant.

        Args:
            requests_per_hour: of each user.
            window: which hours.
            epoch: the clock's time at second 0, in seconds since its own beginning.
        """
        self._limit = requests_per_hour
        self._window = window
        self._epoch = epoch
        self._granted: dict[str, deque[float]] = {}
        self._began: dict[str, float] = {}

    def take(self, user: str, *, now: float) -> Allowance:
        """Count one request."""
        granted = self._granted.setdefault(user, deque())
        began = self._hour_began(user, now)
        while granted and granted[0] < began:
            granted.popleft()
        grants = len(granted) < self._limit
        if grants:
            granted.append(now)
        reset_in = began + HOUR - now
        if self._window == "sliding":
            reset_in = granted[0] + HOUR - now if granted else 0.0
        return Allowance(
            granted=grants, limit=self._limit, remaining=self._limit - len(granted), reset_in=max(reset_in, 0.0)
        )

    def _hour_began(self, user: str, now: float) -> float:
        """Return the instant from which requests count."""
        match self._window:
            case "sliding":
                return now - HOUR
            case "clock_hours":
                return now - (self._epoch + now) % HOUR
        began = self._began.setdefault(user, now)
        if now >= began + HOUR:
            began = self._began[user] = now
        return began
