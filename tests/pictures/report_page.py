"""The picture of the HTML report, of a simulated run: `python -m tests.pictures.report_page`.

Needs the extra `browser`, and Chromium. Whatever the day, a seed plays the same night, but for its dates.
"""

import sys
import tempfile
from pathlib import Path

from orchestrator import run
from orchestrator.config import parse_config
from orchestrator.domain.outcomes import Outcome
from orchestrator.reports.html import render_html
from orchestrator.reports.model import RunReport
from orchestrator.runs.rehearsal import Rehearsal
from tests.support.browsers import Screen, browser, opened, why_no_browser

FILE = Path(__file__).parents[2] / "config" / "pictures" / "report.png"
LARGEST = 150_000
"""Bytes of the file."""
SCREEN = Screen(width=1000, height=1000)
SEED = 29
"""Of a night in which a health check does not pass, and another user's operation takes the place of a restart."""
ENVIRON = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "schedule", "RUNNER_NAME": "runner-7"}
"""What started the night; nothing of the machine that draws it."""

_CHECK = 'verify: [{http: "https://shop.example.com/healthz", consecutive: 3, within: 1m}]'
_HEAD = """
version: 1
api: {requests_per_hour: 800}
strategy: {max_parallel: 4, max_failures: 2, pause_between_waves: 10s}
environments:
"""
_WAVES = (
    ("staging",),
    ("eu-paris", "eu-dublin", "eu-milan", "eu-stockholm", "uk-london"),
    ("us-ohio", "us-oregon", "us-virginia", "ca-montreal", "ap-tokyo", "ap-sydney"),
)


def config_text() -> str:
    """The configuration of the night."""
    lines = [
        f"  - {{name: {name}, path: acme/shop/{name}, services: all, wave: {wave}, {_CHECK}}}"
        for wave, names in enumerate(_WAVES, 1)
        for name in names
    ]
    return _HEAD + "\n".join(lines)


def night(seed: int = SEED) -> RunReport:
    """Play the night."""
    config = parse_config(config_text(), source="nightly.yaml", environ={})
    return run(config, rehearsal=Rehearsal(seed=seed, faults="realistic"), environ=ENVIRON)


def main(file: Path = FILE) -> int:
    """Draw the picture; return the exit code."""
    if (why := why_no_browser()) is not None:
        sys.stderr.write(f"error: {why}\n")
        return 2
    report = night()
    file.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as started:
        page = Path(folder) / "report.html"
        page.write_text(render_html(report), encoding="utf-8")
        with opened(started, page, SCREEN) as visit:
            visit.page.screenshot(path=file)
    size = file.stat().st_size
    problems = sum(each.outcome not in (Outcome.SUCCEEDED, Outcome.SKIPPED) for each in report.environments)
    sys.stdout.write(f"{file}: {size} bytes, {len(report.environments)} environments, {problems} problems\n")
    return 0 if size <= LARGEST else 1


if __name__ == "__main__":
    sys.exit(main())
