"""Restart Qovery services, prove that they restarted, and say so in an exit code."""

from orchestrator._version import __version__

__all__ = ["__version__"]
