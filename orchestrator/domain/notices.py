"""What is told of a run to those who are not watching it, and where. Pure values and rules."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from uuid import NAMESPACE_URL, UUID, uuid5

from orchestrator.domain.outcomes import EnvironmentResult, Outcome, RunOutcome

NAMED_AT_MOST = 10
"""More environments than this are only counted."""

_WORST_FIRST = (
    Outcome.FAILED,
    Outcome.UNKNOWN,
    Outcome.TIMED_OUT,
    Outcome.CANCELLED,
    Outcome.BLOCKED,
    Outcome.SKIPPED,
    Outcome.SUCCEEDED,
)


@unique
class NotifyOn(StrEnum):
    """Which runs are worth a message."""

    CHANGE = "change"
    """A failure, and the first success after one."""
    FAILURE = "failure"
    ALWAYS = "always"


@unique
class NoticeKind(StrEnum):
    """What a run is told to."""

    PING = "ping"
    SLACK = "slack"
    WEBHOOK = "webhook"
    APPRISE = "apprise"
    METRICS = "metrics"
    TRACES = "traces"


@unique
class Undelivered(StrEnum):
    """Why a notice did not arrive. A closed set: scripts branch on it."""

    NO_ANSWER = "no_answer"
    """No connection, or no answer, in any of the tries."""
    REFUSED = "refused"
    """It was answered with an error."""
    REDIRECTED = "redirected"
    """It was answered with a redirect, which is not followed."""
    TOO_LATE = "too_late"
    """The command had to end before it was answered."""
    NOT_WRITTEN = "not_written"
    """The file could not be written."""
    NOT_INSTALLED = "not_installed"
    """The extra that it needs is not installed."""
    BROKEN = "broken"
    """The library that sends it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """Where a secret is: in an environment variable, or in a file. One of the two is given."""

    env: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        return f"the environment variable {self.env}" if self.env is not None else f"the file {self.file}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Somebody to send a message to."""

    kind: NoticeKind
    place: SecretPlace
    """Where its URL is."""
    named_by: str
    """The key of the file that names it, such as `notify.to[0].slack`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingPlan:
    """The dead man's signal: one URL by the conventions of healthchecks.io, or one for each thing to say."""

    one: SecretPlace | None = None
    start: SecretPlace | None = None
    success: SecretPlace | None = None
    failure: SecretPlace | None = None

    def places(self) -> Mapping[str, SecretPlace]:
        """Return the places that are given, by the key that names them."""
        found = {"ping": self.one}
        found |= {"ping.start": self.start, "ping.success": self.success, "ping.failure": self.failure}
        return {key: place for key, place in found.items() if place is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePlan:
    """Who is told of a run, and when."""

    on: NotifyOn = NotifyOn.CHANGE
    to: tuple[Destination, ...] = ()
    ping: PingPlan | None = None
    textfile: str | None = None
    """The file of metrics."""

    @property
    def needs_last_ending(self) -> bool:
        """Whether it matters how the last run of the same file ended."""
        return bool(self.to) or self.textfile is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEnding:
    """How the last run of a file ended, as far as the journal knows."""

    exit_code: int | None = None
    succeeded_at: datetime | None = None
    """The end of the last run that succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """A run that has ended, as it is told."""

    run_id: str | None
    """None if it ended before it had an id."""
    config: str | None
    """The file, as it was given."""
    outcome: RunOutcome
    exit_code: int
    started_at: datetime
    ended_at: datetime
    duration_s: float
    requests: int
    submits: int
    environments: tuple[EnvironmentResult, ...] = ()
    resume: str | None = None
    """The command that resumes it."""
    errors: tuple[str, ...] = ()
    summary: str = ""
    """The whole report as text, what matters most at its end."""
    last: LastEnding = LastEnding()

    @property
    def succeeded(self) -> bool:
        """Whether everything is well."""
        return self.exit_code == 0

    @property
    def recovered(self) -> bool:
        """Whether it is the first success after a failure."""
        return self.succeeded and self.last.exit_code not in (None, 0)

    def is_worth_a_message(self, on: NotifyOn) -> bool:
        """Return whether to send a message about it."""
        if on is NotifyOn.ALWAYS or not self.succeeded:
            return True
        return on is NotifyOn.CHANGE and self.recovered

    def named(self) -> tuple[EnvironmentResult, ...]:
        """Return the environments to name, the worst first; of a run that failed, those that need attention."""
        ordered = sorted(self.environments, key=lambda each: _WORST_FIRST.index(each.outcome))
        troubled = [each for each in ordered if not each.outcome.is_good]
        return tuple((troubled or ordered)[:NAMED_AT_MOST])

    def by_outcome(self) -> Mapping[Outcome, int]:
        """Return how many environments ended in each way, the worst first."""
        counts = Counter(each.outcome for each in self.environments)
        return {outcome: counts[outcome] for outcome in _WORST_FIRST if counts[outcome]}


def uuid_of_run(run_id: str) -> UUID:
    """Return the uuid that stands for a run where its id cannot: the same one for the same run, on any machine.

    >>> str(uuid_of_run("20261124-030000-5f3a1c"))
    'c2aa3bc9-3745-5516-8be7-b3cdfdec1372'
    """
    return uuid5(NAMESPACE_URL, f"qovery-restart:{run_id}")


def link_to_job(environ: Mapping[str, str]) -> str | None:
    """Return the web page of the CI job that this is, from the variables of GitHub, GitLab and Jenkins."""
    server, repository, run = (environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    github = f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
    for url in (github, environ.get("CI_JOB_URL", ""), environ.get("BUILD_URL", "")):
        if url.startswith(("https://", "http://")) and url.isprintable() and " " not in url:
            return url
    return None
