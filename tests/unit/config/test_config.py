"""What a good file means, and where files come from."""

import io
import os
import sys
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import Config, load_config, parse_config
from orchestrator.config.environments import CheckConfig, EnvironmentConfig, ServicesConfig
from orchestrator.config.sections import TokenConfig
from orchestrator.domain.plan import (
    EnvironmentPath,
    EnvironmentSpec,
    FailureBudget,
    HttpCheck,
    OnBusy,
    OnDeadline,
    OnStopped,
    Policy,
    ServiceType,
    Strategy,
)
from orchestrator.errors import ConfigError
from tests.support.config_texts import EVERYTHING, GOOD, ID, top


def parse(text: str, **environ: str) -> Config:
    return parse_config(text, source="nightly.yaml", environ=environ)


def test_a_whole_file_means_what_it_says() -> None:
    config = parse(EVERYTHING)
    policy = Policy(
        deadline=1200.0,
        poll_min=1.0,
        poll_max=20.0,
        lost_contact=180.0,
        on_busy=OnBusy.FAIL,
        on_stopped=OnStopped.SKIP,
        on_deadline=OnDeadline.CANCEL,
    )
    assert config.default_policy() == policy
    assert config.environment_specs() == (
        EnvironmentSpec(name="staging", locator=ID, services="all", policy=policy),
        EnvironmentSpec(
            name="production",
            locator=EnvironmentPath(organization="Acme", project="Shop", environment="production"),
            services={ServiceType.APPLICATION: ("api", "web"), ServiceType.DATABASE: ("cache",)},
            wave=2,
            policy=Policy(
                deadline=5400.0,
                poll_min=1.0,
                poll_max=90.0,
                lost_contact=180.0,
                on_busy=OnBusy.WAIT,
                on_stopped=OnStopped.SKIP,
                on_deadline=OnDeadline.CANCEL,
            ),
            checks=(
                HttpCheck(url="https://shop.example.com/healthz", status=204, consecutive=3, within=120.0),
                HttpCheck(url="http://[::1]:8080/", status=200, consecutive=1, within=60.0),
            ),
        ),
    )
    assert config.run_strategy() == Strategy(
        max_parallel=2,
        max_failures=FailureBudget(percent=Fraction("12.5")),
        pause_between_waves=30.0,
        run_deadline=7200.0,
    )
    assert config.source == "nightly.yaml"
    assert config.api.url == "https://qovery.example.com/base"
    assert (config.token_variable, config.token_file) == ("MY_TOKEN", None)
    assert (config.api.requests_per_hour, config.api.request_timeout) == (500, 10.0)
    assert config.schedule is not None
    assert (config.schedule.cron, config.schedule.timezone) == ("0 3 * * MON-FRI", "Europe/Paris")
    assert (config.schedule.window, config.schedule.on_missed) == (7200.0, "skip")


def test_what_is_left_out_has_the_default_of_the_domain() -> None:
    config = parse(top(""))
    assert config.run_strategy() == Strategy()
    assert [spec.policy for spec in config.environment_specs()] == [Policy()]
    assert config.api.url == "https://api.qovery.com"
    assert (config.api.requests_per_hour, config.api.request_timeout) == (1000, 30.0)
    assert (config.token_variable, config.token_file) == (None, None)
    assert config.schedule is None


def test_a_token_may_be_in_a_file() -> None:
    config = parse(top("api: {token: {file: /run/secrets/qovery}}"))
    assert (config.token_variable, config.token_file) == (None, "/run/secrets/qovery")


def test_variables_take_the_type_of_what_they_say() -> None:
    text = top("strategy:\n  max_parallel: ${N:-7}\n  max_failures: ${BUDGET}\n  run_deadline: ${HOURS}h")
    strategy = parse(text, BUDGET="10 %", HOURS="3").run_strategy()
    assert strategy == Strategy(max_parallel=7, max_failures=FailureBudget(percent=Fraction(10)), run_deadline=10800.0)


def test_names_that_yaml_1_1_took_for_booleans_are_names() -> None:
    config = parse("version: 1\nenvironments: [{name: on, path: no/y/off, services: {applications: [yes, 12:30]}}]")
    (spec,) = config.environment_specs()
    assert (spec.name, str(spec.locator)) == ("on", "no/y/off")
    assert spec.services == {ServiceType.APPLICATION: ("yes", "12:30")}


def test_names_lose_the_white_space_around_them_whatever_its_kind() -> None:
    config = parse('version: 1\nenvironments: [{name: "\u00a0a ", path: "x/y\u00a0/ z", services: all}]')
    (spec,) = config.environment_specs()
    assert (spec.name, str(spec.locator)) == ("a", "x/y/z")


def test_the_environment_of_the_process_is_used_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QOVERY_RESTART_TEST_WAVE", "4")
    block = (
        f"version: 1\nenvironments:\n- name: a\n  id: {ID}\n  services: all\n  wave: ${{QOVERY_RESTART_TEST_WAVE}}\n"
    )
    assert parse_config(block, source="a").environments[0].wave == 4


# Where files come from


def test_a_file_is_loaded_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        path = tmp_path / f"{encoding}.yaml"
        path.write_text(top("# \u00e9"), encoding=encoding)
        config = load_config(path, environ={})
        assert config.source == str(path)


class Pipe(io.TextIOWrapper):
    """Standard input with something in it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="ascii")


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(top("# \u00e9").encode()))
    assert load_config("-", environ={}).source == "<stdin>"


def test_a_closed_standard_input_is_an_empty_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match=r"^<stdin>:1:1: expected a mapping .*, found nothing$"):
        load_config("-", environ={})


def test_a_missing_file_and_a_folder_are_errors_that_name_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        load_config(tmp_path / "nightly.yaml", environ={})
    assert missing.value.problems == (f"{tmp_path}/nightly.yaml: cannot be read: {os.strerror(2)}",)
    with pytest.raises(ConfigError) as folder:
        load_config(tmp_path, environ={})
    assert folder.value.problems == (f"{tmp_path}: cannot be read: {os.strerror(21)}",)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        pytest.param(top("# ").encode() + b"# caf\xe9\n", "4:6", id="latin-1"),
        pytest.param(b"\xef\xbb\xbf# \xc3\xa9\n#\xff", "2:2", id="broken after a byte order mark"),
        pytest.param("version: 1".encode("utf-16"), "1:1", id="utf-16"),
    ],
)
def test_a_file_in_another_encoding_is_refused_at_the_place_that_tells(
    tmp_path: Path, content: bytes, place: str
) -> None:
    path = tmp_path / "nightly.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    assert caught.value.problems == (f"{path}:{place}: not UTF-8 text; save the file in UTF-8",)


# One environment without a file


def test_an_environment_by_id_needs_no_file() -> None:
    config = Config.for_environment(f" {ID.upper()} ", "all")
    assert config.source is None
    assert config.environment_specs() == (EnvironmentSpec(name=ID.upper(), locator=ID, services="all"),)


def test_an_environment_by_path_needs_no_file() -> None:
    config = Config.for_environment("acme/shop/staging", {"applications": ["api", " API", "web"], "containers": ["w"]})
    (spec,) = config.environment_specs()
    assert (spec.name, str(spec.locator)) == ("acme/shop/staging", "acme/shop/staging")
    assert spec.services == {ServiceType.APPLICATION: (" API".strip(), "web"), ServiceType.CONTAINER: ("w",)}


@pytest.mark.parametrize("locator", ["", "staging", "acme/shop", "a/b/c/d", "//", "a/ /c", ID[:-1]])
def test_what_names_no_environment_is_one_line_that_says_what_would(locator: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.for_environment(locator, "all")
    assert caught.value.problems == (
        f'"{locator}" names no environment: expected an id such as {ID}, or organization/project/environment',
    )


def test_services_that_are_none_are_an_error_without_a_file_too() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.for_environment("staging", {"applications": [" "], "jobs": ["a"]})
    assert caught.value.problems == (
        f'"staging" names no environment: expected an id such as {ID}, or organization/project/environment',
        'services.applications[0]: expected some text, found " "',
        "services.jobs: unknown key",
    )
    with pytest.raises(ConfigError) as caught:
        Config.for_environment(ID, {})
    assert caught.value.problems == ("services: expected at least one of applications, containers, databases",)


@pytest.mark.parametrize(
    ("model", "content", "message"),
    [
        pytest.param(TokenConfig, {}, "expected either env or file", id="token"),
        pytest.param(ServicesConfig, {}, "expected at least one of applications, containers, databases", id="services"),
        pytest.param(
            EnvironmentConfig, {"name": "a", "services": "all"}, "expected either id or path", id="environment"
        ),
    ],
)
def test_the_models_keep_their_rules_for_whoever_makes_them_from_python(
    model: type[TokenConfig | ServicesConfig | EnvironmentConfig], content: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model.model_validate(content)


# Copies


def test_a_deadline_for_all_wins_over_every_other_and_changes_nothing_else() -> None:
    config = parse(EVERYTHING)
    shorter = config.with_deadline(90)
    assert [spec.policy.deadline for spec in shorter.environment_specs()] == [90.0, 90.0]
    assert [spec.policy.poll_max for spec in shorter.environment_specs()] == [20.0, 90.0]
    assert shorter.source == "nightly.yaml"
    assert [spec.policy.deadline for spec in config.environment_specs()] == [1200.0, 5400.0]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        pytest.param(["production"], ["production"], id="one"),
        pytest.param([" PRODUCTION\u00a0"], ["production"], id="by whatever case and white space"),
        pytest.param(["production", "staging", "Staging"], ["staging", "production"], id="in the file's order, once"),
    ],
)
def test_only_some_environments_are_kept_in_the_order_of_the_file(names: list[str], chosen: list[str]) -> None:
    config = parse(EVERYTHING).only(names)
    assert [environment.name for environment in config.environments] == chosen
    assert config.source == "nightly.yaml"


def test_every_environment_that_is_not_there_is_named_with_what_may_be_meant() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(EVERYTHING).only(["stagin", "staging", "x\n"])
    assert caught.value.problems == (
        '--only: no environment is called "stagin"; did you mean "staging"?',
        '--only: no environment is called "x\\n"; expected one of staging, production',
    )


def test_a_long_list_of_environments_is_not_recited() -> None:
    environments = "".join(f"  - {{name: n{n}, path: a/b/{n}, services: all}}\n" for n in range(100))
    with pytest.raises(ConfigError) as caught:
        parse(f"version: 1\nenvironments:\n{environments}").only(["zzz"])
    assert caught.value.problems == ('--only: no environment is called "zzz"',)


def test_no_error_of_a_file_carries_the_file_in_its_cause() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"version: 1\napi: {{token: hunter2}}\n{GOOD}")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# URLs

URLS = st.one_of(
    st.text(max_size=20).map(lambda rest: f"https://{rest}"),
    st.text("ab.-_:/@[]%xn0?#\u00e9", max_size=20).map(lambda rest: f"http://{rest}"),
    st.text(),
)


@given(URLS)
def test_a_url_that_is_accepted_is_one_for_the_client_too(text: str) -> None:
    try:
        url = CheckConfig.model_validate({"http": text}).http
    except ValueError:
        return
    parsed = httpx.URL(url)
    assert parsed.scheme in ("http", "https")
    assert parsed.host
    assert parsed.port is None or parsed.port < 65536
    assert not parsed.userinfo


# Text that looks like something else.

LOOKALIKES = [
    "1234567",
    "12345e7",
    "0x1f",
    "0o17",
    "007",
    "1.10",
    ".5",
    "1_000",
    "-3",
    "true",
    "yes",
    "2026-11-26",
    "12:30",
]


@pytest.mark.parametrize("text", [*LOOKALIKES, "null", "~", "<<", "=", ".inf", "!x", "&a", "- b", "{a", "'", "#c"])
@pytest.mark.parametrize("spelling", ["${V}", "${UNSET:-%s}", "${V:-x}", '"${V}"'])
def test_what_a_variable_contains_is_text_where_text_belongs(spelling: str, text: str) -> None:
    written = spelling.replace("%s", text)
    config = parse(
        f"version: 1\nenvironments:\n  - name: {written}\n    path: acme/shop/x\n"
        f"    services:\n      applications:\n        - {written}\n",
        V=text,
    )
    (environment,) = config.environment_specs()
    assert environment.name == text
    assert environment.services == {ServiceType.APPLICATION: (text,)}
    assert parse(config.document()).environment_specs() == config.environment_specs()


@pytest.mark.parametrize("text", LOOKALIKES)
def test_a_plain_value_is_text_as_it_is_written_where_text_belongs(text: str) -> None:
    config = parse(
        f"version: 1\nenvironments:\n  - {{name: {text}, path: a/b/c, services: {{containers: [x, {text}]}}}}\n"
    )
    (environment,) = config.environment_specs()
    assert environment.name == text
    assert environment.services == {ServiceType.CONTAINER: ("x", text)}


def test_a_plain_value_is_the_same_name_as_one_in_quotes() -> None:
    text = "version: 1\nenvironments: [{name: 7, path: a/b/c, services: all}, {name: '7', path: a/b/d, services: all}]"
    with pytest.raises(ConfigError, match="names must be unique"):
        parse(text)


@pytest.mark.parametrize("spelling", ["${N}", '"${N}"', "${UNSET:-3}", '"${UNSET:-3}"'])
def test_what_a_variable_contains_is_a_number_where_a_number_belongs(spelling: str) -> None:
    config = parse(top(f"strategy:\n  max_parallel: {spelling}\n  max_failures: {spelling}"), N="3\n")
    assert config.run_strategy().max_parallel == 3
    assert config.run_strategy().max_failures == FailureBudget(count=3)


def test_what_a_variable_contains_is_shown_nowhere_if_it_is_neither() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(top("strategy:\n  max_parallel: ${N}"), N="1e3")
    (problem,) = caught.value.problems
    assert problem.endswith("expected a whole number; the value comes from the environment variable N")


@pytest.mark.parametrize("value", ["\udcff", "\u200b", "a\nb"])
def test_what_is_no_name_is_refused_as_a_name(value: str) -> None:
    with pytest.raises(ConfigError, match=r"expected .*text"):
        parse("version: 1\nenvironments:\n  - name: ${V}\n    path: a/b/c\n    services: all\n", V=value)


@pytest.mark.parametrize("spelling", ["acme/shop/feature%2Flogin", "acme/shop/feature%2flogin"])
def test_a_path_can_hold_a_name_with_a_slash(spelling: str) -> None:
    locator = EnvironmentPath(organization="acme", project="shop", environment="feature/login")
    assert Config.for_environment(spelling, "all").environment_specs()[0].locator == locator


def test_a_path_with_too_many_slashes_is_told_how_to_write_them() -> None:
    with pytest.raises(ConfigError, match="write a slash inside a name as %2F, or give id: instead"):
        parse("version: 1\nenvironments: [{name: a, path: acme/shop/feature/login, services: all}]")


def test_environments_with_names_that_look_the_same_are_the_same() -> None:
    decomposed = "Pre\u0301-prod"
    text = (
        f"version: 1\nenvironments: [{{name: Pré-prod, path: a/b/c, services: all}}, "
        f"{{name: {decomposed}, path: a/b/d, services: all}}]"
    )
    with pytest.raises(ConfigError, match="names must be unique"):
        parse(text)
    one = parse("version: 1\nenvironments: [{name: Pré-prod, path: a/b/c, services: all}]")
    assert one.only([f"{decomposed}\u200b"]).environments == one.environments


def test_variables_come_from_this_process_unless_others_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QOVERY_RESTART_TEST_NAME", "1234567")
    text = "version: 1\nenvironments:\n  - name: ${QOVERY_RESTART_TEST_NAME}\n    path: a/b/c\n    services: all\n"
    assert parse_config(text, source="x").environments[0].name == "1234567"


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("/dev/zero", environ={})
    assert caught.value.problems == ("/dev/zero: larger than 8 MiB; is it a configuration?",)


def test_what_no_file_can_be_called_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("night\0.yaml", environ={})
    assert caught.value.problems == ("night\\x00.yaml: cannot be read: this is no name of a file",)


def test_a_configuration_knows_where_its_file_lists_each_environment() -> None:
    first = "  - name: a\n    path: o/p/a\n    services: all\n\n"
    text = f"version: 1\nenvironments:\n{first}  - &b {{name: b, path: o/p/b, services: all}}\n"
    config = parse_config(text, source="nightly.yaml", environ={})
    assert config.lines == {"a": 3, "b": 7}
    assert [spec.line for spec in config.only(["b"]).environment_specs()] == [7]
    assert config.named("other.yaml").lines == {}
    assert [spec.line for spec in Config.for_environment("o/p/a", "all").environment_specs()] == [None]
