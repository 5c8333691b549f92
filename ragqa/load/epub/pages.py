"""A document of a book -> lines, with the places in them that the table of contents points at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.entities import html5
from typing import Any

import lxml.etree
import lxml.html

from ragqa.errors import RejectedError
from ragqa.load.archive import without_entities
from ragqa.load.epub.contents import Entry
from ragqa.load.html import parse, render
from ragqa.load.html.styled import mark_styled
from ragqa.load.html.visible import hide_unseen

_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,30});")
_OF_XML = (b"amp", b"lt", b"gt", b"quot", b"apos")
_CLOSED = re.compile(rb"<([A-Za-z][\w:.-]*)((?:\s[^<>]*)?)/>")
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
_MARK = re.compile("\ue000(\\d+)\ue001")
"""A mark that is put where an entry points at, and taken out of the text again."""
_NEAR_LINES = 4
"""The most lines after a mark in which the heading of its entry is looked for."""
_COUNTED = {"img": "pictures", "image": "pictures", "audio": "sounds", "video": "videos", "object": "embedded objects"}


@dataclass(slots=True)
class Read:
    """The text of a document; `headings` are (offset, level), `places` are (offset, number of the entry)."""

    text: str = ""
    headings: list[tuple[int, int]] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)


def read(data: bytes, entries: Mapping[int, Entry]) -> Read:
    """Return the text of a document.

    :param entries: those that point at this document, by their number.
    :raises RejectedError: it declares an entity, or its elements are nested too deeply.
    """
    root = _tree(data)
    body = root.find("body")
    body = root if body is None else body
    hide_unseen(body)
    struck = mark_styled(root)
    whole = _mark(body, entries)
    not_read = [_COUNTED[each.tag] for each in body.iter(*_COUNTED)] + ["struck-out text"] * struck
    rendered = render(body)
    levels = dict(rendered.headings)
    found = Read(not_read=not_read)
    lines: list[str] = []
    waiting = list(whole)
    offset = begins = 0
    for line in rendered.text.split("\n"):
        level = levels.get(begins)
        begins += len(line) + 1
        marks = [int(number) for number in _MARK.findall(line)]
        waiting += [number for number in marks if number in entries]
        text = _MARK.sub("", line)
        text = " ".join(text.split()) if marks else text
        if not text and (marks or not lines or not lines[-1]):
            continue
        if text:
            found.places += [(offset, number) for number in waiting]
            waiting.clear()
            if level is not None:
                found.headings.append((offset, level))
        lines.append(text)
        offset += len(text) + 1
    found.text = "\n".join(lines).rstrip("\n")
    _add_headings(found, entries)
    return found


def _tree(data: bytes) -> Any:
    """Return the tree of a document, as HTML; one that is no well-formed XML is read as browsers read HTML."""
    data = _ENTITY.sub(_character, data)
    try:
        without_entities(document_types=True).Parse(data, True)
        parser = lxml.html.XHTMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
        root = lxml.etree.fromstring(data, parser)
    except RejectedError:
        raise
    except Exception:  # expat and lxml raise many kinds over damaged XML; the HTML parser reads it all the same
        return _as_html(data)
    for each in root.iter(lxml.etree.Element):
        each.tag = lxml.etree.QName(each).localname
    return root


def _as_html(data: bytes) -> Any:
    """Return the tree of a document in which an element that closes itself, such as `<a id="x"/>`, is empty."""
    closed = _CLOSED.sub(
        lambda tag: tag[0] if tag[1].lower() in _VOID else b"<%b%b></%b>" % (tag[1], tag[2], tag[1]), data
    )
    try:
        return parse(closed)
    except RejectedError as error:
        if "empty" in str(error):
            return lxml.html.document_fromstring("<html><body></body></html>")
        raise


def _character(name: re.Match[bytes]) -> bytes:
    """Return a named character of HTML, which XML does not know, by its number."""
    text = html5.get(name[1].decode() + ";") if name[1] not in _OF_XML else None
    return name[0] if text is None else "".join(f"&#{ord(each)};" for each in text).encode()


def _mark(body: Any, entries: Mapping[int, Entry]) -> list[int]:
    """Put a mark at the element of each entry. Return the entries of the whole document, or of no element in it."""
    elements: dict[str, Any] = {}
    for each in body.iter(lxml.etree.Element):
        for name in (each.get("id"), each.get("name") if each.tag == "a" else None):
            if name:
                elements.setdefault(name, each)
    whole = []
    for number, entry in entries.items():
        element = elements.get(entry.fragment) if entry.fragment else None
        if element is None or element is body:
            whole.append(number)
        else:
            element.text = f"\ue000{number}\ue001{element.text or ''}"
    return whole


def _add_headings(found: Read, entries: Mapping[int, Entry]) -> None:
    """Make a line a heading that an entry points at and that is its label, where no heading is near."""
    starts = {offset for offset, _ in found.headings}
    for offset, number in found.places:
        near = _next_lines(found.text, offset)
        if not any(start in starts for start, _ in near):
            label = _plain(entries[number].label)
            for start, line in near[:2]:
                if label and _plain(line) == label:
                    found.headings.append((start, min(6, entries[number].depth)))
                    starts.add(start)
                    break
    found.headings.sort()


def _next_lines(text: str, offset: int) -> Sequence[tuple[int, str]]:
    """Return the next lines that are not blank, with their offsets."""
    found: list[tuple[int, str]] = []
    while offset < len(text) and len(found) < _NEAR_LINES:
        end = text.find("\n", offset)
        end = len(text) if end < 0 else end
        if text[offset:end].strip():
            found.append((offset, text[offset:end]))
        offset = end + 1
    return found


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
