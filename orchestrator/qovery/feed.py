"""Shared looks: one request reads the statuses of a whole project, and shows its jobs which should look closer.

What is read here is a hint, never evidence. It may lag, be wrong, or be refused: a job that waits
for a hint looks for itself in the end, and every verdict rests on a reading of the job's own.

Three classes, each of which knows only those before it: `Pace` says how far apart the quota wants looks to be;
`SharedLooks` reads one project when any of its jobs wants it; a `JobLookout` is where one job waits for its next look.
`Feed` makes them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.observations import Hint, Observation
from orchestrator.errors import NotFoundError, PlatformError, ThrottledError, TokenRefusedError
from orchestrator.ports import Clock, Contact
from orchestrator.qovery.lateness import Hinted, Lateness
from orchestrator.qovery.quota import Quota

ReadHints: TypeAlias = Callable[[str], Awaitable[Mapping[str, Hint]]]
"""Reads the statuses of a project, given its id; returns a hint for each environment, by its id."""

OWN_LOOK_AFTER = 60.0
"""Seconds for which a job relies on shared looks that show nothing new of its environment."""
RELIED_ON_FOR = 300.0
"""Seconds for which it relies on those that show a new run at work there."""
MOST_FAILURES = 3
"""After so many failed shared looks in a row, the jobs of the project look for themselves."""
CHECK_AGAIN_AFTER = 15.0
"""Seconds after which a waiting job checks again when the next shared look is due, if nothing happened before."""
SPACED_AGAIN_AFTER = 1.0
"""Seconds for which a computed spacing is good enough."""
SPACING_WORTH_LOGGING = 60.0
"""Seconds between two looks."""
LOGGED_AGAIN_AFTER = 300.0
"""Seconds between two log events about the spacing."""


class Feed:
    """Makes the lookouts of a run's jobs.

    Args:
        read_hints: reads a whole project.
        quota: says how far apart looks have to be.
        clock: the source of time.
        log: a logger with `run_id` bound.
    """

    def __init__(self, read_hints: ReadHints, *, quota: Quota, clock: Clock, log: FilteringBoundLogger) -> None:
        self._read_hints = read_hints
        self._clock = clock
        self._log = log
        self.pace = Pace(quota, clock=clock, log=log)
        self._lateness = Lateness(clock)
        self._projects: dict[str, SharedLooks] = {}
        self._shared_by: dict[str, SharedLooks] = {}

    def lookout(self, environment_id: str, project_id: str | None) -> "JobLookout":
        """Return the lookout of one job, in use until `leave`; `project_id` is None if unknown."""
        shared = None
        if project_id is not None:
            shared = self._projects.get(project_id)
            if shared is None:
                shared = SharedLooks(project_id, self._read_hints, self.pace, clock=self._clock, log=self._log)
                self._projects[project_id] = shared
            shared.members.add(environment_id)
            self._shared_by[environment_id] = shared
        return JobLookout(environment_id, shared, self.pace, self._lateness, self._clock)

    def leave(self, environment_id: str) -> None:
        """Note that the job of an environment has ended."""
        shared = self._shared_by.pop(environment_id, None)
        if shared is not None:
            shared.members.discard(environment_id)


class Pace:
    """How far apart the quota wants looks to be.

    Attributes:
        lookers: how many want to look: jobs that wait alone, and projects for whose shared looks any job waits.
    """

    def __init__(self, quota: Quota, *, clock: Clock, log: FilteringBoundLogger) -> None:
        self._quota = quota
        self._clock = clock
        self._log = log
        self._spacing = 0.0
        self._spaced_at = float("-inf")
        self._logged_at = float("-inf")
        self.lookers = 0

    def spacing(self) -> float:
        """Return the seconds that the quota wants between two looks of one looker."""
        now = self._clock.monotonic()
        if now < self._spaced_at + SPACED_AGAIN_AFTER:
            return self._spacing
        self._spacing, self._spaced_at = self._quota.spacing(max(self.lookers, 1)), now
        if self._spacing > SPACING_WORTH_LOGGING and now >= self._logged_at + LOGGED_AGAIN_AFTER:
            self._logged_at = now
            self._log.warning(
                "quota_paused", pause_s=round(self._spacing, 1), hint="polling is slower until the quota renews"
            )
        return self._spacing

    async def pause(self, seconds: float, *, until: float) -> float:
        """Wait for `seconds`, longer if the quota wants it, but for that not past an instant; return by how much."""
        self.lookers += 1
        try:
            longer = max(min(self.spacing(), until - self._clock.monotonic()) - seconds, 0.0)
            await self._clock.sleep(seconds + longer)
        finally:
            self.lookers -= 1
        return longer


class SharedLooks:
    """Looks at one project, on behalf of all of its jobs that wait.

    Attributes:
        members: the environments of the project whose jobs are in flight.
        hints: what the last answered look showed, by environment.
        ended: how many looks have ended; it rises when there may be something new.
        answered: whether the last of them was answered.
        refused: whether the project cannot be read: then its looks are not shared any more.
    """

    def __init__(
        self, project_id: str, read_hints: ReadHints, pace: Pace, *, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self._id = project_id
        self._read_hints = read_hints
        self._pace = pace
        self._clock = clock
        self._log = log
        self._is_looking = False
        self._failures = 0
        self._looked_at = float("-inf")
        self._not_before = float("-inf")
        self._intervals: dict[str, Callable[[], float]] = {}
        self._due: dict[str, float] = {}
        self._something_happened = asyncio.Event()
        self.members: set[str] = set()
        self.hints: Mapping[str, Hint] = {}
        self.ended = 0
        self.answered = False
        self.refused = False

    @contextmanager
    def wanted_by(self, environment_id: str, interval: Callable[[], float]) -> Iterator[None]:
        """Let a job want a look each time that its interval has passed, for as long as the context is open."""
        self._intervals[environment_id] = interval
        self._due[environment_id] = self._clock.monotonic() + interval()
        self._pace.lookers += len(self._intervals) == 1
        try:
            yield
        finally:
            del self._intervals[environment_id]
            self._pace.lookers -= not self._intervals

    def due_for(self, environment_id: str) -> float:
        """Return the instant at which a job wants the next look."""
        return self._due[environment_id]

    @property
    def due(self) -> float:
        """The instant of the next look; infinite while one is under way."""
        if self._is_looking:
            return float("inf")
        earliest = min(self._due[each] for each in self._intervals)
        return max(earliest, self._not_before, self._looked_at + self._pace.spacing())

    async def look(self) -> None:
        """Read the project once. If the caller is cancelled meanwhile, another job that waits looks in its place."""
        self._is_looking, is_over = True, True
        self.answered, pause = False, 0.0
        try:
            self.answered, pause = await self._read()
        except asyncio.CancelledError:
            is_over = False
            raise
        finally:
            self._is_looking = False
            if is_over:
                self._note_end(pause)
            self._something_happened.set()
            self._something_happened = asyncio.Event()

    def _note_end(self, pause: float) -> None:
        self.ended += 1
        self._looked_at = self._clock.monotonic()
        self._not_before = self._looked_at + pause
        self._due.update({each: self._looked_at + interval() for each, interval in self._intervals.items()})

    async def wait(self, seconds: float) -> None:
        """Wait until a look has ended, or was cut short, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._something_happened.wait()

    async def _read(self) -> tuple[bool, float]:
        """Read the project; return whether it was answered, and for how many seconds not to ask again."""
        try:
            self.hints = await self._read_hints(self._id)
        except (TokenRefusedError, NotFoundError) as error:
            self._give_up(error)
        except PlatformError as error:
            if isinstance(error, ThrottledError) and error.retry_after is not None:
                return False, error.retry_after
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._give_up(error)
        else:
            self._failures = 0
            return True, 0.0
        return False, 0.0

    def _give_up(self, error: PlatformError) -> None:
        self.refused = True
        self._log.warning(
            "shared_looks_refused", project_id=self._id, error=str(error), hint="each environment is polled separately"
        )


class JobLookout:
    """The port `Lookout`: where one job waits between two looks.

    Args:
        environment_id: of the job.
        shared: the looks at its project; None if that is unknown.
        pace: how far apart looks have to be.
        lateness: how late looks show what was hinted.
        clock: the source of time.
    """

    def __init__(
        self, environment_id: str, shared: SharedLooks | None, pace: Pace, lateness: Lateness, clock: Clock
    ) -> None:
        self._environment_id = environment_id
        self._shared = shared
        self._pace = pace
        self._lateness = lateness
        self._clock = clock
        self._last: Observation | None = None
        self._woken_by: Hint | None = None
        self._hinted: Hinted | None = None
        self._has_waited = False

    def saw(self, observation: Observation) -> None:
        """Note what the job's own last look has shown. What it reads first is what shows how late looks are."""
        self._last = observation
        if self._has_waited and self._hinted is not None and self._woken_by is not None:
            if self._woken_by.suggests_change(observation):
                self._hinted.in_vain = True
            else:
                self._lateness.note(self._hinted)
                self._hinted = None
        self._has_waited = False

    async def pause(self, seconds: float, *, until: float) -> float:
        """Wait for `seconds`, longer if the quota wants it, but for that not past an instant; return by how much.

        Longer, too, if looks do not show yet what was hinted.
        """
        now = self._clock.monotonic()
        worth_it = 0.0 if self._hinted is None else self._hinted.wait(now)
        longer = max(min(worth_it, until - now) - seconds, 0.0)
        self._has_waited = True
        return longer + await self._pace.pause(seconds + longer, until=until)

    async def rest(self, seconds: float, *, until: float, interval: Callable[[], float], contact: Contact) -> float:
        """Wait until a shared look suggests a closer one, or until it is time for a look of the job's own.

        Args:
            seconds: how long to wait where looks are not shared.
            until: an instant past which not to wait.
            interval: how long to wait for the next shared look, each time.
            contact: told of the answers to shared looks; decides by when to look if there are none.

        Returns:
            How many seconds longer it took to save requests.
        """
        shared, began = self._shared, self._clock.monotonic()
        if shared is None or not self._relies_on(shared):
            return await self.pause(seconds, until=until)
        self._has_waited = True
        with shared.wanted_by(self._environment_id, interval):
            is_woken = await self._rest_on(shared, began=began, until=until, contact=contact)
        now, due = self._clock.monotonic(), shared.due_for(self._environment_id)
        waited = 0.0
        if is_woken and self._hinted is not None:
            waited = await self._lateness.worth_a_look(self._hinted, until=until)
        if is_woken or now >= due or self._relies_on(shared):
            return waited + max(now - self._own_look_at(shared, began, contact), 0.0)
        # The looks are not shared any more.
        return await self.pause(min(due, until) - now, until=until)

    async def _rest_on(self, shared: SharedLooks, *, began: float, until: float, contact: Contact) -> bool:
        """Wait for a hint that suggests a closer look; return False if there was none in time."""
        while self._relies_on(shared):
            now = self._clock.monotonic()
            own_look_at = max(self._own_look_at(shared, began, contact), began + self._pace.spacing())
            if now >= min(own_look_at, until):
                return False
            ended, due = shared.ended, shared.due
            if now >= due:
                # Whatever hangs, the job's own last look is on time: another job looks in its place.
                with suppress(TimeoutError):
                    async with asyncio.timeout(until - now):
                        await shared.look()
            else:
                # Not for too long at once: the quota may want another spacing by then.
                await shared.wait(min(due - now, min(own_look_at, until) - now, CHECK_AGAIN_AFTER))
            if shared.ended > ended and shared.answered:
                contact.made()
                hint = shared.hints.get(self._environment_id)
                if hint is not None and self._last is not None and hint.suggests_change(self._last):
                    self._woken_by, self._hinted = hint, self._lateness.hinted()
                    return True
        return False

    def _own_look_at(self, shared: SharedLooks, began: float, contact: Contact) -> float:
        """Return the instant at which the job looks for itself, whatever shared looks show."""
        hint = shared.hints.get(self._environment_id)
        is_at_work = hint is not None and self._last is not None and hint.shows_a_new_run_at_work(self._last)
        return min(began + (RELIED_ON_FOR if is_at_work else OWN_LOOK_AFTER), contact.worth_a_look_at)

    def _relies_on(self, shared: SharedLooks) -> bool:
        """Return whether shared looks are worth it: others share them, and they do not repeat a false hint."""
        hint = shared.hints.get(self._environment_id)
        is_misled = hint is not None and hint == self._woken_by
        return len(shared.members) > 1 and not shared.refused and not is_misled
