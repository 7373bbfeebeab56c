"""Reading YAML: its values, their places, and what is said of what cannot be read."""

import doctest
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import yaml_errors
from orchestrator.config.yaml_errors import DEEPEST
from orchestrator.config.yaml_source import MOST_NODES, Place, read_document
from tests.support.config_texts import GOOD, ID, NEEDS_LIBYAML, mistakes

Json = Any


def content(text: str, **environ: str) -> Json:
    document = read_document(text, environ)
    assert document.problems == []
    return document.content


def problems(text: str, **environ: str) -> list[str]:
    found = read_document(text, environ).problems
    return [f"{problem.place.line}:{problem.place.column} {problem.message}" for problem in found]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        (".inf", ".inf"),
        ("10%", "10%"),
        ("true", True),
        ("FALSE", False),
        ("5", 5),
        ("-5", -5),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("~", None),
        ("null", None),
        ("", None),
        ('"5"', "5"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        ("! 5", 5),
        ("<<", "<<"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_mean_what_the_core_schema_of_yaml_1_2_says(scalar: str, value: object) -> None:
    read = content(f"a: {scalar}")["a"]
    assert read == value
    assert type(read) is type(value)


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    assert content("\ufeffa: 1") == {"a": 1}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_has_no_content_and_no_problem(text: str) -> None:
    assert content(text) is None


def test_every_key_and_value_has_its_place() -> None:
    document = read_document("a:\n  - b: 1\n    c: [x, y]\n", {})
    assert document.keys == {("a",): Place(1, 1), ("a", 0, "b"): Place(2, 5), ("a", 0, "c"): Place(3, 5)}
    assert document.values["a", 0, "b"] == Place(2, 8)
    assert document.values["a", 0, "c", 1] == Place(3, 12)


def test_what_is_not_there_has_the_place_of_what_is_around_it() -> None:
    document = read_document("a:\n  b: 1\n", {})
    assert document.place_of(("a", "missing", 0)) == Place(2, 3)
    assert read_document("", {}).place_of(("a",)) == Place(1, 1)


# Variables


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${N}", 7),
        ('"${N}"', "7"),
        ("x${N}y", "x7y"),
        ("${N}${T}", "7text"),
        ("${UNSET:-5}", 5),
        ("${UNSET:-}", None),
        ("${EMPTY:-5}", 5),
        ("${EMPTY}", None),
        ('"${EMPTY}"', ""),
        ("${YES:-false}", True),
        ("$${N}", "${N}"),
        ("$${", "${"),
        ("$N", "$N"),
        ("a$", "a$"),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${LOOKS}", "${N}"),
    ],
)
def test_variables_are_replaced_in_values_and_plain_ones_mean_what_they_then_say(text: str, value: object) -> None:
    assert content(f"a: {text}", N="7", T="text", EMPTY="", YES="true", LOOKS="${N}")["a"] == value


def test_variables_are_replaced_neither_in_keys_nor_in_comments() -> None:
    assert content("${KEY}: 1 # ${COMMENT}\n") == {"${KEY}": 1}


def test_values_from_the_environment_are_marked_and_defaults_are_not() -> None:
    document = read_document('a: ${A}\nb: ["x", "${B:-1}${A}", "${UNSET:-x}"]', {"A": "secret", "B": "b"})
    assert document.from_environment == {("a",): "A", ("b", 1): "B"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: ${N}", "1:4 the environment variable N is not set; set it, or give a default: ${N:-…}"),
        ("a: ${}", "1:4 expected ${NAME} or ${NAME:-default}; write $${ for a literal ${"),
        ("a: ${N-5}", "1:4 expected ${NAME} or ${NAME:-default}; write $${ for a literal ${"),
        ("a: ${1N}", "1:4 expected ${NAME} or ${NAME:-default}; write $${ for a literal ${"),
        ("a: ${N", "1:4 expected ${NAME} or ${NAME:-default}; write $${ for a literal ${"),
        ("a: ${N:-${M}}", "1:4 expected ${NAME} or ${NAME:-default}; write $${ for a literal ${"),
    ],
)
def test_a_variable_that_cannot_be_replaced_is_a_problem_at_its_value(text: str, problem: str) -> None:
    document = read_document(text, {})
    assert problems(text) == [problem]
    assert document.unreadable == {("a",)}


# Anchors and merge keys


def test_own_keys_win_over_merged_ones_and_earlier_over_later() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], c: 3, d: 3}\nw: {a: 0, <<: *x}\n"
    assert content(text)["z"] == {"a": 1, "b": 1, "c": 3, "d": 3}
    assert content(text)["w"] == {"a": 0, "b": 1}


def test_what_is_merged_keeps_its_place() -> None:
    document = read_document("x: &x\n  a: 1\nz:\n  <<: *x\n  b: 2\n", {})
    assert document.values["z", "a"] == Place(2, 6)
    assert document.values["z", "b"] == Place(5, 6)


def test_a_merged_value_that_gives_way_leaves_no_trace() -> None:
    document = read_document("x: &x {a: '${A}'}\nz: {<<: *x, a: 1}\n", {"A": "secret"})
    assert document.from_environment == {("x", "a"): "A"}


def test_aliases_stand_for_what_was_named() -> None:
    assert content("a: &a [1, {b: 2}]\nc: *a\n")["c"] == [1, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: 1\nb: 2\na: 3", "3:1 duplicate key; first defined at line 1", id="duplicate"),
        pytest.param("5: a", "1:1 a key must be text, not 5", id="number as key"),
        pytest.param("? [a]\n: b", "1:3 a key must be text", id="list as key"),
        pytest.param("? \n: b", "1:2 a key must be text, not nothing", id="nothing as key"),
        pytest.param("a: {<<: 5}", "1:9 only mappings can be merged with <<", id="merging a number"),
        pytest.param("a: !!set {b}", "1:4 the tag !!set is not supported; remove it", id="set"),
        pytest.param("a: !!omap []", "1:4 the tag !!omap is not supported; remove it", id="omap"),
        pytest.param("a: !mine b", "1:4 the tag !mine is not supported; remove it", id="unknown tag"),
        pytest.param(
            "a: !!python/name:os.system b",
            "1:4 the tag !!python/name:os.system is not supported; remove it",
            id="code",
        ),
        pytest.param("a: !!int b", "1:4 not a valid !!int, or too long", id="no int"),
        pytest.param("a: !!bool yes", "1:4 not a valid !!bool, or too long", id="no bool"),
        pytest.param("a: " + "9" * 5000, "1:4 not a valid !!int, or too long", id="too long a number"),
        pytest.param("a: &a [*a]", "1:4 this anchor contains an alias to itself", id="alias cycle in a list"),
        pytest.param("a: &a {<<: *a}", "1:4 this anchor contains an alias to itself", id="alias cycle in a merge"),
        pytest.param("a: b\x00", "1:5 not YAML: the character U+0000 is not allowed in a file", id="control character"),
        pytest.param(
            "a:\n  \ud800", "2:3 not YAML: the character U+D800 is not allowed in a file", id="half surrogate"
        ),
    ],
)
def test_what_yaml_allows_and_a_configuration_does_not_is_a_problem(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_every_problem_is_found_at_once() -> None:
    assert problems("a: ${A}\nb: !x 1\na: 2\n") == [
        "3:1 duplicate key; first defined at line 1",
        "1:4 the environment variable A is not set; set it, or give a default: ${A:-…}",
        "2:4 the tag !x is not supported; remove it",
    ]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "], ids=["lists", "mappings", "block lists", "keys"])
def test_deep_nesting_ends_in_a_problem_and_not_in_the_end_of_the_process(opening: str) -> None:
    (problem,) = problems(opening * 100_000)
    assert problem.endswith(f"nested too deeply: more than {DEEPEST} levels")


def test_deep_nesting_by_aliases_is_found_too() -> None:
    levels = DEEPEST - 2
    text = f"a: &a {'[' * levels}1{']' * levels}\nb: {'[' * levels}*a{']' * levels}\n"
    (problem,) = problems(text)
    assert problem.endswith(f"nested too deeply: more than {DEEPEST} levels")


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (problem,) = problems("\n".join(lines))
    assert problem.endswith(f"with its aliases expanded, the file has more than {MOST_NODES} values")


def test_merges_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    (problem,) = problems("\n".join(lines))
    assert problem.endswith(f"with its aliases expanded, the file has more than {MOST_NODES} values")


# Syntax


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a:\n\t- b\n", "2:1 tab character; indent YAML with spaces", id="tab before a list"),
        pytest.param("a: 1\n\tb: 1\n", "2:1 tab character; indent YAML with spaces", id="tab after text"),
        pytest.param('a: "b\nc: d\n', "1:4 the quote opened here is never closed", id="unclosed quote"),
        pytest.param("a: 'b\n---\n'", "1:4 the quote opened here is never closed", id="quote over documents"),
        pytest.param("a: [b\nc: d\n", "1:4 the list opened here expects a comma or ] at line 2", id="unclosed list"),
        pytest.param(
            "a: {b\nc: d\n", "1:4 the mapping opened here expects a comma or } at line 2", id="unclosed mapping"
        ),
        pytest.param(
            "a: {b: ${C}}",
            "1:9 inside { } or [ ], a value with a ${VARIABLE} needs quotes",
            id="variable in a flow mapping",
        ),
        pytest.param(
            "a: b: c",
            "1:5 a key is not allowed here; put text that contains a colon in quotes, or fix the indentation",
            id="two colons",
        ),
        pytest.param("a: 1\nfoo\nb: 1\n", "2:1 expected `key: value`", id="no colon"),
        pytest.param("a: - b", "1:4 a list item is not allowed here; start it on its own line", id="item"),
        pytest.param("a: *b", "1:4 undefined alias; its anchor must come before it", id="unknown alias"),
        pytest.param("a: &b 1\nc: &b 2", "2:4 duplicate anchor; first defined at line 1", id="anchor twice"),
        pytest.param("a: @b", "1:4 a value cannot start with @; put the value in quotes", id="at sign"),
        pytest.param("a: %b", "1:4 a value cannot start with %; put the value in quotes", id="per cent"),
        pytest.param(
            "a: 1\n---\nb: 1\n",
            "2:1 a second document starts here; a configuration is a single document",
            id="documents",
        ),
        pytest.param(
            "a:\n  - b\n - c\n",
            "3:2 this does not fit what comes before it; check the indentation and the quotes",
            id="indentation",
        ),
        pytest.param(
            "a: 'b' c",
            "1:8 this does not fit what comes before it; check the indentation and the quotes",
            id="text after a quote",
        ),
    ],
)
@NEEDS_LIBYAML
def test_a_syntax_error_is_told_in_words_for_whoever_wrote_it(text: str, problem: str) -> None:
    place, _, message = problem.partition(" ")
    assert problems(text) == [f"{place} not YAML: {message}"]


def test_a_syntax_error_that_is_not_known_keeps_the_words_of_the_parser() -> None:
    (problem,) = problems("%YAML 3.0\n--- a\n")
    assert problem.startswith("1:1 not YAML: found incompatible YAML document")


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(yaml_errors)
    assert (failed, attempted) == (0, 1)


# Anything at all

PIECES = [
    "a",
    "b: ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&x ",
    "*x",
    "<<: ",
    "!t ",
    "!!int ",
    "? ",
    ": ",
    "'",
    '"',
    "${A}",
    "${B:-",
    "$${",
    "---\n",
    "...\n",
    ">\n",
    "#",
    "%",
    "@",
    "\t",
    "5",
    "~",
    "true",
    "\\x",
    "\ufeff",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_any_text_is_read_or_has_problems_that_stand_on_one_line(text: str) -> None:
    document = read_document(text, {"A": "value"})
    for problem in document.problems:
        assert problem.place >= Place(1, 1)
        assert problem.message
        assert problem.message.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_what_is_written_as_yaml_is_read_again(value: Json) -> None:
    text = yaml.safe_dump({"a": value}, allow_unicode=False, default_style='"', width=10**6).replace("${", "$${")
    assert content(text) == {"a": value}


def test_more_values_than_a_configuration_can_have_are_refused_before_they_fill_the_memory() -> None:
    document = read_document("x: [" + "1," * 2 * MOST_NODES + "]", {})
    (problem,) = document.problems
    assert problem.message == f"the file has more than {MOST_NODES} values"
    assert problem.place.line == 1


@pytest.mark.parametrize(
    ("key", "shown"), [('""', '""'), ('" "', '" "'), ('" a"', '" a"'), ("a b", "a b"), ('"\\u200b"', "\\u200b")]
)
def test_a_key_that_nobody_would_see_is_shown_in_quotes(key: str, shown: str) -> None:
    assert mistakes(f"version: 1\n{key}: 3\n{GOOD}")[0].startswith(f"2:1: {shown}: unknown key")


def test_a_file_that_breaks_off_in_its_last_line_is_told_a_line_that_it_has() -> None:
    text = f"version: 1\nenvironments:\n  - name: a\n    id: {ID}\n    services: {{applications: [api,"
    (problem,) = read_document(text, {}).problems
    assert problem.place.line == 5
    assert "line 6" not in problem.message
