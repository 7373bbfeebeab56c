"""Environment variables: ours, and all that the libraries read."""

import os
import re
from typing import Any

from hypothesis import strategies as st

from orchestrator.cli.options import variable_of
from tests.fuzz.arguments import spellings
from tests.fuzz.ground import lasts, shop
from tests.fuzz.oddities import texts
from tests.fuzz.properties import findings_of

Case = dict[str, Any]

_OPTIONS = sorted({each for some in spellings().values() for each in some if each.startswith("--")})
OURS = tuple(
    sorted({variable_of(option) for option in _OPTIONS} | {"QOVERY_RESTART_SCHEMA_REPORT", "QOVERY_RESTART_NO_NEW"})
)
OTHERS = (
    "QOVERY_API_URL", "QOVERY_API_TOKEN", "QOVERY_CLI_ACCESS_TOKEN", "Q_CLI_ACCESS_TOKEN",
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
    "REQUEST_METHOD",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TERM", "COLORTERM",
    "TTY_COMPATIBLE", "TTY_INTERACTIVE",
    "COLUMNS", "LINES", "TERMINAL_WIDTH", "JUPYTER_COLUMNS", "JUPYTER_LINES", "GITHUB_ACTIONS", "PY_COLORS",
    "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "GITLAB_CI", "CI",
    "TZ", "PYTHONTZPATH", "HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "USER",
    "TMPDIR", "SQLITE_TMPDIR",
    "_QOVERY_RESTART_COMPLETE", "COMP_WORDS", "COMP_CWORD", "_TYPER_COMPLETE_ARGS", "LANG", "LC_ALL", "LANGUAGE",
    "PATH",
    "TYPER_USE_RICH", "_TYPER_STANDARD_TRACEBACK", "TYPER_STANDARD_TRACEBACK", "HTTPX_LOG_LEVEL", "HOSTNAME",
    "SOURCE_DATE_EPOCH", "EDITOR", "MPLBACKEND", "SSL_CERT",
)  # fmt: skip
_VALUES = (
    "", "0", "1", "-1", "true", "false", "no", "json", "text", "console", "debug", "hostile", "none", "10m", "5s",
    "shop.yaml", "state", "nowhere", "/dev/null", "/proc/nowhere",
    "http://127.0.0.1:9", "http://localhost:99999", "http://[::1]:3128", "https://user:secret-word@proxy:3128",
    "socks5://proxy:1080", "proxy:3128", "http://", "://", "ftp://proxy",
    "https://api.qovery.com", "https://api.qovery.com/", "HTTPS://API.QOVERY.COM.:443/./x",
    "http://simulator.invalid", "https://api.qovery.com?x=1", "https://user@host",
    "*", "localhost,127.0.0.1", "10.0.0.0/8", "10.0.0.0/99", "[::1]", "::1/200", "https://*", ".", ",", ", ,",
    "qovery.com:443", "qovery.com:x",
    "dumb", "xterm-256color", "unknown", "80", "0.5", "1000000", "٣", "²", "Europe/Paris", ":/etc/localtime", "UTC",
    "~", "~nobody-at-all/x", "$HOME", "C.UTF-8", "xx_YY.nope",
    "bash_complete", "zsh_source", "complete_fish", "report.json report.xml", "report.md", "md:x", "all=default",
    "x=y", "eyJhbGciOiJIUzI1NiJ9.e30.x", "to ken", "tök",
    "a" * 5000, "\udcff", "\n", "\t", "\x1b[2J",
)  # fmt: skip


def _is_harmless(value: str) -> bool:
    """Tell whether a value names no file elsewhere on this machine, and is one that a variable can have."""
    return value in _VALUES or ("\x00" not in value and not re.match(r"[/~]", value.strip()) and ".." not in value)


_values = st.one_of(st.sampled_from(_VALUES), st.sampled_from(_VALUES), texts).filter(_is_harmless)
_COMMANDS: tuple[list[str], ...] = (
    ["run", "shop.yaml"], ["run", "shop.yaml", "--output", "json"], ["plan", "shop.yaml"], ["validate", "shop.yaml"],
    ["restart", "acme/shop/staging", "--all-services"],
    ["restart", "acme/shop/staging", "--application", "api"], ["watch", "acme/shop/staging"], ["resume"],
    ["cancel", "2"], ["schema"], ["history"], ["report", "last"], ["simulate"], ["run", "shop.yaml", "--simulate"],
    ["--help"], ["run", "--help"], ["--version"], [], ["run"], ["nonsense"], ["resume", "--abandon"],
)  # fmt: skip

cases: st.SearchStrategy[Case] = st.fixed_dictionaries(
    {
        "words": st.sampled_from(_COMMANDS),
        "variables": st.dictionaries(
            st.one_of(st.sampled_from(OURS), st.sampled_from(OTHERS)), _values, min_size=1, max_size=5
        ),
        "without": st.lists(
            st.sampled_from(["HOME", "PATH", "QOVERY_API_TOKEN", "QOVERY_RESTART_STATE_DIR"]), max_size=2
        ),
    }
)


def findings(case: Case) -> list[str]:
    """Play a case, and return what must not be."""
    with shop() as stage:
        variables = {name: _expressible(value) for name, value in case["variables"].items()}
        environ = {**stage.environ(), **variables}
        for name in set(case["without"]) - variables.keys():
            del environ[name]
        if "HOME" not in environ and "QOVERY_RESTART_STATE_DIR" not in environ:
            # Python would find this user's real home directory.
            environ["XDG_STATE_HOME"] = variables.get("XDG_STATE_HOME") or str(stage.folder)
        words = case["words"]
        long = {variable_of("--deadline"), variable_of("--wait-lock")} & variables.keys()
        wanted = words[-2:] == ["--output", "json"]
        played = stage.play(words, environ=environ)
        return list(findings_of(played, json_wanted=wanted, ends_within=None if long else lasts(words)))


def _expressible(value: str) -> str:
    """Return a value as a variable can have it: bytes, of which Python makes text."""
    return os.fsdecode(
        value.encode("utf-8", "surrogateescape" if value.isprintable() or "\udcff" in value else "replace")
    )
