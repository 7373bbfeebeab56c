"""The token's quota: counted, corrected by what the API reports, reserved for environments, shared by processes.

At most `requests_per_hour` requests are sent in any hour of our clock. So whichever hours the server counts in, this
machine exceeds none of them. If the API reports that fewer are left, because others use the token too, that counts.

The API's headers are a second limit, for a window that they do not name: `X-RateLimit-Limit` may be for a minute. Until
`X-RateLimit-Reset`, `X-RateLimit-Remaining` says what is left of it; we do not count it ourselves, since nothing shows
when the window began.

That nothing is left is not believed against experience: as long as the requests are answered well, and we have not used
the quota up ourselves, one request at a time asks again. A 429 shows that it is true.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import ceil

from orchestrator.domain.costs import BURST, LONGEST, Cost
from orchestrator.domain.durations import HOUR
from orchestrator.errors import ThrottledError
from orchestrator.ports import Clock
from orchestrator.qovery.ledger import Book, Ledger, Word

EPOCH_THRESHOLD = 1_000_000_000
"""A reset above this is a Unix timestamp, below it a number of seconds from now: Qovery documents the first, and its
sample code uses the second."""
RESET_ROUNDING = 1.0
"""Seconds: the API reports a reset in whole seconds."""
STUCK_AFTER = 3
"""So many good answers in a row that say that nothing is left, although we have not used it up, are not believed: the
number is not one of this token's requests. A 429 makes them believed again."""
ASKS_AFTER = 2.0
"""Seconds from a request whose good answer says that nothing is left, although we have not used it up, to the one that
asks whether that is so. Where others have used it up, it gets a 429, and nothing follows it before the reset."""
ASKED_AGAIN_AFTER = 30.0
"""Seconds after which the request that asks whether the quota was renewed counts as lost."""

KEPT_AGAIN = 30.0
"""Seconds after which to retry if what is left is reserved for others: they may have settled by then."""
LOOKS_TO_COME = 0.25
"""The share of its looks that stays reserved for an environment in flight, however many it has taken."""

LATE_AFTER = 90.0
"""Seconds after the last admission: an environment still in flight then takes longer than most."""
LATE_SPACING = 60.0
"""Seconds between two looks at late environments while others wait to be admitted: those gain more from a request."""
TURNED_AWAY_FOR = 60.0
"""Seconds for which an environment that was not admitted counts as waiting."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the instant in the `Date` header, None if it is missing or not a date with a time zone."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else None


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long an answer asks to wait, in seconds within [0, 3600]; None if it does not, or not in a valid way.

    `Retry-After` (seconds or a date) takes precedence over `X-RateLimit-Reset` (a timestamp or seconds). Instants are
    compared with the server's own `Date`, or with `now` if there is none.
    """
    now = server_time(headers) or now
    seconds = _number(headers.get("retry-after"))
    if seconds is None and "retry-after" in headers:
        until = server_time({"date": headers["retry-after"]})
        seconds = (until - now).total_seconds() if until is not None else None
    return seconds_to_reset(headers, now) if seconds is None else _within_an_hour(seconds)


def seconds_to_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the time until the quota's reset, in seconds within [0, 3600]; None if an answer does not contain it.

    An instant is compared with the server's own `Date`, or with `now` if there is none.
    """
    seconds = _number(headers.get("x-ratelimit-reset"))
    if seconds is not None and seconds > EPOCH_THRESHOLD:
        seconds -= (server_time(headers) or now).timestamp()
    return None if seconds is None else _within_an_hour(seconds)


def _within_an_hour(seconds: float) -> float:
    return min(max(seconds, 0.0), HOUR)


def _number(text: str | None) -> float | None:
    # float() alone would also accept "nan", "1e999" and the digits of other scripts.
    text = (text or "").strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdecimal() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left of the quota at one instant. Instants are on the monotonic clock."""

    now: float
    left: int
    """How many requests are left."""
    at_once: int
    """The most that can be left: the quota, or what the API allows between two resets if that is less."""
    per_hour: int
    """How many requests an hour the quota allows, as far as is known."""
    opens_at: float
    """The earliest instant to send one; after a 429 none may be sent for a while, however many are left."""
    renewed_at: float
    """When most of what is used up now is available again."""


@dataclass(slots=True)
class _Reserve:
    """The requests reserved for one environment."""

    cost: Cost
    needed: int
    """Requests that it cannot do without."""
    looks: float
    """Looks that it is expected to take."""
    taken: float = 0.0
    """Looks that it has taken."""
    unanswered: int = 0
    """Requests about it that are not answered yet. The last one that it cannot do without may be among them."""

    @property
    def needed_later(self) -> int:
        """What it needs besides a request that is not answered yet."""
        return max(self.needed - (1 if self.unanswered else 0), 0)

    def look(self, part: float = 1.0) -> None:
        """Use a look, or part of a shared one.

        A share of them always stays: a slow restart needs more. What has taken more than expected takes as many again.
        """
        self.taken += part
        beyond = self.taken - self.cost.looks
        self.looks = max(self.looks - part, LOOKS_TO_COME * self.cost.looks, beyond)


class Quota:
    """Refuses a request that would exceed the quota, before it is sent.

    Attributes:
        used: how many requests were allowed, including those of earlier processes of the run.
        on_use: called for each request, before it is sent.
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
            about: the key of the reserve that it is taken from, if there is one.

        Raises:
            ThrottledError: the quota is used up, or what is left is reserved for others; `retry_after` is the time
                until there may be room again.
        """

        def take(book: Book) -> int:
            room = self._room(book)
            if room.opens_at > room.now:
                raise ThrottledError(
                    f"the token's quota of {_described(book.word, room)} is used up",
                    retry_after=room.opens_at - room.now,
                )
            reserve = self._reserves.get(about)
            if _awaits_word(book):
                raise ThrottledError(
                    "the API's quota was due to be renewed, and whether it was is being asked with one request",
                    retry_after=RESET_ROUNDING,
                )
            others = book.needed_by_others() + sum(
                each.needed for each in self._reserves.values() if each is not reserve
            )
            own = 0 if reserve is None else reserve.needed
            is_asking = room.left < 1  # The quota is open nevertheless: whether it is used up is asked.
            if room.left - others < 1 and own < 1 and not is_asking:
                wait = self._when(book, room, left=others + 1) - room.now
                raise ThrottledError(
                    f"what is left of the token's quota of {_described(book.word, room)} is reserved for other "
                    "environments in flight",
                    retry_after=min(max(wait, RESET_ROUNDING), KEPT_AGAIN),
                )
            self._take_from_reserve(reserve, scarce=room.left - others - own < 1)
            if self._reserves:
                book.need(self._needed)
            return book.add()

        ticket = self._ledger.turn(take)
        if about in self._reserves:
            self._reserves[about].unanswered += 1
        self.used += 1
        self.on_use()
        return ticket

    def came_back(self, about: str) -> None:
        """Record that a request about an environment was answered, or will not be."""
        if about in self._reserves:
            self._reserves[about].unanswered = max(self._reserves[about].unanswered - 1, 0)

    def learn(self, headers: Mapping[str, str], *, throttled: bool, ticket: int) -> float | None:
        """Record what an answer reports about the quota; return the seconds that it asks to wait, if any.

        Args:
            headers: the answer's headers, with lower-case names.
            throttled: whether the answer was a 429.
            ticket: the ticket of the request.
        """
        remaining = _number(headers.get("x-ratelimit-remaining"))
        wait = seconds_to_wait(headers, self._clock.now())
        if not throttled and (wait is None or remaining is None):
            return None
        limit = int(min(_number(headers.get("x-ratelimit-limit")) or self._per_hour, self._per_hour)) or 1
        reset = seconds_to_reset(headers, self._clock.now()) if remaining is not None else None

        def note(book: Book) -> None:
            word = book.word
            if remaining is not None and reset is not None and ticket >= word.ticket:
                word = replace(
                    word,
                    ticket=ticket,
                    # The request that was answered is one of the limit.
                    remaining=int(min(remaining, limit - 1)),
                    limit=limit,
                    resets=book.now + reset + RESET_ROUNDING,
                    window=_window(book, remaining=int(remaining), limit=limit, reset=reset),
                    zeros=_zeros(book, remaining=int(remaining), limit=limit, ticket=ticket),
                )
            if throttled:
                word = replace(word, zeros=0, closed_until=max(word.closed_until, book.now + (wait or 0.0)))
            book.word = word

        self._ledger.turn(note)
        return wait if throttled else None

    def room(self) -> Room:
        """Return what is left."""
        return self._ledger.turn(self._room)

    def reserve(self, key: str, cost: Cost) -> None:
        """Reserve what an environment in flight still needs, whether or not that much is left."""
        self._reserves[key] = _Reserve(cost=cost, needed=cost.at_the_end, looks=cost.looks)
        self._ledger.turn(lambda book: book.need(self._needed))

    def release(self, key: str) -> None:
        """Release what is left of a reserve."""
        self._reserves.pop(key, None)
        self._ledger.turn(lambda book: book.need(self._needed))

    def beat(self) -> None:
        """Record a heartbeat, so that what this process needs stays reserved."""
        self._ledger.turn(lambda book: book.need(self._needed))

    def try_to_admit(self, key: str, cost: Cost, *, wanted: Callable[[], float], has_waited: bool) -> float:
        """Reserve all of `cost` and return 0, or return the instant at which to try again.

        Args:
            key: the key for `take` and `release`.
            cost: the cost of one environment.
            wanted: returns how many requests this environment and all that wait behind it would need.
            has_waited: whether it had to wait: then it waits until there is enough for many of them.
        """

        def admit(book: Book) -> float:
            room = self._room(book)
            reserved = self._needed + book.needed_by_others()
            free = room.left - reserved
            enough = min(wanted(), BURST * room.at_once) if has_waited or free < cost.total else cost.total
            is_asking = room.left < 1  # Somebody has to ask, and others wait for the answer.
            has_enough = is_asking or free >= min(max(enough, cost.total), room.at_once)
            if room.opens_at <= room.now and has_enough:
                self._reserves[key] = _Reserve(cost=cost, needed=cost.needed, looks=cost.looks)
                self._admitted_at = room.now
                book.need(self._needed)
                return 0.0
            self._turned_away_at = room.now
            return max(self._when(book, room, left=enough + reserved), room.now + RESET_ROUNDING)

        return self._ledger.turn(admit)

    def spacing(self, lookers: int) -> float:
        """Return the least seconds between two looks of one looker that the quota allows if there are `lookers`.

        With b requests left beyond those reserved for submits, proofs and cancels, l looks expected by the environments
        in flight, and t seconds until the quota is renewed or the longest restart is over, the spacing between any two
        looks is t / b * (1 - b / l), and none while b >= l. So there is none as long as all goes as expected, and b
        does not reach 0 before t is over: for small b it is the rate at which b would last exactly until then. While
        others wait to be admitted, late environments are looked at once in `LATE_SPACING`.
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
            # A shared look: it may serve any of them.
            for each in self._reserves.values():
                each.look(1 / len(self._reserves))
        elif reserve.needed > reserve.cost.at_the_end or scarce:
            reserve.needed -= 1
        else:
            reserve.look()

    def _room(self, book: Book) -> Room:
        word, now = book.word, book.now
        sent = book.sent()
        left = self._per_hour - sent
        opens_at = book.expiry(sent - self._per_hour + 1) if left < 1 else now
        renewed_at = book.expiry((sent + 1) // 2)
        at_once = per_hour = self._per_hour
        by_report = _left_by_report(book)
        if by_report is not None:
            at_once = min(at_once, word.limit)
            per_hour = min(per_hour, int(word.limit * HOUR / word.window))
            if by_report < left:
                left = by_report
                renewed_at = _renewal(book)
                opens_at = max(opens_at, renewed_at) if by_report < 1 else opens_at
        opens_at = max(opens_at, word.closed_until)
        return Room(
            now=now,
            left=max(left, 0),
            at_once=at_once,
            per_hour=per_hour,
            opens_at=opens_at,
            renewed_at=renewed_at,
        )

    def _when(self, book: Book, room: Room, *, left: float) -> float:
        """Return the instant at which `left` requests will be left if none are sent."""
        too_many = book.sent() - (self._per_hour - left)
        by_count = book.expiry(min(ceil(too_many), book.sent())) if too_many > 0 else room.now
        by_report = _left_by_report(book)
        renewed_at = _renewal(book) if by_report is not None and by_report < left else room.now
        return max(by_count, renewed_at, book.word.closed_until)


def _left_by_report(book: Book) -> int | None:
    """Return how many requests the API's headers leave; None if they say nothing, or nothing that can be believed.

    In the window that begins with the reset, and of which no answer has told yet, all that the limit allows is left.
    """
    word = book.word
    if _is_stuck(word) or book.now >= word.resets + word.window:
        return None
    if book.now < word.resets:
        return word.remaining - book.sent(after=word.ticket)
    return word.limit - book.sent_since(word.resets)


def _renewal(book: Book) -> float:
    """Return the instant from which more may be left than the API's headers say: of the reset, or of asking again."""
    word = book.word
    renewal = word.renewal(book.now)
    if not word.zeros or word.remaining > 0 or book.now >= word.resets:
        return renewal
    is_asked = book.sent(after=word.ticket) > 0
    return min(renewal, book.last_sent_at + (ASKED_AGAIN_AFTER if is_asked else ASKS_AFTER))


def _awaits_word(book: Book) -> bool:
    """Return whether one request is under way to show what the last reset renewed, and none may follow it yet.

    If the API counts the requests of the last hour at any time, its reset renews one request, not all of them.
    """
    word, now = book.word, book.now
    is_clear = _left_by_report(book) is None or now < word.resets or word.window < HOUR or book.sent() < word.limit
    return not is_clear and book.sent_since(max(word.resets, now - ASKED_AGAIN_AFTER)) > 0


def _window(book: Book, *, remaining: int, limit: int, reset: float) -> float:
    """Return the seconds between two resets, as far as they are known: an hour, unless a reset renewed most of it."""
    word, now = book.word, book.now
    if limit != word.limit:
        return HOUR
    if now < word.resets or 2 * (remaining + book.sent_since(word.resets)) < limit:
        return word.window
    # Where windows are skipped, the two resets are several windows apart: so they never seem shorter than they are.
    return min(max(now + reset + RESET_ROUNDING - word.resets, reset, RESET_ROUNDING), word.window)


def _zeros(book: Book, *, remaining: int, limit: int, ticket: int) -> int:
    """Return how many answers in a row say that nothing is left, although we have not used it up since the last reset.

    Where others use the quota up, an answer is good and the last one only every now and then.
    """
    word, now = book.word, book.now
    if remaining > 0:
        return 0
    # Both ends of a window are known to about a second.
    began = (word.resets if now >= word.resets else word.resets - word.window) - 2 * RESET_ROUNDING
    if ticket == word.ticket or book.sent_since(max(began, now - HOUR)) >= limit:
        return word.zeros
    return word.zeros + 1


def _is_stuck(word: Word) -> bool:
    return word.zeros >= STUCK_AFTER


def _described(word: Word, room: Room) -> str:
    """Return the quota in words: of the API's own window, if that is known to be shorter than an hour."""
    if room.at_once < room.per_hour:
        return f"{room.at_once} requests in {word.window:.0f} s"
    return f"{room.per_hour} requests an hour"
