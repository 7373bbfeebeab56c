"""Odd values and odd changes, of documents and of bytes: all of them JSON, so that they can be printed and read."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Json = Any
Path = tuple[str | int, ...]

TEXTS = (
    "", " ", "\t", "\n", "\x00", "\x1b[31m", "\ud800", "\u202e", "\u200b", "\ufeff", "é", "İ", "ß", "\U0001f600",
    "a" * 300,
    "a" * 70_000, "null", "NaN", "true", "~", "-", "--", ".", "..", "/", "//", "a/b/c", "a/b/c/d", "%", "%s", "%00",
    "{}", "[]", "{", "}", "${", "${}",
    "$${X}", "${HOME}", "${NO_SUCH:-x}", "${NO_SUCH}", "'", '"', "\\", "`id`", "<b>&amp;", "]]>", "::error::x",
    "[bold]", "[/]", "0", "-1", "1e999",
    "9" * 30, "9" * 5000, "1_000", "0x10", "\uff11\uff12", "1h", "0s", "-5m", "1e3s",
    "999999999999h", "0.0000001ms", "101%",
    "1e400%",
    "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-26", "1e3",
    "RESTARTED ", "restarted",
    "3c90c3cc-0d44-4b50-8888-8dd25736052a", "3c90c3cc0d444b5088888dd25736052a",
    "{3c90c3cc-0d44-4b50-8888-8dd25736052a}",
    "http://", "http://[::1", "http://[::1]:99999/", "https://a:b@c/", "http://\u2603/", "http://a%00b/",
    "file:///etc/passwd", "http://a..b/",
    "http://xn--a/", f"http://{'a' * 70}.com/", "//x", "http://a:0/", "http://1.2.3.4.5/", "socks5://x:1",
    "* * * * *", "0 0 31 2 *", "@daily", "Europe/Nowhere", "../UTC", "UTC\x00",
)  # fmt: skip
"""Texts at which something somewhere has stumbled."""
NUMBERS = (
    0,
    -1,
    1,
    2,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**30,
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e308,
    253402300800,
)
_HUGE = 10**400

texts = st.one_of(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.text(max_size=12))
numbers = st.one_of(st.sampled_from([each for each in NUMBERS if each != _HUGE]), st.integers(), st.floats())
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, texts)
values = st.one_of(
    scalars,
    scalars,
    st.just([]),
    st.just({}),
    st.lists(scalars, max_size=3),
    st.dictionaries(st.sampled_from(["id", "name", "state", "results", ""]), scalars, max_size=2),
)

changes = st.one_of(
    st.fixed_dictionaries({"at": st.integers(0, 400), "set": values}),
    st.fixed_dictionaries({"at": st.integers(0, 400), "drop": st.just(True)}),
    st.fixed_dictionaries({"at": st.integers(0, 400), "key": texts}),
    st.fixed_dictionaries({"at": st.integers(0, 400), "twice": st.integers(1, 3)}),
    st.fixed_dictionaries({"at": st.integers(0, 400), "wrap": st.integers(1, 60)}),
    st.fixed_dictionaries({"at": st.integers(0, 400), "copy": st.integers(0, 400)}),
)
"""Changes of a document: a value is set, dropped, given another key, repeated, wrapped, or copied from elsewhere."""
lies_excepted = changes.filter(lambda change: "copy" not in change)
"""The same, without those that make a document say something else that is plausible."""

_places = st.integers(0, 100_000)
_hex = st.binary(max_size=6).map(bytes.hex)
splices = st.one_of(
    st.fixed_dictionaries({"from": _places, "length": st.integers(0, 40), "put": texts}),
    st.fixed_dictionaries({"from": _places, "length": st.integers(0, 3), "bytes": _hex}),
    st.fixed_dictionaries({"from": _places, "length": st.just(10**9), "put": st.just("")}),
)  # fmt: skip
"""Changes of bytes: some are taken out, others put in; the rest is cut off."""


def spliced(content: bytes, splice: dict[str, Any]) -> bytes:
    """Return bytes after a change; its place is taken modulo their length."""
    start = splice["from"] % (len(content) + 1)
    put = bytes.fromhex(splice["bytes"]) if "bytes" in splice else splice["put"].encode("utf-8", "surrogatepass")
    return content[:start] + put + content[start + splice["length"] :]


def changed(document: Json, change: dict[str, Any]) -> Json:
    """Return a document after a change; its place is taken modulo the number of values in it."""
    document = _copied(document)
    paths = list(_paths(document, ()))
    path = paths[change["at"] % len(paths)]
    if not path:
        return change.get("set", document)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if "drop" in change:
        del parent[last]
    elif "key" in change and isinstance(parent, dict):
        parent[change["key"]] = parent.pop(last)
    elif "twice" in change and isinstance(parent, list):
        parent[last:last] = [_copied(parent[last]) for _ in range(change["twice"])]
    elif "wrap" in change:
        for _ in range(change["wrap"]):
            parent[last] = [parent[last]]
    elif "copy" in change:
        parent[last] = _copied(_at(document, paths[change["copy"] % len(paths)]))
    elif "set" in change:
        parent[last] = change["set"]
    return document


def _at(document: Json, path: Path) -> Json:
    for step in path:
        document = document[step]
    return document


def _paths(document: Json, path: Path) -> Iterator[Path]:
    yield path
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _paths(value, (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from _paths(value, (*path, index))


def _copied(document: Json) -> Json:
    if isinstance(document, dict):
        return {key: _copied(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_copied(value) for value in document]
    return document
