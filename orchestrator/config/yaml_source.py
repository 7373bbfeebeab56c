"""Reads a YAML file into plain values and the place of each, so that errors can name a line and a column.

Scalars follow the core schema of YAML 1.2, so `on`, `no` and `12:30` are text; where a field refuses the type that they
have by these rules, `Document.reread` gives it their text. `${NAME}` and `${NAME:-default}` in
values are replaced by environment variables; `$${` is a literal `${`. Problems are collected, not raised.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.config.yaml_errors import DEEPEST, TOO_DEEP, explain_syntax, printable

MOST_NODES = 100_000
"""Aliases can expand a small file to an enormous one; more values than this are refused."""

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)\}|\$\{")
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that YAML does not allow anywhere, including lone surrogates."""

_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc,valid-type]  # one of two classes with the same methods
    """Resolves the scalars of YAML 1.2 instead of PyYAML's 1.1."""

    yaml_implicit_resolvers: Mapping[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(f"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file, both counted from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, mark: Any) -> "Place":  # noqa: ANN401 - PyYAML's two loaders have marks of their own
        """Read PyYAML's mark."""
        return cls(mark.line + 1, mark.column + 1)

    @classmethod
    def after(cls, text: str) -> "Place":
        """Return the place right after `text`."""
        return cls(text.count("\n") + 1, len(text) - text.rfind("\n"))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong at a place; `path` is the key path, empty for the file as a whole."""

    place: Place
    path: Path
    message: str


@dataclass(slots=True, kw_only=True)
class Document:
    """The content of a file, with places and problems."""

    content: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    """The place of each key."""
    values: dict[Path, Place] = field(default_factory=dict)
    """The place of each value."""
    from_environment: dict[Path, str] = field(default_factory=dict)
    """The name of the environment variable from which a value came, at least in part. Messages do not show such values:
    they may be secrets."""
    texts: dict[Path, str] = field(default_factory=dict)
    """The text of each value whose type is a guess: a plain number or boolean, or anything with variables."""
    templates: dict[Path, str] = field(default_factory=dict)
    """The same values as written, with their variables."""
    unreadable: set[Path] = field(default_factory=set)
    """Values that a problem kept from being read."""
    problems: list[Problem] = field(default_factory=list)

    def reread(self, path: Path, *, as_text: bool) -> bool:
        """Read the value at `path` as the other type that it may have; return whether it may have one.

        `1234567` is a number by YAML's rules, and also a name, a commit's for example; what an environment variable
        contains, or a default, has no type at all. Only the field knows: this is called once it refused a value.

        Args:
            path: where the value is.
            as_text: read it as a text; otherwise as a whole number.
        """
        text = self.texts.get(path)
        if text is None or (not as_text and not _INTEGER.fullmatch(text.strip())):
            return False
        self.value_at(path[:-1])[path[-1]] = text if as_text else int(text)
        return True

    def value_at(self, path: Path) -> Any:  # noqa: ANN401 - any YAML value
        """Return the value at `path`, which must exist."""
        value = self.content
        for step in path:
            value = value[step]
        return value

    def place_of(self, path: Path) -> Place:
        """Return the place of `path`, or of the nearest value around it that has one."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def read_document(text: str, environ: Mapping[str, str]) -> Document:
    """Read `text`; the result's `problems` list everything that is wrong with it."""
    document = Document()
    text = text.removeprefix("\ufeff")
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        place = Place.after(text[: forbidden.start()])
        message = f"not YAML: the character U+{ord(forbidden.group()):04X} is not allowed in a file"
        document.problems.append(Problem(place, (), message))
        return document
    try:
        _check_size(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                document.content = _Reader(document, environ, loader).read(node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark, message = explain_syntax(error, text)
        # At the end of a file whose last line is not ended, libyaml's mark is on a line that does not exist.
        place = Place.of(mark) if mark.index < len(text) else Place.after(text)
        document.problems.append(Problem(place, (), f"not YAML: {message}"))
    except _Refused as error:
        document.problems.append(Problem(Place.of(error.mark), (), str(error)))
    return document


class _Refused(Exception):  # noqa: N818 - ends the reading, and becomes a problem, not an error
    def __init__(self, mark: Any, message: str) -> None:  # noqa: ANN401 - PyYAML's two loaders have marks of their own
        super().__init__(message)
        self.mark = mark


def _check_size(text: str) -> None:
    """Refuse nesting so deep that composing it would crash the process, and more nodes than fit into its memory."""
    loader = _Loader(text)
    try:
        depth = nodes = 0
        while loader.check_event():
            event = loader.get_event()
            nodes += isinstance(event, yaml.NodeEvent)
            if nodes > 2 * MOST_NODES:  # Each value may have a key.
                raise _Refused(event.start_mark, f"the file has more than {MOST_NODES} values")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise _too_deep(event.start_mark)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        loader.dispose()


def _too_deep(mark: Any) -> _Refused:  # noqa: ANN401 - PyYAML's two loaders have marks of their own
    return _Refused(mark, TOO_DEEP)


class _Reader:
    def __init__(self, document: Document, environ: Mapping[str, str], loader: Any) -> None:  # noqa: ANN401
        self._document = document
        self._environ = environ
        self._loader = loader
        self._open: list[Node] = []
        self._count = 0

    def read(self, node: Node, path: Path) -> Any:  # noqa: ANN401 - any YAML value
        """Return the value of `node`, and record its place."""
        self._document.values[path] = Place.of(node.start_mark)
        with self._inside(node):
            if isinstance(node, ScalarNode):
                return self._scalar(node, path)
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            self._check_tag(node, path, "seq")
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    @contextmanager
    def _inside(self, node: Node) -> Iterator[None]:
        """Guard against aliases that form a cycle or multiply the values."""
        self._count += 1
        if self._count > MOST_NODES:
            raise _Refused(node.start_mark, f"with its aliases expanded, the file has more than {MOST_NODES} values")
        if any(outer is node for outer in self._open):
            raise _Refused(node.start_mark, "this anchor contains an alias to itself")
        if len(self._open) > DEEPEST:
            raise _too_deep(node.start_mark)
        self._open.append(node)
        try:
            yield
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, (key_node, value_node) in self._pairs(node, path).items():
            self._document.keys[*path, key] = Place.of(key_node.start_mark)
            content[key] = self.read(value_node, (*path, key))
        return content

    def _pairs(self, node: MappingNode, path: Path) -> dict[str, tuple[Node, Node]]:
        """Return a mapping's keys and values. Its own keys override merged ones; earlier merges override later ones."""
        self._check_tag(node, path, "map")
        pairs: dict[str, tuple[Node, Node]] = {}
        merges: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merges.append(value_node)
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in pairs:
                first = Place.of(pairs[key][0].start_mark)
                self._add_problem(key_node, (*path, key), f"duplicate key; first defined at line {first.line}")
                continue
            pairs[key] = (key_node, value_node)
        for source in self._sources(merges, path):
            with self._inside(source):
                pairs = self._pairs(source, path) | pairs
        return pairs

    def _sources(self, merges: list[Node], path: Path) -> Iterator[MappingNode]:
        """Yield the mappings to merge, in order of precedence."""
        for node in merges:
            for source in node.value if isinstance(node, SequenceNode) else [node]:
                if isinstance(source, MappingNode):
                    yield source
                else:
                    self._add_problem(source, path, "only mappings can be merged with <<")

    def _key(self, node: Node, path: Path) -> str | None:
        if isinstance(node, ScalarNode) and node.tag == f"{_TAG}str":
            return str(node.value)
        shown = f", not {printable(node.value or 'nothing')}" if isinstance(node, ScalarNode) else ""
        self._add_problem(node, path, f"a key must be text{shown}")
        return None

    def _scalar(self, node: ScalarNode, path: Path) -> Any:  # noqa: ANN401
        known = len(self._document.problems)
        value = self._resolved(node, path)
        if len(self._document.problems) > known:
            self._document.unreadable.add(path)
        return value

    def _resolved(self, node: ScalarNode, path: Path) -> Any:  # noqa: ANN401
        text = self._substituted(node, path)
        tag = node.tag
        if text != node.value and not node.style:
            # A plain scalar gets its type after its variables are replaced: `max_parallel: ${N:-5}` is a number.
            tag = self._loader.resolve(ScalarNode, text, (True, False))
        kind = tag.removeprefix(_TAG)
        if text != node.value or (kind in ("int", "float", "bool") and not node.style):
            self._document.texts[path] = text
        if kind == "merge":
            return text
        if kind not in _CONSTRUCT:
            self._add_problem(node, path, f"the tag {_shown(tag)} is not supported; remove it")
            return None
        try:
            return _CONSTRUCT[kind](text)
        except (KeyError, ValueError):
            self._add_problem(node, path, f"not a valid {_shown(tag)}, or too long")
            return None

    def _substituted(self, node: ScalarNode, path: Path) -> str:
        def replace(match: re.Match[str]) -> str:
            if match.group() == "$${":
                return "${"
            parts = _NAME.fullmatch(match["inside"] or "")
            if parts is None or "${" in (parts["default"] or ""):
                self._add_problem(node, path, "expected ${NAME} or ${NAME:-default}; write $${ for a literal ${")
                return ""
            name, default = parts["name"], parts["default"]
            value = self._environ.get(name)
            if not value and default is not None:
                return str(default)
            if value is None:
                remedy = f"set it, or give a default: ${{{name}:-…}}"
                self._add_problem(node, path, f"the environment variable {name} is not set; {remedy}")
                return ""
            self._document.from_environment.setdefault(path, name)
            self._document.templates[path] = node.value
            return value

        return _VARIABLE.sub(replace, node.value)

    def _check_tag(self, node: Node, path: Path, expected: str) -> None:
        if node.tag != _TAG + expected:
            self._add_problem(node, path, f"the tag {_shown(node.tag)} is not supported; remove it")

    def _add_problem(self, node: Node, path: Path, message: str) -> None:
        self._document.problems.append(Problem(Place.of(node.start_mark), path, message))


_LONGEST_NUMBER = 40
_BASES = {"0o": 8, "0x": 16}


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(text)
    return int(text, _BASES.get(text[:2], 10))


_CONSTRUCT: Mapping[str, Any] = {
    "str": str,
    "null": lambda text: {"": None, "~": None, "null": None}[text.lower()],
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _integer,
    "float": float,
}


def _shown(tag: str) -> str:
    return printable(tag.replace(_TAG, "!!"))
