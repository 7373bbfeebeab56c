"""Mistakes in what tells others, and in what blocks: each with its place, and no secret is repeated."""

from importlib.util import find_spec

import pytest

from orchestrator.config import parse_config, rules
from orchestrator.domain.notices import Destination, NoticeKind, NoticePlan, NotifyOn, PingPlan, SecretPlace
from tests.support.config_texts import SECRET, mistakes, top

PLACE = "expected {env: NAME} or {file: PATH}, where the URL is; secrets do not belong in this file"
NAME = "expected the name of an environment variable, such as SLACK_URL, not the secret itself"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"notify: {{to: [{{slack: 'https://{SECRET}'}}]}}", f"2:23: notify.to[0].slack: {PLACE}"),
        (f"notify: {{to: [{{slack: {{env: 'https://{SECRET}'}}}}]}}", f"2:29: notify.to[0].slack.env: {NAME}"),
        ("notify: {to: []}", "2:14: notify.to: expected at least one, found an empty list"),
        ("notify: {on: change}", "2:9: notify.to: required, but missing"),
        (
            "notify: {on: allways, to: [{slack: {env: A}}]}",
            '2:14: notify.on: expected change or failure or always, found "allways"; did you mean "always"?',
        ),
        (
            "notify: {to: [{slck: {env: A}}]}",
            '2:16: notify.to[0].slck: unknown key; did you mean "slack"?',
        ),
        (
            "notify: {to: [{slack: {env: A}, webhook: {env: B}}]}",
            "2:15: notify.to[0]: expected one of slack, webhook, apprise, found slack and webhook",
        ),
        (
            "notify: {to: [{}]}",
            "2:15: notify.to[0]: expected one of slack, webhook, apprise, found an empty mapping",
        ),
        (
            "notify: {to: [{webhook: {env: A, file: b}}]}",
            "2:25: notify.to[0].webhook: expected either env or file, found both",
        ),
        (f"ping: https://{SECRET}", f"2:7: ping: {PLACE}"),
        ("ping: {start: {env: A}}", "2:7: ping: expected success, too, which is what must not stay away, found start"),
        (
            "ping: {env: A, success: {env: B}}",
            "2:7: ping: expected either env, file, or success with start and failure, found env and success",
        ),
        (
            "ping: {}",
            "2:7: ping: expected either env, file, or success with start and failure, found an empty mapping",
        ),
        ("ping: {success: {}}", "2:17: ping.success: expected either env or file, found neither"),
        ("metrics: {textfile: ''}", '2:21: metrics.textfile: expected some text, found ""'),
        ("blocked_by: []", "2:13: blocked_by: expected at least one, found an empty list"),
        (
            "blocked_by: [{prometheus: 'https://p', query: ' '}]",
            '2:47: blocked_by[0].query: expected a query in PromQL, such as ALERTS{alertstate="firing"}, found " "',
        ),
        (
            "blocked_by: [{prometheus: prom, query: up}]",
            '2:27: blocked_by[0].prometheus: expected a URL such as https://shop.example.com/healthz, found "prom"',
        ),
        (
            f"blocked_by: [{{prometheus: 'https://p', query: up, token: {SECRET}}}]",
            (
                "2:58: blocked_by[0].token: expected {env: NAME} or {file: PATH}, where the token is; secrets do not "
                "belong in this file"
            ),
        ),
    ],
)
def test_a_mistake_has_its_place_and_repeats_no_secret(text: str, expected: str) -> None:
    found = mistakes(top(text))
    assert found == [expected]
    assert SECRET not in "".join(found)


@pytest.mark.parametrize(
    ("text", "package", "expected"),
    [
        (
            "notify: {to: [{apprise: {env: A}}]}",
            "apprise",
            (
                "2:25: notify.to[0].apprise: needs the package apprise, which is not installed: "
                "pip install 'qovery-restart[notify]'"
            ),
        ),
        (
            "metrics: {textfile: a.prom}",
            "prometheus_client",
            (
                "2:10: metrics: needs the package prometheus_client, which is not installed: "
                "pip install 'qovery-restart[metrics]'"
            ),
        ),
    ],
)
def test_an_extra_that_is_missing_is_named_with_the_line_that_installs_it(
    text: str, package: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "find_spec", lambda name: None if name == package else find_spec(name))
    assert mistakes(top(text)) == [expected]


def test_the_plan_is_what_the_file_says() -> None:
    text = (
        "notify: {on: always, to: [{slack: {env: S}}, {webhook: {file: /run/h}}]}\n"
        "ping: {success: {env: OK}, start: {file: /run/s}}\n"
    )
    config = parse_config(top(text), source="n.yaml", environ={})
    hook = Destination(kind=NoticeKind.WEBHOOK, place=SecretPlace(file="/run/h"), named_by="notify.to[1].webhook")
    assert config.notice_plan() == NoticePlan(
        on=NotifyOn.ALWAYS,
        to=(Destination(kind=NoticeKind.SLACK, place=SecretPlace(env="S"), named_by="notify.to[0].slack"), hook),
        ping=PingPlan(success=SecretPlace(env="OK"), start=SecretPlace(file="/run/s")),
    )


def test_by_default_nobody_is_told() -> None:
    assert parse_config(top(""), source="n.yaml", environ={}).notice_plan() == NoticePlan()


def test_a_token_that_goes_over_an_open_line_is_a_warning() -> None:
    text = top("blocked_by: [{prometheus: 'http://prom.example.test', query: up, token: {env: T}}]")
    (warning,) = parse_config(text, source="n.yaml", environ={}).warnings()
    assert warning.startswith("blocked_by[0].prometheus: http://prom.example.test is not encrypted")
