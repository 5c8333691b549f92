"""What a PDF's page paints over its text, and what it shows of it: text that nobody sees is not read.

Text is hidden by a filled rectangle or a picture of a part of the page that is drawn after it, by a clipping path, by the edge of the page, and
in a layer that is switched off. A shape that lets text shine through hides nothing. Text without colour is the text
layer of a scan, and is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pypdf import PageObject
from pypdf.generic import DictionaryObject

from ragqa.load.pdf_layers import Layers
from ragqa.load.pdf_matrix import IDENTITY, Matrix, applied, matrix_of, product
from ragqa.load.pdf_objects import entry
from ragqa.load.pdf_recorder import END, FILLING, PAINTING, SHOWING, Box

_EVERYWHERE: Box = (-inf, -inf, inf, inf)
_LEAST = 3.0
"""A cover is at least so high and wide; what is thinner is a line."""
_MOST_COVERS = 4_000
_WHOLE = 0.8
"""A picture of at least this part of a page is the scan of it."""
_COLOURS = frozenset((b"g", b"rg", b"k", b"cs", b"sc", b"scn"))
_EVEN_ODD = frozenset((b"f*", b"B*", b"b*"))
_UNSEEN_MODES = (3, 7)
"""The modes in which text has no colour of its own."""


@dataclass(slots=True)
class Painted:
    """What hides text of a page.

    :param covers: rectangles, each with the number of the operators before it that show text, in order.
    :param clips: by the number of an operator that shows text, where it is seen.
    :param exempt: the numbers of the operators whose text has no colour.
    :param off: the numbers of the operators in layers that are switched off.
    """

    covers: list[tuple[int, Box]] = field(default_factory=list)
    clips: dict[int, Box] = field(default_factory=dict)
    exempt: set[int] = field(default_factory=set)
    off: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _State:
    """What `q` keeps and `Q` brings back.

    :param is_exact: whether the clip is a rectangle, and not only within one.
    :param shines: the reasons why what is filled lets text shine through.
    """

    cm: Matrix = IDENTITY
    clip: Box = _EVERYWHERE
    is_exact: bool = True
    shines: frozenset[str] = frozenset()
    mode: int = 0

    def copy(self) -> _State:
        return _State(self.cm, self.clip, self.is_exact, self.shines, self.mode)


def painted(page: PageObject, operators: Sequence[tuple[bytes, list[Any]]]) -> Painted:
    """Return what hides text of a page with these operators."""
    painter = _Painter(page)
    for operator, operands in operators:
        painter.take(operator, operands)
    return painter.found


class _Painter:
    def __init__(self, page: PageObject) -> None:
        self.found = Painted()
        self._number = -1
        self._layers = Layers(page)
        self._page = page_box(page)
        self._state, self._stack = _State(clip=self._page), list[_State]()
        self._outer: list[tuple[_State, list[_State]]] = []
        self._resources: list[Any] = [entry(page, "/Resources")]
        self._path: list[list[tuple[float, float]]] = []
        self._is_straight, self._clips = True, False

    def take(self, operator: bytes, operands: Sequence[Any]) -> None:
        """Interpret an operator."""
        if operator in SHOWING:
            self._show()
        elif operator in PAINTING or operator == b"n":
            self._paint(operator)
        elif operator in _COLOURS:
            is_pattern = bool(operands) and isinstance(operands[-1], str) and operator != b"cs"
            self._shine("pattern", is_pattern)
        elif handler := _HANDLERS.get(operator):
            handler(self, *operands)

    def _show(self) -> None:
        self._number += 1
        if self._state.mode in _UNSEEN_MODES:
            self.found.exempt.add(self._number)
        if self._layers.is_off:
            self.found.off.add(self._number)
        if self._state.clip != _EVERYWHERE:
            self.found.clips[self._number] = self._state.clip

    def _shine(self, reason: str, shines: bool) -> None:
        self._state.shines = self._state.shines | {reason} if shines else self._state.shines - {reason}

    def save(self) -> None:
        self._stack.append(self._state.copy())

    def restore(self) -> None:
        self._state = self._stack.pop() if self._stack else self._state

    def concatenate(self, *matrix: Any) -> None:
        self._state.cm = product(matrix_of(matrix), self._state.cm)

    def mode(self, mode: Any) -> None:
        self._state.mode = int(mode)

    def graphics_state(self, name: Any) -> None:
        given = self._resource("/ExtGState", name)
        if not isinstance(given, DictionaryObject):
            return
        if (alpha := entry(given, "/ca")) is not None:
            self._shine("alpha", float(alpha) < 1)
        if (blending := entry(given, "/BM")) is not None:
            self._shine("blending", blending not in ("/Normal", "/Compatible"))
        if (mask := entry(given, "/SMask")) is not None:
            self._shine("mask", mask != "/None")

    def begin_marked(self, tag: Any, name: Any = None) -> None:
        properties = (
            entry(self._resources[-1], "/Properties") if isinstance(self._resources[-1], DictionaryObject) else None
        )
        layer = (
            properties.get(name)
            if tag == "/OC" and isinstance(name, str) and isinstance(properties, DictionaryObject)
            else None
        )
        self._layers.enter(layer)

    def end_marked(self) -> None:
        self._layers.leave()

    def begin_object(self, name: Any) -> None:
        """Take a picture, or begin with a form. Its end follows in both cases."""
        given = self._resource("/XObject", name)
        self._outer.append((self._state.copy(), self._stack))
        self._stack = []
        own = entry(given, "/Resources") if isinstance(given, DictionaryObject) else None
        self._resources.append(own if own is not None else self._resources[-1])
        self._layers.enter(given.get("/OC") if isinstance(given, DictionaryObject) else None)
        if not isinstance(given, DictionaryObject):
            return
        if entry(given, "/Subtype") == "/Image":
            if not any(key in given for key in ("/SMask", "/Mask", "/ImageMask")):
                self._picture()
            return
        if isinstance(matrix := entry(given, "/Matrix"), list) and len(matrix) == 6:
            self.concatenate(*matrix)
        if isinstance(box := entry(given, "/BBox"), list) and len(box) == 4:
            self._clip([self._corners(*(float(entry_of) for entry_of in box))])
        if self._state.shines:  # the form is seen through as a whole, whatever is opaque in it
            self._shine("outer", shines=True)

    def _picture(self) -> None:
        """Take a picture as a cover, but for that of a whole page, which is a scan: text under it is its text layer."""
        shape = self._corners(0, 0, 1, 1)
        if _size(_common(_around([shape]), self._page)) < _WHOLE * _size(self._page):
            self._cover([shape])

    def end_object(self) -> None:
        if self._outer:
            self._state, self._stack = self._outer.pop()
            self._resources.pop()
            self._layers.leave()

    def move_to(self, x: Any, y: Any) -> None:
        self._path.append([applied(self._state.cm, float(x), float(y))])

    def line_to(self, x: Any, y: Any) -> None:
        if self._path:
            self._path[-1].append(applied(self._state.cm, float(x), float(y)))

    def curve_to(self, *numbers: Any) -> None:
        """Take the points of a curve; it is within them."""
        self._is_straight = False
        for x, y in zip(numbers[::2], numbers[1::2], strict=False):
            self.line_to(x, y)

    def rectangle(self, x: Any, y: Any, width: Any, height: Any) -> None:
        self._path.append(self._corners(float(x), float(y), float(x) + float(width), float(y) + float(height)))

    def clip(self) -> None:
        self._clips = True

    def _corners(self, x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
        return [applied(self._state.cm, *each) for each in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]

    def _resource(self, kind: str, name: Any) -> Any:
        resources = self._resources[-1]
        given = entry(resources, kind) if isinstance(resources, DictionaryObject) else None
        return entry(given, name) if isinstance(given, DictionaryObject) else None

    def _paint(self, operator: bytes) -> None:
        """Take what is filled, clip by the path if that is due, and forget the path."""
        if operator in FILLING and self._is_straight and not (operator in _EVEN_ODD and len(self._path) > 1):
            self._cover(self._path)
        if self._clips:
            self._clip(self._path)
        self._path, self._is_straight, self._clips = [], True, False

    def _cover(self, shapes: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Take rectangles that are filled. Two that run in opposite directions make a hole in one another."""
        state = self._state
        if state.shines or not state.is_exact or self._layers.is_off or len(self.found.covers) > _MOST_COVERS:
            return
        if not all(map(_is_rectangle, shapes)) or len({_area(shape) > 0 for shape in shapes}) != 1:
            return
        for shape in shapes:
            left, low, right, high = box = _common(_around([shape]), state.clip)
            if right - left >= _LEAST and high - low >= _LEAST:
                self.found.covers.append((self._number, box))

    def _clip(self, shapes: Sequence[Sequence[tuple[float, float]]]) -> None:
        state = self._state
        is_exact = self._is_straight and len(shapes) == 1 and _is_rectangle(shapes[0])
        state.is_exact = state.is_exact and is_exact
        state.clip = _common(state.clip, _around(shapes))


_HANDLERS: dict[bytes, Any] = {
    b"q": _Painter.save, b"Q": _Painter.restore, b"cm": _Painter.concatenate, b"gs": _Painter.graphics_state,
    b"Tr": _Painter.mode, b"Do": _Painter.begin_object, END: _Painter.end_object, b"BMC": _Painter.begin_marked,
    b"BDC": _Painter.begin_marked, b"EMC": _Painter.end_marked, b"m": _Painter.move_to, b"l": _Painter.line_to,
    b"c": _Painter.curve_to, b"v": _Painter.curve_to, b"y": _Painter.curve_to, b"re": _Painter.rectangle,
    b"W": _Painter.clip, b"W*": _Painter.clip,
}  # fmt: skip


def page_box(page: PageObject) -> Box:
    """Return the part of a page that is shown; everywhere where it is damaged."""
    try:
        boxes = [tuple(float(side) for side in box) for box in (page.cropbox, page.mediabox)]
    except (AttributeError, TypeError, ValueError, KeyError):
        return _EVERYWHERE
    shown = _EVERYWHERE
    for x0, y0, x1, y1 in boxes:
        shown = _common(shown, (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    return shown if shown[2] - shown[0] > 1 and shown[3] - shown[1] > 1 else _EVERYWHERE


def _is_rectangle(shape: Sequence[tuple[float, float]]) -> bool:
    """Tell whether a shape is a rectangle whose sides are upright."""
    points = [*shape[:-1]] if len(shape) == 5 and _near(shape[0], shape[4]) else [*shape]
    sides = list(zip(points, points[1:] + points[:1], strict=True))
    return len(points) == 4 and all((abs(a[0] - b[0]) < 0.01) is not (abs(a[1] - b[1]) < 0.01) for a, b in sides)


def _near(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return abs(first[0] - second[0]) < 0.01 and abs(first[1] - second[1]) < 0.01


def _area(shape: Sequence[tuple[float, float]]) -> float:
    """Return twice the area of a shape; less than 0 where it runs clockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(shape, [*shape[1:], shape[0]], strict=True))


def _size(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _around(shapes: Sequence[Sequence[tuple[float, float]]]) -> Box:
    """Return the box around shapes; an empty one without shapes."""
    xs, ys = _sides(shapes, 0), _sides(shapes, 1)
    return (min(xs), min(ys), max(xs), max(ys)) if xs else (0.0, 0.0, 0.0, 0.0)


def _sides(shapes: Sequence[Sequence[tuple[float, float]]], axis: int) -> list[float]:
    return [point[axis] for shape in shapes for point in shape]


def _common(first: Box, second: Box) -> Box:
    """Return what two boxes have in common; an empty box has its right side at its left one."""
    left, low = max(first[0], second[0]), max(first[1], second[1])
    return left, low, max(left, min(first[2], second[2])), max(low, min(first[3], second[3]))
