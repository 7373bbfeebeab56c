"""Reads a page as a browser does, for the tests of what must stay text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    """Its own text and that of all inside it."""


@dataclass(slots=True)
class _Reading:
    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """Every element of a document, in its order, with its text.

    Raises:
        AssertionError: the tags do not pair, or there are comments.
    """

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self._reading = _Reading()
        self.feed(document)
        self.close()
        assert not self._reading.unbalanced, self._reading.unbalanced
        assert not self._reading.open, [element.tag for element in self._reading.open]
        assert not self._reading.comments, self._reading.comments

    @property
    def elements(self) -> list[Element]:
        return self._reading.elements

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """The tags with the names of their attributes: what no text may ever change."""
        return [(element.tag, tuple(element.attributes)) for element in self.elements]

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag=tag, attributes=dict(attrs))
        self._reading.elements.append(element)
        if tag not in VOID:
            self._reading.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if self._reading.open and self._reading.open[-1].tag == tag:
            self._reading.open.pop()
        else:
            self._reading.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        for element in self._reading.open:
            element.text += data

    def handle_comment(self, data: str) -> None:
        self._reading.comments.append(data)
