"""HTML in other texts: a Markdown text as it is shown, and the text of a piece of HTML.

A comment is blank, text that is struck out too, and a table has pipes. The text stays as long as it was, so that offsets
refer to the file; it grows only where a table has long cells over many rows. Code stays as it is. The time is in
proportion to the text.
"""

from __future__ import annotations

import re

from ragqa.errors import RejectedError
from ragqa.markdown import fence_closed

_TOKEN = re.compile(
    r"^[ \t]*(?P<fence>`{3,}(?=[^`\r\n]*$)|~{3,})|(?P<code>`+)|(?P<comment><!--)|^ {0,3}\[(?:comment|//)\]:[ \t]*(?P<label>#|<>)"
    r"|(?P<table><table(?=[\s>]))|<(?P<struck>del|strike|s)(?=[\s>])",
    re.MULTILINE | re.IGNORECASE,
)
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
    missing: set[str] = set()  # what begins and ends nowhere behind
    while match := _TOKEN.search(text, at):
        kind = match.lastgroup or ""
        at = match.end()
        end = -1 if kind in missing else _end(text, match, kind)
        if end < 0:
            missing |= {kind} & {"comment", "table", "fence"}
            continue
        at = end
        if kind not in ("fence", "code"):
            begin = match.start()
            shown = _piped(text, begin, end) if kind == "table" else _VISIBLE.sub(" ", text[begin:end])
            parts += (text[done:begin], shown)
            done = end
    return "".join([*parts, text[done:]])


def _end(text: str, match: re.Match[str], kind: str) -> int:
    """Return where a comment, a table, or a piece of code ends; -1 where it does not."""
    start = match.end()
    if kind == "comment":
        end = text.find("-->", start)
        return end + 3 if end >= 0 else -1
    if kind == "label":
        end = text.find("\n", start)
        return end if end >= 0 else len(text)
    if kind == "struck":
        mark = f"</{match['struck'].lower()}>"
        end = text[start : start + _LONGEST_SPAN].lower().find(mark)
        return start + end + len(mark) if end >= 0 else -1
    if kind == "code":
        mark = match["code"]
        closing = re.compile(rf"(?<!`){mark}(?!`)").search(text, start, start + _LONGEST_SPAN)
        return closing.end() if closing and "\n\n" not in text[start : closing.start()] else -1
    return _end_of_fence(text, match) if kind == "fence" else _end_of_table(text, start)


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
