"""The HTML body of a mail -> its text. Lines of a quoted message begin with `> `, as in a plain text."""

from __future__ import annotations

import re
from collections import Counter

import lxml.html
from lxml.html import HtmlElement as Element

from ragqa.errors import RejectedError
from ragqa.load.html import parse, render
from ragqa.load.html.styled import mark_styled
from ragqa.load.html.visible import hide_unseen

_BEGIN, _END = "\ue5b0", "\ue5b1"
"""Marks, from the area for private use, on lines of their own before and after a quoted message."""
_MARKS = re.compile(f"[{_BEGIN}{_END}]")
_EDGES = re.compile(rf"(?<={_BEGIN}\n)\n+|\n+(?=\n{_END})")
"""The blank lines inside a quoted message, at its beginning and its end."""
_QUOTES = re.compile(r"\b(?:gmail_quote|yahoo_quoted|moz-cite|protonmail_quote|zmail_extra)\b")


def of_html(html: str, not_read: Counter[str]) -> str:
    """Return the text that a mail program shows; empty where there is none. What is struck out is counted in `not_read`."""
    if not html.strip():
        return ""
    try:
        tree = parse(_MARKS.sub("", html).encode("utf-8", "replace"))
    except RejectedError as error:
        if "no text" in str(error):
            return ""
        raise
    hide_unseen(tree)
    not_read += Counter({"struck-out text": mark_styled(tree)})
    _mark_quotes(tree)
    body = tree.find("body")
    shown = render(tree if body is None else body).text
    return _MARKS.sub("", "\n".join(_quoted_lines(shown)))


def _mark_quotes(tree: Element) -> None:
    """Put marks around each quoted message."""
    for quote in list(tree.iter("blockquote")):
        classes = (each.get("class") or "" for each in (quote, *quote.iterancestors("div")))
        if quote.get("type") == "cite" or any(map(_QUOTES.search, classes)):
            before, after = (lxml.html.Element("p") for _ in range(2))
            before.text, after.text = _BEGIN, _END
            before.tail, quote.text = quote.text, None
            quote.insert(0, before)
            quote.append(after)


def _quoted_lines(text: str) -> list[str]:
    """Return the lines, with `>` for each quoted message that they are in. The marks stand on lines of their own."""
    lines: list[str] = []
    depth = 0
    for line in _EDGES.sub("", text).split("\n"):
        if line == _BEGIN:
            depth += 1
        elif line == _END:
            depth = max(0, depth - 1)
        else:
            lines.append(f"{'>' * min(depth, 9)} {line}".rstrip() if depth else line)
    return lines
