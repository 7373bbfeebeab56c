"""Shared looks: one reading of a project tells many jobs which of them should look closer, and costs one request.

What is read here is a hint and never evidence. It may lag, it may be wrong in either direction, it may be refused: a
job that waits for a hint looks by itself in the end, and every verdict stands on a reading of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from structlog.typing import FilteringBoundLogger

from orchestrator.domain.observations import Hint, Observation
from orchestrator.errors import NotFoundError, PlatformError, ThrottledError, TokenRefusedError
from orchestrator.ports import Clock, Contact
from orchestrator.qovery.quota import Quota

OWN_LOOK_AFTER = 60.0
"""Seconds for which a job relies on shared looks that show nothing new of its environment."""
RELIED_ON_FOR = 300.0
"""Seconds for which it does on those that show a new run at work there."""
FAILURES_BORNE = 3
"""After so many shared looks in a row that failed, the jobs of the project look for themselves."""
LOOK_AROUND = 15.0
"""Seconds for which a job rests at most without asking anew when the next shared look is due."""
SPACED_AGAIN_AFTER = 1.0
"""Seconds for which the spacing of looks, once computed, is good enough."""
SPACING_WORTH_SAYING = 60.0
"""Seconds between two looks of one looker."""
SAID_AGAIN_AFTER = 300.0
"""Seconds between two mentions of it."""


class Feed:
    """Where jobs rest between two looks.

    Args:
        hint: reads the statuses of a whole project, by the ids of its environments.
        quota: asked how far looks have to be apart.
        clock: the source of time.
        log: a logger with `run_id` bound.
    """

    def __init__(
        self,
        hint: Callable[[str], Awaitable[Mapping[str, Hint]]],
        *,
        quota: Quota,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self.read_hints = hint
        self.clock = clock
        self.log = log
        self._quota = quota
        self._projects: dict[str, Project] = {}
        self._lookouts: dict[str, Lookout] = {}
        self._pausing = 0
        self._spacing = 0.0
        self._spaced_at = float("-inf")
        self._said_at = float("-inf")

    def lookout(self, environment_id: str, project_id: str | None) -> "Lookout":
        """Return the place of one job, which `leave` gives up."""
        project = None
        if project_id is not None:
            project = self._projects.setdefault(project_id, Project(project_id, self))
        lookout = self._lookouts[environment_id] = Lookout(environment_id, self, project)
        return lookout

    def leave(self, environment_id: str) -> None:
        """Note that nobody waits for an environment any more."""
        lookout = self._lookouts.pop(environment_id, None)
        if lookout is not None:
            lookout.leave()

    def spacing(self) -> float:
        """Return the seconds that the quota wants between two looks of one looker."""
        now = self.clock.monotonic()
        if now < self._spaced_at + SPACED_AGAIN_AFTER:
            return self._spacing
        resting = sum(project.in_use for project in self._projects.values())
        self._spacing, self._spaced_at = self._quota.spacing(max(self._pausing + resting, 1)), now
        if self._spacing > SPACING_WORTH_SAYING and now >= self._said_at + SAID_AGAIN_AFTER:
            self._said_at = now
            self.log.warning(
                "quota_paused", pause_s=round(self._spacing, 1), hint="looks are far apart until it is renewed"
            )
        return self._spacing

    async def pause(self, seconds: float, *, until: float) -> float:
        """Wait for `seconds`, longer if the quota wants it, but for that not past an instant; return by how much."""
        self._pausing += 1
        try:
            longer = max(min(self.spacing(), until - self.clock.monotonic()) - seconds, 0.0)
            await self.clock.sleep(seconds + longer)
        finally:
            self._pausing -= 1
        return longer


class Project:
    """The environments of one project that are in flight."""

    def __init__(self, project_id: str, feed: Feed) -> None:
        self._id = project_id
        self._feed = feed
        self._looking = False
        self._failures = 0
        self._looked_at = float("-inf")
        self._not_before = float("-inf")
        self.refused = False
        self.members: set[Lookout] = set()
        self.resting: set[Lookout] = set()
        self.hints: Mapping[str, Hint] = {}

    @property
    def in_use(self) -> bool:
        """Whether anybody waits for a shared look."""
        return bool(self.resting)

    @property
    def due(self) -> float:
        """The instant of the next look; never while one is on its way."""
        if self._looking:
            return float("inf")
        return max(min(one.due for one in self.resting), self._not_before, self._looked_at + self._feed.spacing())

    async def look(self) -> None:
        """Read the project once, for everybody, and wake those who should look closer."""
        self._looking, cut_off = True, False
        answered, pause = False, 0.0
        try:
            answered, pause = await self._read()
        except asyncio.CancelledError:
            cut_off = True
            raise
        finally:
            self._looking = False
            if not cut_off:
                self._looked_at = self._feed.clock.monotonic()
                self._not_before = self._looked_at + pause
            for one in self.resting:
                if cut_off:
                    one.stir()  # Another of them looks in its place.
                else:
                    one.notice(self, answered=answered)

    async def _read(self) -> tuple[bool, float]:
        """Read the project; say whether there was an answer, and how many seconds not to ask again."""
        try:
            self.hints = await self._feed.read_hints(self._id)
        except (TokenRefusedError, NotFoundError) as error:
            self._give_up(error)
        except PlatformError as error:
            if isinstance(error, ThrottledError) and error.retry_after is not None:
                return False, error.retry_after
            self._failures += 1
            if self._failures >= FAILURES_BORNE:
                self._give_up(error)
        else:
            self._failures = 0
            return True, 0.0
        return False, 0.0

    def _give_up(self, error: PlatformError) -> None:
        self.refused = True
        self._feed.log.warning(
            "shared_looks_refused", project_id=self._id, error=str(error), hint="each environment is looked at alone"
        )


class Lookout:
    """The port `Lookout`: where one job rests between two looks."""

    def __init__(self, environment_id: str, feed: Feed, project: Project | None) -> None:
        self._environment_id = environment_id
        self._feed = feed
        self._project = project
        self._last: Observation | None = None
        self._woken_by: Hint | None = None
        self._stirred = asyncio.Event()
        self._woken = False
        self._interval: Callable[[], float]
        self._contact: Contact
        self.due = 0.0
        if project is not None:
            project.members.add(self)

    def leave(self) -> None:
        """Go."""
        if self._project is not None:
            self._project.members.discard(self)

    def saw(self, observation: Observation) -> None:
        """Note what the job's own last look has shown."""
        self._last = observation

    async def pause(self, seconds: float, *, until: float) -> float:
        """Wait for `seconds`, longer if the quota wants it, but for that not past an instant; return by how much."""
        return await self._feed.pause(seconds, until=until)

    async def rest(self, seconds: float, *, until: float, interval: Callable[[], float], contact: Contact) -> float:
        """Wait until a look may show something new: until a shared look suggests it, or it is time for one of our own.

        Args:
            seconds: how long to wait where looks are not shared.
            until: an instant past which not to wait.
            interval: how long to wait for the next shared look, each time.
            contact: told of the answers to shared looks; says by when to look where there are none.

        Returns:
            How many seconds longer it took for the quota's sake.
        """
        began = now = self._feed.clock.monotonic()
        project = self._project
        if project is None or not self._rests_on(project):
            return await self.pause(seconds, until=until)
        self._interval, self._contact = interval, contact
        self._woken = False
        self.due = now + interval()
        project.resting.add(self)
        try:
            await self._rest_with(project, began=now, until=until)
        finally:
            project.resting.discard(self)
        now = self._feed.clock.monotonic()
        if self._woken or now >= self.due or self._rests_on(project):
            return max(now - self._own_look_at(project, began), 0.0)
        # Nobody shares it any more.
        return await self.pause(min(self.due, until) - now, until=until)

    def _own_look_at(self, project: Project, began: float) -> float:
        hint = project.hints.get(self._environment_id)
        at_work = hint is not None and self._last is not None and hint.shows_a_new_run_at_work(self._last)
        return min(began + (RELIED_ON_FOR if at_work else OWN_LOOK_AFTER), self._contact.worth_a_look_at)

    async def _rest_with(self, project: Project, *, began: float, until: float) -> None:
        while not self._woken and self._rests_on(project):
            now = self._feed.clock.monotonic()
            own = max(self._own_look_at(project, began), began + self._feed.spacing())
            own = min(own, until)
            if now >= own:
                return
            due = project.due
            if now >= due:
                await project.look()
            else:
                # Not for too long at once: the quota may want something else by then.
                await self._wait(min(due - now, own - now, LOOK_AROUND))

    def _rests_on(self, project: Project) -> bool:
        """Tell whether shared looks are worth it: somebody shares them, and do not go on suggesting what is not so."""
        hint = project.hints.get(self._environment_id)
        misled = hint is not None and hint == self._woken_by
        return len(project.members) > 1 and not project.refused and not misled

    def notice(self, project: Project, *, answered: bool) -> None:
        """Take in a shared look, if there was an answer: wake up, or rest on."""
        hint = project.hints.get(self._environment_id)
        if answered:
            self._contact.made()
            if hint is not None and self._last is not None and hint.suggests_change(self._last):
                self._woken, self._woken_by = True, hint
        self.due = self._feed.clock.monotonic() + self._interval()
        self.stir()

    def stir(self) -> None:
        """Let the job that rests here see whether anything has changed."""
        self._stirred.set()

    async def _wait(self, seconds: float) -> None:
        self._stirred.clear()
        sleeping = asyncio.ensure_future(self._feed.clock.sleep(seconds))
        stirring = asyncio.ensure_future(self._stirred.wait())
        try:
            await asyncio.wait([sleeping, stirring], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, stirring):
                task.cancel()
            await asyncio.wait([sleeping, stirring])
