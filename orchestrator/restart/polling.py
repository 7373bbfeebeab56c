"""The polling loop: looks until there is a result, a deadline passes, or contact is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Literal, TypeAlias, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, retry_if_result

from orchestrator import ports
from orchestrator.domain.observations import Observation
from orchestrator.domain.outcomes import Reason
from orchestrator.errors import PassingError, ThrottledError, UnansweredError
from orchestrator.ports import Clock, Lookout
from orchestrator.restart.intervals import (
    JITTER,
    stop_at,
    wait_as_told,
    wait_for_the_likely,
    wait_growing,
    wait_no_later_than,
    wait_until_known,
)

T = TypeVar("T")

LAST_ANSWER = 3.0
"""Seconds after the deadline, or after contact was lost, within which the request in flight may still be answered."""

GaveUp: TypeAlias = Literal[Reason.DEADLINE, Reason.CONTACT_LOST]
"""Why a poll ended without a result: the deadline passed, or there was no usable answer for too long."""


async def answered_within(answer: Awaitable[T], seconds: float) -> T:
    """Await an answer; raise `UnansweredError` if there is none within so many seconds, whatever hangs."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await answer
    except TimeoutError:
        if not limit.expired():
            raise
        raise UnansweredError(f"no answer within {seconds:.0f} s, when time was up") from None


class Contact:
    """How long ago the platform last gave a usable answer.

    Args:
        clock: the source of time.
        limit: seconds without a usable answer after which contact counts as lost.
        limit_if_lasting: the same while the last fault is one that hardly passes by itself.
        api: the API that is asked, and where its URL comes from, for users.

    Attributes:
        until: the instant of the last look, whether there is contact or not.
        fault: the last fault since the last usable answer.
    """

    def __init__(
        self, clock: Clock, limit: float, *, limit_if_lasting: float = float("inf"), api: str | None = None
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._limit_if_lasting = min(limit, limit_if_lasting)
        self._api = api
        self.fault: PassingError | None = None
        self._last = clock.monotonic()
        self._excused = False
        self.until = float("inf")

    def made(self) -> None:
        """Note a usable answer."""
        self._last = self._clock.monotonic()
        self._excused = False
        self.fault = None

    def excuse(self, seconds: float) -> None:
        """Do not count a wait that the platform asked for: it did answer.

        Only once between two usable answers, so that contact is lost in the end if it throttles for ever.
        """
        if not self._excused:
            self._excused = True
            self._last = self._clock.monotonic() + seconds

    def spare(self, seconds: float) -> None:
        """Do not count seconds in which no request was sent, to save requests."""
        self._last += seconds

    @property
    def lost_at(self) -> float:
        """The instant at which contact is lost if no answer comes before it."""
        is_lasting = self.fault is not None and self.fault.lasting
        return self._last + (self._limit_if_lasting if is_lasting else self._limit)

    @property
    def silence(self) -> str:
        """How long there was no usable answer, and why, as a sentence."""
        fault = "" if self.fault is None else f". The last fault: {str(self.fault).removesuffix('.')}"
        api = "" if self._api is None else f". The API is {self._api}"
        return f"No usable answer from Qovery for {self.silent_for:.0f} s{fault}{api}."

    @property
    def give_up_at(self) -> float:
        """The instant after which no request is sent."""
        return min(self.until, self.lost_at)

    @property
    def patience(self) -> float:
        """Seconds for which a request that is sent now is waited for."""
        return max(self.give_up_at + LAST_ANSWER - self._clock.monotonic(), 0.0)

    @property
    def worth_a_look_at(self) -> float:
        """The instant by which to look, to leave time for retries before contact is lost."""
        return self._last + self._limit / 2

    @property
    def silent_for(self) -> float:
        """Seconds since the last usable answer."""
        return max(0.0, self._clock.monotonic() - self._last)

    @property
    def lost(self) -> bool:
        """Whether contact is lost."""
        return self._clock.monotonic() >= self.lost_at


class PlainLookout:
    """The port `Lookout` without shared looks and without a quota."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def saw(self, observation: Observation) -> None:
        """Note nothing."""

    async def pause(self, seconds: float, *, until: float) -> float:  # noqa: ARG002 - the port's signature
        """Wait for `seconds`."""
        await self._clock.sleep(seconds)
        return 0.0

    async def rest(
        self,
        seconds: float,
        *,
        until: float,
        interval: Callable[[], float],  # noqa: ARG002
        contact: ports.Contact,  # noqa: ARG002
    ) -> float:
        """Wait for `seconds`."""
        return await self.pause(seconds, until=until)


class Poller:
    """Polls until there is a result, the deadline passes, or contact is lost.

    Args:
        clock: the source of time.
        minimum: the least interval between two looks, in seconds.
        maximum: the greatest.
        lost_contact: seconds without a usable answer after which to give up.
        lost_if_lasting: the same while the last fault is one that hardly passes by itself.
        api: the API that is asked, and where its URL comes from, for users.
        random: the source of jitter.
        on_fault: called with each passing fault and the seconds until the next look.
        lookout: where to wait between two looks.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        minimum: float,
        maximum: float,
        lost_contact: float,
        random: Random,
        on_fault: Callable[[PassingError, float], None],
        lookout: Lookout | None = None,
        lost_if_lasting: float = float("inf"),
        api: str | None = None,
    ) -> None:
        self._clock = clock
        self._minimum = minimum
        self._maximum = maximum
        self._random = random
        self._on_fault = on_fault
        self._lookout = lookout or PlainLookout(clock)
        self._failed = False
        self.contact = Contact(clock, lost_contact, limit_if_lasting=lost_if_lasting, api=api)

    async def poll(
        self,
        look: Callable[[], Awaitable[T | None]],
        *,
        until: float,
        likely: Sequence[float] = (),
        quiet: Callable[[], bool] = lambda: False,
        next_look: Callable[[], float | None] = lambda: None,
        look_at_once: bool = False,
    ) -> T | GaveUp:
        """Call `look` until it returns something other than None.

        Args:
            look: makes one look. It is called again if it returns None or raises `PassingError`. It calls
                `contact.made` for a usable answer.
            until: the instant of the last look.
            likely: instants at which a look is likely to show something, in order. The first look waits for the first
                of them; a shared look, which shows less, for the second.
            quiet: returns whether a hint that something has changed is worth waiting for: the last look left no doubt
                that has to be looked into.
            next_look: returns the instant of the next look, if the last one has shown it.
            look_at_once: whether the first look does not wait for the first likely instant.

        Returns:
            What `look` returned, or why there was no result.
        """
        self.contact.made()
        self.contact.until = until
        self._failed = False

        def give_up_at() -> float:
            return self.contact.give_up_at

        async def one_look() -> T | None:
            # Newer versions of tenacity await only coroutine functions, and `look` may be another callable.
            self._failed = True
            found = await look()
            self._failed = False
            return found

        growing = wait_growing(self._clock, minimum=self._minimum, maximum=self._maximum, random=self._random)
        now = self._clock.monotonic()
        instants = [max(now + (instant - now) * self._random.uniform(1 - JITTER, 1), now) for instant in likely]
        own = wait_for_the_likely(growing, clock=self._clock, instants=instants, maximum=self._maximum)
        shared = wait_for_the_likely(growing, clock=self._clock, instants=instants[1:], maximum=self._maximum)

        def shared_interval() -> float:
            return max(shared(), self._minimum)

        async def rest(seconds: float) -> None:
            saved = 0.0
            if self._failed or not quiet():
                saved = await self._lookout.pause(seconds, until=until)
            else:
                saved = await self._lookout.rest(seconds, until=until, interval=shared_interval, contact=self.contact)
            self.contact.spare(saved)

        if instants and instants[-1] > now and not look_at_once:
            await rest(max(0.0, min(own(), give_up_at() - now)))
        retrying = AsyncRetrying(
            sleep=rest,
            wait=wait_no_later_than(
                wait_as_told(wait_until_known(own, clock=self._clock, instant=next_look)),
                clock=self._clock,
                instant=give_up_at,
            ),
            stop=stop_at(self._clock, instant=give_up_at),
            retry=retry_if_result(_is_none) | retry_if_exception_type(PassingError),
            after=self._note_fault,
            before_sleep=self._report_fault,
            retry_error_callback=lambda _: None,
        )
        result: T | None = await retrying(one_look)
        if result is not None:
            return result
        return Reason.CONTACT_LOST if self._clock.monotonic() < until else Reason.DEADLINE

    def _note_fault(self, retry_state: RetryCallState) -> None:
        error = _error_in(retry_state)
        if isinstance(error, PassingError):
            self.contact.fault = error
        if isinstance(error, ThrottledError) and error.retry_after is not None:
            if error.status is None:
                self.contact.spare(error.retry_after)  # Our own quota: the platform was not asked.
            else:
                self.contact.excuse(error.retry_after)

    def _report_fault(self, retry_state: RetryCallState) -> None:
        error = _error_in(retry_state)
        if isinstance(error, PassingError):
            self._on_fault(error, retry_state.upcoming_sleep)


def _is_none(result: object) -> bool:
    return result is None


def _error_in(retry_state: RetryCallState) -> BaseException | None:
    return retry_state.outcome.exception() if retry_state.outcome is not None else None
