"""Texts of configuration files, and what is said of them."""

import pytest
import yaml

from orchestrator.config import parse_config
from orchestrator.errors import ConfigError

ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
GOOD = f"environments: [{{name: a, id: {ID}, services: all}}]\n"
SECRET = "hunter2-very-secret"
NEEDS_LIBYAML = pytest.mark.skipif(
    not yaml.__with_libyaml__, reason="PyYAML without libyaml reports some errors at another place"
)


def mistakes(text: str, **environ: str) -> list[str]:
    """What is said of a file, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, source="night ly.yaml", environ=environ)
    assert all(problem.startswith("night ly.yaml:") for problem in caught.value.problems)
    return [problem.removeprefix("night ly.yaml:") for problem in caught.value.problems]


def top(text: str) -> str:
    """A file whose other parts are good."""
    return f"version: 1\n{text}\n{GOOD}"


def environment(text: str) -> str:
    """A file with one environment, called a, that goes on with `text` at line 4, column 5."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"version: 1\nenvironments:\n  - name: a\n{lines}"


ALL_OF_IT = f"id: {ID}\nservices: all\n"
EXPECTED_ID = f"expected an id such as {ID}"
EXPECTED_BUDGET = "expected a number of environments such as 2, or a percentage such as 10%"
EXPECTED_DURATION = "expected a duration such as 250ms, 2s, 15m or 1h30m"
EXPECTED_SERVICES = "expected all, or a mapping with applications, containers or databases"
EXPECTED_TOKEN = "expected {env: NAME} or {file: PATH}, where the token is; secrets do not belong in this file"
EXPECTED_URL = "expected a URL such as https://shop.example.com/healthz"
TOP_KEYS = (
    "expected one of version, api, defaults, strategy, "
    "environments, schedule, blackouts, journal, notify, ping, metrics, blocked_by"
)
WHOLE = "expected a mapping that begins with `version: 1` and lists `environments`"
EXPECTED_CRON = 'expected a cron expression of five fields, such as "0 3 * * 1-5"'
EXPECTED_SOME = "expected at least one of applications, containers, databases"
DEFAULTS_KEYS = "expected one of deadline, poll, lost_contact, invisible_for, on_busy, on_stopped, on_deadline"


EVERYTHING = f"""\
version: 1
api:
  url: https://qovery.example.com/base
  token: {{env: MY_TOKEN}}
  requests_per_hour: 500
  request_timeout: 10s
defaults:
  deadline: 20m
  poll: {{min: 1s, max: 20s}}
  lost_contact: 3m
  on_busy: fail
  on_stopped: skip
  on_deadline: cancel
strategy:
  max_parallel: 2
  max_failures: 12.5%
  pause_between_waves: 30s
  run_deadline: 2h
environments:
  - name: staging
    id: {ID.upper()}
    services: all
  - name: production
    path: " Acme / Shop/production"
    services:
      applications: [api, web]
      databases: [cache]
    wave: 2
    deadline: 1h30m
    poll: {{max: 90s}}
    on_busy: wait
    verify:
      - http: https://shop.example.com/healthz
        status: 204
        consecutive: 3
        within: 2m
      - http: http://[::1]:8080/
schedule:
  cron: "0 3 * * MON-FRI"
  timezone: Europe/Paris
  window: 2h
  on_missed: skip
"""
