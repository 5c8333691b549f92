"""What a browser shows that is no text of the page: values of fields, marks of boxes, quotation marks, pictures' names."""

from __future__ import annotations

import re
from itertools import islice

from lxml.html import HtmlElement as Element

from ragqa.load.alternative import picture as of_picture
from ragqa.load.html.mathml import without_style
from ragqa.load.html.visible import is_hidden

_SHOWN_INPUTS = ("", "text", "search", "email", "url", "tel", "number", "date", "time", "month", "week",
                 "datetime-local", "submit", "button", "reset")  # fmt: skip
UNCHECKED = "[ ]"
_TEX = re.compile(r"\\(?:[dt]?frac|sqrt|sum|int|prod|displaystyle|mathrm|text|left|alpha|beta|cdot|times|leq?|geq?)\b")
_OF_FORMULA = re.compile(r"\b(?:latex|tex|math)\b", re.IGNORECASE)
"""The class of a picture of a formula."""
_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d*)?\s*(?:px)?\s*\Z")
_SMALL = 32
"""The height or width in pixels below which a picture is a sign beside a text, or a line."""
_MOST_CAPTION = 50
"""The most pieces of a caption that are compared with the alternative text of its picture."""
_MOST_BESIDE = 5
"""The most elements beside a picture that are looked at to see whether it is alone."""


def shown_before(element: Element) -> str:
    """Return what a browser shows where an element begins: the value of a field, a quotation mark, a picture's name."""
    tag = element.tag
    if tag == "q":
        return "“"
    if tag == "select":
        options = list(element.iter("option"))
        chosen = [option for option in options if "selected" in option.attrib] or options[:1]
        return f" {', '.join(' '.join(option.text_content().split()) for option in chosen)} "
    if tag == "img":
        return _described(element)
    if tag != "input":
        return ""
    kind = (element.get("type") or "").lower()
    if kind in ("checkbox", "radio"):
        return " [x] " if "checked" in element.attrib else f" {UNCHECKED} "
    return f" {element.get('value', '')} " if kind in _SHOWN_INPUTS else ""


def _described(picture: Element) -> str:
    """Return the alternative text of a picture; of one that shows a formula, its TeX.

    A small picture is read where it is alone and stands for a word.
    """
    text = str(picture.get("alt", ""))
    if _is_formula(picture):
        beside = picture.getprevious()
        is_second = beside is not None and next(beside.iter("math"), None) is not None
        return "" if is_second else without_style(text)
    if _is_small(picture):
        return f" {text} " if _is_alone(picture) else ""
    caption = next(
        (each for figure in picture.iterancestors("figure") for each in figure.iterchildren("figcaption")), None
    )
    said = "" if caption is None else " ".join("".join(islice(caption.itertext(), _MOST_CAPTION)).split())
    shown = of_picture(text)
    return f" {shown} " if shown and " ".join(text.split()) not in said else ""


def is_picture(element: Element) -> bool:
    """Tell whether an element is a picture that has more to show than a sign or a formula."""
    return element.tag == "img" and not _is_formula(element) and not _is_small(element)


def _is_formula(picture: Element) -> bool:
    shows_tex = _TEX.search(picture.get("alt") or "") or _OF_FORMULA.search(picture.get("class") or "")
    return shows_tex is not None


def _is_small(picture: Element) -> bool:
    """Tell whether a picture is a sign, a line, or invisible, by the size that the page gives it."""
    given = (_PIXELS.match(picture.get(name) or "") for name in ("width", "height"))
    return any(int(size[1]) < _SMALL for size in given if size)


def _is_alone(picture: Element) -> bool:
    """Tell whether a picture is all that its link, its cell or its figure shows, so that its description is read."""
    parent = picture.getparent()
    while parent is not None and parent.tag in ("picture", "span") and len(parent) <= _MOST_BESIDE:
        picture, parent = parent, parent.getparent()
    if parent is None or parent.tag not in ("a", "td", "th", "figure", "button") or len(parent) > _MOST_BESIDE:
        return False
    texts = [parent.text, *(child.tail for child in parent)]
    others = (each for each in parent if each is not picture and not is_hidden(each))
    return not any(text and text.strip() for text in texts) and not any(each.text_content().strip() for each in others)
