"""The command line, called in this process."""

from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import pytest

from orchestrator.cli.app import app


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr


def call(*words: str, environ: Mapping[str, str] | None = None) -> Called:
    """Call the command line. Not with a runner of click's: before 8.2 it does not keep stdout and stderr apart."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {"NO_COLOR": "1", **(environ or {})}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as exited:
            app(list(words))
    return Called(exit_code=int(exited.value.code or 0), stdout=out.getvalue(), stderr=err.getvalue())
