"""The pieces of a paragraph of a DOCX -> its text, with superscripts and subscripts told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

_ORDINAL_ENDS = {"st", "nd", "rd", "th", "er", "re", "e", "ème", "eme", "o", "a", "º", "ª"}
_SIMPLE = re.compile(r"[+\-−–]?\w+(?:[.,]\w+)?")
"""A superscript that needs no brackets."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters; `raised` is "^" for a superscript, "_" for a subscript, "[" for what is no part of a word."""

    text: str
    raised: str = ""


def joined(pieces: Iterable[Piece]) -> str:
    """Return the text of pieces in order, such as `10^6` for a 6 that is a superscript.

    Left as they are: the ends of ordinals (1st), digits that are subscripts of a letter (H2O), and signs without a
    letter or digit.
    """
    groups = [(raised, "".join(piece.text for piece in group)) for raised, group in groupby(pieces, lambda p: p.raised)]
    text = ""
    for place, (raised, own) in enumerate(groups):
        after = groups[place + 1][1][:1] if place + 1 < len(groups) else ""
        if raised == "[":
            text += f"{' ' if text[-1:].strip() else ''}{own.strip()}{' ' if after.strip() else ''}"
        else:
            text += _scripted(text[-1:], raised, own, after) if raised else own
    return text


def _scripted(before: str, mark: str, own: str, after: str) -> str:
    """Return a superscript or a subscript with its mark, and a space where the next letter would continue it."""
    inner = own.strip()
    if not any(character.isalnum() for character in inner):
        return own
    if mark == "^" and before.isdigit() and inner.lower() in _ORDINAL_ENDS:
        return own
    if mark == "_" and inner.isdecimal() and before.isalpha() and not after.isdecimal():
        return own
    marked = mark + (inner if _SIMPLE.fullmatch(inner) else f"({inner})")
    spaced = own[-1:].isspace() or (after.isalnum() and marked[-1].isalnum())
    return own[: len(own) - len(own.lstrip())] + marked + (" " if spaced else "")
