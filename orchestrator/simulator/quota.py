"""How often a token may ask in an hour, as the simulated platform counts it."""

from dataclasses import dataclass

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the quota says to one request."""

    granted: bool
    limit: int
    remaining: int
    reset_in: float
    """Seconds until the next hour begins."""


class Quota:
    """Counts the requests of each user, by the hour that began with the first of them."""

    def __init__(self, requests_per_hour: int) -> None:
        self._limit = requests_per_hour
        self._hours: dict[str, tuple[float, int]] = {}

    def take(self, user: str, *, now: float) -> Allowance:
        """Count one request. Refused ones count for nothing."""
        began, count = self._hours.get(user, (now, 0))
        if now >= began + HOUR:
            began, count = now, 0
        granted = count < self._limit
        count += granted
        self._hours[user] = (began, count)
        return Allowance(granted=granted, limit=self._limit, remaining=self._limit - count, reset_in=began + HOUR - now)
