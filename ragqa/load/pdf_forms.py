"""What lies on the pages of a PDF besides their own text: the values of form fields, and annotations with text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.generic import BooleanObject, DictionaryObject

from ragqa.errors import RejectedError
from ragqa.load.pdf_objects import entry, number, resolved, string

_DEEPEST = 32
"""The most levels of a field and its parents that are read."""
HIDDEN = (1 << 1) | (1 << 5)
"""The flags of an annotation that is not shown."""
_PASSWORD, _RADIO, _PUSH_BUTTON = 1 << 13, 1 << 15, 1 << 16
_COMMENTS = frozenset(
    (
        "/Text", "/Highlight", "/Underline", "/Squiggly", "/StrikeOut", "/Square", "/Circle", "/Line", "/Polygon",
        "/PolyLine", "/Ink", "/Caret", "/Stamp", "/FileAttachment",
    )
)  # fmt: skip
"""Annotations whose text is a comment. A popup shows the comment of another one."""
_PLACEHOLDER = re.compile(r"Please wait\.\.\.|If this message is not eventually replaced", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_INDEX = re.compile(r"\[\d{1,9}\]")
"""The number of a field among those of the same name, which Adobe LiveCycle writes behind each name."""


def refuse_xfa(reader: PdfReader, first_page: str) -> None:
    """Refuse a form of Adobe LiveCycle whose content is in XML. One that has ordinary fields too is read by these.

    :param first_page: its text, which may be a message for viewers that do not show such forms.
    :raises RejectedError: it is an XFA form without ordinary fields.
    """
    form = entry(reader.root_object, "/AcroForm")
    if not isinstance(form, DictionaryObject) or entry(form, "/XFA") is None:
        return
    has_fields = any(entry(each, "/Subtype") == "/Widget" for page in reader.pages for each in annotations_of(page))
    rendering = entry(reader.root_object, "/NeedsRendering")
    needs_rendering = isinstance(rendering, BooleanObject) and bool(rendering.value)
    if not has_fields or needs_rendering or _PLACEHOLDER.search(first_page):
        raise RejectedError("an XFA form (Adobe LiveCycle), whose content is not read: print it to a new PDF file")


def lines_of(page: PageObject, text: str) -> list[str]:
    """Return a line for each field of a page that has a value, `name: value`, and for each annotation with text.

    :param text: of the page. A field whose name and value are drawn there one after the other gives no line.
    """
    drawn = " ".join(text.split())
    lines: dict[str, None] = {}
    for annotation in annotations_of(page):
        if number(annotation.get("/F")) & HIDDEN:
            continue
        if entry(annotation, "/Subtype") == "/Widget":
            name, value = _field(annotation)
            is_drawn = name and (f"{name}: {value}" in drawn or f"{name} {value}" in drawn)
            found = "" if is_drawn or not value else f"{name}: {value}" if name else value
        else:
            found = _comment(annotation, drawn)
        if found:
            lines[found] = None
    return list(lines)


def annotations_of(page: PageObject) -> Iterator[DictionaryObject]:
    """Yield the annotations of a page, those of form fields included."""
    found = entry(page, "/Annots")
    for each in found if isinstance(found, list) else ():
        if isinstance(annotation := resolved(each), DictionaryObject):
            yield annotation


def _comment(annotation: DictionaryObject, drawn: str) -> str:
    """Return the text of an annotation, with its author where it is a comment; empty where it has none."""
    kind, contents = entry(annotation, "/Subtype"), _contents(annotation)
    if kind == "/FreeText" and contents not in drawn:
        return contents
    if kind in _COMMENTS and contents:
        author = string(annotation.get("/T"))
        return f"Comment by {author}: {contents}" if author else f"Comment: {contents}"
    return ""


def _contents(annotation: DictionaryObject) -> str:
    """Return the text of an annotation; where it has only a formatted one, this without its tags."""
    plain = string(annotation.get("/Contents"))
    return plain or " ".join(unescape(_TAG.sub(" ", string(annotation.get("/RC")))).split())


def _field(widget: DictionaryObject) -> tuple[str, str]:
    """Return the name and the value of a widget's field; an empty value where it is not filled.

    The name is the one that viewers show, else the full name: the names of all levels with full stops between them.
    """
    levels = list(_levels(widget))
    shown = next((text for each in levels if (text := string(each.get("/TU")))), "")
    names = [name for each in reversed(levels) if (name := _INDEX.sub("", string(each.get("/T"))))]
    kind, flags, value = _inherited(levels, "/FT"), number(_inherited(levels, "/Ff")), _inherited(levels, "/V")
    said = ""
    if kind == "/Btn" and not flags & _PUSH_BUTTON:
        said = _state(value, levels, is_radio=bool(flags & _RADIO))
    elif kind == "/Ch":
        said = _choice(value, _inherited(levels, "/Opt"))
    elif kind == "/Tx" and not flags & _PASSWORD:
        said = string(value)
    return (shown or ".".join(names)).rstrip(": "), said


def _levels(widget: DictionaryObject) -> Iterator[DictionaryObject]:
    """Yield a widget, then the field that it shows and the parents of that, which hand down their entries."""
    level: Any = widget
    for _ in range(_DEEPEST):
        if not isinstance(level, DictionaryObject):
            return
        yield level
        level = entry(level, "/Parent")


def _inherited(levels: list[DictionaryObject], key: str) -> Any:
    return next((value for each in levels if (value := entry(each, key)) is not None), None)


def _state(value: Any, levels: list[DictionaryObject], *, is_radio: bool) -> str:
    """Return Yes or No for a check box; for one of several buttons of a field, the name of the chosen one."""
    kids = entry(levels[1], "/Kids") if len(levels) > 1 and "/T" not in levels[0] else None
    is_one_of_several = is_radio or (isinstance(kids, list) and len(kids) > 1)
    chosen = string(value if value is not None else levels[0].get("/AS"))
    is_on = chosen not in ("", "Off")
    if is_one_of_several:
        return chosen if is_on else ""
    return "Yes" if is_on else "No"


def _choice(value: Any, options: Any) -> str:
    """Return the chosen options as they are shown, with commas between them."""
    pairs = [resolved(option) for option in options] if isinstance(options, list) else []
    shown = {string(pair[0]): string(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) > 1}
    chosen = [string(each) for each in (value if isinstance(value, list) else [value])]
    return ", ".join(shown.get(each, each) for each in chosen if each)
