"""What a browser shows that is no text of the page: values of fields, marks of boxes, quotation marks, pictures' names."""

from __future__ import annotations

import re

from lxml.html import HtmlElement as Element

from ragqa.load.html.mathml import without_style
from ragqa.load.html.visible import is_hidden

_SHOWN_INPUTS = ("", "text", "search", "email", "url", "tel", "number", "date", "time", "month", "week",
                 "datetime-local", "submit", "button", "reset")  # fmt: skip
UNCHECKED = "[ ]"
_TEX = re.compile(r"\\(?:[dt]?frac|sqrt|sum|int|prod|displaystyle|mathrm|text|left|alpha|beta|cdot|times|leq?|geq?)\b")
_OF_FORMULA = re.compile(r"\b(?:latex|tex|math)\b", re.IGNORECASE)
"""The class of a picture of a formula."""
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
    """Return the description of a picture that is alone; of one that shows a formula, its TeX, else nothing."""
    text = str(picture.get("alt", ""))
    if _TEX.search(text) or _OF_FORMULA.search(picture.get("class") or ""):
        beside = picture.getprevious()
        is_second = beside is not None and next(beside.iter("math"), None) is not None
        return "" if is_second else without_style(text)
    return f" {text} " if _is_alone(picture) else ""


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
