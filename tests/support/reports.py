"""Reports to render: a few that read like real ones, and a strategy for all the others."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from orchestrator.domain.accounts import CheckResult, Wait, WaitedFor
from orchestrator.domain.outcomes import EnvironmentResult, ExitCode, Outcome, Reason, ServiceResult
from orchestrator.domain.plan import Exclusion
from orchestrator.reports.model import Beginning, RequestCounts, RunReport, StartedBy, Trigger

START = datetime(2026, 8, 14, 3, 0, tzinfo=UTC)
ENVIRONMENT_ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
RESUME = "qovery-restart resume r-7f3a"
CONSOLE = f"https://console.example.com/environment/{ENVIRONMENT_ID}"

TIMELINES: dict[str | None, tuple[tuple[str, float], ...]] = {
    "RESTARTED": (("RESTART_QUEUED", 0.9), ("RESTARTING", 6.2), ("RESTARTED", 31.0)),
    "RESTART_ERROR": (("RESTART_QUEUED", 0.9), ("RESTARTING", 8.1), ("RESTART_ERROR", 60.3)),
    "CANCELED": (("RESTART_QUEUED", 0.9), ("CANCELED", 61.0)),
    "RESTARTING": (("RESTART_QUEUED", 0.9), ("RESTARTING", 9.0)),
}

NASTY = (
    "",
    " ",
    "[red]alert[/red]",
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)' onfocus='alert(1)",
    "a|b\\|c",
    "`code` **bold** _under_ [link](javascript:alert(1)) ![i](x) ~~gone~~ $x$",
    "1. one",
    "- dash",
    "# heading",
    "@everyone",
    "]]> --> &amp; &#60;",
    "line\r\nbreak\tand\ntab",
    "\x1b[31mred\x1b[0m \x9b2J \x07\x00\x08",
    "\u202egnp.exe \u2066x\u2069 \u2028y\u2029z",
    "\ud800 lone \udcff surrogates \ufffe\uffff",
    "東京 — café — 👩‍👩‍👧",
    "long " * 60,
    "x" * 300,
)


def service(
    name: str,
    outcome: Outcome = Outcome.SUCCEEDED,
    state: str | None = "RESTARTED",
    *,
    type: str = "application",  # noqa: A002 - the result's own word
    before: str | None = f"{ENVIRONMENT_ID}-41",
    after: str | None = f"{ENVIRONMENT_ID}-42",
) -> ServiceResult:
    return ServiceResult(
        id=f"id of {name}",
        name=name,
        type=type,
        outcome=outcome,
        state=state,
        baseline_execution_id=before,
        execution_id=after,
        timeline=TIMELINES.get(state, ()),
    )


def succeeded(name: str, *, services: Sequence[ServiceResult] | None = None) -> EnvironmentResult:
    return EnvironmentResult(
        name=name,
        environment_id=ENVIRONMENT_ID,
        wave=1,
        outcome=Outcome.SUCCEEDED,
        reason=Reason.RESTARTED,
        message="Every service restarted.",
        services=tuple(services if services is not None else [service("api"), service("web")]),
        submitted_at=START,
        settled_at=START + timedelta(seconds=31.3),
        duration_s=31.3,
        console_url=CONSOLE,
    )


def failed(name: str, *, console_url: str | None = CONSOLE) -> EnvironmentResult:
    return EnvironmentResult(
        name=name,
        environment_id=ENVIRONMENT_ID,
        wave=2,
        outcome=Outcome.FAILED,
        reason=Reason.RESTART_ERROR,
        message="Qovery failed to restart web. Look at its logs, then run again.",
        services=(
            service("api"),
            service("web", Outcome.FAILED, "RESTART_ERROR"),
            service("worker", Outcome.CANCELLED, "CANCELED", type="container"),
        ),
        submitted_at=START,
        settled_at=START + timedelta(seconds=63),
        duration_s=63.0,
        console_url=console_url,
    )


def without_submit(
    name: str,
    outcome: Outcome,
    reason: Reason,
    message: str = "Nothing was submitted.",
    *,
    services: Sequence[ServiceResult] = (),
) -> EnvironmentResult:
    return EnvironmentResult(
        name=name,
        environment_id=ENVIRONMENT_ID,
        wave=1,
        outcome=outcome,
        reason=reason,
        message=message,
        services=tuple(services),
    )


def interrupted_result(name: str) -> EnvironmentResult:
    return EnvironmentResult(
        name=name,
        environment_id=ENVIRONMENT_ID,
        wave=1,
        outcome=Outcome.UNKNOWN,
        reason=Reason.INTERRUPTED,
        message="Interrupted. The restart was accepted and goes on at Qovery.",
        services=(service("api", Outcome.UNKNOWN, "RESTARTING"),),
        submitted_at=START,
        duration_s=40.0,
    )


def report(
    *results: EnvironmentResult,
    simulated: bool = False,
    interrupted: ExitCode | None = None,
    errors: Sequence[str] = (),
    exit_code: ExitCode | None = None,
    submits: int = 3,
    run_id: str = "r-7f3a",
    config: str | None = "nightly.yaml",
    parent_run_id: str | None = None,
    resume: str | None = None,
) -> RunReport:
    return RunReport.of(
        results,
        run_id=run_id,
        parent_run_id=parent_run_id,
        config=config,
        simulated=simulated,
        started_at=START,
        ended_at=START + timedelta(seconds=81.4),
        requests=RequestCounts(total=42, submits=submits),
        interrupted=interrupted,
        resume=resume,
        errors=errors,
        exit_code=exit_code,
    )


def every_ending() -> tuple[EnvironmentResult, ...]:
    """One environment for every outcome with every reason, whether or not the two ever meet."""
    return tuple(
        without_submit(
            f"{outcome.value} {reason.value}", outcome, reason, services=[service("api", outcome, "RESTARTING")]
        )
        for outcome in Outcome
        for reason in Reason
    )


texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=20),
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Po"]), max_size=20),
)
states = st.one_of(st.sampled_from([state for state in TIMELINES if state]), texts)
# What a clock gives, and what one that was set back does.
spans = st.floats(min_value=-5.0, max_value=100_000.0)
instants = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
executions = st.one_of(st.none(), st.sampled_from([f"{ENVIRONMENT_ID}-41", f"{ENVIRONMENT_ID}-42"]), texts)

service_results = st.builds(
    ServiceResult,
    id=texts,
    name=texts,
    type=texts,
    outcome=st.sampled_from(Outcome),
    state=st.one_of(st.none(), states),
    baseline_execution_id=executions,
    execution_id=executions,
    timeline=st.lists(st.tuples(states, spans), max_size=4).map(tuple),
)
waits = st.builds(Wait, what=st.sampled_from(WaitedFor), since=instants, duration_s=spans)
checks = st.builds(
    CheckResult,
    url=texts,
    wanted=st.integers(100, 599),
    consecutive=st.integers(1, 9),
    passed=st.booleans(),
    last_answer=st.one_of(st.integers(100, 599), texts),
    probes=st.integers(0, 99),
    duration_s=spans,
)
environment_results = st.builds(
    EnvironmentResult,
    name=texts,
    environment_id=texts,
    wave=st.integers(min_value=-1, max_value=9),
    outcome=st.sampled_from(Outcome),
    reason=st.sampled_from(Reason),
    message=texts,
    services=st.lists(service_results, max_size=2).map(tuple),
    submitted_at=st.one_of(st.none(), instants),
    settled_at=st.one_of(st.none(), instants),
    duration_s=st.one_of(st.none(), spans),
    console_url=st.one_of(st.none(), st.just(CONSOLE), texts, texts.map(lambda text: f"https://{text}")),
    began_at=st.one_of(st.none(), instants),
    proven_at=st.one_of(st.none(), instants),
    waits=st.lists(waits, max_size=2).map(tuple),
    checks=st.lists(checks, max_size=2).map(tuple),
    left_out=st.lists(st.builds(Exclusion, id=texts, name=texts, type=texts, why=texts), max_size=2).map(tuple),
)
maybe_texts = st.one_of(st.none(), texts)
starts = st.builds(
    StartedBy,
    trigger=st.sampled_from(Trigger),
    event=maybe_texts,
    actor=maybe_texts,
    job=maybe_texts,
    job_url=st.one_of(maybe_texts, texts.map(lambda text: f"https://{text}")),
    host=maybe_texts,
    due_at=st.one_of(st.none(), instants),
)
_BAD = [code for code in ExitCode if code is not ExitCode.SUCCEEDED]


beginnings = st.builds(
    Beginning,
    config_path=st.none() | texts,
    started_by=st.none() | starts,
    requests_expected=st.none() | st.integers(0, 9999),
    window_ends_at=st.none() | instants,
)


@st.composite
def reports(draw: st.DrawFn) -> RunReport:
    """Any report that a run could end with, and many that none could."""
    errors = draw(st.lists(texts, max_size=2))
    return RunReport.of(
        draw(st.lists(environment_results, max_size=3)),
        run_id=draw(texts),
        parent_run_id=draw(st.none() | texts),
        config=draw(st.one_of(st.none(), texts)),
        simulated=draw(st.booleans()),
        started_at=draw(instants),
        ended_at=draw(instants),
        requests=RequestCounts(total=draw(st.integers(0, 9999)), submits=draw(st.integers(0, 99))),
        interrupted=draw(st.sampled_from([None, None, ExitCode.SIGINT, ExitCode.SIGTERM])),
        resume=draw(st.none() | texts),
        errors=errors,
        exit_code=draw(st.sampled_from(_BAD)) if errors else None,
        halted_at=draw(st.none() | instants),
        beginning=draw(st.none() | beginnings),
    )
