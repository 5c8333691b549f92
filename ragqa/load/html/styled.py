"""Styles that change what a text means: what is raised or lowered by CSS gets the element for it, what is struck out is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement as Element

from ragqa.load.html.visible import is_hidden

_STRUCK = re.compile(r"text-decoration(?:-line)?\s*:[^;}]*\bline-through\b", re.IGNORECASE)
_RAISED = re.compile(r"vertical-align\s*:\s*super\b", re.IGNORECASE)
_LOWERED = re.compile(r"vertical-align\s*:\s*sub\b", re.IGNORECASE)
_ANY = re.compile(r"line-through|vertical-align\s*:\s*su", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,500})\{([^{}]{1,2000})\}")
_OF_CLASS = re.compile(r"[A-Za-z0-9]*\.([\w-]{1,100})")
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "big",
        "cite",
        "code",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "small",
        "span",
        "strong",
        "tt",
        "u",
        "var",
    ]
)
_OTHERS = frozenset(
    [
        "address",
        "blockquote",
        "caption",
        "dd",
        "div",
        "dt",
        "figcaption",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "li",
        "p",
        "pre",
        "td",
        "th",
    ]
)
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_MOST_STYLES = 1 << 20
"""The most characters of style sheets that are searched."""


def mark_styled(tree: Element) -> int:
    """Put what CSS raises or lowers on the line, and marks of notes, into a `sup` or a `sub`, and give what is struck out the attribute `hidden`.

    CSS is that of the attribute `style`, and of style sheets in the page for a class (`.c3`, `span.old`).

    :return: how many passages with a text are struck out.
    """
    for link in list(tree.iter("a")):
        if _is_reference(link):
            _wrap(link, "sup")
    classes = dict(_classes(tree))
    for element in list(tree.iter(*_INLINE, *_OTHERS)):
        style = element.get("style") or ""
        css = " ".join([style, *(classes[name] for name in (element.get("class") or "").split() if name in classes)])
        if not _ANY.search(css):
            continue
        if _STRUCK.search(css):
            _wrap(element, "del")
        if element.tag in _INLINE and (_RAISED.search(css) or _LOWERED.search(css)):
            _wrap(element, "sup" if _RAISED.search(css) else "sub")
    return _hide_struck(tree)


def _is_reference(link: Element) -> bool:
    """Tell whether a link is the mark of a note on the line, which would be a part of the number before it."""
    kinds = f"{link.get('epub:type') or link.get(_EPUB_TYPE) or ''} {link.get('role') or ''}"
    is_raised = link.find(".//sup") is not None or next(link.iterancestors("sup"), None) is not None
    return "noteref" in kinds and not is_raised


def _hide_struck(tree: Element) -> int:
    count = 0
    for element in tree.iter("del", "s", "strike"):
        if not (is_hidden(element) or any(map(is_hidden, element.iterancestors()))):
            count += bool(element.text_content().strip())
            element.set("hidden", "")
    return count


def _classes(tree: Element) -> Iterator[tuple[str, str]]:
    """Yield the classes to which a style sheet of the page gives such a style, with the style."""
    for sheet in tree.iter("style"):
        text = (sheet.text or "")[:_MOST_STYLES]
        for selectors, style in _RULE.findall(text) if _ANY.search(text) else ():
            if _ANY.search(style):
                named = map(_OF_CLASS.fullmatch, map(str.strip, selectors.split(",")))
                yield from ((match[1], style) for match in named if match)


def _wrap(element: Element, tag: str) -> None:
    """Put all that is in an element into a new element."""
    inner = element.makeelement(tag)
    inner.text, element.text = element.text, None
    inner.extend(list(element))
    element.append(inner)
