"""The automatic numbers and bullets of a DOCX: which label stands before a paragraph."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from ragqa.load.docx_styles import ParagraphProperties, Styles, attribute, is_on, paragraph_properties, whole
from ragqa.load.ooxml import qn

BULLET = "-"
"""What stands for a bullet of any shape, as in Markdown."""

_PLACE = re.compile("%([1-9])")
_LEVELS = 9
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_ROMAN_BELOW, _LETTERS_BELOW, _HAN_BELOW = 4000, 26 * 4 + 1, 100
_HAN = "〇一二三四五六七八九"
_HAN_FORMATS = {"chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting",
                "taiwaneseCountingThousand"}  # fmt: skip
_CIRCLED = {"decimalEnclosedCircle", "decimalEnclosedCircleChinese"}


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a list. `restart` is the number of levels above, one of which starts it again; 0 for never."""

    start: int
    format: str
    text: str
    legal: bool
    restart: int
    style: str | None


class Numbering:
    """The lists of a document, with the numbers that were given so far.

    A number in a script for which there is no rule here is written in digits.
    """

    def __init__(self, root: Any, styles: Styles) -> None:
        """Read the part `numbering`; `root` is None where a document has none."""
        definitions = [] if root is None else root.iterchildren(qn("w:abstractNum"))
        lists = [] if root is None else root.iterchildren(qn("w:num"))
        self._definitions = {each.get(qn("w:abstractNumId"), ""): each for each in definitions}
        self._lists = {each.get(qn("w:numId"), ""): each for each in lists}
        self._styles = styles
        self._levels: dict[str, list[Level]] = {}
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._begun: set[str] = set()
        self._of_styles: dict[str | None, tuple[str, str | None]] = {}

    def label(self, paragraph: ParagraphProperties) -> str:
        """Count a paragraph, and return its label, such as `2.1` or `(a)`; empty where it has none."""
        identifier, stated = self._place(paragraph)
        levels = self._of(identifier)
        if not levels:
            return ""
        if stated is None:
            chain = {style.get(qn("w:styleId")) for style in self._styles.chain(paragraph.style)}
            stated = next((place for place, level in enumerate(levels) if level.style and level.style in chain), 0)
        place = min(stated, len(levels) - 1)
        return _label(levels, self._count(identifier, levels, place), place)

    def _place(self, paragraph: ParagraphProperties) -> tuple[str, int | None]:
        """Return the id of a paragraph's list, and its level; None where neither it nor its style states one."""
        if paragraph.style not in self._of_styles:
            self._of_styles[paragraph.style] = self._stated(paragraph.style)
        identifier, place = self._of_styles[paragraph.style]
        if paragraph.list_id is not None:
            identifier, place = paragraph.list_id, paragraph.list_level or "0"
        place = paragraph.list_level or place
        return identifier, None if place is None else whole(place, 0)

    def _stated(self, name: str | None) -> tuple[str, str | None]:
        """Return the id of the list, and the level, that a style or one that it is based on states."""
        for style in self._styles.chain(name):
            found = paragraph_properties(style)
            if found.list_id is not None:
                return found.list_id, found.list_level
        return "", None

    def _of(self, identifier: str) -> list[Level]:
        """Return the levels of a list; none where there is no such list, as for the id 0, which ends numbering."""
        if identifier not in self._levels:
            self._levels[identifier] = self._read(identifier)
        return self._levels[identifier]

    def _read(self, identifier: str) -> list[Level]:
        own = self._lists.get(identifier)
        definition = self._definitions.get(self._definition_id(identifier))
        if own is None or definition is None or identifier == "0":
            return []
        found = {_index(each): _level(each) for each in definition.iterchildren(qn("w:lvl"))}
        for override in own.iterchildren(qn("w:lvlOverride")):
            place = _index(override)
            if (instead := override.find(qn("w:lvl"))) is not None:
                found[place] = _level(instead)
            start = attribute(override, "w:startOverride")
            if start is not None and place in found:
                found[place] = replace(found[place], start=whole(start, 1))
        absent = Level(1, "none", "", False, _LEVELS, None)
        return [found.get(place, absent) for place in range(max(found, default=-1) + 1)]

    def _definition_id(self, identifier: str) -> str:
        """Return the id of a list's definition, by way of a list style where it names one."""
        own = self._lists.get(identifier)
        found = (attribute(own, "w:abstractNumId") or "") if own is not None else ""
        definition = self._definitions.get(found)
        if definition is not None and (name := attribute(definition, "w:numStyleLink")) is not None:
            for style in self._styles.chain(name):
                other = self._lists.get(attribute(style, "w:pPr/w:numPr/w:numId") or "")
                if other is not None:
                    return attribute(other, "w:abstractNumId") or ""
        return found

    def _count(self, identifier: str, levels: list[Level], place: int) -> dict[int, int]:
        """Advance the counts of a list at a level, and return them.

        Lists with one definition count on together, except where a list states with what it starts.
        """
        counts = self._counts[self._definition_id(identifier)]
        if identifier not in self._begun:
            self._begun.add(identifier)
            for override in self._lists[identifier].iterchildren(qn("w:lvlOverride")):
                if override.find(qn("w:startOverride")) is not None:
                    counts.pop(_index(override), None)
        counts[place] = counts[place] + 1 if place in counts else levels[place].start
        for above in range(place):
            counts.setdefault(above, levels[above].start)
        for below in range(place + 1, len(levels)):
            if place < levels[below].restart:
                counts.pop(below, None)
        return counts


def _index(element: Any) -> int:
    return whole(element.get(qn("w:ilvl")), 0, _LEVELS - 1)


def _level(element: Any) -> Level:
    restart = attribute(element, "w:lvlRestart")
    return Level(
        start=whole(attribute(element, "w:start"), 0),
        format=attribute(element, "w:numFmt") or "decimal",
        text=attribute(element, "w:lvlText") or "",
        legal=is_on(element.find(qn("w:isLgl"))),
        restart=_LEVELS if restart is None else whole(restart, _LEVELS),
        style=attribute(element, "w:pStyle"),
    )


def _label(levels: list[Level], counts: dict[int, int], place: int) -> str:
    own = levels[place]
    if own.format == "bullet":
        return BULLET if own.text.strip() else ""

    def number(match: re.Match[str]) -> str:
        above = int(match[1]) - 1
        if above >= len(levels) or above not in counts:
            return ""
        return written(counts[above], "decimal" if own.legal else levels[above].format)

    return _PRIVATE.sub("", _PLACE.sub(number, own.text)).strip()


def written(number: int, style: str) -> str:
    """Return a number in one of the formats of Word; in digits where there is no rule for it."""
    if style == "none":
        return ""
    if style == "decimalZero":
        return f"{number:02d}"
    if style == "ordinal":
        return f"{number}{_ordinal_end(number)}"
    if style in _CIRCLED and 1 <= number <= 20:
        return chr(ord("①") + number - 1)
    if style in _HAN_FORMATS and 1 <= number < _HAN_BELOW:
        return _han(number)
    if style in ("lowerLetter", "upperLetter") and 1 <= number < _LETTERS_BELOW:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if style == "upperLetter" else letters
    if style in ("lowerRoman", "upperRoman") and 1 <= number < _ROMAN_BELOW:
        return _roman(number).upper() if style == "upperRoman" else _roman(number)
    return str(number)


def _roman(number: int) -> str:
    numeral = ""
    for value, letters in _ROMAN:
        numeral += letters * (number // value)
        number %= value
    return numeral


def _ordinal_end(number: int) -> str:
    return "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _han(number: int) -> str:
    tens, ones = divmod(number, 10)
    front = "" if not tens else ("" if tens == 1 else _HAN[tens]) + "十"
    return front + (_HAN[ones] if ones or not tens else "")
