"""HTML in other texts: a Markdown text as it is shown, and the text of a piece of HTML.

A comment is blank, text that is struck out too, and a table has pipes. What is blank stays as long as it was, and so does
a table, so that offsets refer to the file; the text grows only where a table has long cells over many rows. Code stays as
it is, in spans, in fences, indented, and in cells; not where it is indented within a list, or fenced within a quotation.
The time is in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragqa.errors import RejectedError
from ragqa.markdown import fence_closed

_TOKEN = re.compile(
    r"^[ \t]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*(?P<fence>`{3,}(?=[^`\r\n]*$)|~{3,})|(?P<indented>^(?: {4}| {0,3}\t))"
    r"|(?P<escaped>\\[\\<`])|(?P<code>`+)|(?P<comment><!--)|^ {0,3}\[(?:comment|//)\]:[ \t]*(?P<label>#|<>)"
    r"|(?P<table><table(?=[\s>]))|<(?P<struck>del|strike|s)(?=[\s>])",
    re.MULTILINE | re.IGNORECASE,
)
_CODE_IN_TABLE = re.compile(r"`|~~~|<(code|pre)(?:\s[^<>]*)?>[^<]*<(?!/\1)", re.IGNORECASE)
"""Code in a cell that a browser may take for HTML, such as Vec<String>."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ITEM = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])[ \t]")
_INDENTED = re.compile(r" {4}| {0,3}\t")
_TABLE_TAG = re.compile(r"<(/?)table(?=[\s>])", re.IGNORECASE)
_VISIBLE = re.compile(r"[^\s]")
_LONGEST_SPAN = 2_000
"""The most characters of a piece of code in a line, and of text that is struck out."""


def as_shown(text: str, start: int = 0) -> str:
    """Return a Markdown text with its HTML as it is shown, from an offset on."""
    if not re.search(
        r"<(?:!--|table|del|s(?:trike)?\b)|^ {0,3}\[(?:comment|//)\]:", text, re.IGNORECASE | re.MULTILINE
    ):
        return text
    parts = [text[:start]]
    at = done = start
    indented = dict(_indented_code(text, start))
    missing: set[str] = set()  # what begins and ends nowhere behind
    while match := _TOKEN.search(text, at):
        kind = match.lastgroup or ""
        at = match.end()
        end = -1 if kind in missing else _end(text, match, kind, indented)
        if end < 0:
            missing |= {kind} & {"comment", "table"}
            continue
        at = end
        if kind not in ("fence", "indented", "escaped", "code"):
            begin = match.start()
            shown = _piped(text, begin, end) if kind == "table" else _VISIBLE.sub(" ", text[begin:end])
            parts += (text[done:begin], shown)
            done = end
    return "".join([*parts, text[done:]])


def _end(text: str, match: re.Match[str], kind: str, indented: dict[int, int]) -> int:
    """Return where a comment, a table, or a piece of code ends; -1 where it does not.

    :param indented: where each block of indented code begins and ends.
    """
    start = match.end()
    if kind == "indented":
        return indented.get(match.start(), -1)
    if kind == "escaped":
        return start
    if kind == "comment":
        end = text.find("-->", start - 2)  # <!--> is a whole one
        return end + 3 if end >= 0 else -1
    if kind == "label":
        end = text.find("\n", start)
        return end if end >= 0 else len(text)
    if kind == "struck":
        tag = re.compile(f"</{match['struck']}>", re.IGNORECASE).search(text, start, start + _LONGEST_SPAN)
        is_in_code = tag and text.count("`", start, tag.start()) % 2
        return tag.end() if tag and not is_in_code else -1
    if kind == "code":
        mark = match["code"]
        closing = re.compile(rf"(?<!`){mark}(?!`)").search(text, start, start + _LONGEST_SPAN)
        return closing.end() if closing and "\n\n" not in text[start : closing.start()] else -1
    return _end_of_fence(text, match) if kind == "fence" else _end_of_table(text, start)


def _indented_code(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where blocks of indented code begin and end. Indented lines of a list are none, since they may be its text."""
    is_after_blank, is_in_list = True, False
    begin = -1
    for line in _LINE.finditer(text, start):
        is_blank = not line[0].strip()
        if not is_blank and not _INDENTED.match(line[0]):
            if begin >= 0:
                yield begin, line.start()
            begin = -1
            is_in_list = bool(_ITEM.match(line[0])) or (is_in_list and not (is_after_blank and line[0][0] not in " \t"))
        elif not is_blank and is_after_blank and not is_in_list and begin < 0:
            begin = line.start()
        is_after_blank = is_blank
    if begin >= 0:
        yield begin, len(text)


def _end_of_fence(text: str, match: re.Match[str]) -> int:
    """Return the end of a block of code; it goes on to the end of the text where no line closes it."""
    at = text.find("\n", match.end()) + 1
    while 0 < at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if fence_closed(text[at:end], match["fence"]):
            return end
        at = end + 1
    return len(text)


def _end_of_table(text: str, start: int) -> int:
    depth = 1
    for tag in _TABLE_TAG.finditer(text, start):
        depth += -1 if tag[1] else 1
        if not depth:
            end = text.find(">", tag.end())
            return end + 1 if end >= 0 else -1
    return -1


def _piped(text: str, begin: int, end: int) -> str:
    """Return a table as lines with pipes, as long as it was."""
    source = text[begin:end]
    if _CODE_IN_TABLE.search(source):
        return source
    try:
        shown = html_text(source)
    except RejectedError:
        return source
    before = "\n" if begin and text[begin - 1] != "\n" else ""
    after = "" if text[end : end + 1] in ("", "\r", "\n") else "\n"
    return (before + shown).ljust(len(source) - len(after)) + after


def html_text(html: str) -> str:
    """Return the text of a piece of HTML, tables with pipes; empty where there is none.

    :raises RejectedError: elements are nested too deeply, or there are none.
    """
    from ragqa.load.html import parse, render
    from ragqa.load.html.styled import mark_styled
    from ragqa.load.html.visible import hide_unseen

    tree = parse(html.encode("utf-8", "replace"))
    hide_unseen(tree)
    mark_styled(tree)
    return render(tree).text.strip("\n")
