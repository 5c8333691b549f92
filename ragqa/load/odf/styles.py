"""Styles of an OpenDocument file: what they say about the look of a text, hidden parts, and the numbers of lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ragqa.load.docx_numbering import written
from ragqa.load.odf.package import qn

_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_LEVELS = {qn(f"text:list-level-style-{kind}") for kind in ("number", "bullet", "image")}
_NO_CHAIN = 50
"""A style is based on no more than so many others; a longer chain is a circle."""


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a text: `raised` is "^" for a superscript, "_" for a subscript."""

    raised: str = ""
    struck: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """How a level of a list is labelled: with `-`, or with a number in a format; without a label where that is empty.

    :param shown: how many levels the label shows, such as 2 in `1.2`.
    """

    bullet: bool
    format: str = ""
    prefix: str = ""
    suffix: str = ""
    start: int = 1
    shown: int = 1


NO_LEVEL = Level(False)


class Styles:
    """The styles of a file, by family and name.

    :param roots: of `styles.xml` and `content.xml`; None for one that is not there.
    """

    def __init__(self, *roots: Any) -> None:
        self._styles: dict[tuple[str, str], Any] = {}
        self._lists: dict[str, dict[int, Level]] = {}
        self.outline: dict[int, Level] = {}
        self._looks: dict[tuple[str, str], Look] = {}
        for root in roots:
            for each in root.iter(qn("style:style")) if root is not None else ():
                self._styles[each.get(qn("style:family"), ""), each.get(qn("style:name"), "")] = each
            for each in root.iter(qn("text:list-style")) if root is not None else ():
                self._lists[each.get(qn("style:name"), "")] = _levels(each)
            for each in root.iter(qn("text:outline-style")) if root is not None else ():
                self.outline = _levels(each)

    def look(self, family: str, name: str | None, base: Look) -> Look:
        """Return the look of a text with this style inside a text with the look `base`."""
        if not name:
            return base
        if (family, name) not in self._looks:
            found = Look()
            for style in reversed(list(self._chain(family, name))):
                found = _look(style.find(qn("style:text-properties")), found)
            self._looks[family, name] = found
        own = self._looks[family, name]
        return replace(own, raised=own.raised or base.raised, struck=own.struck or base.struck,
                       hidden=own.hidden or base.hidden)  # fmt: skip

    def list_level(self, name: str | None, depth: int) -> Level:
        """Return how a level of a list style is labelled; the outermost level is 1."""
        return self._lists.get(name or "", {}).get(depth, NO_LEVEL)

    def list_of_paragraph(self, name: str | None) -> str | None:
        """Return the list style that a paragraph style names."""
        for style in self._chain("paragraph", name or ""):
            if found := style.get(qn("style:list-style-name")):
                return str(found)
        return None

    def is_title(self, name: str | None) -> bool:
        """Tell whether a paragraph has the style of the title of a document."""
        return any(style.get(qn("style:name")) == "Title" for style in self._chain("paragraph", name or ""))

    def page_is_hidden(self, name: str | None) -> bool:
        """Tell whether a slide with this style is left out of the show."""
        properties = (
            each.find(qn("style:drawing-page-properties")) for each in self._chain("drawing-page", name or "")
        )
        return any(each is not None and each.get(qn("presentation:visibility")) == "hidden" for each in properties)

    def _chain(self, family: str, name: str) -> Iterator[Any]:
        """Yield a style and those that it is based on."""
        for _ in range(_NO_CHAIN):
            style = self._styles.get((family, name))
            if style is None:
                return
            yield style
            name = style.get(qn("style:parent-style-name"), "")


def number(level: Level, counts: dict[int, int], depth: int, levels: dict[int, Level]) -> str:
    """Return the label of an item: its number and those of the levels above that its level shows."""
    if not level.format:
        return ""
    places = range(max(1, depth - level.shown + 1), depth + 1)
    parts = [
        written(counts.get(place, 1), _FORMATS.get((levels.get(place) or level).format, "decimal"))
        for place in places
        if place == depth or levels.get(place, NO_LEVEL).format
    ]
    return f"{level.prefix}{'.'.join(parts)}{level.suffix}".strip()


def _levels(style: Any) -> dict[int, Level]:
    found = {}
    for each in style.iterchildren():
        depth = whole(each.get(qn("text:level")), 0)
        if each.tag in _LEVELS or each.tag == qn("text:outline-level-style"):
            bullet = each.tag in (qn("text:list-level-style-bullet"), qn("text:list-level-style-image"))
            found[depth] = Level(
                bullet,
                "" if bullet else each.get(qn("style:num-format"), ""),
                each.get(qn("style:num-prefix"), ""),
                each.get(qn("style:num-suffix"), ""),
                whole(each.get(qn("text:start-value")), 1),
                max(1, whole(each.get(qn("text:display-levels")), 1)),
            )
    return found


def _look(properties: Any, base: Look) -> Look:
    """Return a look with what a style changes in it."""
    if properties is None:
        return base
    mark, struck, hidden = base.raised, base.struck, base.hidden
    if position := properties.get(qn("style:text-position")):
        mark = raised(position)
    line = properties.get(qn("style:text-line-through-style"), properties.get(qn("style:text-line-through-type")))
    if line is not None:
        struck = line != "none"
    if display := properties.get(qn("text:display")):
        hidden = display == "none"
    return Look(mark, struck, hidden)


def raised(position: str | None) -> str:
    """Return "^" for the position of a superscript and "_" for that of a subscript, such as `super 58%` and `-33% 58%`."""
    first = (position or "").partition(" ")[0]
    return "_" if first == "sub" or first.startswith("-") else "^" if first.strip("0%") else ""


def whole(value: str | None, default: int) -> int:
    """Return an attribute as a number of at most six digits; the default for anything else."""
    return int(value) if value and len(value) < 7 and value.isascii() and value.isdecimal() else default
