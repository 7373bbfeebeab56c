"""A YAML file as plain values, with the place of each: what errors need to name a line and a column.

Scalars follow the core schema of YAML 1.2, so `on`, `no` and `12:30` are text. `${NAME}` and `${NAME:-default}` in
values take environment variables; `$${` is a literal `${`. Problems are collected, not raised.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_NODES = 1_000_000
"""Aliases can make a small file enormous; a larger one than this is refused."""

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)\}|\$\{")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)

_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc,valid-type]  # one of two classes with the same methods
    """Knows the scalars of YAML 1.2 instead of PyYAML's 1.1."""

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


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong at a place; `path` is the key path, empty for the file as a whole."""

    place: Place
    path: Path
    message: str


@dataclass(slots=True, kw_only=True)
class Document:
    """What a file says."""

    content: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    """Where each key stands."""
    values: dict[Path, Place] = field(default_factory=dict)
    """Where each value stands."""
    from_environment: set[Path] = field(default_factory=set)
    """Values that came, in part, from the environment: they may be secrets, so no message shows them."""
    problems: list[Problem] = field(default_factory=list)

    def place_of(self, path: Path) -> Place:
        """Return where `path` stands, or the nearest thing around it that does."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def read_document(text: str, environ: Mapping[str, str]) -> Document:
    """Read `text`; whatever is wrong with it is in the document's `problems`."""
    document = Document()
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                document.content = _Reader(document, environ, loader).read(node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(part for part in (error.context, error.problem) if part)
        document.problems.append(Problem(Place.of(mark) if mark else Place(1, 1), (), f"not YAML: {words}"))
    except yaml.YAMLError as error:
        document.problems.append(Problem(Place(1, 1), (), f"not YAML: {' '.join(str(error).split())}"))
    except RecursionError:
        document.problems.append(Problem(Place(1, 1), (), "nested too deeply"))
    return document


class _TooLarge(yaml.YAMLError):
    def __str__(self) -> str:
        return f"with its aliases followed, it has more than {MOST_NODES} values"


class _Reader:
    def __init__(self, document: Document, environ: Mapping[str, str], loader: Any) -> None:  # noqa: ANN401
        self._document = document
        self._environ = environ
        self._loader = loader
        self._open: set[int] = set()
        self._count = 0

    def read(self, node: Node, path: Path) -> Any:  # noqa: ANN401 - whatever the file says
        """Return the value of `node`, and note its place."""
        self._count += 1
        if self._count > MOST_NODES:
            raise _TooLarge
        self._document.values.setdefault(path, Place.of(node.start_mark))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._complain(node, path, "an alias that leads back to itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                self._check_tag(node, path, "map")
                return self._mapping(node, path)
            self._check_tag(node, path, "seq")
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        content: dict[str, Any] = {}
        own: dict[str, Place] = {}
        for key_node, value_node in self._in_order(node):
            if key_node.tag == f"{_TAG}merge":
                # What is merged gives way to what stands here, and the first to be merged to the later ones.
                for merged in self._merged(value_node, path):
                    content = merged | content
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            place = Place.of(key_node.start_mark)
            if key in own:
                first = own[key]
                self._complain(key_node, (*path, key), f"a second time; it stands already at line {first.line}")
                continue
            own[key] = place
            self._document.keys[*path, key] = place
            content[key] = self.read(value_node, (*path, key))
        return content

    @staticmethod
    def _in_order(node: MappingNode) -> Iterator[tuple[Node, Node]]:
        """Yield a mapping's own keys first, so that their places count, then what it merges."""
        yield from (pair for pair in node.value if pair[0].tag != f"{_TAG}merge")
        yield from (pair for pair in node.value if pair[0].tag == f"{_TAG}merge")

    def _merged(self, node: Node, path: Path) -> Iterator[dict[str, Any]]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if isinstance(source, MappingNode):
                merged = self.read(source, path)
                if merged is not None:
                    yield merged
            else:
                self._complain(source, path, "only a mapping can be merged with <<")

    def _key(self, node: Node, path: Path) -> str | None:
        if isinstance(node, ScalarNode) and node.tag == f"{_TAG}str":
            return str(node.value)
        self._complain(node, path, f"a key has to be text{_shown(node)}")
        return None

    def _scalar(self, node: ScalarNode, path: Path) -> Any:  # noqa: ANN401
        text = self._substituted(node, path)
        tag = node.tag
        if text != node.value and not node.style:
            # A plain scalar means what it says once its variables are in: `max_parallel: ${N:-5}` is a number.
            tag = self._loader.resolve(ScalarNode, text, (True, False))
        try:
            return _construct(tag.removeprefix(_TAG), text)
        except (KeyError, ValueError):
            self._complain(node, path, f"the tag {node.tag.replace(_TAG, '!!')} is of no use here")
            return None

    def _substituted(self, node: ScalarNode, path: Path) -> str:
        def replace(match: re.Match[str]) -> str:
            if match.group() == "$${":
                return "${"
            parts = _NAME.fullmatch(match["inside"] or "")
            if parts is None:
                self._complain(node, path, "expected ${NAME} or ${NAME:-default}; $${ stands for a literal ${")
                return ""
            default: str | None
            name, default = parts.groups()
            value = self._environ.get(name)
            if not value and default is not None:
                return default
            if value is None:
                self._complain(
                    node, path, f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
                )
                return ""
            self._document.from_environment.add(path)
            return value

        return _VARIABLE.sub(replace, node.value) if "${" in node.value else str(node.value)

    def _check_tag(self, node: Node, path: Path, expected: str) -> None:
        if node.tag != _TAG + expected:
            self._complain(node, path, f"the tag {node.tag.replace(_TAG, '!!')} is of no use here")

    def _complain(self, node: Node, path: Path, message: str) -> None:
        self._document.problems.append(Problem(Place.of(node.start_mark), path, message))


def _construct(kind: str, text: str) -> Any:  # noqa: ANN401
    match kind:
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return {"true": True, "false": False}[text.lower()]
        case "int":
            return int(text, 8) if text.startswith("0o") else int(text, 16) if text.startswith("0x") else int(text)
        case "float":
            return float(text)
        case _:
            raise KeyError(kind)


def _shown(node: Node) -> str:
    return f", not {node.value}" if isinstance(node, ScalarNode) else ""
