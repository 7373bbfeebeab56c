"""Configuration files: good ones, with keys, values, structure, bytes and encodings mutated."""

import json
import re
from typing import Any

import yaml
from hypothesis import strategies as st

from orchestrator.config import load_config
from orchestrator.errors import ConfigError
from tests.fuzz.ground import good_files
from tests.fuzz.oddities import changed, changes, spliced, splices, texts
from tests.fuzz.properties import findings_of
from tests.fuzz.stage import Stage, folder_with

Case = dict[str, Any]

_FRAGMENTS = (
    "&a ", "*a", "<<: *a", "<<: {}", "<<: [1]", "!!binary ", "!!python/object:os.system ", "!!set ", "!!str ", "!<",
    "%YAML 1.1\n", "%TAG ! x\n",
    "---\n", "...\n", "? ", "|", ">", "|2-\n", ": ", "- ", "\t", "\r", "#", "\u2028", "\u0085", "{", "[", "]", "}",
    ",", "'", '"', "@", "`",
    "${A}", "${A:-}", "${A:-b", "${HOME}", "${A:-${B}}", "${ A}", "${QOVERY_API_TOKEN}", "!!int x", "!!null x",
    "!!timestamp 2026-01-01", "0o9", ".inf", ".nan",
)  # fmt: skip
_lines = st.one_of(
    st.fixed_dictionaries({"line": st.integers(0, 80), "value": st.one_of(texts, st.sampled_from(_FRAGMENTS))}),
    st.fixed_dictionaries({"line": st.integers(0, 80), "key": texts}),
    st.fixed_dictionaries({"line": st.integers(0, 80), "indent": st.integers(-4, 4)}),
    st.fixed_dictionaries({"line": st.integers(0, 80), "repeat": st.sampled_from([0, 1, 2, 500])}),
    st.fixed_dictionaries({"line": st.integers(0, 80), "above": st.one_of(texts, st.sampled_from(_FRAGMENTS))}),
)
_whole = st.sampled_from(
    [
        {"encoding": "utf-16"}, {"encoding": "utf-16-le"}, {"encoding": "utf-32"}, {"encoding": "utf-8-sig"},
        {"encoding": "cp037"},
        {"newline": "\r"}, {"newline": "\r\n"}, {"newline": "\u2028"}, {"deep": 40}, {"deep": 60}, {"deep": 20_000},
        {"laughs": 6}, {"laughs": 40},
        {"long": 200_000}, {"wide": 20_000}, {"repeat": 3}, {"json": True},
    ]
)  # fmt: skip

cases: st.SearchStrategy[Case] = st.fixed_dictionaries(
    {
        "base": st.integers(0, len(good_files()) - 1),
        "document": st.lists(changes, max_size=3),
        "lines": st.lists(_lines, max_size=3),
        "splices": st.lists(splices, max_size=2),
        "whole": st.lists(_whole, max_size=1),
        "variables": st.dictionaries(st.sampled_from(["A", "B"]), texts, max_size=2),
        "command": st.sampled_from(["run", "plan", "run -", "validate"]),
    }
)


def content_of(case: Case) -> bytes:
    """Return the file of a case."""
    text = good_files()[case["base"]]
    if case["document"]:
        document = yaml.safe_load(text)
        for change in case["document"]:
            document = changed(document, change)
        text = _dumped(document)
    for line in case["lines"]:
        text = _with_line(text, line)
    content = text.encode("utf-8", "surrogatepass")
    for whole in case["whole"]:
        content = _as_a_whole(text, whole)
    for splice in case["splices"]:
        content = spliced(content, splice)
    return content


def _dumped(document: Any) -> str:  # noqa: ANN401 - any YAML value
    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401
            return True

    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True))


def _with_line(text: str, change: dict[str, Any]) -> str:
    lines = text.split("\n")
    number = change["line"] % len(lines)
    line = lines[number]
    key, colon, value = line.partition(":")
    if "value" in change:
        line = f"{key}: {change['value']}" if colon else f"{line} {change['value']}"
    elif "key" in change:
        line = f"{' ' * (len(key) - len(key.lstrip()))}{change['key']}:{value}"
    elif "indent" in change:
        line = " " * change["indent"] + line if change["indent"] > 0 else line[-change["indent"] :]
    elif "above" in change:
        line = f"{change['above']}\n{line}"
    repeated = [line] * change["repeat"] if "repeat" in change else [line]
    return "\n".join([*lines[:number], *repeated, *lines[number + 1 :]])


def _as_a_whole(text: str, change: dict[str, Any]) -> bytes:  # noqa: PLR0911 - a table
    match change:
        case {"encoding": str(encoding)}:
            return text.encode(encoding, "replace")
        case {"newline": str(newline)}:
            return text.replace("\n", newline).encode("utf-8", "replace")
        case {"deep": int(depth)}:
            return (text + "\nx: " + "[" * depth + "]" * depth).encode("utf-8", "replace")
        case {"laughs": int(levels)}:
            lines = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}' if n else '1'] * 9)}]" for n in range(levels)]
            return "\n".join([text, *lines]).encode("utf-8", "replace")
        case {"long": int(length)}:
            return (text + f"\nx: {'a' * length}").encode("utf-8", "replace")
        case {"wide": int(width)}:
            return "\n".join([text, *(f"x{n}: {n}" for n in range(width))]).encode("utf-8", "replace")
        case {"repeat": int(times)}:
            return (text * times).encode("utf-8", "replace")
        case _:
            try:
                return json.dumps(yaml.safe_load(text), default=str).encode("utf-8", "replace")
            except yaml.YAMLError:
                return text.encode("utf-8", "replace")


def findings(case: Case) -> list[str]:
    """Play a case, and return what must not be."""
    content = content_of(case)
    variables = {name: re.sub("[\x00\ud800-\udfff]", "?", value) for name, value in case["variables"].items()}
    with folder_with({"night.yaml": content}) as folder:
        stage = Stage(folder=folder)
        environ = stage.environ(**variables)
        checked = stage.play(["validate", "night.yaml", "--output", "json"], environ=environ)
        found = list(findings_of(checked, json_wanted=True))
        found += _of_problems(checked.stdout, checked.code, lines=_lines_of(content))
        if case["command"] == "validate" or checked.code != 0:
            return found
        command = case["command"].split()
        words = [command[0], *(command[1:] or ["night.yaml"]), "--simulate", "--output", "json"]
        played = stage.play(words, environ=environ, stdin=content)
        return found + list(findings_of(played, json_wanted=True, ends_within=_lasts(folder / "night.yaml", environ)))


def _lines_of(content: bytes) -> int:
    """Return how many lines a file has at most; YAML 1.1 knows more breaks than editors do."""
    return 1 + len(re.findall("[\n\r\x85\u2028\u2029]", content.decode("utf-8", "replace")))


def _of_problems(stdout: bytes, code: object, *, lines: int) -> list[str]:
    """Every problem of a file names its place."""
    try:
        problems = json.loads(stdout)["problems"]
    except (ValueError, KeyError, TypeError):
        return []  # Said elsewhere.
    found = [] if bool(problems) == (code != 0) else [f"validate: {len(problems)} problems, exit code {code}"]
    for problem in problems:
        place = re.match(r"night\.yaml:(\d+):(\d+): \S", problem, re.DOTALL)
        if place is None:
            found.append("validate: a problem without its place")
        elif not (1 <= int(place[1]) <= lines and int(place[2]) >= 1):
            found.append("validate: a place outside of the file")
        elif "\n" in problem or "\x1b" in problem:
            found.append("validate: a problem of several lines")
    return found


def _lasts(path: Any, environ: dict[str, str]) -> float | None:  # noqa: ANN401
    """Return the seconds within which a run of a file has to end."""
    try:
        config = load_config(path, environ=environ)
    except ConfigError:
        return None
    specs = config.environment_specs()
    longest = max(spec.policy.deadline + sum(check.within for check in spec.checks) for spec in specs)
    return config.run_strategy().run_deadline + longest + 5 * 60
