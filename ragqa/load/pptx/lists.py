"""What layouts and masters hand down to the shapes of a slide: places, bullets and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ragqa.load.docx_numbering import written
from ragqa.load.ooxml import qn

_LEVELS = 9
_SAME_ON_MASTER = {"ctrTitle": "title", "subTitle": "body", "obj": "body", "": "body", "tbl": "body", "chart": "body",
                   "dgm": "body", "media": "body", "clipArt": "body", "pic": "body"}  # fmt: skip
_TEXT_STYLES = {"title": "p:titleStyle", "body": "p:bodyStyle"}
_KINDS = {qn(f"a:{name}"): name for name in ("buNone", "buChar", "buAutoNum", "buBlip")}
_NUMBER = re.compile(r"(alphaLc|alphaUc|arabic|romanLc|romanUc)(?:Db)?(ParenBoth|ParenR|Period|Plain)")
_STYLES = {"alphaLc": "lowerLetter", "alphaUc": "upperLetter", "arabic": "decimal", "romanLc": "lowerRoman",
           "romanUc": "upperRoman"}  # fmt: skip
_AROUND = {"ParenBoth": "({})", "ParenR": "{})", "Period": "{}.", "Plain": "{}"}


def placeholder(shape: Any) -> Any:
    """Return the element that says which placeholder a shape fills; None for other shapes."""
    return shape.find(f"./*/{qn('p:nvPr')}/{qn('p:ph')}")


def placeholder_type(shape: Any) -> str | None:
    """Return the type of the placeholder that a shape fills, such as `title`; "" for one of content, None for none."""
    found = placeholder(shape)
    return None if found is None else str(found.get("type", ""))


class Inherited:
    """The placeholders and text styles from which the shapes of one slide inherit.

    :param layout: the root of the slide's layout, or None.
    :param master: the root of its master, or None.
    :param presentation: the root of the main part.
    """

    def __init__(self, layout: Any, master: Any, presentation: Any) -> None:
        self._on_layout = _by_mark(layout)
        self._on_master = _by_mark(master)
        self._styles = None if master is None else master.find(qn("p:txStyles"))
        self._default = None if presentation is None else presentation.find(qn("p:defaultTextStyle"))

    def parents(self, shape: Any) -> list[Any]:
        """Return the placeholders of the layout and of the master that a shape fills."""
        own = placeholder(shape)
        if own is None:
            return []
        kind = own.get("type", "")
        layout = self._on_layout.get(("idx", own.get("idx", ""))) if own.get("idx") else None
        if layout is None and kind:
            layout = self._on_layout.get(("type", kind))
        master = self._on_master.get(("type", _SAME_ON_MASTER.get(kind, kind)))
        return [each for each in (layout, master) if each is not None]

    def bullet(self, paragraph: Any, shape: Any) -> Any:
        """Return the element with the bullet or number of a paragraph; None where nothing sets one."""
        level = level_of(paragraph)
        for style in self._chain(paragraph, shape, level):
            for child in style if style is not None else ():
                if child.tag in _KINDS:
                    return child
        return None

    def _chain(self, paragraph: Any, shape: Any, level: int) -> Iterator[Any]:
        """Yield the properties that decide over a paragraph, the nearest first."""
        of_level = qn(f"a:lvl{level + 1}pPr")
        yield paragraph.find(qn("a:pPr"))
        for each in [shape, *self.parents(shape)]:
            yield each.find(f"{qn('p:txBody')}/{qn('a:lstStyle')}/{of_level}")
        kind = placeholder_type(shape)
        name = "p:otherStyle" if kind is None else _TEXT_STYLES.get(_SAME_ON_MASTER.get(kind, kind), "p:otherStyle")
        if self._styles is not None:
            yield self._styles.find(f"{qn(name)}/{of_level}")
        if self._default is not None and kind is None:
            yield self._default.find(of_level)


@dataclass(slots=True)
class Labels:
    """The labels of the paragraphs of one shape, in order."""

    _counts: dict[int, tuple[str, int]] = field(default_factory=dict)

    def label(self, bullet: Any, level: int) -> str:
        """Return what stands before the next paragraph: `-` for a bullet of any shape, a number, or nothing."""
        self._counts = {each: count for each, count in self._counts.items() if each <= level}
        kind = _KINDS.get(bullet.tag) if bullet is not None else None
        if kind != "buAutoNum":
            self._counts.pop(level, None)
            return "-" if kind in ("buChar", "buBlip") else ""
        style = f"{bullet.get('type', '')} {bullet.get('startAt', '1')}"
        start = bullet.get("startAt", "1")
        number = int(start) if start.isdecimal() and len(start) < 7 else 1
        before = self._counts.get(level)
        if before is not None and before[0] == style:
            number = before[1] + 1
        self._counts[level] = (style, number)
        return _numbered(number, bullet.get("type", ""))


def _numbered(number: int, kind: str) -> str:
    parts = _NUMBER.fullmatch(kind)
    if parts:
        return _AROUND[parts[2]].format(written(number, _STYLES[parts[1]]))
    return written(number, "decimalEnclosedCircle") if kind.startswith("circle") else f"{number}."


def level_of(paragraph: Any) -> int:
    """Return the level of a paragraph, from 0 on."""
    properties = paragraph.find(qn("a:pPr"))
    level = "" if properties is None else properties.get("lvl", "")
    return int(level) if len(level) == 1 and level.isdecimal() and int(level) < _LEVELS else 0


def _by_mark(root: Any) -> dict[tuple[str, str], Any]:
    """Return the placeholders of a layout or a master by their index and by their type, the first of each."""
    found: dict[tuple[str, str], Any] = {}
    for shape in root.iter(qn("p:sp"), qn("p:pic"), qn("p:graphicFrame")) if root is not None else ():
        mark = placeholder(shape)
        for name in ("idx", "type") if mark is not None else ():
            found.setdefault((name, mark.get(name, "")), shape)
    return found
