"""A paragraph of DrawingML -> its text as it is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ragqa.load.docx_runs import Piece, joined
from ragqa.load.not_read import NotRead
from ragqa.load.omml import linear
from ragqa.load.ooxml import qn
from ragqa.load.symbols import shown

_STRUCK = ("sngStrike", "dblStrike")
_EQUATIONS = (qn("m:oMath"), qn("m:oMathPara"))
_VERTICAL_TAB = re.compile(r"_x000[bB]_|\x0b")
"""A line break, as PowerPoint writes it inside a text."""


def paragraph_lines(paragraph: Any, not_read: NotRead) -> list[str]:
    """Return the lines of a paragraph, without those that are blank. What is struck out is left out and counted."""
    lines = (line.strip() for line in joined(_pieces(paragraph, not_read)).split("\n"))
    return [line for line in lines if line]


def _pieces(element: Any, not_read: NotRead) -> Iterator[Piece]:
    for child in element.iterchildren():
        if child.tag in (qn("a:r"), qn("a:fld")):
            yield from _run(child, not_read)
        elif child.tag == qn("a:br"):
            yield Piece("\n")
        elif child.tag in _EQUATIONS:
            yield Piece(f" {linear(child).strip()} ")
        elif child.tag == qn("mc:AlternateContent"):
            chosen = first_form(child)
            yield from _pieces(chosen, not_read) if chosen is not None else ()
        elif child.tag == qn("a14:m"):
            yield from _pieces(child, not_read)


def _run(run: Any, not_read: NotRead) -> Iterator[Piece]:
    text = _VERTICAL_TAB.sub("\n", "".join(each.text or "" for each in run.iterchildren(qn("a:t"))))
    look = run.find(qn("a:rPr"))
    if look is None:
        yield Piece(text.replace("\xad", ""))
    elif look.get("strike") in _STRUCK:
        if text.strip():
            not_read.add("struck-out text")
    else:
        yield Piece(shown(text, _font(look)).replace("\xad", ""), _raised(look.get("baseline", "")))


def _font(look: Any) -> str:
    """Return the font of a run where it is one of signs."""
    fonts = (look.find(qn(name)) for name in ("a:sym", "a:latin"))
    return next((each.get("typeface", "") for each in fonts if each is not None), "")


def _raised(baseline: str) -> str:
    if baseline.startswith("-"):
        return "_"
    return "^" if baseline.strip("0%") else ""


def first_form(element: Any) -> Any:
    """Return the first of several forms of the same content; None where there is none."""
    choice = element.find(qn("mc:Choice"))
    return choice if choice is not None else element.find(qn("mc:Fallback"))
