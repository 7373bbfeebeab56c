"""What nobody has documented about the platform: each such fact is a dial of the simulated one.

A world has one value for each. A client has to hold in all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from orchestrator.simulator.chance import happens, source
from orchestrator.simulator.faults import STALE_BY_UP_TO, FaultProfile

ALL_DEFAULT = "all=default"
"""Among settings: the others apply to the default world, whatever the profile would have drawn."""

STAYS_DEFAULT = 0.85
"""The chance of a dial to keep its default in a world that is drawn."""

LONGEST_STANDSTILL = 360.0
"""Seconds by which readings may be late where a replica answers for minutes."""

Dates: TypeAlias = Literal["usual", "missing", "year_1", "no_zone", "far_future"]
Untouched: TypeAlias = Literal["CANCELED", "RESTARTED", "before"]
Value: TypeAlias = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """A world's undocumented facts. Every default is what is documented, or else what is likeliest."""

    # Who asks.

    colleague_origin: Literal["CONSOLE", "API"] = "CONSOLE"
    """How colleagues ask. The origin follows the `User-Agent` of the request, and scripts have one of their own."""
    colleague_token: Literal["their_own", "ours"] = "their_own"  # noqa: S105 - no token
    """Whose token colleagues ask with. With ours, name and origin are shown as ours, and requests merge with ours."""
    our_origin: Literal["API", "CLI", "TERRAFORM_PROVIDER", "null"] = "API"
    """The origin shown for requests with a token. It follows the `User-Agent` (the vendor, on pull request 1151)."""
    our_name: Literal["token_name", "policy", "null"] = "token_name"
    """What `triggered_by` shows for a token: its name, or `policy:<token id>:<name>`; nullable in statuses."""

    # What a cancel and a failure leave behind.

    cancelled_keeps: Literal[Untouched, "either"] = "CANCELED"
    """What a service that was cancelled before its turn shows: `CANCELED`, or what a success shows (`RESTARTED` for a
    restart), both under the new execution; or whatever it showed before, under the old one. Nobody documented it."""
    failed_keeps: Untouched = "CANCELED"
    """The same for a service that a failure of another one kept from its turn. Seen: `CANCELED`."""
    untouched_in_history: Literal["as_statuses", "CANCELED", "RESTARTED"] = "as_statuses"
    """What the history shows for such services; the run's own `action_status` says `CANCELED` or `ERROR` all the
    same. Nobody documented it."""
    environment_after_cancel: Literal["CANCELED", "RESTARTED", "either"] = "CANCELED"
    """The environment's state after a cancel. `RESTARTED` has been seen although services never ran."""
    interrupted_services: Literal["some", "all", "none"] = "some"
    """Which of the services in progress a cancel interrupts; the others finish. Nobody documented it."""
    late_cancel: Literal[409, 404, 202] = 409
    """The answer to the cancel of a request that has left the queue. The document has no answer for this case."""

    # What a submit meets.

    second_delivery: Literal["none", 409, 429, 404, 403, 400, 503] = "none"
    """The answer to an accepted restart that a proxy has delivered twice, as happens to one in three. Retries by
    proxies are common; nobody documented one here."""
    busy_answer: Literal["queue", 409] = "queue"
    """What becomes of a restart while another run is in progress. The engine queues it; the document has a 409."""
    slow_submit: Literal["no", "before", "after"] = "no"
    """Whether a restart takes 20 to 40 s to be answered: to arrive, or after it was accepted. Nobody documented it."""
    merging: Literal["same_user", "never"] = "same_user"
    """Whether waiting requests of one user for one action merge. The vendor's engine does so."""
    straight_away: Literal["mostly", "never", "always"] = "mostly"
    """Whether a request that nothing is in the way of is a run when it first becomes visible. Recorded once: yes."""

    # How an accepted restart is answered.

    accepted_id: Literal["usual", "own", "none", "of_another", "random"] = "usual"
    """The 202's `deployment_request_id`. Usual: the request's own, none if the run begins at once. The field is
    nullable, and nobody documented whose id it is if requests merge."""
    accepted_execution: Literal["previous", "none"] = "previous"
    """The 202's `execution_id`: the previous run's (seen), never the new one's. It is optional."""
    accepted_body: Literal["status", "environment", "either", "empty"] = "status"
    """The shape of the 202's body. The document says `Status`; a sibling call answers with an `EnvironmentStatus`."""

    # Times.

    date_ahead: Literal[0, 12, 60, 3600, -12, -60, -3600] = 0
    """Seconds by which the `Date` header is ahead of the clock that dates runs. Other machines set them."""
    date_jumps: Literal[0, 60, 3600] = 0
    """Seconds by which `Date` is ahead in every other answer, by chance: servers behind one address differ."""
    date_header: Literal["usual", "missing", "garbled"] = "usual"
    """The `Date` header. HTTP asks for it; proxies may drop it."""
    status_dates: Dates = "usual"
    """The dates in statuses. Nullable or optional."""
    last_deployment_date: Literal["end", "start"] = "end"
    """Which instant of a run `last_deployment_date` is. Nobody documented it."""
    deployment_duration: Literal["whole", "work_only", "missing"] = "whole"
    """What `total_deployment_duration_in_seconds` counts: from the run's creation, or from the start of the work in
    it. Nullable, and nobody documented it."""

    # The history.

    history_lag: Literal[0, 5, 60] = 0
    """Seconds by which the history is behind the statuses. Nobody documented one."""
    history_times: Dates = "usual"
    """The dates in the history. Required by the document."""
    history_length: Literal[50, 3, 1] = 50
    """How many finished runs are kept. Nobody documented it."""
    history_page: Literal[100, 3, 1] = 100
    """The greatest page size. The document has a parameter without a maximum."""
    history_order: Literal["newest_first", "oldest_first", "unordered"] = "newest_first"
    """The order within a page. Seen: newest first; not documented."""

    # Ids and counts.

    execution_ids: Literal["lower_case", "upper_case", "mixed"] = "lower_case"
    """The case of execution ids; mixed: lower in statuses, upper in the history. Strings without a format."""
    execution_numbers: Literal["by_one", "skip", "fall", "begin_again"] = "by_one"
    """How the numbers in execution ids go on. Seen: by one; begin again: as if the environment were new."""
    request_counts: Literal["true", "always_0"] = "true"
    """`deployment_requests_count` of a service. Required by the document, which does not say what it counts."""
    status_request_ids: Literal["shown", "null"] = "shown"
    """`deployment_request_id` of a service for which a request waits. Nullable."""
    request_link: Literal["while_waiting", "stays", "never"] = "while_waiting"
    """How long an environment's status shows a request's id: stays: also beside the run that it became."""
    request_memory: Literal["forgotten", "kept"] = "forgotten"
    """What `deploymentStatus` says of a request that has left the queue: nothing, or the environment's state."""

    # Readings.

    omitted_service: Literal["never", "sometimes"] = "never"
    """Whether one reading in five leaves a service out. Nothing in a reading is required."""
    doubled_service: Literal["never", "sometimes"] = "never"
    """Whether one reading in three has a service twice, as it is and as it was 20 s ago."""
    alien_entries: Literal["none", "some"] = "none"
    """Whether half of the readings have entries in their lists that are null, text, or objects without ids."""
    old_readings: Literal["never", "once", "for_minutes"] = "never"
    """Whether a replica of the platform's database stands still, and answers one reading, or all for 1 to 4 minutes.
    Nobody documented that there are replicas."""
    bulk_lags: Literal["no", "yes"] = "no"
    """Whether the statuses of environments and projects are as late as `/statuses` while a request waits."""
    bulk_omits: Literal["nothing", "sometimes", "always"] = "nothing"
    """Whether a project's statuses leave environments out: some of them in one reading, or half of them always."""
    queue_lag: Literal[0, 5] = 0
    """Seconds by which the queue is behind the statuses. Nobody documented one."""
    queue_services: Literal["named", "missing"] = "named"
    """Whether the queue names the services of a request. Its lists may be empty."""

    # Limits and refusals.

    reset_header: Literal["instant", "span"] = "instant"
    """`X-RateLimit-Reset`: the documentation calls it a Unix timestamp, its sample sleeps for so many seconds."""
    quota_window: Literal["first_request", "clock_hours", "sliding"] = "first_request"
    """Which hour the quota counts in. Nobody documented it."""
    missing_environment: Literal[403, 404] = 403
    """The answer to a call for something that does not exist. Seen: 403."""
    refusal_body: Literal["any", "detail", "message", "text", "empty"] = "any"
    """The shape of a refusal's body. All of them have been seen."""

    @property
    def stale_by_up_to(self) -> float:
        """Seconds by which a reading may be late in this world."""
        return LONGEST_STANDSTILL if self.old_readings != "never" else max(STALE_BY_UP_TO, float(self.history_lag))


DEFAULT = Dials()
"""The documented, or likeliest, platform."""

_EVENLY = frozenset(
    {
        "accepted_body",
        "bulk_lags",
        "cancelled_keeps",
        "environment_after_cancel",
        "request_memory",
        "reset_header",
    }
)
"""The dials whose values are all equally likely in a world that is drawn: nothing speaks for one of them."""


@cache
def names() -> tuple[str, ...]:
    """Return the name of every dial."""
    return tuple(field.name for field in fields(Dials))


@cache
def values(dial: str) -> tuple[Value, ...]:
    """Return the values of a dial, its default first.

    >>> values("busy_answer")
    ('queue', 409)
    """
    default = getattr(DEFAULT, dial)
    return (default, *(value for value in get_args(get_type_hints(Dials)[dial]) if value != default))


def changed(dials: Dials) -> dict[str, Value]:
    """Return the dials that differ from their defaults."""
    return {name: getattr(dials, name) for name in names() if getattr(dials, name) != getattr(DEFAULT, name)}


def draw(seed: int) -> Dials:
    """Return a random world: most of its dials keep their defaults."""
    return Dials(**{name: _drawn(seed, name) for name in names()})


def dials_for(settings: Iterable[str], *, profile: str, seed: int) -> Dials:
    """Return a world's dials: drawn from the seed in the hostile profile, else the defaults; and then `settings`.

    Args:
        settings: texts of the form KEY=VALUE, a dial each; or `ALL_DEFAULT`.
        profile: the name of a `FaultProfile`.
        seed: the world's.

    Raises:
        ValueError: a setting names no dial, or no value of it.
    """
    settings = list(settings)
    drawn = profile == FaultProfile.HOSTILE and ALL_DEFAULT not in settings
    base = draw(seed) if drawn else DEFAULT
    return replace(base, **dict(parse(setting) for setting in settings if setting != ALL_DEFAULT))


def parse(setting: str) -> tuple[str, Any]:
    """Return the dial and the value that a text of the form KEY=VALUE means.

    >>> parse("date_ahead=-60")
    ('date_ahead', -60)

    Raises:
        ValueError: it names no dial, or no value of it.
    """
    dial, found, text = (part.strip() for part in setting.partition("="))
    if not found:
        raise ValueError(f"{setting!r} is not of the form KEY=VALUE.")
    if dial not in names():
        close = get_close_matches(dial, names(), n=1)
        meant = f", did you mean {close[0]!r}?" if close else "."
        raise ValueError(f"There is no {dial!r}{meant} There are: {', '.join(names())}; and {ALL_DEFAULT}.")
    known = {str(value).casefold(): value for value in values(dial)}
    if text.casefold() not in known:
        raise ValueError(f"{dial} cannot be {text!r}; it can be {', '.join(map(str, values(dial)))}.")
    return dial, known[text.casefold()]


def _drawn(seed: int, dial: str) -> Any:  # noqa: ANN401 - a value of that dial
    # Each dial has its own source, so that a new dial changes no other one of a seed.
    rng = source(seed, "dial", dial)
    default, *others = values(dial)
    if dial in _EVENLY:
        return rng.choice([default, *others])
    return default if happens(rng, STAYS_DEFAULT) else rng.choice(others)
