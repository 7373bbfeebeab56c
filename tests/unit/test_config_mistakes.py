"""Broken files of every kind, and exactly what is said of each."""

from typing import Any

import pytest

from orchestrator.config import parse_config
from orchestrator.errors import ConfigError

Json = Any

ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
GOOD = f"environments: [{{name: a, id: {ID}, services: all}}]\n"
SECRET = "hunter2-very-secret"


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
EXPECTED_TOKEN = "expected {env: NAME} or {file: PATH}, where the token is; secrets are not written in files"
EXPECTED_URL = "expected a URL such as https://shop.example.com/healthz"
TOP_KEYS = "expected one of version, api, defaults, strategy, environments, schedule"
WHOLE = "expected a mapping that begins with `version: 1` and lists `environments`"


THE_FILE = [
    pytest.param("", [f"1:1: {WHOLE}, found nothing"], id="empty"),
    pytest.param("# to do\n", [f"1:1: {WHOLE}, found nothing"], id="a comment alone"),
    pytest.param("\n- version: 1\n", [f"2:1: {WHOLE}, found a list"], id="a list"),
    pytest.param("nightly\n", [f"1:1: {WHOLE}, found a single value"], id="a word"),
    pytest.param(
        f"version: 1\n---\n{GOOD}",
        ["2:1: not YAML: a second document begins here; a configuration is a single one"],
        id="two documents",
    ),
    pytest.param(
        "version: 1\nenvironments:\n\t- name: a\n",
        ["3:1: not YAML: a tab stands here; YAML is indented with spaces"],
        id="tab",
    ),
    pytest.param(
        f'version: "1\n{GOOD}', ["1:10: not YAML: the quote that opens here is never closed"], id="unclosed quote"
    ),
    pytest.param(GOOD, ["1:1: version: required, but missing"], id="no version"),
    pytest.param(
        f"versoin: 1\n{GOOD}",
        ['1:1: versoin: unknown key; did you mean "version"?'],
        id="misspelt, not missing as well",
    ),
    pytest.param(
        f"version: 2\n{GOOD}", ["1:10: version: expected 1, the only version of this format, found 2"], id="version 2"
    ),
    pytest.param(
        f"version: '1'\n{GOOD}",
        ['1:10: version: expected 1, the only version of this format, found "1"'],
        id="version in quotes",
    ),
    pytest.param(
        f"version: true\n{GOOD}",
        ["1:10: version: expected 1, the only version of this format, found true"],
        id="version true",
    ),
    pytest.param(
        f"version: 1\n{GOOD}{GOOD}",
        ["3:1: environments: duplicate key; it stands already at line 2"],
        id="duplicate key",
    ),
    pytest.param(
        top("no: 1\non: 2"), [f"2:1: no: unknown key; {TOP_KEYS}", f"3:1: on: unknown key; {TOP_KEYS}"], id="on and no"
    ),
    pytest.param(top("enviroment: []"), ['2:1: enviroment: unknown key; did you mean "environments"?'], id="typo"),
    pytest.param(top('"a\\nb\\e[31m": 1'), [f"2:1: a\\nb\\x1b[31m: unknown key; {TOP_KEYS}"], id="unprintable key"),
    pytest.param(
        "a: &a [1]\nb: &b [*b]\n", ["2:4: what the anchor here names contains an alias of itself"], id="alias cycle"
    ),
    pytest.param("version: 1\n", ["1:1: environments: required, but missing"], id="no environments"),
    pytest.param(
        "version: 1\nenvironments: []\n",
        ["2:15: environments: expected at least one, found an empty list"],
        id="empty environments",
    ),
    pytest.param(
        "version: 1\nenvironments: {a: {}}\n",
        ["2:15: environments: expected a list, found a mapping"],
        id="environments by name",
    ),
]

SECTIONS = [
    pytest.param(
        top("api:\ndefaults: {}\nstrategy: x\nschedule: []"),
        [
            "2:5: api: expected a mapping, found nothing",
            '4:11: strategy: expected a mapping, found "x"',
            "5:11: schedule: expected a mapping, found an empty list",
        ],
        id="sections that are none",
    ),
    pytest.param(
        top("api: {url: 'api.qovery.com', requests_per_hour: 0, request_timeout: 0s}"),
        [
            f'2:12: api.url: {EXPECTED_URL}, found "api.qovery.com"',
            "2:49: api.requests_per_hour: expected at least 1, found 0",
            '2:69: api.request_timeout: expected a duration longer than nothing, found "0s"',
        ],
        id="api",
    ),
    pytest.param(
        top("api: {url: 'https://api.qovery.com?a=b', requests_per_hour: 1.5}"),
        [
            '2:12: api.url: expected a URL without a query, found "https://api.qovery.com?a=b"',
            "2:61: api.requests_per_hour: expected a whole number, found 1.5",
        ],
        id="api, again",
    ),
    pytest.param(
        top("api: {url: 'https://a:99999', requests_per_hour: \"1000\"}"),
        [
            f'2:12: api.url: {EXPECTED_URL}, found "https://a:99999"',
            '2:50: api.requests_per_hour: expected a whole number, found "1000"; leave out the quotes',
        ],
        id="a number in quotes",
    ),
    pytest.param(
        top("api: {token: {env: A, file: b}}"),
        ["2:14: api.token: expected either env or file, found both"],
        id="token in two places",
    ),
    pytest.param(
        top("api: {token: {}}"), ["2:14: api.token: expected either env or file, found neither"], id="token nowhere"
    ),
    pytest.param(top("api: {token: }"), [f"2:14: api.token: {EXPECTED_TOKEN}"], id="token left empty"),
    pytest.param(
        top("defaults: {deadline: 30, lost_contact: 1.5, on_busy: wiat, on_stopped: Skip, on_deadline: 5}"),
        [
            "2:22: defaults.deadline: expected a duration with its unit, such as 30s or 30m, found 30",
            "2:40: defaults.lost_contact: expected a duration with its unit, such as 30s or 30m, found 1.5",
            '2:54: defaults.on_busy: expected wait or fail, found "wiat"; did you mean "wait"?',
            '2:72: defaults.on_stopped: expected fail or skip, found "Skip"; did you mean "skip"?',
            "2:91: defaults.on_deadline: expected leave or cancel, found 5",
        ],
        id="defaults",
    ),
    pytest.param(
        top("defaults: {deadline: true, lost_contact: [5m], on_busy: never, poll: {min: 721h}}"),
        [
            f"2:22: defaults.deadline: {EXPECTED_DURATION}, found true",
            f"2:42: defaults.lost_contact: {EXPECTED_DURATION}, found a list",
            '2:57: defaults.on_busy: expected wait or fail, found "never"',
            '2:76: defaults.poll.min: expected a duration of at most 720h, found "721h"',
        ],
        id="defaults, again",
    ),
    pytest.param(
        top("defaults: {deadlin: 5m, wave: 2}"),
        [
            '2:12: defaults.deadlin: unknown key; did you mean "deadline"?',
            "2:25: defaults.wave: unknown key; "
            "expected one of deadline, poll, lost_contact, on_busy, on_stopped, on_deadline",
        ],
        id="unknown defaults",
    ),
    pytest.param(
        top("defaults: {poll: {min: 1m, max: 30s, mxa: 1}, deadline: 5 minutes}"),
        [
            "2:18: defaults.poll: expected min to be at most max",
            '2:38: defaults.poll.mxa: unknown key; did you mean "max"?',
            f'2:57: defaults.deadline: {EXPECTED_DURATION}, found "5 minutes"',
        ],
        id="poll turned around, beside other mistakes",
    ),
    pytest.param(
        top("defaults: {poll: {max: 1s}}"),
        ["2:18: defaults.poll: expected min to be at most max; min is not set here, so it is 2s"],
        id="poll below its default",
    ),
    pytest.param(
        top("strategy: {max_parallel: 0, max_failures: 101%, pause_between_waves: -1s, run_deadline: ''}"),
        [
            "2:26: strategy.max_parallel: expected at least 1, found 0",
            f'2:43: strategy.max_failures: {EXPECTED_BUDGET}, found "101%"',
            f'2:70: strategy.pause_between_waves: {EXPECTED_DURATION}, found "-1s"',
            f'2:89: strategy.run_deadline: {EXPECTED_DURATION}, found ""',
        ],
        id="strategy",
    ),
    pytest.param(
        top("strategy: {max_parallel: many, max_failures: -1}"),
        [
            '2:26: strategy.max_parallel: expected a whole number, found "many"',
            f"2:46: strategy.max_failures: {EXPECTED_BUDGET}, found -1",
        ],
        id="strategy, again",
    ),
    pytest.param(
        top("strategy: {max_parallel: true, max_failures: '2'}"),
        [
            "2:26: strategy.max_parallel: expected a whole number, found true",
            f'2:46: strategy.max_failures: {EXPECTED_BUDGET}, found "2"; leave out the quotes',
        ],
        id="strategy, once more",
    ),
    pytest.param(
        top("schedule: {cron: 0 3 * *, timezone: Europe/Pari, window: 0s, on_missed: rnu}"),
        [
            '2:18: schedule.cron: expected a cron expression of five fields, such as "0 3 * * 1-5", found "0 3 * *"',
            '2:37: schedule.timezone: expected a time zone such as Europe/Paris, found "Europe/Pari"',
            '2:58: schedule.window: expected a duration longer than nothing, found "0s"',
            '2:73: schedule.on_missed: expected run or skip, found "rnu"; did you mean "run"?',
        ],
        id="schedule",
    ),
    pytest.param(
        top("schedule: {cron: 0 0 30 2 *, timezone: America/New_Yrok}"),
        [
            '2:18: schedule.cron: expected a cron expression of five fields, such as "0 3 * * 1-5", found "0 0 30 2 *"',
            '2:40: schedule.timezone: expected a time zone such as America/New_York, found "America/New_Yrok"',
        ],
        id="a day that never comes",
    ),
    pytest.param(
        top('schedule: {cron: "* * * * * *", timezone: 5}'),
        [
            '2:18: schedule.cron: expected a cron expression of five fields, such as "0 3 * * 1-5", found "* * * * * *"',
            "2:43: schedule.timezone: expected a time zone such as Europe/Paris, found 5",
        ],
        id="a cron with seconds",
    ),
    pytest.param(
        top("schedule: {cron: 5}"),
        ['2:18: schedule.cron: expected a cron expression of five fields, such as "0 3 * * 1-5", found 5'],
        id="a cron that is a number",
    ),
    pytest.param(top("schedule: {}"), ["2:11: schedule.cron: required, but missing"], id="a schedule without times"),
]

ENVIRONMENTS = [
    pytest.param(
        "version: 1\nenvironments: [staging, null, {}]\n",
        [
            '2:16: environments[0]: expected a mapping, found "staging"',
            "2:25: environments[1]: expected a mapping, found nothing",
            "2:31: environments[2]: expected either id or path, found neither",
            "2:31: environments[2].name: required, but missing",
            "2:31: environments[2].services: required, but missing",
        ],
        id="not mappings",
    ),
    pytest.param(
        environment(f"id: {ID}\nservces: all"),
        ['5:5: environments[0].servces: unknown key; did you mean "services"?'],
        id="services misspelt",
    ),
    pytest.param(
        environment("pth: a/b/c\nservices: all"),
        ['4:5: environments[0].pth: unknown key; did you mean "path"?'],
        id="path misspelt",
    ),
    pytest.param(
        environment(f"path: a/b/c\n{ALL_OF_IT}"),
        ["3:5: environments[0]: expected either id or path, found both"],
        id="id and path",
    ),
    pytest.param(
        environment("services: all\nwave: 0"),
        [
            "3:5: environments[0]: expected either id or path, found neither",
            "5:11: environments[0].wave: expected at least 1, found 0",
        ],
        id="neither id nor path, beside another mistake",
    ),
    pytest.param(
        environment("id: 3c90c3cc\nservices: all"),
        [f'4:9: environments[0].id: {EXPECTED_ID}, found "3c90c3cc"'],
        id="no UUID",
    ),
    pytest.param(
        environment("id: 12\nservices: all"), [f"4:9: environments[0].id: {EXPECTED_ID}, found 12"], id="id a number"
    ),
    pytest.param(
        environment(f"id: {ID.replace('-', '')}\nservices: all"),
        [f'4:9: environments[0].id: {EXPECTED_ID}, found "{ID.replace("-", "")}"'],
        id="id without dashes",
    ),
    pytest.param(
        environment("path: shop/production\nservices: all"),
        ['4:11: environments[0].path: expected organization/project/environment, found "shop/production"'],
        id="a path of two parts",
    ),
    pytest.param(
        environment("path: acme/ /production\nservices: all"),
        ['4:11: environments[0].path: expected organization/project/environment, found "acme/ /production"'],
        id="a path with an empty part",
    ),
    pytest.param(
        environment("path: [a, b, c]\nservices: all"),
        ["4:11: environments[0].path: expected organization/project/environment, found a list"],
        id="a path that is a list",
    ),
    pytest.param(
        "version: 1\nenvironments: [{name: 5, path: a/b/c, services: all}, {name: ' ', path: a/b/d, services: all}]\n",
        [
            "2:23: environments[0].name: expected text, found 5; put it in quotes",
            '2:62: environments[1].name: expected some text, found " "',
        ],
        id="names that are none",
    ),
    pytest.param(
        'version: 1\nenvironments: [{name: "a\\nb", path: a/b/c, services: all}]\n',
        [
            '2:23: environments[0].name: expected text on one line, without control characters, found "a\\nb"',
        ],
        id="a name on two lines",
    ),
    pytest.param(
        environment("path: a/b/c\nservices: [api]"),
        [f"5:15: environments[0].services: {EXPECTED_SERVICES}, found a list"],
        id="services in a list",
    ),
    pytest.param(
        environment("path: a/b/c\nservices: ALL"),
        [f'5:15: environments[0].services: {EXPECTED_SERVICES}, found "ALL"'],
        id="services in capitals",
    ),
    pytest.param(
        environment("path: a/b/c\nservices:"),
        [f"5:14: environments[0].services: {EXPECTED_SERVICES}, found nothing"],
        id="services left empty",
    ),
    pytest.param(
        environment("path: a/b/c\nservices: {}"),
        [
            "5:15: environments[0].services: "
            "expected at least one of applications, containers, databases, found an empty mapping"
        ],
        id="no services",
    ),
    pytest.param(
        environment("path: a/b/c\nservices: {applications: [], containers: worker, jobs: [x], databses: [x]}"),
        [
            "5:30: environments[0].services.applications: expected at least one, found an empty list",
            '5:46: environments[0].services.containers: expected a list, found "worker"',
            "5:54: environments[0].services.jobs: unknown key; expected one of applications, containers, databases",
            '5:65: environments[0].services.databses: unknown key; did you mean "databases"?',
        ],
        id="lists of services",
    ),
    pytest.param(
        environment("path: a/b/c\nservices: {all: [x]}"),
        ["5:16: environments[0].services.all: unknown key; expected one of applications, containers, databases"],
        id="all as a key",
    ),
    pytest.param(
        environment("path: a/b/c\nservices: {applications: [1.10, api, ' API', yes, true, '', ~, [x]]}"),
        [
            "5:31: environments[0].services.applications[0]: expected text, found 1.1; put it in quotes",
            "5:42: environments[0].services.applications[2]: the same as [1]; a service is listed once",
            "5:55: environments[0].services.applications[4]: expected text, found true; put it in quotes",
            '5:61: environments[0].services.applications[5]: expected some text, found ""',
            "5:65: environments[0].services.applications[6]: expected text, found nothing",
            "5:68: environments[0].services.applications[7]: expected text, found a list",
        ],
        id="names of services",
    ),
    pytest.param(
        environment(f"{ALL_OF_IT}verify: {{http: https://a}}"),
        ["6:13: environments[0].verify: expected a list, found a mapping"],
        id="a check outside a list",
    ),
    pytest.param(
        environment(f"{ALL_OF_IT}verify:"),
        ["6:12: environments[0].verify: expected a list, found nothing"],
        id="checks left empty",
    ),
    pytest.param(
        environment(
            f"{ALL_OF_IT}verify:\n- {{http: ftp://a, status: 99, consecutive: 0, within: 1d}}\n"
            "- {http: 'https://a b', status: 600, consecutive: 1001}\n- {https: a}\n- {status: '200'}\n- https://a"
        ),
        [
            f'7:14: environments[0].verify[0].http: {EXPECTED_URL}, found "ftp://a"',
            "7:31: environments[0].verify[0].status: expected at least 100, found 99",
            "7:48: environments[0].verify[0].consecutive: expected at least 1, found 0",
            f'7:59: environments[0].verify[0].within: {EXPECTED_DURATION}, found "1d"',
            f'8:14: environments[0].verify[1].http: {EXPECTED_URL}, found "https://a b"',
            "8:37: environments[0].verify[1].status: expected at most 599, found 600",
            "8:55: environments[0].verify[1].consecutive: expected at most 1000, found 1001",
            '9:8: environments[0].verify[2].https: unknown key; did you mean "http"?',
            "10:7: environments[0].verify[3].http: required, but missing",
            '10:16: environments[0].verify[3].status: expected a whole number, found "200"; leave out the quotes',
            '11:7: environments[0].verify[4]: expected a mapping, found "https://a"',
        ],
        id="checks",
    ),
    pytest.param(
        environment(f"{ALL_OF_IT}poll: {{max: 3s}}").replace(
            "environments", "defaults: {poll: {min: 5s}}\nenvironments"
        ),
        ["7:11: environments[0].poll: expected min to be at most max; min is not set here, so it is that of defaults"],
        id="poll against the defaults",
    ),
    pytest.param(
        "version: 1\nenvironments:\n"
        "  - {name: Shop, path: acme/shop/production, services: all}\n"
        "  - {name: shop, path: 'Acme / SHOP/production', services: all}\n"
        f"  - {{name: b, id: {ID}, services: all}}\n"
        f"  - {{name: ' B', id: {ID.upper()}, services: all, deadline: 5}}\n",
        [
            "4:12: environments[1].name: the same as that of environments[0]; names are unique, whatever their case",
            "4:24: environments[1].path: the same as that of environments[0]; an environment is listed once",
            "6:12: environments[3].name: the same as that of environments[2]; names are unique, whatever their case",
            "6:22: environments[3].id: the same as that of environments[2]; an environment is listed once",
            "6:89: environments[3].deadline: expected a duration with its unit, such as 30s or 30m, found 5",
        ],
        id="the same names and environments",
    ),
    pytest.param(
        "version: 1\nenvironments:\n"
        "  - &a {name: a, path: a/b/c, services: &s {applications: [5]}, wave: 0}\n"
        "  - {<<: *a, name: b, path: a/b/d}\n  - {name: c, path: a/b/e, services: *s}\n",
        [
            "3:60: environments[0].services.applications[0]: expected text, found 5; put it in quotes",
            "3:71: environments[0].wave: expected at least 1, found 0",
        ],
        id="one mistake behind an anchor is one line",
    ),
    pytest.param(
        environment(f"deadline: 5m\ndeadline: 5\n{ALL_OF_IT}on_busy: fial"),
        [
            "5:5: environments[0].deadline: duplicate key; it stands already at line 4",
            '8:14: environments[0].on_busy: expected wait or fail, found "fial"; did you mean "fail"?',
        ],
        id="a duplicate key beside another mistake",
    ),
    pytest.param(
        environment(f"deadline: 5\ndeadline: 5m\n{ALL_OF_IT}"),
        [
            "4:15: environments[0].deadline: expected a duration with its unit, such as 30s or 30m, found 5",
            "5:5: environments[0].deadline: duplicate key; it stands already at line 4",
        ],
        id="a duplicate of a mistake",
    ),
]


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML without libyaml reports some errors at another place")
@pytest.mark.parametrize(("text", "expected"), [*THE_FILE, *SECTIONS, *ENVIRONMENTS])
def test_every_mistake_is_one_line_with_its_place_its_key_and_what_was_expected(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_a_long_value_is_cut() -> None:
    (line,) = mistakes(environment(f"path: {'x' * 500}\nservices: all"))
    assert line.endswith(f'found "{"x" * 60}…"')


def test_a_number_of_absurd_length_is_a_mistake() -> None:
    (line,) = mistakes(top(f"strategy: {{max_parallel: 0x{'f' * 9000}}}"))
    assert line == "2:26: strategy.max_parallel: this is no !!int, or one too long to read"


# What came from the environment, and secrets


def test_an_unset_variable_is_one_line_whatever_its_value_was_to_be() -> None:
    text = environment(f"id: {ID}\nservices: all\ndeadline: ${{D}}\nwave: ${{W}}\npath: a/${{P}}/c")
    assert mistakes(text) == [
        "3:5: environments[0]: expected either id or path, found both",
        "6:15: environments[0].deadline: the environment variable D is not set; set it, or give a default: ${D:-…}",
        "7:11: environments[0].wave: the environment variable W is not set; set it, or give a default: ${W:-…}",
        "8:11: environments[0].path: the environment variable P is not set; set it, or give a default: ${P:-…}",
    ]


def test_two_names_with_unset_variables_are_not_called_the_same() -> None:
    text = "version: 1\nenvironments: [{name: '${A}x', path: a/b/c, services: all}, {name: '${B}x', path: a/b/d, services: all}]"
    assert [line.partition(" ")[0] for line in mistakes(text)] == ["2:23:", "2:66:"]


PLACES_FOR_A_SECRET = [
    pytest.param(top("api: {token: '${S}'}"), id="token"),
    pytest.param(top("api: {token: {env: '${S}'}}"), id="token's variable"),
    pytest.param(top("api: {token: {file: A, env: '${S}'}}"), id="token in two places"),
    pytest.param(top("api: {url: '${S}'}"), id="url"),
    pytest.param(top("api: {url: 'https://user:${S}@a'}"), id="password in a url"),
    pytest.param(top("api: {requests_per_hour: '${S}'}"), id="number"),
    pytest.param(top("api: '${S}'"), id="section"),
    pytest.param(top("defaults: {deadline: '${S}', on_busy: '${S}', poll: {min: '${S}'}}"), id="durations and choices"),
    pytest.param(top("strategy: {max_failures: '${S}', run_deadline: 'x${S}'}"), id="strategy"),
    pytest.param(top("schedule: {cron: '${S}', timezone: '${S}', on_missed: '${S}'}"), id="schedule"),
    pytest.param(environment("id: '${S}'\nservices: '${S}'"), id="id and services"),
    pytest.param(environment("path: '${S}'\nservices: {applications: '${S}'}"), id="path and list"),
    pytest.param(
        environment("path: a/b/c\nservices: {applications: ['${S}', '${S}']}"), id="a service that is listed twice"
    ),
    pytest.param(environment(f"{ALL_OF_IT}verify: ['${{S}}', {{http: '${{S}}', status: '${{S}}'}}]"), id="checks"),
    pytest.param("${S}", id="the whole file"),
]


@pytest.mark.parametrize("text", PLACES_FOR_A_SECRET)
def test_a_value_that_came_from_the_environment_is_never_shown(text: str) -> None:
    assert SECRET not in "".join(mistakes(text, S=SECRET))


def test_a_value_from_the_environment_is_told_by_the_name_of_its_variable() -> None:
    assert mistakes(top("strategy:\n  max_parallel: ${N}"), N="many") == [
        "3:17: strategy.max_parallel: expected a whole number; what stands here comes from the environment variable N"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"api: {{token: {SECRET}}}", f"2:14: api.token: {EXPECTED_TOKEN}", id="as text"),
        pytest.param(f"api: {{token: [{SECRET}]}}", f"2:14: api.token: {EXPECTED_TOKEN}", id="in a list"),
        pytest.param("api: {token: 123456}", f"2:14: api.token: {EXPECTED_TOKEN}", id="as a number"),
        pytest.param(
            f"api: {{token: {{value: {SECRET}}}}}",
            "2:15: api.token.value: unknown key; expected one of env, file",
            id="under a key of its own",
        ),
        pytest.param(
            f"api: {{token: {{evn: {SECRET}}}}}",
            '2:15: api.token.evn: unknown key; did you mean "env"?',
            id="under a misspelt key",
        ),
        pytest.param(
            f"api: {{token: {{env: {SECRET}}}}}",
            "2:20: api.token.env: "
            "expected the name of an environment variable, such as QOVERY_API_TOKEN, not the token itself",
            id="as the variable's name",
        ),
        pytest.param(
            "api: {token: {env: qov_123456}}",
            "2:20: api.token.env: "
            "expected the name of an environment variable, such as QOVERY_API_TOKEN, not the token itself",
            id="as the variable's name, looking like one",
        ),
        pytest.param(
            f"api: {{token: {{file: [{SECRET}]}}}}", "2:21: api.token.file: expected text", id="in a list of files"
        ),
        pytest.param(
            f"api: {{url: 'https://me:{SECRET}@a'}}",
            "2:12: api.url: expected a URL without user information; secrets are not written in files",
            id="in a url",
        ),
        pytest.param(
            f"defaults: {{deadline: 'https://me:{SECRET}@a'}}",
            f"2:22: defaults.deadline: {EXPECTED_DURATION}",
            id="in a url at the wrong place",
        ),
    ],
)
def test_a_secret_that_is_written_in_the_file_is_refused_and_not_repeated(text: str, expected: str) -> None:
    assert mistakes(top(text)) == [expected]


# Anything at all


def _keys(model: type[Any]) -> list[str]:
    return list(model.model_fields)


KEYS = st.sampled_from(
    [*_keys(Config), *_keys(EnvironmentConfig), *_keys(ServicesConfig), "min", "max", "env", "file", "url", "token"]
    + ["http", "status", "cron", "timezone", "max_failures", "requests_per_hour", "all", "x", "services ", "\n"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["all", "5m", "a/b/c", ID, "wait", "10%", "https://a", "0 3 * * *", "UTC", "${S}", "${UNSET}", "${"]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


@given(st.dictionaries(KEYS, VALUES, max_size=6), VALUES)
def test_whatever_the_structure_only_a_configuration_error_comes_out(content: Json, environments: Json) -> None:
    text = yaml.safe_dump({"version": 1, "environments": environments} | content, allow_unicode=True)
    _parse(text)


@given(st.one_of(st.text(), st.text("ab:-[]{}&*<>!|'\"#\n\t ,?${}%@", max_size=60)))
def test_whatever_the_text_only_a_configuration_error_comes_out(text: str) -> None:
    _parse(text)


def _parse(text: str) -> None:
    try:
        parse_config(text, source="any.yaml", environ={"S": SECRET})
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - any file may go either way
        assert len(set(error.problems)) == len(error.problems)  # noqa: PT017 - the same
        for problem in error.problems:
            assert problem.startswith("any.yaml:")
            assert problem.isprintable()
            assert SECRET not in problem
