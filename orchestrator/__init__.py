"""Restart Qovery services, prove that they restarted, and say so in an exit code.

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
    from orchestrator.errors import (
        ConfigError,
        JournalError,
        NameResolutionError,
        PlatformError,
        RestartError,
        TokenRefusedError,
        UsageError,
    )
    from orchestrator.interruption import Interruption
    from orchestrator.outcomes import ExitCode, Outcome, Reason, RunOutcome
    from orchestrator.reports.model import RunReport
    from orchestrator.resuming import aresume, failures_of
    from orchestrator.runner import GoingOn, arun, run
    from orchestrator.session import Rehearsal

_HOME_OF = {
    "Config": "config",
    "ConfigError": "errors",
    "ExitCode": "outcomes",
    "GoingOn": "runner",
    "Interruption": "interruption",
    "JournalError": "errors",
    "NameResolutionError": "errors",
    "Outcome": "outcomes",
    "PlatformError": "errors",
    "Reason": "outcomes",
    "Rehearsal": "session",
    "RestartError": "errors",
    "RunOutcome": "outcomes",
    "RunReport": "reports.model",
    "TokenRefusedError": "errors",
    "UsageError": "errors",
    "aresume": "resuming",
    "arun": "runner",
    "failures_of": "resuming",
    "load_config": "config",
    "parse_config": "config",
    "run": "runner",
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
    "UsageError",
    "__version__",
    "aresume",
    "arun",
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
