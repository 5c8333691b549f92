"""Superscripts and subscripts of a PDF's text that would be read as a part of the number before them: `10^6`, not 106.

A superscript is smaller text that is drawn a little above the line. One after a letter, such as the mark of a note,
stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pypdf._text_extraction import _text_extractor as _extractor
from pypdf.generic._font import Font

_SMALLER = 0.88
"""A script is smaller than this part of the text beside it, unless its rise is set."""
_LEAST, _MOST = 0.12, 0.8
"""How far a script is above or below the line, in sizes of the font beside it."""
_BEGINNING = re.compile(r"[-+\u2212\u2013]?\d|[-+\u2212\u2013]\Z")


def mark(before: str, text: str, height: float, size: float, base_size: float, *, rises: bool = False) -> str:
    """Return "^" or "_" where a text is a script of the number before it, else "".

    :param before: the text before it. :param height: of its baseline above that of the text beside it.
    :param size: of its font. :param base_size: of the font of the text beside it.
    :param rises: whether its place is set by a rise, which no other text has.
    """
    small = rises or size < _SMALLER * base_size
    if not small or not _LEAST * base_size < abs(height) < _MOST * base_size:
        return ""
    return ("^" if height > 0 else "_") if before[-1:].isdigit() and _BEGINNING.match(text) else ""


@contextmanager
def own_scripts() -> Iterator[None]:
    """Let pypdf mark scripts of numbers. It reads a rise as no move, and other scripts as text of the line."""
    names = vars(_extractor)
    display: Callable[..., tuple[str, bool, str]] = names["get_display_str"]
    extraction = names["TextExtraction"]
    process: Callable[..., None] = extraction.process_operation
    rise, outer = 0.0, list[float]()
    base = y = base_unit = 0.0
    output = ""

    def see(self: Any, operator: bytes, operands: list[Any]) -> None:
        nonlocal rise, output
        if operator == b"Ts":
            rise = float(operands[0]) if operands and isinstance(operands[0], int | float) else 0.0
        elif operator == b"q":
            outer.append(rise)
        elif operator == b"Q":
            rise = outer.pop() if outer else 0.0
        output = self.output[-1:]
        process(self, operator, operands)

    def marked(
        text: str, cm: list[float], tm: list[float], resource: Any, font: Font, shown: str, size: float, *rest: Any
    ) -> tuple[str, bool, str]:
        nonlocal base, y, base_unit
        scale = abs(tm[3] * cm[3])
        here, unit = (tm[5] + rise * tm[3]) * cm[3] + cm[5] if scale else y, abs(size) * scale
        own = "".join(str(font.character_map.get(char, char)) for char in shown[:2])
        if here != y:
            y = here
            if sign := mark(text or output, own, here - base, unit, base_unit, rises=bool(rise)):
                text += sign
        if not (rise or (unit < _SMALLER * base_unit and abs(here - base) < _MOST * base_unit)):
            base, base_unit = here, unit
        return display(text, cm, tm, resource, font, shown, size, *rest)

    names["get_display_str"], extraction.process_operation = marked, see
    try:
        yield
    finally:
        names["get_display_str"], extraction.process_operation = display, process
