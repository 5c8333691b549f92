"""The numbers of list items and headings, counted as the file's lists go on."""

from __future__ import annotations

from typing import Any

from ragqa.load.odf.package import qn
from ragqa.load.odf.styles import Styles, number, whole

_MOST_LEVELS = 10


class Counter:
    """Counts the items of all lists of a file."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._by_style: dict[str, dict[int, int]] = {}
        self._by_id: dict[str, dict[int, int]] = {}
        self._outline: dict[int, int] = {}

    def begin(self, element: Any, style: str) -> dict[int, int]:
        """Return the counts with which a list begins, by level: none, or those of the list that it continues."""
        counts: dict[int, int] = {}
        if element.get(qn("text:continue-list")) in self._by_id:
            counts = self._by_id[element.get(qn("text:continue-list"))]
        elif element.get(qn("text:continue-numbering")) == "true":
            counts = self._by_style.get(style, {})
        self._by_style[style] = counts
        if name := element.get(qn("xml:id")):
            self._by_id[name] = counts
        return counts

    def label(self, item: Any, style: str, depth: int, counts: dict[int, int]) -> str:
        """Return what stands before the next item at a depth: `-`, a number, or nothing."""
        level = self._styles.list_level(style, depth)
        if level.bullet:
            return "-"
        _count(counts, depth, whole(item.get(qn("text:start-value")), -1), level.start)
        levels = {place: self._styles.list_level(style, place) for place in range(1, depth + 1)}
        return number(level, counts, depth, levels)

    def heading(self, heading: Any, depth: int) -> str:
        """Return the number of a heading by the outline of the file; empty where that has none."""
        level = self._styles.outline.get(depth)
        if level is None or not level.format or heading.get(qn("text:is-list-header")) == "true":
            return ""
        start = whole(heading.get(qn("text:start-value")), -1)
        again = heading.get(qn("text:restart-numbering")) == "true"
        _count(self._outline, depth, start if start >= 0 else level.start if again else -1, level.start)
        return number(level, self._outline, depth, self._styles.outline)


def _count(counts: dict[int, int], depth: int, given: int, start: int) -> None:
    """Count one more item at a depth; deeper levels begin anew."""
    counts[depth] = given if given >= 0 else counts[depth] + 1 if depth in counts else start
    for deeper in range(depth + 1, _MOST_LEVELS + 1):
        counts.pop(deeper, None)
