"""The spaces of a PDF's text where pypdf sets none, or sets them at the wrong place.

- A font without a space glyph, as those of TeX: a gap between letters of a spaced-out line is no space.
- Text that is drawn to the left of the text before it, on the same line, is another word.
- A move to the next line after which no text follows, as ReportLab writes it behind each text, moves nothing.
- What is drawn from the left begins, in a script from right to left, with the space or the mark behind its last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pypdf._text_extraction import _text_extractor as _extractor
from pypdf.generic._font import Font

from ragqa.load.pdf_lines import RIGHT_TO_LEFT

_WIDEST = 280.0
"""The most that the width of a space is taken to be, in thousandths of the font's size, where a font has none."""
_LAST_MARKS = frozenset(" \u00a0.,:!\u060c\u061b\u061f")
_BACK = 2.0
"""Text that begins so much to the left of the text before it, in sizes of the font, is another word."""
_SAME_LINE = 0.3
_MOST_FONTS = 300


def set_space(font: Font) -> None:
    """Give a font without a space glyph the width of one. pypdf takes half of it for the least gap between words."""
    widths, space = font.character_widths, font.space_char
    if not widths.get(space) and font.space_width > 0 and font.sub_type != "Type3":
        font.space_width = widths[space] = min(font.space_width, _WIDEST)


@contextmanager
def own_spaces() -> Iterator[None]:
    """Let pypdf set spaces as this module does."""
    names = vars(_extractor)
    original: Callable[..., tuple[str, bool, str]] = names["get_display_str"]
    extraction = names["TextExtraction"]
    process: Callable[..., None] = extraction.process_operation
    is_due = False  # whether a move to the next line waits for what follows it
    place: Any = None  # where the operator that is being shown begins: the moves of its text, and its page matrix
    x = y = 0.0
    fonts: dict[int, tuple[Font, bool]] = {}  # by id: the font, kept so that no other gets its id, and its direction
    held = ""  # spaces and marks with which the operator has begun, as they are at the end of the text

    def display(
        text: str, cm: list[float], tm: list[float], resource: Any, font: Font, shown: str, size: float, is_rtl: bool, visitor: Any
    ) -> tuple[str, bool, str]:  # fmt: skip
        nonlocal place, x, y, held
        here, marks, held = (tm[4], tm[5], id(cm)), held, ""
        if here != place:
            before_x, before_y, place, marks = x, y, here, ""
            x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            unit = abs(size * tm[0] * cm[0])
            is_back = x < before_x - _BACK * unit and abs(y - before_y) < _SAME_LINE * unit
            if is_back and not is_rtl and not text[-1:].isspace() and not _is_right_to_left(shown, font):
                text += " "
        if id(font) not in fonts:
            if len(fonts) == _MOST_FONTS:
                fonts.clear()
            fonts[id(font)] = font, _has_right_to_left(font)
        if is_rtl or not shown or not fonts[id(font)][1]:
            return original(text, cm, tm, resource, font, shown, size, is_rtl, visitor)
        number = next((number for number, char in enumerate(shown) if _text(char, font) not in _LAST_MARKS), len(shown))
        own = "".join(_text(char, font) for char in shown[:number])
        if number == len(shown):
            held = marks + own
        elif (marks or own) and RIGHT_TO_LEFT.match(_text(shown[number], font)) and text.endswith(marks):
            text = text[: len(text) - len(marks)]
            run, is_rtl, completed = original(text, cm, tm, resource, font, shown[number:], size, is_rtl, visitor)
            return (run + (marks + own)[::-1] if is_rtl else run), is_rtl, completed
        return original(text, cm, tm, resource, font, shown, size, is_rtl, visitor)

    def moved(self: Any, operator: bytes, operands: list[Any]) -> None:
        nonlocal is_due
        if is_due and operator != b"ET":
            process(self, b"T*", [])
        is_due = operator == b"T*"
        if not is_due:
            process(self, operator, operands)

    names["get_display_str"], extraction.process_operation = display, moved
    try:
        yield
    finally:
        names["get_display_str"], extraction.process_operation = original, process


def _text(char: str, font: Font) -> str:
    return str(font.character_map.get(char, char))


def _is_right_to_left(shown: str, font: Font) -> bool:
    return any(RIGHT_TO_LEFT.match(_text(char, font)) for char in shown)


def _has_right_to_left(font: Font) -> bool:
    """Tell whether a font has letters that are written from right to left."""
    own = font.encoding.values() if isinstance(font.encoding, dict) else ()
    return any(RIGHT_TO_LEFT.search(str(text)) for text in (*font.character_map.values(), *own))
