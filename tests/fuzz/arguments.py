"""Command lines: any option of any command, with any value."""

import re
from functools import cache
from typing import Any

from hypothesis import strategies as st
from typer.core import TyperCommand
from typer.main import get_command

from orchestrator.cli.app import app
from tests.fuzz.ground import lasts, shop
from tests.fuzz.oddities import texts
from tests.fuzz.properties import findings_of

Case = dict[str, Any]


@cache
def spellings() -> dict[str, list[str]]:
    """Return how the options of every command are spelled."""
    # typer may or may not be built on an installed click, so no type of click's is used here.
    found: dict[str, TyperCommand] = vars(get_command(app))["commands"]
    return {
        name: sorted({text for each in command.params for text in each.opts if text.startswith("-")})
        for name, command in found.items()
    }


_GOOD = (
    "shop.yaml", "-", "nothing.yaml", ".", "/dev/null", "state", "acme/shop/staging",
    "3c90c3cc-0d44-4b50-8888-8dd25736052a", "staging", "production",
    "api", "web", "text", "json", "console", "debug", "error", "none", "realistic", "hostile", "1s", "10m", "1h30m",
    "0s", "0", "1", "8080", "65535", "65536", "0.5",
    "1e308", "inf", "nan", "report.json", "report.xml", "report.md", "report.html", "report.txt", "md:report", "xml:",
    "nowhere/report.json", "state/../r.json",
    "all=default", "history_lag=5", "history_lag=-1", "second_delivery=409", "x=y", "=", "127.0.0.1", "::1", "2026",
    "--", "-", "-h", "--help", "--version",
)  # fmt: skip


def _is_harmless(word: str) -> bool:
    """Tell whether a word names no file elsewhere on this machine, and is one that a process can be given."""
    return "\x00" not in word and not re.search(r"(^|[:=])[/~](?!dev/null)|\.\.", word)


_FITTING = {
    "--output": ("json", "text"), "-o": ("json", "text"),
    "--report": ("report.json", "report.xml", "report.md", "report.html", "nowhere/report.json", ".json", "state",
        "md:report", "junit:-", "pdf:report", "C:report.json", "md:", "html:/dev/fd/9"),
    "--ci": ("github", "gitlab", "none", "jenkins"),
    "--progress": ("auto", "live", "lines", "none", "dots"),
    "--log-format": ("json", "console"), "--log-level": ("debug", "error"),
    "--since": ("30d", "12h", "99999999999d", "-1d", ""), "--limit": ("1", "0", "99999999999999999999"),
    "--seed": ("0", "-1", "7", "99999999999999999999"), "--faults": ("realistic", "hostile", "none"),
    "--world": ("all=default", "history_lag=60", "accepted_id=none", "our_origin=CLI"),
    "--state-dir": ("state", "other/deep", "shop.yaml", "."), "--only": ("staging", "production"),
    "--deadline": ("1s", "250ms", "10m", "99999999h", "0.001ms"), "--wait-lock": ("0s", "5s", "99999h"),
    "--application": ("api", "web", "nope"), "--container": ("worker",),
    "--database": ("cache", "ledger"), "--port": ("0", "8080"), "--host": ("127.0.0.1", "", "::1"),
    "--next": ("1", "400", "0", "-1", "99999999999"), "--from": ("2027-03-28", "2026-10-25T00:30Z", "0001-01-01", ""),
    "--speed": ("0.001", "1e308", "inf", "nan"),
}  # fmt: skip
"""Values that an option may well have."""
_words = st.one_of(st.sampled_from(_GOOD), st.sampled_from(_GOOD), texts.filter(_is_harmless)).map(
    lambda word: word if word in _GOOD else re.sub("[\ud800-\udfff]", "\udce9", word)
)


@st.composite
def _one_option(draw: st.DrawFn, name: str) -> list[str]:
    its, everybodys = spellings()[name], sorted({each for some in spellings().values() for each in some})
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return [draw(_words)]
    others = [*everybodys, "--install-completion", "--show-completion", "--nonsense", "-x"]
    option = draw(st.sampled_from(others if kind == 1 else its))
    if option not in _FITTING and kind > 2:
        return [option]
    value = draw(st.sampled_from(_FITTING[option]) if option in _FITTING and kind > 2 else _words)
    return [f"{option}={value}"] if kind % 2 and option.startswith("--") else [option, value]


@st.composite
def _lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(sorted(spellings())))
    first = dict.fromkeys(("run", "plan", "validate", "schedule"), "shop.yaml").get(name)
    first = "acme/shop/staging" if name in ("restart", "watch") else first
    options = draw(st.lists(_one_option(name), max_size=4))
    words = [name]
    if first is not None and draw(st.integers(0, 9)):
        words.append(first)
    if name == "restart" and draw(st.booleans()):
        words.append("--all-services")
    words += [word for option in options for word in option]
    if draw(st.booleans()):
        words += ["--output", "json"]
    if draw(st.integers(0, 3)) == 0:
        words += ["--simulate"]
    return words if draw(st.integers(0, 19)) else words[1:]


cases: st.SearchStrategy[Case] = st.fixed_dictionaries({"words": _lines(), "stdin": texts})


def findings(case: Case) -> list[str]:
    """Play a case, and return what must not be."""
    words = case["words"]
    with shop() as stage:
        played = stage.play(words, stdin=case["stdin"].encode("utf-8", "replace"))
        wanted = words[-2:] == ["--output", "json"] or words[-3:] == ["--output", "json", "--simulate"]
        asked_for_help = {"-h", "--help", "--version", "--"} & set(words)
        json_wanted = wanted and not asked_for_help and words[:1] not in (["schema"], ["simulate"])
        found = list(findings_of(played, json_wanted=json_wanted, ends_within=lasts(words)))
    if played.code in (1, 4, 124) and not played.stdout.strip():
        found.append(f"{words[:1]}: exit code {played.code} without a result")
    return found
