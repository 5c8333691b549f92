"""What a PDF's page draws, with its place: the pieces of its text, and the rules between them.

pypdf gives the text of a page without the places of its words. So its operators are interpreted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from pypdf import PageObject
from pypdf.generic import DictionaryObject
from pypdf.generic._font import Font

from ragqa.load.pdf_glyphs import Glyphs
from ragqa.load.pdf_matrix import IDENTITY, Matrix, applied, matrix_of, product, turned_place, turns_of
from ragqa.load.pdf_objects import entry
from ragqa.load.pdf_recorder import END, LARGEST, SHOWING, Recorder
from ragqa.load.pdf_unseen import Unseen

_MOST_RULES = 4_000
_STROKED, _FILLED = (b"S", b"s", b"B", b"B*", b"b", b"b*"), (b"f", b"F", b"f*")
_THIN = 2.5
"""A filled rectangle of at most this height or width is a rule."""
_GAP = 0.17
"""A gap between glyphs of more than this part of the font's size ends a piece of text."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, or a part of one, on one line: its left and right side, its baseline, and the height of its font.

    :param shown: the number of the operator that shows it, among the operators of the page that show text.
    :param turned: how often its direction is turned by 90 degrees from the page's; its place is that on the page when
        this is turned until the piece is upright.
    :param middle: its place among pieces that are upright.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    font: str
    shown: int
    turned: int = 0
    middle: tuple[float, float] = (0.0, 0.0)
    has_space_after: bool = False
    is_monospaced: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line from side to side, or from the top down: its place across, its beginning and its end."""

    at: float
    low: float
    high: float


@dataclass(slots=True)
class Placed:
    """The pieces of text of a page in the order in which they are drawn, and its rules. The y axis points up.

    :param boxes: the left, lower, right and upper sides of rectangles that are filled.
    :param aside: the pieces whose direction is not that of most of the text.
    """

    pieces: list[Piece] = field(default_factory=list)
    aside: list[Piece] = field(default_factory=list)
    across: list[Rule] = field(default_factory=list)
    down: list[Rule] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    """What `q` keeps and `Q` brings back. Operators change it in place; what is kept is a copy."""

    cm: Matrix = IDENTITY
    font: Glyphs | None = None
    size: float = 12.0
    character: float = 0.0
    word: float = 0.0
    scale: float = 1.0
    leading: float = 0.0
    rise: float = 0.0

    def copy(self) -> _State:
        return _State(self.cm, self.font, self.size, self.character, self.word, self.scale, self.leading, self.rise)


class _Reader:
    """Interprets the operators of a page."""

    def __init__(self, page: PageObject, unseen: Unseen) -> None:
        self._unseen = unseen
        self.pieces: list[Piece] = []
        self.rules: list[tuple[float, float, float, float]] = []
        self.boxes: list[tuple[float, float, float, float]] = []
        self._resources: list[Any] = [entry(page, "/Resources")]
        self._outer: list[tuple[_State, list[_State]]] = []
        self._state, self._stack = _State(), list[_State]()
        self._fonts: dict[int, Glyphs | None] = {}
        self._lines = self._text = IDENTITY
        self._path: list[tuple[float, float, float, float, bool]] = []
        self._at = self._begun = (0.0, 0.0)
        self._shown = -1

    def read(self, operators: Sequence[tuple[bytes, list[Any]]], skipped: Set[int]) -> None:
        """Find what operators draw, without the texts with the numbers that are skipped."""
        for operator, operands in operators:
            if operator in SHOWING:
                self._shown += 1
                self._show_operator(operator, operands, self._shown in skipped)
            elif handler := _HANDLERS.get(operator):
                handler(self, *operands)
            elif operator in _PARAMETERS and operands:
                setattr(self._state, _PARAMETERS[operator], float(operands[0]))
            elif operator in _STROKED or operator in _FILLED or operator == b"n":
                self._paint(operator)

    def begin_text(self) -> None:
        self._lines = self._text = IDENTITY

    def save(self) -> None:
        self._stack.append(self._state.copy())

    def restore(self) -> None:
        self._state = self._stack.pop() if self._stack else self._state

    def concatenate(self, *matrix: Any) -> None:
        self._state.cm = product(matrix_of(matrix), self._state.cm)

    def scale(self, percent: Any) -> None:
        self._state.scale = float(percent) / 100

    def choose_font(self, name: Any, size: Any) -> None:
        fonts = entry(self._resources[-1], "/Font") if isinstance(self._resources[-1], DictionaryObject) else None
        resource = entry(fonts, name) if isinstance(fonts, DictionaryObject) else None
        if id(resource) not in self._fonts:
            font = Glyphs(Font.from_font_resource(resource)) if isinstance(resource, DictionaryObject) else None
            self._fonts[id(resource)] = font
        self._state.font, self._state.size = self._fonts[id(resource)], float(size)

    def move(self, x: Any, y: Any) -> None:
        self._lines = self._text = product((1.0, 0.0, 0.0, 1.0, float(x), float(y)), self._lines)

    def move_and_lead(self, x: Any, y: Any) -> None:
        self._state.leading = -float(y)
        self.move(x, y)

    def place(self, *matrix: Any) -> None:
        self._lines = self._text = matrix_of(matrix)

    def next_line(self) -> None:
        self.move(0.0, -self._state.leading)

    def begin_form(self, name: Any) -> None:
        self._outer.append((self._state.copy(), self._stack))
        forms = entry(self._resources[-1], "/XObject") if isinstance(self._resources[-1], DictionaryObject) else None
        form = entry(forms, name) if isinstance(forms, DictionaryObject) else None
        own = entry(form, "/Resources") if isinstance(form, DictionaryObject) else None
        matrix = entry(form, "/Matrix") if isinstance(form, DictionaryObject) else None
        self._resources.append(own if own is not None else self._resources[-1])
        if isinstance(matrix, list) and len(matrix) == 6:
            self.concatenate(*matrix)
        self._stack = []

    def end_form(self) -> None:
        if self._outer:
            self._state, self._stack = self._outer.pop()
            self._resources.pop()

    def move_to(self, x: Any, y: Any) -> None:
        self._at = self._begun = applied(self._state.cm, float(x), float(y))

    def line_to(self, x: Any, y: Any) -> None:
        point = applied(self._state.cm, float(x), float(y))
        self._path.append((*self._at, *point, False))
        self._at = point

    def close(self) -> None:
        self._path.append((*self._at, *self._begun, False))
        self._at = self._begun

    def rectangle(self, x: Any, y: Any, width: Any, height: Any) -> None:
        corner = applied(self._state.cm, float(x), float(y))
        other = applied(self._state.cm, float(x) + float(width), float(y) + float(height))
        self._path.append((*corner, *other, True))

    def _paint(self, operator: bytes) -> None:
        """Take the rules of the path that is painted, and forget the path."""
        for x0, y0, x1, y1, is_box in self._path:
            low, high, left, right = min(y0, y1), max(y0, y1), min(x0, x1), max(x0, x1)
            is_thin = right - left <= _THIN or high - low <= _THIN
            if operator == b"n" or len(self.rules) > _MOST_RULES or right > LARGEST or high > LARGEST:
                break
            if is_thin or not is_box:
                self.rules.append((left, low, right, high))
            elif operator in _STROKED:
                self.rules += [(left, low, right, low), (left, high, right, high)]
                self.rules += [(left, low, left, high), (right, low, right, high)]
            elif len(self.boxes) < _MOST_RULES:
                self.boxes.append((left, low, right, high))
        self._path = []

    def _show_operator(self, operator: bytes, operands: list[Any], is_skipped: bool) -> None:
        if operator in (b"'", b'"'):
            self.next_line()
        if operator == b'"' and len(operands) > 2:
            self._state.word, self._state.character = float(operands[0]), float(operands[1])
        shown = operands[-1] if operands else None
        pieces = self._pieces(shown if isinstance(shown, list) else [shown])
        if not is_skipped:
            self.pieces += pieces

    def _pieces(self, parts: Sequence[Any]) -> list[Piece]:
        """Return the words of texts and moves between them, and move to their end."""
        state, text = self._state, self._text
        matrix = product((1.0, 0.0, 0.0, 1.0, 0.0, state.rise), product(text, state.cm))
        turned = turns_of(matrix)
        length = (matrix[0] ** 2 + matrix[1] ** 2) ** 0.5
        size = abs(state.size) * (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5
        if self._unseen and state.size * state.scale:
            parts = self._without_unseen(parts, matrix)
        words, end = self._words(parts, size / length if length > 0 else 0.0)
        self._text = product((1.0, 0.0, 0.0, 1.0, end, 0.0), text)
        x, y = turned_place(matrix[4], matrix[5], turned)
        if turned < 0 or not (abs(x) < LARGEST and abs(y) < LARGEST and 0 < size < 1000 and length > 0):
            return []
        assert state.font or not words
        name, is_monospaced = (state.font.name, state.font.is_monospaced) if state.font else ("", False)
        pieces = []
        for word, begin, end, has_space_after in words:
            left, right = x + begin * length, x + end * length
            middle = ((left + right) / 2, y + 0.3 * size)
            pieces.append(Piece(word, left, right, y, size, name, self._shown, turned, middle, has_space_after, is_monospaced))  # fmt: skip
        return pieces

    def _without_unseen(self, parts: Sequence[Any], matrix: Matrix) -> Sequence[Any]:
        """Return texts and moves without what is not to be read, a move in its place; take note of what is kept."""
        state, size, scale = self._state, self._state.size, self._state.scale
        kept: list[Any] = []
        at, is_any_gone = 0.0, False
        up = (matrix[2] * size / 4, matrix[3] * size / 4)
        for part in parts:
            if state.font is None or not isinstance(part, bytes | str) or not part:
                at -= float(part) / 1000 * size * scale if isinstance(part, int | float) else 0.0
                kept.append(part)
                continue
            hidden: list[bool] = []
            moves: list[float] = []
            for _, width, is_space, is_blank in state.font.of(part):
                place = applied(matrix, at + width * size * scale / 2, 0.3 * size)
                hidden.append(self._unseen.has(*place, up, self._shown, counts=not is_blank))
                step = (width * size + state.character + state.word * is_space) * scale
                moves.append(-1000 * step / (size * scale))
                at += step
            is_any_gone = is_any_gone or any(hidden)
            codes = state.font.parts(part) if any(hidden) else []
            kept += (
                [move if gone else own for own, gone, move in zip(codes, hidden, moves, strict=True)]
                if codes
                else [part]
            )
        if is_any_gone:
            self._unseen.kept[self._shown] = kept
        return kept if is_any_gone else parts

    def _words(self, parts: Sequence[Any], height: float) -> tuple[list[tuple[str, float, float, bool]], float]:
        """Return the words of texts and moves, each with its beginning, its end, and whether a space is after it.

        A gap ends a word, as a space does. The end of all comes after the words.

        :param height: of the font, in the units of the text.
        """
        state = self._state
        size, character, space = state.size * state.scale, state.character * state.scale, state.word * state.scale
        gap, back = _GAP * height, -2 * height
        words: list[tuple[str, float, float, bool]] = []
        word, begin, end, at = "", 0.0, 0.0, 0.0
        for part in parts:
            if isinstance(part, int | float):
                at -= float(part) / 1000 * size
                continue
            if state.font is None or not isinstance(part, bytes | str):
                continue
            for text, width, is_space, is_blank in state.font.of(part):
                if word and (is_blank or not back <= at - end <= gap):
                    words.append((word, begin, end, is_blank))
                    word = ""
                if not is_blank:
                    begin = begin if word else at
                    word += text
                    end = at + width * size
                at += width * size + (character + space if is_space else character)
        if word:
            words.append((word, begin, end, False))
        return words, at


_PARAMETERS = {b"Tc": "character", b"Tw": "word", b"TL": "leading", b"Ts": "rise"}
_HANDLERS: dict[bytes, Any] = {
    b"BT": _Reader.begin_text, b"q": _Reader.save, b"Q": _Reader.restore, b"cm": _Reader.concatenate,
    b"Tz": _Reader.scale, b"Tf": _Reader.choose_font, b"Td": _Reader.move, b"TD": _Reader.move_and_lead,
    b"Tm": _Reader.place, b"T*": _Reader.next_line, b"Do": _Reader.begin_form, END: _Reader.end_form,
    b"m": _Reader.move_to, b"l": _Reader.line_to, b"h": _Reader.close, b"re": _Reader.rectangle,
}  # fmt: skip


def placed(page: PageObject, recorder: Recorder, skipped: Set[int], unseen: Unseen) -> Placed:
    """Return what a page draws in the direction of most of its text, turned so that this text is upright.

    :param recorder: has the operators of the page.
    :param skipped: the numbers of operators that show text which is not to be read.
    :param unseen: the text that is not to be read; it gets what is found of it.
    """
    reader = _Reader(page, unseen)
    reader.read(recorder.operators, skipped)
    turns = Counter(piece.turned for piece in reader.pieces)
    turn = max(turns, key=lambda each: turns[each], default=0)
    found = Placed()
    for piece in reader.pieces:
        if piece.turned == turn:
            found.pieces.append(piece)
        else:
            x, y = turned_place(*piece.middle, (4 - piece.turned) % 4)
            found.aside.append(replace(piece, middle=turned_place(x, y, turn)))
    for x0, y0, x1, y1 in reader.rules:
        (x0, y0), (x1, y1) = turned_place(x0, y0, turn), turned_place(x1, y1, turn)
        width, height = abs(x1 - x0), abs(y1 - y0)
        if height <= _THIN < width:
            found.across.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
        elif width <= _THIN < height:
            found.down.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)))
    for x0, y0, x1, y1 in reader.boxes:
        (x0, y0), (x1, y1) = turned_place(x0, y0, turn), turned_place(x1, y1, turn)
        found.boxes.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    return found
