"""A configuration written down for a resumed run: it has the same effect when it is read again, and holds no secret."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config import Config, load_config, parse_config
from orchestrator.errors import ConfigError
from orchestrator.text import fold
from tests.support.config_texts import ID, SECRET

FOLDER = Path(__file__).parents[3] / "config"
FILES = sorted(FOLDER.glob("*.yaml"))
ANYTHING_SET = {"QOVERY_API_TOKEN": "t", "HEALTH_KEY": SECRET, "KEY": SECRET}


def effect(config: Config) -> dict[str, object]:
    """All that a configuration says to the rest of the program."""
    return {
        "environments": config.environment_specs(),
        "strategy": config.run_strategy(),
        "default policy": config.default_policy(),
        "token": (config.token_variable, config.token_file),
        "api": config.api.model_dump(),
        "schedule": config.schedule and config.schedule.model_dump(),
        "journal": config.journal.model_dump(),
        "notices": config.notice_plan(),
        "blocked_by": [each.model_dump() for each in config.blocked_by],
        "version": config.version,
    }


def again(config: Config, environ: Mapping[str, str] = ANYTHING_SET) -> Config:
    """Write a configuration down and read it."""
    return parse_config(config.document(), source="the run 7f3a", environ=environ)


def read(text: str, **environ: str) -> Config:
    return parse_config(text, source="nightly.yaml", environ=environ)


def with_checks(*urls: str) -> str:
    """A file with one environment, that is verified by these URLs."""
    checks = ", ".join(f"{{http: {json.dumps(url)}}}" for url in urls)
    return f"version: 1\nenvironments: [{{name: a, id: {ID}, services: all, verify: [{checks}]}}]\n"


def urls_of(config: Config) -> list[str]:
    return [check.url for spec in config.environment_specs() for check in spec.checks]


# The same effect.


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_configuration_of_ours_has_the_same_effect_when_it_is_read_again(file: Path) -> None:
    config = load_config(file, environ=ANYTHING_SET)
    assert effect(again(config)) == effect(config)
    assert again(config).document() == config.document()


def test_there_are_configurations_of_ours() -> None:
    assert len(FILES) >= 5


EVERY_KEY = f"""
version: 1
api: {{url: "https://gateway.example.test/qovery", token: {{file: /run/secrets/qovery}}, requests_per_hour: 77,
       origin: CLI, request_timeout: 1500ms}}
defaults: {{deadline: 1h, poll: {{min: 1s, max: 1m}}, lost_contact: 7m, invisible_for: 90s, on_busy: fail,
            on_stopped: skip, on_deadline: cancel}}
strategy: {{max_parallel: 3, max_failures: 12.5%, pause_between_waves: 10s, run_deadline: 2h}}
schedule: {{cron: "0 3 * * 1-5", timezone: Europe/Paris, window: 3h, grace: 90s, on_missed: skip}}
blackouts:
  - {{from: 2026-12-20, to: 2027-01-04, why: holidays}}
  - {{cron: "0 8 * * 1-5", for: 10h}}
journal: {{keep_days: 7, keep_runs: 50}}
notify: {{on: failure, to: [{{slack: {{env: SLACK_URL}}}}, {{webhook: {{file: /run/secrets/hook}}}}]}}
ping: {{start: {{env: START_URL}}, success: {{env: SUCCESS_URL}}, failure: {{file: /run/secrets/failure}}}}
metrics: {{textfile: /var/lib/metrics/night.prom}}
blocked_by: [{{prometheus: "https://prometheus.example.test", query: "up == 0", token: {{env: PROMETHEUS_TOKEN}}}}]
environments:
  - {{name: production, path: acme/shop/production, wave: 2, deadline: 45m, poll: {{max: 2m}}, on_busy: wait,
      services: {{applications: [api, web], containers: [worker], databases: [cache]}},
      verify: [{{http: "https://shop.example.test/healthz", status: 204, consecutive: 3, within: 2m}}]}}
  - {{name: staging, id: {ID.upper()}, services: all}}
"""


def test_every_key_of_the_file_is_kept() -> None:
    config = read(EVERY_KEY)
    assert effect(again(config, {})) == effect(config)
    content = json.loads(config.document())
    assert content.keys() == Config.model_fields.keys()
    for section in ("api", "defaults", "strategy", "schedule", "journal"):
        assert content[section].keys() == type(getattr(config, section)).model_fields.keys()


def test_what_the_file_does_not_say_is_not_written_down() -> None:
    config = read(f"version: 1\nenvironments: [{{name: a, id: {ID}, services: all}}]\n")
    assert json.loads(config.document()) == {
        "version": 1,
        "environments": [{"name": "a", "id": ID, "services": "all"}],
    }


LETTERS = st.characters(
    codec="utf-8",
    # Line breaks of other scripts and characters that YAML forbids have their own rules.
    exclude_categories=["Cc", "Cs", "Zl", "Zp"],
    exclude_characters="\ufffe\uffff",
)
NAMES = st.one_of(
    st.text(LETTERS, min_size=1, max_size=12),
    st.text("${}aX:-'\"\\#&*!|>%@ ,[]", min_size=1, max_size=12),
    st.sampled_from(
        ["null", "true", "1", "0x1F", "1e3", "~", "${HOME}", "$${X}", "$$", "yes", "2026-11-24", "<<", "="]
    ),
).filter(lambda name: bool(fold(name)))
DURATIONS = st.one_of(
    st.sampled_from(["250ms", "2s", "1h30m", "0.1h", "33.3m", "1.7s", "720h"]),
    st.decimals("0.001", 1_000_000, places=6).map(lambda seconds: f"{seconds:f}s"),
)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "deadline": DURATIONS,
        "lost_contact": DURATIONS,
        "invisible_for": DURATIONS,
        "on_busy": st.sampled_from(["wait", "fail"]),
        "on_stopped": st.sampled_from(["skip", "fail"]),
        "on_deadline": st.sampled_from(["leave", "cancel"]),
    },
)
SERVICES = st.one_of(
    st.just("all"),
    st.dictionaries(
        st.sampled_from(["applications", "containers", "databases"]),
        st.lists(NAMES, min_size=1, max_size=3, unique_by=fold),
        min_size=1,
    ),
)
CHECKS = st.fixed_dictionaries(
    {"http": st.sampled_from(["https://a.test/", "https://a.test/?x={y}&z=${KEY}", "http://b.test:81/a%20b?$${c}"])},
    optional={"status": st.integers(100, 599), "consecutive": st.integers(1, 1000), "within": DURATIONS},
)


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """What a file could say. The URLs of checks are as they stand in it; in all else nothing is a variable."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=fold))
    content = {
        "version": 1,
        "defaults": draw(POLICIES),
        "strategy": draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "max_parallel": st.integers(1, 99),
                    "max_failures": st.one_of(st.integers(0, 99), st.sampled_from(["0%", "12.5%", "100 %"])),
                    "pause_between_waves": st.one_of(st.just("0s"), DURATIONS),
                    "run_deadline": DURATIONS,
                },
            )
        ),
        "environments": [
            {
                "name": name,
                "path": f"a/{number}/c",
                "services": draw(SERVICES),
                "wave": draw(st.integers(1, 9)),
                **draw(POLICIES),
                "verify": draw(st.lists(CHECKS, max_size=2)),
            }
            for number, name in enumerate(names)
        ],
    }
    escaped: dict[str, Any] = _escaped(content)
    return escaped


def _escaped(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _escaped(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item, key) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) and key != "http" else value


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(contents())
def test_whatever_a_file_says_it_says_again(content: dict[str, Any]) -> None:
    config = read(json.dumps(content, ensure_ascii=False), KEY=SECRET)
    assert effect(again(config)) == effect(config)
    assert again(config).document() == config.document()
    assert SECRET not in config.document()


# Secrets.


@pytest.mark.parametrize(
    ("written", "url"),
    [
        pytest.param("https://a.test/?key=${KEY}", f"https://a.test/?key={SECRET}", id="a part"),
        pytest.param("${KEY}", "https://a.test/secret", id="the whole"),
        pytest.param(" ${KEY} ", "https://a.test/secret", id="the whole, with white space"),
        pytest.param("https://${HOST:-a.test}/?key=${KEY}", f"https://a.test/?key={SECRET}", id="beside a default"),
        pytest.param("https://a.test/$${x}?key=${KEY}", f"https://a.test/${{x}}?key={SECRET}", id="beside a literal"),
    ],
)
def test_a_check_that_takes_a_secret_from_the_environment_is_written_down_with_the_variable(
    written: str, url: str
) -> None:
    environ = {"KEY": url if written.strip() == "${KEY}" else SECRET}
    config = read(with_checks(written), **environ)
    assert urls_of(config) == [url]
    document = config.document()
    assert json.loads(document)["environments"][0]["verify"] == [{"http": written}]
    assert environ["KEY"] not in document
    assert urls_of(again(config, environ)) == [url]


def test_a_check_knows_how_it_may_be_shown_and_still_does_when_it_is_read_again() -> None:
    config = read(with_checks("https://a.test/${KEY}", "https://a.test/healthz"), KEY=SECRET)
    for each in (config, again(config)):
        assert [check.shown for spec in each.environment_specs() for check in spec.checks] == [
            "https://a.test/${KEY}",
            None,
        ]


CHANGES: dict[str, Callable[[Config], Config]] = {
    "as it is": lambda config: config,
    "with some environments": lambda config: config.only(["a"]),
    "with another deadline": lambda config: config.with_deadline(7.0),
    "named": lambda config: config.named("other.yaml"),
    "read again": again,
    "all of it": lambda config: again(config.only(["a"]).with_deadline(7.0).named("other.yaml")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_made_of_a_configuration_its_secret_stays_out_of_the_document(
    change: Callable[[Config], Config],
) -> None:
    config = change(read(with_checks("https://a.test/?key=${KEY}"), KEY=SECRET))
    assert SECRET not in config.document()
    assert "?key=${KEY}" in config.document()
    assert urls_of(again(config)) == [f"https://a.test/?key={SECRET}"]


def test_a_check_that_is_repeated_by_an_alias_is_a_variable_wherever_it_stands() -> None:
    config = read(
        "version: 1\nenvironments:\n"
        "  - {name: a, path: a/b/c, services: all, verify: &checks [{http: 'https://a.test/?key=${KEY}'}]}\n"
        "  - {name: b, path: a/b/d, services: all, verify: *checks}\n",
        KEY=SECRET,
    )
    assert SECRET not in config.document()
    assert config.document().count("${KEY}") == 2
    assert effect(again(config)) == effect(config)


def test_what_is_no_check_keeps_what_it_took_from_the_environment() -> None:
    config = read(f"version: 1\nenvironments: [{{name: 'shop-${{STAGE}}', id: {ID}, services: all}}]\n", STAGE="blue")
    assert [spec.name for spec in again(config, {}).environment_specs()] == ["shop-blue"]


def test_a_value_that_looks_like_a_variable_is_not_taken_for_one_later() -> None:
    config = read(f"version: 1\nenvironments: [{{name: '$${{HOME}}', id: {ID}, services: all}}]\n")
    assert [spec.name for spec in config.environment_specs()] == ["${HOME}"]
    assert effect(again(again(config, {"HOME": "/root"}), {"HOME": "/root"})) == effect(config)


def test_a_variable_that_is_not_set_any_more_is_named_and_no_value_is_made_up() -> None:
    config = read(with_checks("https://a.test/?key=${KEY}", "https://a.test/?key=${OTHER}"), KEY=SECRET, OTHER="x")
    with pytest.raises(ConfigError) as caught:
        again(config, {"OTHER": "x"})
    (problem,) = caught.value.problems
    assert problem.startswith("the run 7f3a:1:")
    assert "environments[0].verify[0].http: the environment variable KEY is not set" in problem
    assert SECRET not in problem


def test_a_variable_that_has_another_value_later_counts_with_that() -> None:
    config = read(with_checks("https://a.test/?key=${KEY}"), KEY=SECRET)
    assert urls_of(again(config, {"KEY": "another"})) == ["https://a.test/?key=another"]


# What was made of it.


def test_only_the_chosen_environments_are_written_down() -> None:
    config = read(EVERY_KEY).only(["STAGING"])
    assert [spec.name for spec in again(config, {}).environment_specs()] == ["staging"]
    assert effect(again(config, {})) == effect(config)


def test_another_deadline_is_written_down_for_every_environment() -> None:
    config = read(EVERY_KEY).with_deadline(12.345678)
    assert [spec.policy.deadline for spec in again(config, {}).environment_specs()] == [12.345678] * 2


@pytest.mark.parametrize("source", ["nightly.yaml", None])
def test_a_configuration_can_be_named_after_the_file_that_it_came_from(source: str | None) -> None:
    config = read(EVERY_KEY)
    renamed = again(config, {}).named(source)
    assert renamed.source == source
    assert effect(renamed) == effect(config)
    assert config.source == "nightly.yaml", "the other keeps its own"


@pytest.mark.parametrize(
    ("locator", "services"),
    [("acme/shop/staging", "all"), (ID, {"applications": ["api", "${web}"], "databases": ["cache"]})],
    ids=["by its path", "by its id"],
)
def test_a_configuration_without_a_file_is_written_down_too(locator: str, services: str | dict[str, list[str]]) -> None:
    config = Config.for_environment(locator, services)
    assert effect(again(config, {})) == effect(config)


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff", "\U0001f600"], ids=ascii)
def test_a_name_with_a_character_that_yaml_does_not_take_as_it_stands_comes_back_as_it_was(odd: str) -> None:
    services = {"containers": [f"b{odd}c"]}
    environment = {"name": f"a{odd}b", "path": "acme/shop/production", "services": services}
    config = Config.model_validate({"version": 1, "environments": [environment]})
    again = parse_config(config.document(), source="again", environ={})
    assert again.environment_specs() == config.environment_specs()


@pytest.mark.parametrize(
    ("given", "written"), [("secrets/tok", "{here}/secrets/tok"), ("/run/tok", "/run/tok"), ("~/tok", "~/tok")]
)
def test_the_tokens_file_is_found_again_from_another_directory(
    given: str, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = read(
        f"version: 1\napi: {{token: {{file: {given}}}}}\nenvironments: [{{name: a, id: {ID}, services: all}}]\n"
    )
    document = config.document()
    monkeypatch.chdir("/")
    assert read(document).token_file == written.format(here=tmp_path)
