"""The token's hourly quota: counted, learnt from what the API says, kept for what is to come, shared by all its users.

At most `requests_per_hour` requests leave in any hour of our clock, so whatever hours the server counts in, none is
exceeded by this machine. Where the API says that fewer are left, because others use the token too, its word counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import ceil

from orchestrator.domain.costs import BURST, LONGEST, Cost
from orchestrator.errors import ThrottledError
from orchestrator.ports import Clock
from orchestrator.qovery.ledger import HOUR, Book, Ledger

EPOCH_THRESHOLD = 1_000_000_000
"""A reset above it is a Unix timestamp, below it a number of seconds from now: Qovery documents the one and samples
the other."""
RESET_ROUNDING = 1.0
"""Seconds: a reset is told in whole ones."""


KEPT_AGAIN = 30.0
"""Seconds after which to ask again for what was kept for others: they may have come to their end by then."""
LOOKS_TO_COME = 0.25
"""The share of its looks that an environment is expected to take yet, however many it has taken."""


LATE_AFTER = 90.0
"""Seconds after the last admission: what is in flight then takes longer than most."""
LATE_SPACING = 60.0
"""Seconds between two looks at it, while others wait to be let in: a look at what is late is worth less to them all."""
TURNED_AWAY_FOR = 60.0
"""Seconds for which somebody who was turned away counts as waiting."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return what the `Date` header says, None where it is missing or not a date with a zone."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else None


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long an answer asks to wait, in seconds within [0, 3600]; None where it does not say so sensibly.

    `Retry-After` (seconds or a date) goes before `X-RateLimit-Reset` (a timestamp or seconds). Instants are compared
    with the server's own `Date`, with `now` only where there is none.
    """
    now = server_time(headers) or now
    seconds = _number(headers.get("retry-after"))
    if seconds is None and "retry-after" in headers:
        until = server_time({"date": headers["retry-after"]})
        seconds = (until - now).total_seconds() if until is not None else None
    return seconds_to_reset(headers, now) if seconds is None else _within_an_hour(seconds)


def seconds_to_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long it is to the quota's reset, in seconds within [0, 3600]; None where an answer does not say so.

    An instant is compared with the server's own `Date`, with `now` only where there is none.
    """
    seconds = _number(headers.get("x-ratelimit-reset"))
    if seconds is not None and seconds > EPOCH_THRESHOLD:
        seconds -= (server_time(headers) or now).timestamp()
    return None if seconds is None else _within_an_hour(seconds)


def _within_an_hour(seconds: float) -> float:
    return min(max(seconds, 0.0), HOUR)


def _number(text: str | None) -> float | None:
    # float() alone would also take "nan", "1e999" and the digits of other scripts.
    text = (text or "").strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdecimal() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left of the quota, at one instant. Instants are of the monotonic clock."""

    now: float
    left: int
    """How many requests there are."""
    per_hour: int
    opens_at: float
    """When one may leave, at the earliest; a 429 may have closed it for a while, however many are left."""
    renewed_at: float
    """When most of what is used up now is there again."""


@dataclass(slots=True)
class _Reserve:
    """What is kept for one environment."""

    cost: Cost
    needed: int
    """Of what it cannot do without."""
    looks: float
    """Of the looks that it is expected to take."""
    on_their_way: int = 0
    """How many requests about it are not answered yet. The last it cannot do without may be among them."""

    @property
    def needed_later(self) -> int:
        """What it needs beside what is on its way."""
        return max(self.needed - (1 if self.on_their_way else 0), 0)

    def look(self, part: float = 1.0) -> None:
        """Take a look from it, or its part of one. Some always stay: whatever takes longer needs more."""
        self.looks = max(self.looks - part, LOOKS_TO_COME * self.cost.looks)


class Quota:
    """Refuses a request that would exceed the quota, before it is sent.

    Attributes:
        used: how many requests were let through, by earlier processes of the run, too.
        on_use: called for each, before it is sent.
    """

    def __init__(self, clock: Clock, *, per_hour: int, ledger: Ledger) -> None:
        self._clock = clock
        self._per_hour = per_hour
        self._ledger = ledger
        self._reserves: dict[str, _Reserve] = {}
        self._admitted_at = float("-inf")
        self._turned_away_at = float("-inf")
        self.used = 0
        self.on_use: Callable[[], object] = lambda: None

    def take(self, about: str = "") -> int:
        """Count one request, and return its ticket.

        Args:
            about: the key of a reserve that it is taken from, where there is one.

        Raises:
            ThrottledError: it would be one too many, or is kept for something else; `retry_after` says when there may
                be room again.
        """

        def take(book: Book) -> int:
            room = self._room(book)
            if room.opens_at > room.now:
                raise ThrottledError(
                    f"the token's quota of {room.per_hour} requests an hour is used up",
                    retry_after=room.opens_at - room.now,
                )
            reserve = self._reserves.get(about)
            others = book.needed_by_others() + sum(
                each.needed for each in self._reserves.values() if each is not reserve
            )
            own = 0 if reserve is None else reserve.needed
            if room.left - others < 1 and own < 1:
                again = self._when(book, room, left=others + 1) - room.now
                raise ThrottledError(
                    f"what is left of the token's quota of {room.per_hour} requests an hour is kept for others",
                    retry_after=min(max(again, RESET_ROUNDING), KEPT_AGAIN),
                )
            self._take_from_reserve(reserve, scarce=room.left - others - own < 1)
            if self._reserves:
                book.need(self._needed)
            return book.add()

        ticket = self._ledger.turn(take)
        if about in self._reserves:
            self._reserves[about].on_their_way += 1
        self.used += 1
        self.on_use()
        return ticket

    def came_back(self, about: str) -> None:
        """Note that a request about something was answered, or will not be."""
        if about in self._reserves:
            self._reserves[about].on_their_way = max(self._reserves[about].on_their_way - 1, 0)

    def learn(self, headers: Mapping[str, str], *, throttled: bool, ticket: int) -> float | None:
        """Take in what an answer says about the quota; return the seconds that it asks to wait, if any.

        Args:
            headers: the answer's, with lower-case names.
            throttled: whether the answer was a 429.
            ticket: of the request that it answers.
        """
        remaining = _number(headers.get("x-ratelimit-remaining"))
        wait = seconds_to_wait(headers, self._clock.now())
        closed = throttled or remaining == 0
        if wait is None or (remaining is None and not closed):
            return None
        per_hour = min(_number(headers.get("x-ratelimit-limit")) or self._per_hour, self._per_hour)
        reset = seconds_to_reset(headers, self._clock.now()) if remaining is not None else None

        def note(book: Book) -> None:
            word = book.word
            if closed:
                word = replace(word, closed_until=max(word.closed_until, book.now + wait))
            if remaining is not None and reset is not None and ticket >= word.ticket:
                word = replace(
                    word,
                    ticket=ticket,
                    remaining=int(min(remaining, self._per_hour)),
                    per_hour=int(per_hour),
                    resets=book.now + reset + RESET_ROUNDING,
                )
            book.word = word

        self._ledger.turn(note)
        return wait if closed else None

    def room(self) -> Room:
        """Say what is left."""
        return self._ledger.turn(self._room)

    def reserve(self, key: str, cost: Cost) -> None:
        """Keep what something costs that is in flight already, whether or not there is so much."""
        self._reserves[key] = _Reserve(cost=cost, needed=cost.at_the_end, looks=cost.looks)
        self._ledger.turn(lambda book: book.need(self._needed))

    def release(self, key: str) -> None:
        """Give back what is left of a reserve."""
        self._reserves.pop(key, None)
        self._ledger.turn(lambda book: book.need(self._needed))

    def beat(self) -> None:
        """Give a sign of life, so that what this process needs is kept for it."""
        self._ledger.turn(lambda book: book.need(self._needed))

    def try_to_admit(self, key: str, cost: Cost, *, wanted: Callable[[], float], has_waited: bool) -> float:
        """Reserve the whole of `cost`, and return 0; or return the instant at which it is worth trying again.

        Args:
            key: what `take` and `release` call it.
            cost: of one environment.
            wanted: says how many requests this one and all that wait behind it would take.
            has_waited: whether it had to wait: then it waits until there is enough for many of them.
        """

        def admit(book: Book) -> float:
            room = self._room(book)
            spoken_for = self._needed + book.needed_by_others()
            free = room.left - spoken_for
            enough = min(wanted(), BURST * room.per_hour) if has_waited or free < cost.total else cost.total
            if room.opens_at <= room.now and free >= min(max(enough, cost.total), room.per_hour):
                self._reserves[key] = _Reserve(cost=cost, needed=cost.needed, looks=cost.looks)
                self._admitted_at = room.now
                book.need(self._needed)
                return 0.0
            self._turned_away_at = room.now
            return max(self._when(book, room, left=enough + spoken_for), room.now + RESET_ROUNDING)

        return self._ledger.turn(admit)

    def spacing(self, lookers: int) -> float:
        """Return the least seconds between two looks of one of so many lookers that the quota bears.

        With b requests left beyond what is kept for submits, proofs and cancels, l looks expected of what is in flight
        and t seconds until the quota is renewed, or until the longest restart is over, the spacing between any two
        looks is t / b * (1 - b / l), and none while b >= l. So it is not felt as long as all goes as expected, and b
        never falls to nothing before t is over: for small b it is the rate at which b would last exactly until then.
        While others wait to be let in, late ones are looked at once in `LATE_SPACING`.
        """

        def space(book: Book) -> float:
            room = self._room(book)
            spare = room.left - book.needed_by_others()
            spare -= sum(reserve.needed_later for reserve in self._reserves.values())
            looks = sum(reserve.looks for reserve in self._reserves.values())
            least = LATE_SPACING if self._keeps_others_waiting(room.now) else 0.0
            if spare >= looks:
                return least
            renewal = max(room.renewed_at - room.now, 0.0)
            if spare < 1:
                return renewal
            horizon = min(renewal, LONGEST)
            return max(least, min(horizon / spare * (1 - spare / looks) * lookers, horizon))

        return self._ledger.turn(space)

    def _keeps_others_waiting(self, now: float) -> bool:
        return now < self._turned_away_at + TURNED_AWAY_FOR and now > self._admitted_at + LATE_AFTER

    @property
    def _needed(self) -> float:
        return sum(reserve.needed + reserve.looks for reserve in self._reserves.values())

    def _take_from_reserve(self, reserve: _Reserve | None, *, scarce: bool) -> None:
        if reserve is None:
            # A look that is shared, by all of them as far as we know.
            for each in self._reserves.values():
                each.look(1 / len(self._reserves))
        elif reserve.needed > reserve.cost.at_the_end or scarce:
            reserve.needed -= 1
        else:
            reserve.look()

    def _room(self, book: Book) -> Room:
        word, now = book.word, book.now
        stated = word if now < word.resets else None
        per_hour = self._per_hour if stated is None else min(self._per_hour, stated.per_hour)
        sent = book.sent()
        left = per_hour - sent
        opens_at = book.expiry(sent - per_hour + 1) if left < 1 else now
        renewed_at = book.expiry((sent + 1) // 2)
        if stated is not None:
            by_word = stated.remaining - book.sent(after=stated.ticket)
            if by_word < left:
                left = by_word
                renewed_at = stated.resets
                opens_at = max(opens_at, stated.resets) if by_word < 1 else opens_at
        opens_at = max(opens_at, word.closed_until)
        return Room(now=now, left=max(left, 0), per_hour=per_hour, opens_at=opens_at, renewed_at=renewed_at)

    def _when(self, book: Book, room: Room, *, left: float) -> float:
        """Return the instant at which so many requests will be left, if nobody sends any."""
        too_many = book.sent() - (room.per_hour - left)
        by_count = book.expiry(min(ceil(too_many), book.sent())) if too_many > 0 else room.now
        word = book.word
        by_word = room.now
        if room.now < word.resets and word.remaining - book.sent(after=word.ticket) < left:
            by_word = word.resets
        return max(by_count, by_word, word.closed_until)
