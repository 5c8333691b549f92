"""Comments on a slide -> lines with their author and day. There are two kinds: those of before and of after 2021."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ragqa.load.not_read import NotRead
from ragqa.load.ooxml import Package, qn
from ragqa.load.pptx.text import paragraph_lines

_DAY_CHARACTERS = 10


def authors(package: Package, main: str) -> dict[str, str]:
    """Return the names of the people who commented, by their ids."""
    found: dict[str, str] = {}
    for kind in ("commentAuthors", "authors"):
        for part in package.related(main, kind):
            root = package.xml(part)
            for each in root.iter(qn("p:cmAuthor"), qn("p188:author")) if root is not None else ():
                found[each.get("id", "")] = " ".join(each.get("name", "").split())
    return found


def comments(package: Package, slide: str, names: dict[str, str], not_read: NotRead) -> Iterator[str]:
    """Yield the comments on a slide, each with the replies to it."""
    for part in package.related(slide, "comments"):
        root = package.xml(part)
        for each in root.iter(qn("p:cm"), qn("p188:cm"), qn("p188:reply")) if root is not None else ():
            if text := " ".join(_text(each, not_read).split()):
                what = "Reply" if each.tag == qn("p188:reply") else "Comment"
                author = names.get(each.get("authorId", ""), "")
                day = (each.get("dt") or each.get("created") or "")[:_DAY_CHARACTERS]
                yield f"{what}{f' by {author}' if author else ''}{f' ({day})' if day else ''}: {text}"


def _text(comment: Any, not_read: NotRead) -> str:
    if comment.tag == qn("p:cm"):
        return comment.findtext(qn("p:text")) or ""
    paragraphs = comment.iterfind(f"{qn('p188:txBody')}/{qn('a:p')}")
    return " ".join(line for each in paragraphs for line in paragraph_lines(each, not_read))
