"""The port `Permission`: what the window of an occurrence and the blackouts of a file allow to begin now."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from orchestrator.config import Config
from orchestrator.domain.costs import expected_duration
from orchestrator.domain.durations import format_duration
from orchestrator.domain.outcomes import Reason, Refusal
from orchestrator.domain.plan import Target
from orchestrator.errors import UsageError
from orchestrator.ports import Clock
from orchestrator.schedules import Blackouts, fits, load_zone, local_text


class Hours:
    """The port `Permission`.

    Args:
        blackouts: in which nothing begins.
        zone: of the instants in messages.
        clock: the source of time.
        closes_at: the end of the window; None without one.
        expected: seconds that the restart of an environment takes, by its id, where it is known from its past.
    """

    def __init__(
        self,
        blackouts: Blackouts,
        zone: tzinfo,
        *,
        clock: Clock,
        closes_at: datetime | None = None,
        expected: Mapping[str, float] | None = None,
    ) -> None:
        self._blackouts = blackouts
        self._zone = zone
        self._clock = clock
        self._closes_at = closes_at
        self._expected = expected or {}

    def refusal(self, target: Target) -> Refusal | None:
        """Return why a target must not begin now; None if it may."""
        now = self._clock.now()
        blackout = self._blackouts.at(now)
        if blackout is not None:
            why = "" if blackout.why is None else f" ({blackout.why})"
            until = local_text(blackout.until, self._zone)
            return Refusal(reason=Reason.BLACKOUT, message=f"a blackout{why} holds until {until}")
        if self._closes_at is None:
            return None
        expected = self._expected.get(target.environment_id, expected_duration(len(target.services)))
        if fits(now, expected, self._closes_at):
            return None
        closes = local_text(self._closes_at, self._zone)
        about = format_duration(round(expected))
        return Refusal(
            reason=Reason.OUTSIDE_WINDOW,
            message=f"the window ends at {closes}, and the restart is expected to take {about}",
        )


def hours_of(
    config: Config, *, clock: Clock, closes_at: datetime | None = None, expected: Mapping[str, float] | None = None
) -> Hours | None:
    """Return what a file allows; None if it allows everything at any time.

    Raises:
        UsageError: the data of its time zone is gone.
    """
    if closes_at is None and not config.blackouts:
        return None
    try:
        zone = load_zone(config.schedule.timezone if config.schedule is not None else "UTC").info
        blackouts = config.run_blackouts()
    except ValueError as error:
        raise UsageError(f"schedule.timezone: {error}") from None
    return Hours(blackouts, zone, clock=clock, closes_at=closes_at, expected=expected)
