"""reStructuredText, Org and AsciiDoc. The text is the whole file, so that offsets refer to the file.

Headings, the title and the fields of the author are found by the rules of each format. Other markup is not interpreted.
The metadata are those fields, and `headings`, a list of `[offset, level, title]`. Every function takes time in proportion
to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragqa.records import Extracted

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_TITLE_CHARACTERS = 500
"""The most characters of a heading; a longer line is prose."""
_FIELD_CHARACTERS = 2_000
_MOST_FIELD_LINES = 200
"""The first lines of a file, in which its fields are looked for."""

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*")
_RST_FIELD = re.compile(r":([A-Za-z]+):[ \t]+(\S.*)")
_RST_FIELDS = {
    name: name for name in ("author", "authors", "date", "version", "revision", "organization", "status", "copyright")
}

_ORG_HEADING = re.compile(r"(\*+)[ \t]+(.*)")
_ORG_KEYWORD = re.compile(r"#\+(\w+):[ \t]*(.*)")
_ORG_FIELDS = {name: name for name in ("author", "date", "subtitle", "description", "keywords", "email")}
_ORG_STATES = ("TODO", "DONE", "COMMENT")
_ORG_PRIORITY = re.compile(r"\[#\w\][ \t]*")
_ORG_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*$")

_DOC_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)")
_DOC_BLOCK = re.compile(r"(-{4,}|\.{4,}|\+{4,}|/{4,}|={4,}|\*{4,}|_{4,}|\|={3,}|`{3,})(?:(?<=`)\w*)?")
_DOC_UNDERLINE = re.compile(r"([=\-~^+])\1+")
_DOC_UNDERLINES = "=-~^+"
_DOC_ATTRIBUTE = re.compile(r":([\w-]+):[ \t]+(.*)")
_DOC_FIELDS = {
    "author": "author", "email": "email", "revdate": "date", "revnumber": "version", "description": "description",
    "keywords": "keywords",
}  # fmt: skip
_DOC_AUTHOR = re.compile(r"[^\W\d_][^<>:;]*(?:<[^<>]*>)?(?:;[^<>:;]+(?:<[^<>]*>)?)*")
_DOC_REVISION = re.compile(r"(?:v?(?P<version>\d[\w.]*)(?:,\s*|$))?(?P<date>\d{4}-\d\d-\d\d|[^,:]*\d{4})?(?::.*)?")


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str
    """The line without its end and without blanks at the end."""


def restructured(text: str) -> Extracted:
    """Return a reStructuredText file. Its title is its first heading, its fields those below it (`:Author: ...`)."""
    lines = _lines(text)
    found = list(_rst_headings(lines))
    fields: dict[str, Any] = {}
    titles = {title for _, _, title in found[:2]}
    for line in lines[:_MOST_FIELD_LINES]:
        if match := _RST_FIELD.fullmatch(line.text):
            _add(fields, _RST_FIELDS, match[1], match[2])
        elif not (line.text.startswith((" ", "\t", ":", "..")) or line.text in titles or _is_mark(line.text)):
            break
    return _extracted(text, found, fields, found[0][2] if found else "")


def _rst_headings(lines: Sequence[_Line]) -> Iterator[tuple[int, int, str]]:
    """Yield the section titles (docutils, "Sections"): text over a line of one mark, with or without such a line above.

    The level is the order in which the styles of the marks occur. A title is the first line of its block.
    """
    styles: list[str] = []
    at = 0
    while at < len(lines):
        style, title, count = _rst_heading(lines, at)
        if style:
            if style not in styles:
                styles.append(style)
            yield lines[at].start, styles.index(style) + 1, title
            at += count
        elif not lines[at].text or lines[at].text[0].isspace() or lines[at].text.startswith(".."):
            at += 1
        else:  # a paragraph: nothing in it is a title
            while at < len(lines) and lines[at].text:
                at += 1


def _rst_heading(lines: Sequence[_Line], at: int) -> tuple[str, str, int]:
    """Return the style of the heading at a line, its title, and the number of its lines; an empty style for none."""
    first, second, third = ([line.text for line in lines[at : at + 3]] + ["", "", ""])[:3]
    if _ADORNMENT.fullmatch(first):
        title = second.strip()
        if third == first and _is_title(title, first) and not _ADORNMENT.fullmatch(title):
            return first[0] * 2, title, 3
    elif not first.startswith((" ", "\t", ".. ")) and _ADORNMENT.fullmatch(second) and _is_title(first, second):
        return second[0], first, 2
    return "", "", 0


def _is_mark(line: str) -> bool:
    """Tell whether a line is blank, or a mark over or under a title."""
    return not line or _ADORNMENT.fullmatch(line) is not None


def _is_title(title: str, adornment: str) -> bool:
    return 0 < len(title) <= _TITLE_CHARACTERS and len(adornment) >= min(4, len(title))


def org(text: str) -> Extracted:
    """Return an Org file. Its title is that of `#+TITLE:`, else its first heading; the states of tasks are no title."""
    lines = _lines(text)
    found: list[tuple[int, int, str]] = []
    titles: list[str] = []
    fields: dict[str, Any] = {}
    states = set(_ORG_STATES)
    for line in lines:
        if heading := _ORG_HEADING.fullmatch(line.text):
            if title := _org_title(heading[2], states):
                found.append((line.start, len(heading[1]), title))
        elif keyword := _ORG_KEYWORD.fullmatch(line.text.strip()):
            name, value = keyword[1].lower(), keyword[2].strip()
            if name == "title" and len(titles) < 10:
                titles.append(value)
            elif name in ("todo", "seq_todo", "typ_todo"):
                states.update(word.partition("(")[0] for word in value.split()[:100])
            else:
                _add(fields, _ORG_FIELDS, name, value)
    title = " ".join(filter(None, titles)) or (found[0][2] if found else "")
    return _extracted(text, found, fields, title)


def _org_title(text: str, states: set[str]) -> str:
    """Return the title of a heading without the state of its task, its priority and its tags."""
    text = _ORG_TAGS.sub("", text[:_TITLE_CHARACTERS]).strip()
    word, _, rest = text.partition(" ")
    return _ORG_PRIORITY.sub("", rest if word in states else text, count=1).strip()


def asciidoc(text: str) -> Extracted:
    """Return an AsciiDoc file. Its title is that of its header, with its authors, revision and attributes as fields."""
    lines = _lines(text)
    found = list(_doc_headings(lines))
    return _extracted(text, found, _doc_header(lines, found), found[0][2] if found else "")


def _doc_headings(lines: Sequence[_Line]) -> Iterator[tuple[int, int, str]]:
    """Yield the section titles that are in no delimited block."""
    block, after_text, skip = "", False, False
    for line, below in zip(lines, [*lines[1:], _Line(0, "")], strict=True):
        if skip:
            skip = False
        elif block:
            block = "" if line.text == block else block
        elif heading := _DOC_HEADING.fullmatch(line.text[:_TITLE_CHARACTERS]):
            yield line.start, len(heading[1]), heading[2].removesuffix(f" {heading[1]}").strip()
            after_text = False
        elif not after_text and _is_underlined(line.text, below.text):
            yield line.start, _DOC_UNDERLINES.index(below.text[0]) + 1, line.text.strip()
            skip = True
        elif match := _DOC_BLOCK.fullmatch(line.text):
            # A mark of three backticks opens a block with the name of a language; the same mark alone closes it.
            block, after_text = match[1], False
        else:
            after_text = bool(line.text) and not line.text.startswith(("[", "//", ":"))


def _is_underlined(title: str, line: str) -> bool:
    """Tell whether a line is a title that the next one underlines: both have the same length, give or take one."""
    return (
        1 < len(title) <= _TITLE_CHARACTERS
        and abs(len(title) - len(line)) <= 1
        and title[0].isalnum()
        and _DOC_UNDERLINE.fullmatch(line) is not None
    )


def _doc_header(lines: Sequence[_Line], found: Sequence[tuple[int, int, str]]) -> dict[str, Any]:
    """Return the fields of the header: the lines of author and revision below the title, and attributes."""
    fields: dict[str, Any] = {}
    starts = [line.start for line in lines[:_MOST_FIELD_LINES]]
    first = starts.index(found[0][0]) + 1 if found and found[0][1] == 1 and found[0][0] in starts else 0
    plain = 0
    for line in lines[first:_MOST_FIELD_LINES]:
        if not line.text:
            break
        if attribute := _DOC_ATTRIBUTE.fullmatch(line.text):
            _add(fields, _DOC_FIELDS, attribute[1], attribute[2])
        elif first and not line.text.startswith("//") and not _DOC_UNDERLINE.fullmatch(line.text):
            plain += 1
            if plain == 1 and len(line.text) <= _TITLE_CHARACTERS and _DOC_AUTHOR.fullmatch(line.text):
                fields["author"] = re.sub(r"[ \t]*<[^<>]*>", "", line.text).strip()
            elif plain == 2 and len(line.text) <= 100 and (match := _DOC_REVISION.fullmatch(line.text)):
                fields |= {name: value.strip() for name, value in match.groupdict().items() if value}
            else:
                break
    return fields


def _lines(text: str) -> list[_Line]:
    """Return the lines of a text; a byte-order mark is no part of the first one."""
    start = 1 if text.startswith("\ufeff") else 0
    return [_Line(match.start(), match.group().rstrip()) for match in _LINE.finditer(text, start)]


def _add(fields: dict[str, Any], known: Mapping[str, str], name: str, value: str) -> None:
    """Add a field of the author, if its name is known. A name that is given again makes a list."""
    key, value = known.get(name.lower(), ""), value.strip()[:_FIELD_CHARACTERS]
    if not key or not value:
        return
    if key not in fields:
        fields[key] = value
    elif isinstance(fields[key], str):
        fields[key] = [fields[key], value]
    elif len(fields[key]) < 100:
        fields[key].append(value)


def _extracted(text: str, found: Sequence[tuple[int, int, str]], fields: Mapping[str, Any], title: str) -> Extracted:
    return Extracted(text, " ".join(title.split()), metadata={**fields, "headings": [list(each) for each in found]})
