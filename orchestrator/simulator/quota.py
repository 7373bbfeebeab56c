"""The hourly quota of a token, as the simulated platform counts it."""

from dataclasses import dataclass

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The quota's decision on one request."""

    granted: bool
    limit: int
    remaining: int
    reset_in: float
    """Seconds until the next hour starts."""


class Quota:
    """Counts the requests of each user, in hours that start with the user's first request."""

    def __init__(self, requests_per_hour: int) -> None:
        self._limit = requests_per_hour
        self._hours: dict[str, tuple[float, int]] = {}

    def take(self, user: str, *, now: float) -> Allowance:
        """Count one request. Refused ones do not count."""
        began, count = self._hours.get(user, (now, 0))
        if now >= began + HOUR:
            began, count = now, 0
        granted = count < self._limit
        count += granted
        self._hours[user] = (began, count)
        return Allowance(granted=granted, limit=self._limit, remaining=self._limit - count, reset_in=began + HOUR - now)
