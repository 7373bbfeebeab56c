"""Broken files, and exactly what is said of them: the file as a whole, and its sections."""

import pytest

from tests.support.config_texts import (
    DEFAULTS_KEYS,
    EXPECTED_BUDGET,
    EXPECTED_CRON,
    EXPECTED_DURATION,
    EXPECTED_TOKEN,
    EXPECTED_URL,
    GOOD,
    NEEDS_LIBYAML,
    TOP_KEYS,
    WHOLE,
    environment,
    mistakes,
    top,
)

pytestmark = NEEDS_LIBYAML

THE_FILE = [
    pytest.param("", [f"1:1: {WHOLE}, found nothing"], id="empty"),
    pytest.param("# to do\n", [f"1:1: {WHOLE}, found nothing"], id="a comment alone"),
    pytest.param("\n- version: 1\n", [f"2:1: {WHOLE}, found a list"], id="a list"),
    pytest.param("nightly\n", [f"1:1: {WHOLE}, found a single value"], id="a word"),
    pytest.param(
        f"version: 1\n---\n{GOOD}",
        ["2:1: not YAML: a second document starts here; a configuration is a single document"],
        id="two documents",
    ),
    pytest.param(
        "version: 1\nenvironments:\n\t- name: a\n",
        ["3:1: not YAML: tab character; indent YAML with spaces"],
        id="tab",
    ),
    pytest.param(
        f'version: "1\n{GOOD}', ["1:10: not YAML: the quote opened here is never closed"], id="unclosed quote"
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
        ["3:1: environments: duplicate key; first defined at line 2"],
        id="duplicate key",
    ),
    pytest.param(
        top("no: 1\non: 2"), [f"2:1: no: unknown key; {TOP_KEYS}", f"3:1: on: unknown key; {TOP_KEYS}"], id="on and no"
    ),
    pytest.param(top("enviroment: []"), ['2:1: enviroment: unknown key; did you mean "environments"?'], id="typo"),
    pytest.param(top('"a\\nb\\e[31m": 1'), [f"2:1: a\\nb\\x1b[31m: unknown key; {TOP_KEYS}"], id="unprintable key"),
    pytest.param("a: &a [1]\nb: &b [*b]\n", ["2:4: this anchor contains an alias to itself"], id="alias cycle"),
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
            '2:69: api.request_timeout: expected a duration greater than zero, found "0s"',
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
            f"2:25: defaults.wave: unknown key; {DEFAULTS_KEYS}",
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
            f'2:18: schedule.cron: {EXPECTED_CRON}, found "0 3 * *"',
            '2:37: schedule.timezone: expected a time zone such as Europe/Paris, found "Europe/Pari"',
            '2:58: schedule.window: expected a duration greater than zero, found "0s"',
            '2:73: schedule.on_missed: expected run or skip, found "rnu"; did you mean "run"?',
        ],
        id="schedule",
    ),
    pytest.param(
        top("schedule: {cron: 0 0 30 2 *, timezone: America/New_Yrok}"),
        [
            (
                "2:18: schedule.cron: this cron expression never comes: no month that it names has such a day, "
                'found "0 0 30 2 *"'
            ),
            '2:40: schedule.timezone: expected a time zone such as America/New_York, found "America/New_Yrok"',
        ],
        id="a day that never comes",
    ),
    pytest.param(
        top('schedule: {cron: "* * * * * *", timezone: 5}'),
        [
            f'2:18: schedule.cron: {EXPECTED_CRON}, found "* * * * * *"',
            "2:43: schedule.timezone: expected a time zone such as Europe/Paris, found 5",
        ],
        id="a cron with seconds",
    ),
    pytest.param(
        top("schedule: {cron: 5}"),
        [f"2:18: schedule.cron: {EXPECTED_CRON}, found 5"],
        id="a cron that is a number",
    ),
    pytest.param(
        top("schedule: {cron: 0 3 * * \u00b2L}"),
        [
            (
                f"2:18: schedule.cron: {EXPECTED_CRON}; its day of the week is wrong (0 to 7, or SUN to SAT), "
                'found "0 3 * * \u00b2L"'
            )
        ],
        id="a digit that is no number",
    ),
    pytest.param(
        top("schedule: {cron: 0 3 * * *, timezone: right/Europe/Paris, grace: 5}"),
        [
            (
                "2:39: schedule.timezone: expected a time zone such as Europe/Paris, without right/, "
                'found "right/Europe/Paris"'
            ),
            "2:66: schedule.grace: expected a duration with its unit, such as 30s or 30m, found 5",
        ],
        id="a zone of leap seconds, and a grace without its unit",
    ),
    pytest.param(
        top(
            "blackouts: [{from: 2027-02-30, to: 2027-03-01}, {from: 2027-02-01, to: 2027-01-01}, {from: 2027-01-01}, "
            "{cron: 0 8 * * *}, {}, {from: 2027-01-01, for: 1h}, {cron: 0 8 30 2 *, for: 1h}, "
            "{cron: 0 0 * * *, fro: 1h}, no]"
        ),
        [
            (
                "2:20: blackouts[0].from: expected a date such as 2027-01-04, or a date and time such as "
                '2027-01-04T12:00, found "2027-02-30"'
            ),
            "2:49: blackouts[1]: expected a blackout that ends after it begins",
            "2:85: blackouts[2]: expected to: without it, this blackout never ends",
            "2:105: blackouts[3]: expected for beside cron",
            "2:124: blackouts[4]: expected either from and to, or cron and for, found neither",
            "2:128: blackouts[5]: expected either from and to, or cron and for, found both",
            (
                "2:164: blackouts[6].cron: this cron expression never comes: no month that it names has such a day, "
                'found "0 8 30 2 *"'
            ),
            '2:204: blackouts[7].fro: unknown key; did you mean "from"?',
            '2:214: blackouts[8]: expected a mapping, found "no"',
        ],
        id="blackouts",
    ),
    pytest.param(
        top("blackouts: [{cron: 0 0 * * *, for: 24h}]\nschedule: {cron: 0 3 * * *, timezone: Europe/Paris}"),
        ["2:13: blackouts[0]: this blackout never ends, by itself or with the others: nothing could ever begin"],
        id="a blackout that never ends",
    ),
    pytest.param(top("schedule: {}"), ["2:11: schedule.cron: required, but missing"], id="a schedule without times"),
]


@pytest.mark.parametrize(("text", "expected"), [*THE_FILE, *SECTIONS])
def test_every_mistake_is_one_line_with_its_place_its_key_and_what_was_expected(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_a_long_value_is_cut() -> None:
    (line,) = mistakes(environment(f"path: {'x' * 500}\nservices: all"))
    assert line.endswith(f'found "{"x" * 60}…"')


def test_a_number_of_absurd_length_is_a_mistake() -> None:
    (line,) = mistakes(top(f"strategy: {{max_parallel: 0x{'f' * 9000}}}"))
    assert line == "2:26: strategy.max_parallel: not a valid !!int, or too long"
