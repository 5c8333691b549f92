"""Text of a PDF's page that annotations strike out. It is left out, as struck-out text of other formats is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pypdf import PageObject

from ragqa.load.pdf_forms import HIDDEN, annotations_of
from ragqa.load.pdf_objects import entry, number, resolved

Box = tuple[float, float, float, float]

_MOST = 1_000


class Struck:
    """The places of a page that are struck out, and what is found there while its operators are interpreted.

    `kept` has by its number the text that is left of each operator that shows struck-out text.
    """

    def __init__(self, page: PageObject) -> None:
        self.kept: dict[int, Any] = {}
        try:
            self._boxes = list(_boxes(page))
        except (MemoryError, RecursionError):
            raise
        except Exception:  # damaged annotations, which are told where their texts are read
            self._boxes = []
        self._found: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._boxes)

    @property
    def count(self) -> int:
        """Return the number of annotations that strike out text."""
        return len(self._found)

    def has(self, x: float, y: float) -> bool:
        """Tell whether a place on the page is struck out."""
        hits = {note for note, (left, low, right, high) in self._boxes if left <= x <= right and low <= y <= high}
        self._found |= hits
        return bool(hits)


def _boxes(page: PageObject) -> Iterator[tuple[int, Box]]:
    """Yield the number of each annotation that strikes out, with the sides of its parts, which are lines of text."""
    found = 0
    for note, annotation in enumerate(annotations_of(page)):
        if entry(annotation, "/Subtype") != "/StrikeOut" or number(annotation.get("/F")) & HIDDEN:
            continue
        corners = _numbers(entry(annotation, "/QuadPoints"))
        for part in [corners[at : at + 8] for at in range(0, len(corners) - 7, 8)] or [
            _numbers(entry(annotation, "/Rect"))
        ]:
            if len(part) >= 4 and (found := found + 1) <= _MOST:
                yield note, (min(part[::2]), min(part[1::2]), max(part[::2]), max(part[1::2]))


def _numbers(value: Any) -> list[float]:
    each = [resolved(one) for one in value] if isinstance(value, list) else []
    return [float(one) for one in each] if all(isinstance(one, int | float) for one in each) else []
