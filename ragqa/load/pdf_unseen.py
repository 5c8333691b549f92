"""Text of a PDF's page that is not to be read: what annotations strike out, and what is not seen (`pdf_painted`)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from math import hypot
from typing import Any

from pypdf import PageObject

from ragqa.load.pdf_forms import HIDDEN, annotations_of
from ragqa.load.pdf_layers import Layers
from ragqa.load.pdf_objects import entry, number, resolved
from ragqa.load.pdf_painted import Painted, painted
from ragqa.load.pdf_recorder import Box, Recorder

STRUCK, COVERED, OUTSIDE, LAYER = (
    "struck-out text",
    "text under shapes",
    "text outside the page",
    "text in hidden layers",
)
_MOST = 1_000
_LAST = 1 << 60
"""Annotations are drawn after all operators."""
_COLOUR_OF = {"/Square": "/IC", "/FreeText": "/C"}
"""The entry with the colour of what an annotation is filled with."""
_DOUBTFUL = 0.9
"""Where more than this part of a page's text is not seen, it is the text layer of a scan, or the page is misunderstood."""


class Unseen:
    """The text of a page that is not to be read, and what of it is found while the page's operators are interpreted.

    `kept` has by its number the text that is left of each operator that shows such text.

    :param looks: whether text that is not seen is looked for, besides what is struck out.
    """

    def __init__(self, page: PageObject, recorder: Recorder, *, looks: bool = True) -> None:
        self.kept: dict[int, Any] = {}
        self._found: set[tuple[str, int]] = set()
        self._characters = Counter[bool]()
        self._boxes: list[tuple[int, Box]] = _unless_damaged(lambda: list(_boxes(page)), [])
        self._painted = Painted()
        if looks and (recorder.hiding.may or _unless_damaged(lambda: _may_have_forms_off(page, recorder), False)):
            self._painted = _unless_damaged(lambda: painted(page, recorder.operators), self._painted)
        if looks:
            self._painted.covers += [(_LAST, box) for box in _unless_damaged(lambda: list(_filled(page)), [])]
        self._ends = [shown for shown, _ in self._painted.covers]

    def __bool__(self) -> bool:
        return bool(self._boxes or self._painted.covers or self._painted.clips or self._painted.off)

    @property
    def counts(self) -> dict[str, int]:
        """Return how often there is text of each kind that is not read."""
        return dict(Counter(kind for kind, _ in self._found))

    @property
    def is_doubtful(self) -> bool:
        """Tell whether so much is not seen that it cannot be meant."""
        return self._characters[True] > _DOUBTFUL * self._characters.total()

    def has(self, x: float, y: float, up: tuple[float, float], shown: int, *, counts: bool = True) -> bool:
        """Tell whether a character is not to be read.

        :param x: the place of its middle on the page, with `y`. :param up: from there to nearly its upper side: a quarter of its size.
        :param shown: the number of the operator that shows it. :param counts: it is no space.
        """
        why = set(self._reasons(x, y, up, shown))
        if counts:
            self._found |= why
            self._characters[any(kind in (COVERED, OUTSIDE) for kind, _ in why)] += 1
        return bool(why)

    def _reasons(self, x: float, y: float, up: tuple[float, float], shown: int) -> Iterator[tuple[str, int]]:
        yield from ((STRUCK, note) for note, box in self._boxes if _is_in(x, y, box))
        if shown in self._painted.off:
            yield LAYER, shown
        elif shown not in self._painted.exempt:
            for cover in range(bisect_left(self._ends, shown), len(self._ends)):
                box = self._painted.covers[cover][1]
                if _is_in(x + up[0], y + up[1], box) and _is_in(x - up[0], y - up[1], box):
                    yield COVERED, cover
            size = 4 * hypot(*up)
            if shown in self._painted.clips and not _is_in(x, y, self._painted.clips[shown], size):
                yield OUTSIDE, shown


def _is_in(x: float, y: float, box: Box, margin: float = 0.0) -> bool:
    left, low, right, high = box
    return left - margin <= x <= right + margin and low - margin <= y <= high + margin


def _unless_damaged(read: Callable[[], Any], otherwise: Any) -> Any:
    """Return what is read; what is damaged is told where it is read as text."""
    try:
        return read()
    except (MemoryError, RecursionError):
        raise
    except Exception:  # pypdf raises errors of many types
        return otherwise


def _may_have_forms_off(page: PageObject, recorder: Recorder) -> bool:
    """Tell whether a form that the page draws may be in a layer that is switched off."""
    return Layers(page).has_off and any(operator == b"Do" for operator, _ in recorder.operators)


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


def _filled(page: PageObject) -> Iterator[Box]:
    """Yield the sides of annotations that are filled rectangles: those with an interior, and text boxes with a background."""
    for annotation in annotations_of(page):
        colour = _COLOUR_OF.get(entry(annotation, "/Subtype"))
        if colour is None or number(annotation.get("/F")) & HIDDEN or not _numbers(entry(annotation, colour)):
            continue
        sides, alpha = _numbers(entry(annotation, "/Rect")), entry(annotation, "/CA")
        if len(sides) == 4 and (alpha is None or float(alpha) >= 1):
            yield min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2])


def _numbers(value: Any) -> list[float]:
    each = [resolved(one) for one in value] if isinstance(value, list) else []
    return [float(one) for one in each] if all(isinstance(one, int | float) for one in each) else []
