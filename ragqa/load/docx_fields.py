"""The fields of a DOCX, such as a date, a page number or a check box of a form: which of their text is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from ragqa.load.docx_styles import attribute, is_on, whole
from ragqa.load.ooxml import qn

_SWITCH = re.compile(r"\\\*\s*(?:\"[^\"]*\"|\S+)\s*")
_PART = r"([^(),;\\]*)"
_EQUATIONS = [
    (re.compile(pattern.replace("PART", _PART), re.IGNORECASE), shown)
    for pattern, shown in (
        (r"\\o\s*\\a\w\s*\(\s*\\s\s*\\up(?:\s*\d+)?\s*\(PART\)\s*[,;]PART\)", "{1}({0})"),
        (r"\\o\s*(?:\\a\w\s*)?\(PART[,;]PART\)", "{0}{1}"),
        (r"\\f\s*\(PART[,;]PART\)", "{0}/{1}"),
        (r"\\r\s*\([,;]?PART\)", r"\sqrt{{{0}}}"),
        (r"\\r\s*\(PART[,;]PART\)", r"\sqrt[{0}]{{{1}}}"),
    )
]
"""The equations of the field EQ, and how they are written."""
_PAGE_NUMBERS = {"PAGE", "NUMPAGES", "SECTIONPAGES"}


def checkbox(checked: bool) -> str:
    """Return the text that stands for a check box."""
    return "[x]" if checked else "[ ]"


@dataclass(slots=True)
class _Field:
    """A field that has begun: its code comes first, then its result."""

    form: Any
    code: str = ""
    in_code: bool = True
    shown: bool = False


class Fields:
    """The fields that are open at a place of the text. A field may end in a later paragraph than it begins.

    :param page_numbers: whether page numbers are text; in headers and footers they are not.
    """

    def __init__(self, page_numbers: bool) -> None:
        self._page_numbers = page_numbers
        self._open: list[_Field] = []
        self.left_out_page_number = False

    def shows_text(self) -> bool:
        """Tell whether text at this place is shown. The result of a field within the code of another one is not."""
        if any(field.in_code for field in self._open[:-1]):
            return False
        for field in self._open:
            if not field.in_code:
                if self._is_left_out(field.code):
                    return False
                field.shown = True
        return True

    def shows_simple(self, code: str) -> bool:
        """Tell whether the result of a field in one element is shown."""
        return not self._is_left_out(code) and self.shows_text()

    def code(self, text: str) -> None:
        """Take a piece of a field's code."""
        if self._open and self._open[-1].in_code:
            self._open[-1].code += text

    def mark(self, element: Any) -> str:
        """Take the beginning, the middle or the end of a field, and return the text of one that has no result."""
        kind = element.get(qn("w:fldCharType"))
        if kind == "begin":
            self._open.append(_Field(element.find(qn("w:ffData"))))
        elif kind == "separate" and self._open:
            self._open[-1].in_code = False
        elif kind == "end" and self._open:
            field = self._open.pop()
            return "" if field.shown or not self.shows_text() else _without_result(field)
        return ""

    def end_paragraph(self) -> None:
        """Close the fields whose code has no end in their paragraph, so that no later text is taken for code."""
        self._open = [field for field in self._open if not field.in_code]

    def _is_left_out(self, code: str) -> bool:
        left_out = not self._page_numbers and code.split()[:1] != [] and code.split()[0].upper() in _PAGE_NUMBERS
        self.left_out_page_number |= left_out
        return left_out


def _without_result(field: _Field) -> str:
    """Return what a form field or an old equation shows, which have no result in the file."""
    if field.form is not None and (box := field.form.find(qn("w:checkBox"))) is not None:
        state = box.find(qn("w:checked"))
        return checkbox(is_on(state if state is not None else box.find(qn("w:default"))))
    if field.form is not None and (choices := field.form.find(qn("w:ddList"))) is not None:
        entries = [entry.get(qn("w:val"), "") for entry in choices.iterchildren(qn("w:listEntry"))]
        chosen = whole(attribute(choices, "w:result") or attribute(choices, "w:default"), 0)
        return entries[chosen] if chosen < len(entries) else ""
    name, _, rest = field.code.strip().partition(" ")
    return _equation(rest) if name.upper() == "EQ" else ""


def _equation(code: str) -> str:
    """Return an old equation as text: readings above characters in brackets behind them, fractions, and roots."""
    code = _SWITCH.sub("", code)
    for pattern, shown in _EQUATIONS:
        code = pattern.sub(partial(_written, shown), code)
    return code.strip()


def _written(shown: str, match: re.Match[str]) -> str:
    return shown.format(*map(str.strip, match.groups()))
