"""The model behind every format of the report. Its JSON Schema is published: `qovery-restart schema --report`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.domain.outcomes import (
    EnvironmentResult,
    ExitCode,
    Outcome,
    Reason,
    RunOutcome,
    ServiceResult,
    exit_code_of,
    run_outcome_of,
)
from orchestrator.domain.plan import Exclusion
from orchestrator.text import encodable

SCHEMA_VERSION = 1
"""Increased with every change that could break a script that reads the report."""


def _in_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _utc_text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


UtcInstant = Annotated[
    datetime,
    AfterValidator(_in_utc),
    PlainSerializer(_utc_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""UTC, written with milliseconds and a `Z`."""

ReportedText = Annotated[str, AfterValidator(encodable)]
"""Any text that can be encoded."""


@unique
class Trigger(StrEnum):
    """What started a run."""

    COMMAND = "command"
    SCHEDULE = "schedule"
    """`schedule`, or `due`."""
    GITHUB_ACTIONS = "github_actions"
    GITLAB_CI = "gitlab_ci"
    CI = "ci"
    """A CI that is neither."""
    KUBERNETES = "kubernetes"
    SYSTEMD = "systemd"


class _Reported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceReport(_Reported):
    """One service, with the evidence of its outcome."""

    id: ReportedText
    name: ReportedText
    type: ReportedText
    outcome: Outcome
    state: ReportedText | None = Field(description="The last observed state, as Qovery spells it.")
    baseline_execution_id: ReportedText | None = Field(description="The service's execution right before the submit.")
    execution_id: ReportedText | None = Field(description="The newer execution that restarted it, or failed to.")
    timeline: tuple[tuple[ReportedText, float], ...] = Field(
        description="Each state, with the seconds from the submit until it was first seen."
    )

    @classmethod
    def of(cls, result: ServiceResult) -> "ServiceReport":
        """Return the report of a service's result."""
        return cls(
            id=result.id,
            name=result.name,
            type=result.type,
            outcome=result.outcome,
            state=result.state,
            baseline_execution_id=result.baseline_execution_id,
            execution_id=result.execution_id,
            timeline=result.timeline,
        )


class WaitReport(_Reported):
    """A time for which an environment waited before its restart was submitted."""

    what: WaitedFor
    since: UtcInstant
    duration_s: float

    @classmethod
    def of(cls, wait: Wait) -> "WaitReport":
        """Return the report of a wait."""
        return cls(what=wait.what, since=wait.since, duration_s=wait.duration_s)


class CheckReport(_Reported):
    """What came of a health check."""

    url: ReportedText = Field(description="Without what may be secret in it.")
    wanted: int = Field(description="The HTTP status that it had to answer.")
    consecutive: int = Field(description="How many times in a row.")
    passed: bool
    last_answer: int | ReportedText = Field(description="An HTTP status, or a sentence that says why there was none.")
    probes: int = Field(description="How many times it was asked.")
    duration_s: float

    @classmethod
    def of(cls, check: CheckResult) -> "CheckReport":
        """Return the report of a check's result."""
        return cls(
            url=check.url,
            wanted=check.wanted,
            consecutive=check.consecutive,
            passed=check.passed,
            last_answer=check.last_answer,
            probes=check.probes,
            duration_s=check.duration_s,
        )


class LeftOutReport(_Reported):
    """A service that was not meant, and why."""

    id: ReportedText
    name: ReportedText
    type: ReportedText
    why: ReportedText

    @classmethod
    def of(cls, left_out: Exclusion) -> "LeftOutReport":
        """Return the report of a service that was left out."""
        return cls(id=left_out.id, name=left_out.name, type=left_out.type, why=left_out.why)


class EnvironmentReport(_Reported):
    """One environment."""

    name: ReportedText
    id: ReportedText
    line: int | None = Field(default=None, description="Where `config` lists it, from 1; null if unknown.")
    wave: int
    outcome: Outcome
    reason: Reason
    message: ReportedText = Field(description="What happened, and what to do about it.")
    submitted_at: UtcInstant | None
    settled_at: UtcInstant | None
    duration_s: float | None = Field(description="Seconds from the submit to the end.")
    console_url: ReportedText | None
    services: tuple[ServiceReport, ...]
    began_at: UtcInstant | None = Field(default=None, description="When its turn came; null if it never did.")
    proven_at: UtcInstant | None = Field(
        default=None, description="When its restart was proven, and its health checks began."
    )
    waits: tuple[WaitReport, ...] = Field(default=(), description="What it waited for before the submit, in order.")
    checks: tuple[CheckReport, ...] = Field(default=(), description="Its health checks, as far as they ended.")
    left_out: tuple[LeftOutReport, ...] = Field(
        default=(), description="The services of the environment that were not meant. Stopped ones are in `services`."
    )

    @classmethod
    def of(cls, result: EnvironmentResult, *, line: int | None = None) -> "EnvironmentReport":
        """Return the report of an environment's result; `line` is where the configuration file lists it."""
        return cls(
            name=result.name,
            id=result.environment_id,
            line=line,
            wave=result.wave,
            outcome=result.outcome,
            reason=result.reason,
            message=result.message,
            submitted_at=result.submitted_at,
            settled_at=result.settled_at,
            duration_s=result.duration_s,
            console_url=result.console_url,
            services=tuple(ServiceReport.of(service) for service in result.services),
            began_at=result.began_at,
            proven_at=result.proven_at,
            waits=tuple(WaitReport.of(wait) for wait in result.waits),
            checks=tuple(CheckReport.of(check) for check in result.checks),
            left_out=tuple(LeftOutReport.of(service) for service in result.left_out),
        )


class RequestCounts(_Reported):
    """How many requests the run sent."""

    total: int = Field(description="Requests sent to the Qovery API.")
    submits: int = Field(description="Restarts posted, whether or not they were answered.")


class StartedBy(_Reported):
    """What started the process that wrote the report, as far as its environment variables tell."""

    trigger: Trigger
    event: ReportedText | None = Field(default=None, description="What started the job of the CI, in its own word.")
    actor: ReportedText | None = Field(default=None, description="The user that the CI or the machine names.")
    job: ReportedText | None = Field(default=None, description="The job of the CI.")
    job_url: ReportedText | None = Field(default=None, description="Its address.")
    host: ReportedText | None = Field(default=None, description="The machine, or the runner of the CI.")
    due_at: UtcInstant | None = Field(default=None, description="The scheduled instant; null without a schedule.")


class Beginning(_Reported):
    """What is known of a run when it begins: the journal keeps it for whoever resumes the run, or asks about it."""

    started_by: StartedBy | None = None
    config_path: ReportedText | None = None
    requests_expected: int | None = None
    window_ends_at: UtcInstant | None = None

    @classmethod
    def read(cls, text: str | None) -> "Beginning":
        """Return what the journal has kept; nothing of what cannot be read, since no restart depends on it."""
        try:
            return cls() if text is None else cls.model_validate_json(text)
        except ValueError:
            return cls()


class RunReport(_Reported):
    """A whole run. `exit_code` is the exit code of the process."""

    schema_version: int = SCHEMA_VERSION
    run_id: ReportedText
    parent_run_id: ReportedText | None = Field(
        default=None, description="The run whose failures this run repeats (`resume --failed`); null otherwise."
    )
    config: ReportedText | None = Field(description="The name of the configuration file, as given; null without one.")
    simulated: bool = Field(default=False, description="Whether the run used the embedded simulator instead of Qovery.")
    started_at: UtcInstant
    ended_at: UtcInstant
    duration_s: float
    outcome: RunOutcome
    exit_code: int
    requests: RequestCounts
    environments: tuple[EnvironmentReport, ...]
    resume: ReportedText | None = Field(
        default=None, description="The command that resumes the run; null if nothing is left to find out."
    )
    errors: tuple[ReportedText, ...] = Field(
        default=(), description="Why the run's outcome does not follow from its environments."
    )
    config_path: ReportedText | None = Field(
        default=None, description="The whole path of the configuration file; null if there is none, or it is unknown."
    )
    started_by: StartedBy | None = Field(default=None, description="What started it; null if unknown.")
    requests_expected: int | None = Field(
        default=None, description="What it was expected to send, known once its names were looked up; null if unknown."
    )
    halted_at: UtcInstant | None = Field(
        default=None, description="When the failure settled that halted the run; null if it did not halt."
    )
    window_ends_at: UtcInstant | None = Field(
        default=None, description="The end of the schedule's window; null without one."
    )

    @classmethod
    def of(
        cls,
        results: Sequence[EnvironmentResult],
        *,
        run_id: str,
        config: str | None,
        simulated: bool,
        started_at: datetime,
        ended_at: datetime,
        requests: RequestCounts,
        lines: Mapping[str, int] = MappingProxyType({}),
        parent_run_id: str | None = None,
        duration_s: float | None = None,
        interrupted: ExitCode | None = None,
        resume: str | None = None,
        errors: Sequence[str] = (),
        exit_code: ExitCode | None = None,
        halted_at: datetime | None = None,
        beginning: "Beginning | None" = None,
    ) -> "RunReport":
        """Return the report of a run.

        Args:
            results: every environment, in the plan's order.
            run_id: the run's id.
            config: the name of the configuration file, as given.
            lines: where it lists each environment, by name, as far as that is known.
            simulated: whether the run used the simulator.
            started_at: when it started.
            ended_at: when it ended.
            requests: how many requests it sent.
            parent_run_id: the run whose failures this run repeats.
            duration_s: seconds by a monotonic clock; default: the time between the two instants.
            interrupted: `ExitCode.SIGINT` or `ExitCode.SIGTERM` if a signal ended it.
            resume: the command that resumes it.
            errors: what prevented the run from restarting its environments.
            exit_code: the exit code, if it does not follow from `results` because there are `errors`.
            halted_at: when the failure settled that halted it.
            beginning: what was known of it when it began.
        """
        code = exit_code if exit_code is not None else exit_code_of(results, interrupted=interrupted)
        return cls(
            run_id=run_id,
            parent_run_id=parent_run_id,
            config=config,
            simulated=simulated,
            started_at=started_at,
            ended_at=ended_at,
            duration_s=round((ended_at - started_at).total_seconds() if duration_s is None else duration_s, 1),
            outcome=run_outcome_of(code),
            exit_code=code.value,
            requests=requests,
            environments=tuple(EnvironmentReport.of(result, line=lines.get(result.name)) for result in results),
            resume=resume,
            errors=tuple(errors),
            halted_at=halted_at,
            **({} if beginning is None else dict(beginning)),
        )


def render_json(report: RunReport) -> str:
    """Render a run as the JSON that `report_schema` describes."""
    return f"{report.model_dump_json(indent=2)}\n"


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a report."""
    schema = RunReport.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "qovery-restart report"}
