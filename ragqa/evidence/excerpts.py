"""A text -> its excerpts: sentences, list items, table rows, lines of code and headings, as exact spans.

An excerpt can be quoted alone. The rules follow the layout of the text (blank lines, bullets, fences, lines that end
early), since the text of a PDF or a web page has no other marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from ragqa import text_analysis
from ragqa.markdown import fence_closed, fence_opened
from ragqa.text_analysis import CLOSING_MARKS, END_MARKS

ExcerptKind = Literal["sentence", "item", "header", "row", "code", "heading"]
"""`header` is the row of a table above a rule; it has the names of the columns."""

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+\S")
_RULE = re.compile(r"\s*(?:[-=*_]\s*){3,}$|\s*\|?\s*:?-{2,}:?\s*(?:[|\s]\s*:?-{2,}:?\s*)*\|?\s*$")
_DIRECTIVE = re.compile(r"\s*\.\. [\w:-]+::(?:\s+\S+){0,3}\s*|\s+:[\w-]+:(?:\s+\S+){0,3}\s*")
"""A mark of reStructuredText (`.. tab:: Windows`, `.. code-block:: sh`) or an option below one. It is no text."""
_STATEMENT = re.compile(r"\s*[^\W\d_a-z]\S*(?:\s+\S+)+[.!?]\s*")
"""A line that begins and ends as sentences do."""
MOST_CODE_WORDS = 12
"""An indented line with more words is prose."""
INDENT = 2
"""The least spaces by which a line of code is indented more than the line that introduces it."""
_ITEM = re.compile(r"\s*(?:[-*+•◦▪‣·●○■–]|\(?\d{1,3}[.)]|\(?[a-z][.)]|o)\s+(?=\S)")
_ROW = re.compile(r"\s*\|.*\|\s*|\s*[^\s].*\t.*")
END = re.compile(rf"[.!?…:;{END_MARKS}][{CLOSING_MARKS}\]*_`]*(?:\[[^\]\n]{{1,20}}\])*\s*$")
"""The end of a sentence, of an introduction or of a part of a list."""
_LEADERS = re.compile(r"(?:\.\s?){5,60}\s{0,8}(\d{1,5})(?!\S)")
"""Dots that lead to the number of a page."""
CONTENTS = 4
"""The least lines of a table of contents; fewer may be a bill, or a menu."""
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|Nos|vs|etc|e\.g|i\.e|cf|ca|approx|Fig|Eq|Sec|Ch|pp?|vol|ed|eds|al|Inc|Ltd|Co|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|U\.S|U\.K|a\.m|p\.m))\.$"
)
_NUMBERED = re.compile(r"\b(?:Table|Figure|Section|Chapter|Step|Page)\.$")
"""A word before a number; its full stop ends no sentence."""
_SPACELESS_END = re.compile(
    rf"(?:(?<=[{END_MARKS}])|(?<=[{END_MARKS}][{CLOSING_MARKS}]))(?=[^\s{END_MARKS}{CLOSING_MARKS}\[\]])"
)
MAX_HEADING = 90
"""The most characters of a line without a full stop that may be a heading."""
_VALUE = re.compile(r"[^\w\s]\s?\d[\d.,]*|\d{1,4}[-/.:]\d[-\d/.:]*|\d{4,}|\d[\d.,]*\s*(?:[^\W\d_]{1,8}\.?|[^\w\s])")
"""A date, a time, a long number, or an amount with its unit."""
_COUNT = re.compile(r"\d{1,3}")
_COUNTED = re.compile(r"\b(?:numbers?|no|nr|total|counts?|amount|quantity|qty|age|size|score|code|id)\b", re.IGNORECASE)
"""Words of the label of a number without a unit. A short line above a bare number may also be a title above a page number."""
_CHOICE = re.compile(r"yes|no|true|false|none|n/?a", re.IGNORECASE)
MAX_LABEL = 6
"""The most words of the label of a value, such as a field of a form."""
PROSE = 60
"""A line with more characters is prose, and so is a shorter one with a full stop."""
ROOM = 0.9
"""The part of a wrapped line that any line of the same width has; letters are not equally wide."""
MAX_ITEM = 320
"""The most characters of a list item that is one excerpt; a longer one is cut into sentences."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A span of a text, without white space around it, and its kind.

    `block` is the number of its paragraph, list or table in the text; the excerpts of a list have the same number as
    the sentence that introduces the list.
    """

    start: int
    end: int
    kind: ExcerptKind
    block: int


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str
    ends_page: bool


def excerpts(text: str, *, table: bool = False, fence: str = "") -> list[Excerpt]:
    """Return the excerpts of a text in order. They do not overlap; marks of headings, bullets and fences are left out.

    :param table: each line is a row, as in CSV. :param fence: the mark of a block of code in which the text begins.
    """
    found: list[Excerpt] = []
    block = 0
    groups = _rows(text) if table else _groups(_lines(text), fence)
    contents = _contents(text)
    for kind, lines in groups:
        if any(lines[0].start <= place < lines[-1].end for place in contents):
            continue
        block += _begins_block(kind, found, text)
        for start, end, one in _cut(kind, lines, text):
            span = _trimmed(text, start, end)
            if span:
                found.append(Excerpt(*span, one, block))
    return found


def with_values(found: Sequence[Excerpt], text: str) -> list[Excerpt]:
    """Return the excerpts of a text, with the value of a field and the label on the line above it as one."""
    joined: list[Excerpt] = []
    for each in found:
        label = joined[-1] if joined else None
        if label and text[label.end : each.start].strip(" \t\r") == "\n" and _is_labelled(label, each, text):
            joined[-1] = replace(label, end=each.end, kind="sentence")
        else:
            joined.append(each)
    return joined


def _is_labelled(first: Excerpt, second: Excerpt, text: str) -> bool:
    """Tell whether an excerpt is the value of the label before it, as in a form."""
    label, value = text[first.start : first.end], text[second.start : second.end]
    prose = {first.kind, second.kind} <= {"sentence", "heading"}
    if not prose or "\n" in label + value or any(c.isdigit() for c in label) or len(label.split()) > MAX_LABEL:
        return False
    if label.endswith(":"):
        has_value = any(c.isdigit() for c in value) and len(value.split()) <= MAX_LABEL and not END.search(value)
        return has_value or bool(_CHOICE.fullmatch(value))
    counted = bool(_COUNT.fullmatch(value) and _COUNTED.search(label))
    return not END.search(label) and (counted or bool(_VALUE.fullmatch(value)))


def _begins_block(kind: str, found: list[Excerpt], text: str) -> bool:
    """Tell whether a group of lines is not the continuation of what was introduced before it."""
    if not found or kind not in ("item", "header", "row", "code"):
        return True
    last = found[-1]
    return not (
        last.kind == kind
        or (kind, last.kind) == ("row", "header")
        or (last.kind != "heading" and text[: last.end].rstrip().endswith(":"))
    )


def _rows(text: str) -> Iterator[tuple[str, list[_Line]]]:
    return (("row", [line]) for line in _lines(text) if line.text.strip())


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in re.split(r"(?<=[\n\f])", text):
        yield _Line(start, start + len(line), line.rstrip("\r\n\f"), line.endswith("\f"))
        start += len(line)


def _groups(lines: Iterator[_Line], fence: str) -> Iterator[tuple[str, list[_Line]]]:
    """Yield groups of lines that belong together: a heading, an item with its continuation, a row, code, a paragraph.

    A group ends with its page, after which there is a form feed.
    """
    group: list[_Line] = []
    kind = ""
    lead: int | None = None
    for line in lines:
        if group and group[-1].ends_page:
            yield kind, group
            group, kind = [], ""
        opened = "" if fence else fence_opened(line.text)
        if opened or (fence and fence_closed(line.text, fence)):
            if group:
                yield kind, group
            group, kind, fence = [], "", opened
            continue
        if fence or (not (group and kind != "code") and _is_literal(line.text, lead)):
            group, kind = [*group, line] if kind == "code" else [line], "code"
            continue
        lead = _introduces(line.text, lead)
        new = _line_kind(line.text, kind, group)
        if new == "same":
            group.append(line)
            continue
        if group:
            yield "header" if kind == "row" and _RULE.match(line.text) else kind, group
        group, kind = ([line], new) if new else ([], "")
    if group:
        yield kind, group


def _is_literal(text: str, lead: int | None) -> bool:
    """Tell whether a line is code by its indentation below the line that introduces it, which has `lead` spaces."""
    deeper = lead is not None and text.strip() and len(text) - len(text.lstrip()) >= lead + INDENT
    prose = len(text.split()) > MOST_CODE_WORDS or _STATEMENT.fullmatch(text)
    return bool(deeper) and not (_ITEM.match(text) or _DIRECTIVE.fullmatch(text) or prose)


def _introduces(text: str, lead: int | None) -> int | None:
    """Return the indentation of the line that introduces the following ones: this one, or the one before; None for none."""
    if not text.strip():
        return lead
    indent = len(text) - len(text.lstrip())
    if text.rstrip().endswith(":") or _DIRECTIVE.fullmatch(text):
        return indent
    return lead if lead is not None and indent > lead else None


def _line_kind(text: str, kind: str, group: list[_Line]) -> str:
    """Return the kind of group that a line begins, `same` where it goes on with the present one, empty for no text."""
    if not text.strip() or _RULE.match(text) or _DIRECTIVE.fullmatch(text):
        return ""
    if _HEADING.match(text):
        return "heading"
    if _ITEM.match(text):
        return "item"
    if _ROW.fullmatch(text):
        return "row"
    ended = _ends_early(group, text) or (kind == "item" and _had_room(group[-1].text, text)) if group else True
    if kind in ("sentence", "item") and not ended:
        return "same"
    return "sentence"


def _ends_early(group: list[_Line], following: str) -> bool:
    """Tell whether the last line of a paragraph ended before the margin, so that the next line begins something new.

    Text that was wrapped by a margin has lines of similar length. A line much shorter than the longest one of its
    neighbours, before a line that begins with a capital letter, is a heading or the end of a paragraph.
    """
    last = group[-1].text.rstrip()
    width = max(len(line.text.rstrip()) for line in group)
    width = max(width, len(following.rstrip()), 60)
    begins = following.lstrip()[:1]
    return len(last) < 0.62 * width and (begins.isupper() or begins.isdigit()) and not last.endswith((",", ";", "-"))


def _had_room(last: str, following: str) -> bool:
    """Tell whether a line ends although the first word of the next, longer line had room in it: so it was not wrapped."""
    last, following = last.rstrip(), following.strip()
    room = ROOM * len(following) - len(last)
    return len(following) >= PROSE and following[:1].isupper() and len(following.split()[0]) < room


def _cut(kind: str, lines: list[_Line], text: str) -> Iterator[tuple[int, int, ExcerptKind]]:
    start, end = lines[0].start, lines[-1].end
    if kind == "heading":
        mark = re.match(r"\s*#+\s*", lines[0].text)
        yield start + (mark.end() if mark else 0), end, "heading"
    elif kind == "code":
        yield from ((line.start, line.end, "code") for line in lines)
    elif kind in ("row", "header"):
        yield start, end, "header" if kind == "header" else "row"
    elif kind == "item":
        mark = _ITEM.match(lines[0].text)
        start += mark.end() if mark else 0
        if end - start <= MAX_ITEM:
            yield start, end, "item"
        else:
            yield from ((a, b, "item") for a, b in _sentences(text, start, end))
    else:
        for first, last in _sentences(text, start, end):
            yield first, last, "heading" if _is_heading(text, first, last) else "sentence"


def _contents(text: str) -> list[int]:
    """Return where dots lead to the numbers of pages in a table of contents: these do not fall; `[]` where there is none."""
    found = list(_LEADERS.finditer(text)) if "..." in text or ". ." in text else []
    pages = [int(match[1]) for match in found]
    return [match.start() for match in found] if len(found) >= CONTENTS and pages == sorted(pages) else []


def _is_heading(text: str, start: int, end: int) -> bool:
    """Tell whether a sentence is a short line of its own above prose: without a full stop, a number or a colon."""
    line = text[start:end].strip()
    alone = start == 0 or text[:start].rstrip(" ").endswith(("\n", "\f"))
    if not alone or len(line) > MAX_HEADING or END.search(line) or re.search(r"[\n\d:\t|]", line):
        return False
    below = text[end:].lstrip().partition("\n")[0].rstrip()
    return len(below) > len(line) and (len(below) > PROSE or bool(END.search(below)))


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of sentences. A full stop after an abbreviation or before a small letter does not end one."""
    part = text[start:end]
    begin: int | None = None
    spans = text_analysis.sentences(part)
    for number, (first, last) in enumerate(spans):
        begin = first if begin is None else begin
        following = part[spans[number + 1][0]] if number + 1 < len(spans) else ""
        said = part[begin:last]
        if following.islower() or (following and _ABBREVIATION.search(said)):
            continue
        if following.isdigit() and _NUMBERED.search(said):
            continue
        places = [begin, *(begin + match.start() for match in _SPACELESS_END.finditer(said)), last]
        yield from ((start + a, start + b) for a, b in pairwise(places))
        begin = None


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return a span without white space at its ends; None where it has no letter or digit."""
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    end -= len(part) - len(part.rstrip())
    return (start, end) if any(c.isalnum() for c in text[start:end]) else None
