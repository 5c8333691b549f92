"""Superscripts and subscripts -> text that keeps their meaning: 10^6 and H2O, but 1st and 2 1/2."""

from __future__ import annotations

import re

from lxml.html import HtmlElement as Element

_LONG_ORDINALS = "st nd rd th er re ère ème eme de me ste lle mme le te"
_ORDINALS = frozenset(_LONG_ORDINALS.split())
_SHORT_ORDINALS = frozenset("eaoºª")
"""Endings of one letter, after digits and after the n of a number."""
_MARKS = {"tm": "™", "sm": "℠", "(tm)": "™", "(r)": "®"}
_SIMPLE = re.compile(r"[-−+–]?[\w.,′'*°]+[-−+]?|\W")


def superscript(element: Element, text: str, before: str) -> str:
    """Return a superscript after the character `before`; that is empty at the beginning of a line.

    A power has a `^` before it, a link is a reference in square brackets, and the numerator of a fraction stands apart.
    """
    if text.lower() in _MARKS:
        return _MARKS[text.lower()]
    is_link = element.find(".//a") is not None or next(element.iterancestors("a"), None) is not None
    if is_link or text.startswith("["):
        return text if text.startswith(("[", "(")) else f"[{text}]"
    if _is_numerator(element):
        return f" {text}" if before.isdigit() else text
    if not before:  # the mark of a note, at its beginning
        return f"{text} "
    if (before.isalnum() and text.lower() in _ORDINALS) or (before in "0123456789nN" and text in _SHORT_ORDINALS):
        return text
    if not any(c.isalnum() for c in text) and text not in "+-−":
        return text
    return f"^{_grouped(text)}"


def subscript(text: str, before: str) -> str:
    """Return a subscript after the character `before`: digits after a letter as they are, others after a `_`."""
    if before in "/⁄":
        return text
    return text if text.isdigit() and not before.isdigit() else f"_{_grouped(text)}"


def _is_numerator(element: Element) -> bool:
    following = element.getnext()
    return following is not None and following.tag == "sub" and (element.tail or "").strip() in ("/", "⁄", "∕")


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) else f"({text})"
