"""Broken environments, and exactly what is said of them."""

import pytest

from tests.support.config_texts import (
    ALL_OF_IT,
    EXPECTED_DURATION,
    EXPECTED_ID,
    EXPECTED_SERVICES,
    EXPECTED_SOME,
    EXPECTED_URL,
    ID,
    NEEDS_LIBYAML,
    environment,
    mistakes,
)

pytestmark = NEEDS_LIBYAML

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
        "version: 1\nenvironments: [{name: ~, path: a/b/c, services: all}, {name: ' ', path: a/b/d, services: all}]\n",
        [
            "2:23: environments[0].name: expected text, found nothing",
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
            f"5:15: environments[0].services: {EXPECTED_SOME}, found an empty mapping",
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
            "5:42: environments[0].services.applications[2]: the same as [1]; list each service once",
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
        ["7:11: environments[0].poll: expected min to be at most max; min is not set here, so it comes from defaults"],
        id="poll against the defaults",
    ),
    pytest.param(
        "version: 1\nenvironments:\n"
        "  - {name: Shop, path: acme/shop/production, services: all}\n"
        "  - {name: shop, path: 'Acme / SHOP/production', services: all}\n"
        f"  - {{name: b, id: {ID}, services: all}}\n"
        f"  - {{name: ' B', id: {ID.upper()}, services: all, deadline: 5}}\n",
        [
            "4:12: environments[1].name: the same as that of environments[0]; names must be unique, ignoring case",
            "4:24: environments[1].path: the same as that of environments[0]; list each environment once",
            "6:12: environments[3].name: the same as that of environments[2]; names must be unique, ignoring case",
            "6:22: environments[3].id: the same as that of environments[2]; list each environment once",
            "6:85: environments[3].deadline: expected a duration with its unit, such as 30s or 30m, found 5",
        ],
        id="the same names and environments",
    ),
    pytest.param(
        "version: 1\nenvironments:\n"
        "  - &a {name: a, path: a/b/c, services: &s {applications: [~]}, wave: 0}\n"
        "  - {<<: *a, name: b, path: a/b/d}\n  - {name: c, path: a/b/e, services: *s}\n",
        [
            "3:60: environments[0].services.applications[0]: expected text, found nothing",
            "3:71: environments[0].wave: expected at least 1, found 0",
        ],
        id="one mistake behind an anchor is one line",
    ),
    pytest.param(
        environment(f"deadline: 5m\ndeadline: 5\n{ALL_OF_IT}on_busy: fial"),
        [
            "5:5: environments[0].deadline: duplicate key; first defined at line 4",
            '8:14: environments[0].on_busy: expected wait or fail, found "fial"; did you mean "fail"?',
        ],
        id="a duplicate key beside another mistake",
    ),
    pytest.param(
        environment(f"deadline: 5\ndeadline: 5m\n{ALL_OF_IT}"),
        [
            "4:15: environments[0].deadline: expected a duration with its unit, such as 30s or 30m, found 5",
            "5:5: environments[0].deadline: duplicate key; first defined at line 4",
        ],
        id="a duplicate of a mistake",
    ),
]


@pytest.mark.parametrize(("text", "expected"), ENVIRONMENTS)
def test_every_mistake_is_one_line_with_its_place_its_key_and_what_was_expected(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected
