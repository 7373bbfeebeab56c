"""Restart Qovery services, prove that they restarted, and report it in an exit code.

From Python: load a configuration, run it, read the report.

>>> from orchestrator import Rehearsal, parse_config, run
>>> config = parse_config(
...     "{version: 1, environments: [{name: staging, path: acme/shop/staging, services: all}]}", source="example"
... )
>>> report = run(config, rehearsal=Rehearsal())
>>> report.outcome.value, report.exit_code
('succeeded', 0)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from orchestrator._version import __version__

if TYPE_CHECKING:
    from orchestrator.config import Config, load_config, parse_config
    from orchestrator.domain.outcomes import ExitCode, Outcome, Reason, RunOutcome
    from orchestrator.errors import (
        ConfigError,
        JournalError,
        NameResolutionError,
        PlatformError,
        RestartError,
        TokenRefusedError,
        UsageError,
    )
    from orchestrator.reports.model import RunReport
    from orchestrator.runs.interruption import Interruption
    from orchestrator.runs.preparing import GoingOn
    from orchestrator.runs.rehearsal import Rehearsal
    from orchestrator.runs.resuming import aresume, failures_of
    from orchestrator.runs.runner import arun, run
    from orchestrator.runs.scheduling import aschedule
    from orchestrator.runs.surroundings import Told

_HOME_OF = {
    "Config": "config",
    "ConfigError": "errors",
    "ExitCode": "domain.outcomes",
    "GoingOn": "runs.preparing",
    "Interruption": "runs.interruption",
    "JournalError": "errors",
    "NameResolutionError": "errors",
    "Outcome": "domain.outcomes",
    "PlatformError": "errors",
    "Reason": "domain.outcomes",
    "Rehearsal": "runs.rehearsal",
    "RestartError": "errors",
    "RunOutcome": "domain.outcomes",
    "RunReport": "reports.model",
    "TokenRefusedError": "errors",
    "Told": "runs.surroundings",
    "UsageError": "errors",
    "aresume": "runs.resuming",
    "arun": "runs.runner",
    "aschedule": "runs.scheduling",
    "failures_of": "runs.resuming",
    "load_config": "config",
    "parse_config": "config",
    "run": "runs.runner",
}

__all__ = [
    "Config",
    "ConfigError",
    "ExitCode",
    "GoingOn",
    "Interruption",
    "JournalError",
    "NameResolutionError",
    "Outcome",
    "PlatformError",
    "Reason",
    "Rehearsal",
    "RestartError",
    "RunOutcome",
    "RunReport",
    "TokenRefusedError",
    "Told",
    "UsageError",
    "__version__",
    "aresume",
    "arun",
    "aschedule",
    "failures_of",
    "load_config",
    "parse_config",
    "run",
]


def __getattr__(name: str) -> object:
    # Lazily, so that asking the command for its version does not import httpx and pydantic first.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
