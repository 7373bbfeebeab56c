"""What the cases begin with: good files, and a platform that has what they name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from orchestrator.config import parse_config
from orchestrator.domain.plan import EnvironmentSpec
from orchestrator.simulator.seeding import build_world
from tests.fuzz.stage import Stage, folder_with
from tests.support.builders import NOON
from tests.support.config_texts import EVERYTHING

ROOT = Path(__file__).parents[2]
SHOP = """\
version: 1
api: {request_timeout: 10s}
defaults: {deadline: 10m, lost_contact: 2m}
strategy: {run_deadline: 30m, max_failures: 1}
environments:
  - {name: staging, path: acme/shop/staging, services: all}
  - name: production
    id: 3c90c3cc-0d44-4b50-8888-8dd25736052a
    wave: 2
    services: {applications: [api, web], containers: [worker]}
    verify: [{http: "https://shop.example.com/healthz", within: 1m}]
"""
"""What the commands work on whose file is not the question."""
_OF_THE_FILE = 30 * 60 + 10 * 60 + 2 * 60
"""Seconds within which a run of it ends: an environment may begin until the run's deadline."""
_BY_DEFAULT = 4 * 3600 + 30 * 60 + 5 * 60
"""The same without a file."""
_LATE = 15 * 60 + 30.0
"""What a run that is resumed late has to find out how it ended, and a cancel to take effect; and a little more."""


def lasts(words: Sequence[str]) -> float | None:
    """Return the seconds of virtual time within which a command ends; None if it says itself how long it may take."""
    if any(word.startswith(("--deadline", "--wait-lock")) for word in words):
        return None
    return (_BY_DEFAULT if {"restart", "watch"} & set(words) else _OF_THE_FILE) + _LATE


@cache
def good_files() -> tuple[str, ...]:
    """Return the configurations that are mutated."""
    ours = (path.read_text(encoding="utf-8") for path in sorted((ROOT / "config").glob("*.yaml")))
    return (SHOP, EVERYTHING, *ours)


@cache
def _specs() -> Sequence[EnvironmentSpec]:
    return parse_config(SHOP, source="shop.yaml", environ={}).environment_specs()


@contextmanager
def shop() -> Iterator[Stage]:
    """Make a machine with the file `shop.yaml`, and a platform that has what it names."""
    with folder_with({"shop.yaml": SHOP.encode()}) as folder:
        yield Stage(folder=folder, specs=_specs(), world=build_world(_specs(), seed=7, epoch=NOON))
