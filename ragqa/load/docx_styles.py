"""The styles of a DOCX: what a paragraph or a run takes from its style, and from the styles that this is based on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ragqa.load.ooxml import qn

_HEADING = re.compile(r"heading ([1-9])")
_OFF = ("0", "false", "off", "none")
_MOST_BASES = 50
"""The most styles of a chain. A style of a damaged file may be based on itself."""

_LEAST_RAISED = 4
_BODY_LEVEL = 9
"""The outline level of text that is no heading."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a run is shown: `raised` is "^" for a superscript, "_" for a subscript, and empty for others."""

    raised: str = ""
    struck: bool = False
    hidden: bool = False
    font: str = ""


@dataclass(frozen=True, slots=True)
class ParagraphProperties:
    """What a paragraph itself states: its style, outline level, list, and whether its mark is deleted or hidden.

    :param is_joined: its mark is deleted, and the next paragraph goes on with it.
    """

    style: str | None = None
    outline: str | None = None
    list_id: str | None = None
    list_level: str | None = None
    has_no_mark: bool = False
    is_joined: bool = False


def attribute(parent: Any, path: str, name: str = "w:val") -> str | None:
    """Return an attribute of the first element at a path such as `w:pPr/w:numPr`; None where there is none."""
    found = parent.find(qn(path))
    return None if found is None else found.get(qn(name))


def is_on(element: Any, name: str = "w:val") -> bool:
    """Tell whether a switch such as `w:strike` is there and on."""
    return element is not None and element.get(qn(name), "1").lower() not in _OFF


def whole(value: str | None, default: int, most: int = 32_767) -> int:
    """Return a number of the file, at least 0; the default where it is none."""
    return min(int(value), most) if value and value.isascii() and value.isdigit() and len(value) < 10 else default


class Styles:
    """The styles of a document, by id."""

    def __init__(self, root: Any) -> None:
        styles = [] if root is None else root.iterchildren(qn("w:style"))
        self._styles = {style.get(qn("w:styleId"), ""): style for style in styles}
        self._chains: dict[str | None, list[Any]] = {}
        self._levels: dict[str | None, int | None] = {}
        self._runs: dict[str | None, dict[str, Any]] = {}

    def chain(self, identifier: str | None) -> list[Any]:
        """Return a style and those that it is based on, the nearest first."""
        if identifier not in self._chains:
            chain: list[Any] = []
            each = identifier
            while (style := self._styles.get(each or "")) is not None and len(chain) < _MOST_BASES:
                chain.append(style)
                each = attribute(style, "w:basedOn")
            self._chains[identifier] = chain
        return self._chains[identifier]

    def level(self, paragraph: ParagraphProperties) -> int | None:
        """Return the level of a heading, 1 for a title; None for other paragraphs."""
        if paragraph.outline is not None:
            return _outline(paragraph.outline)
        name = paragraph.style
        if name not in self._levels:
            self._levels[name] = next((level for level in self._stated(name)), None)
        return self._levels[name]

    def look(self, run: Any, paragraph_style: str | None) -> Look:
        """Return how a run is shown. Its own properties precede those of its style, and these those of the paragraph's."""
        own = run.find(qn("w:rPr"))
        found = self._of_style(paragraph_style)
        if own is not None:
            found = found | self._of_style(attribute(own, "w:rStyle")) | _properties(own)
        return Look(**found) if found else _PLAIN

    def _stated(self, name: str | None) -> Iterator[int | None]:
        """Yield the levels that a style and those that it is based on state, None for text that is no heading."""
        for style in self.chain(name):
            title = (attribute(style, "w:name") or "").lower()
            outline = paragraph_properties(style).outline
            if heading := _HEADING.fullmatch(title):
                yield int(heading[1])
            elif title == "title":
                yield 1
            elif outline is not None:
                yield _outline(outline)

    def _of_style(self, name: str | None) -> dict[str, Any]:
        if name not in self._runs:
            found: dict[str, Any] = {}
            for style in reversed(self.chain(name)):
                own = style.find(qn("w:rPr"))
                found |= _properties(own) if own is not None else {}
            self._runs[name] = found
        return self._runs[name]


_PLAIN = Look()


def paragraph_properties(paragraph: Any) -> ParagraphProperties:
    """Return what a paragraph or a style states about paragraphs."""
    own = paragraph.find(qn("w:pPr"))
    if own is None:
        return _NO_PROPERTIES
    found: dict[str, Any] = {}
    for child in own.iterchildren():
        if child.tag == qn("w:pStyle"):
            found["style"] = child.get(qn("w:val"))
        elif child.tag == qn("w:outlineLvl"):
            found["outline"] = child.get(qn("w:val"))
        elif child.tag == qn("w:numPr"):
            found["list_id"] = attribute(child, "w:numId")
            found["list_level"] = attribute(child, "w:ilvl")
        elif child.tag == qn("w:rPr"):
            found["has_no_mark"] = any(child.find(qn(name)) is not None for name in ("w:del", "w:moveFrom", "w:vanish"))
            found["is_joined"] = child.find(qn("w:del")) is not None
    return ParagraphProperties(**found)


_NO_PROPERTIES = ParagraphProperties()


def _outline(value: str) -> int | None:
    level = whole(value, _BODY_LEVEL)
    return level + 1 if level < _BODY_LEVEL else None


def _position(half_points: str) -> str:
    """Return "^" or "_" for text that is raised or lowered by at least 2 points, as by a superscript."""
    down = half_points.startswith("-")
    return ("_" if down else "^") if whole(half_points.removeprefix("-"), 0) >= _LEAST_RAISED else ""


def _properties(own: Any) -> dict[str, Any]:
    """Return the fields of a `Look` that the properties of a run state."""
    found: dict[str, Any] = {}
    struck = False
    for child in own.iterchildren():
        if child.tag == qn("w:vertAlign"):
            found["raised"] = {"superscript": "^", "subscript": "_"}.get(child.get(qn("w:val"), ""), "")
        elif child.tag == qn("w:position"):
            found.setdefault("raised", _position(child.get(qn("w:val"), "")))
        elif child.tag in (qn("w:strike"), qn("w:dstrike")):
            struck = struck or is_on(child)
            found["struck"] = struck
        elif child.tag == qn("w:vanish"):
            found["hidden"] = is_on(child)
        elif child.tag == qn("w:rFonts") and (font := child.get(qn("w:ascii")) or child.get(qn("w:hAnsi"))):
            found["font"] = font
    return found
