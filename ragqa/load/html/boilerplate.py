"""Finds menus, page headers, page footers and notices, which are not the content of a page.

What is in doubt is content. Inside `main` and `article`, only navigation is left out. Elsewhere, an element that looks
like boilerplate by its links or its name is left out only where trafilatura leaves it out too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import lxml.etree
from lxml.html import HtmlElement as Element

from ragqa.load.html.visible import is_hidden, words

PROSE_WORDS = 8
"""The words outside links from which on a page header is content."""
LINK_SHARE, LEAST_LINKS = 0.7, 4
"""The share of words in links, and the number of these words, from which on a block is a menu."""
LEAST_TAKEN = 50
"""The words of main text from which on the choice of trafilatura counts."""
MOST_NOTICE = 300
"""The most words of a notice that is known by its name."""
_RUN = 3

_CONTENT = ("main", "article")
_SECTIONS = (*_CONTENT, "section", "aside", "blockquote", "details", "figure", "td", "dialog")
_BLOCKS = ("div", "section", "aside", "ul", "ol", "form", "table", "p")
_CANDIDATES = frozenset((*_BLOCKS, "nav", "header", "footer"))
_NAVIGATION = ("navigation", "menu", "menubar", "search")
_NOTICE = re.compile(
    r"cookie|consent|gdpr|newsletter|breadcrumb|(?:^|[\s_-])(?:share|sharing|social|advert\w*|ads?|promo|comments?|related|"
    r"menu-?(?:bar|title|toggle)|navbar|toolbar|topbar|popup|modal|overlay|tooltip)"
    r"(?:$|[\s_-])|skip-?(?:link|to)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Count:
    """The words of an element, and those of them in links."""

    words: int
    linked: int


def leave_out(root: Element, taken: str) -> tuple[int, list[Element]]:
    """Hide the boilerplate under an element; return the number of its words, and its elements.

    :param taken: the text that trafilatura takes for the main text of the page.
    """
    counts = _counted(root)
    choice = _Choice(taken)
    left_out: list[Element] = []
    total, inside = 0, 0
    walk = lxml.etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        content = _weight(element)
        if event == "end":
            inside -= content
        elif is_hidden(element):
            walk.skip_subtree()
            inside += content
        elif element in counts and _is_boilerplate(element, counts[element], inside > 0, choice):
            total += counts[element].words
            left_out.append(element)
            inside += content
            walk.skip_subtree()
        else:
            inside += content
    for element in left_out:
        element.set("hidden", "")
    return total, left_out


def _weight(element: Element) -> int:
    """Return 1 for an element whose blocks are content, -1 for a header in it, whose blocks may be menus; else 0."""
    if element.tag == "header":
        return -1
    return int(element.tag in _CONTENT or element.get("role") in _CONTENT)


def show_again(left_out: Sequence[Element]) -> None:
    """Take back what `leave_out` did."""
    for element in left_out:
        del element.attrib["hidden"]


def _is_boilerplate(element: Element, count: _Count, inside: bool, choice: _Choice) -> bool:
    tag, role = element.tag, element.get("role")
    if not count.words:
        return False
    if tag == "nav" or role in _NAVIGATION:
        return True
    if inside:
        return False
    if tag in ("header", "footer") or role in ("banner", "contentinfo"):
        if next(element.iterancestors(*_SECTIONS), None) is not None:
            return False
        is_header = tag == "header" or role == "banner"
        spoken = count.words - count.linked >= PROSE_WORDS or element.find(".//h1") is not None
        return not (is_header and spoken)
    if tag not in _BLOCKS:
        return False
    menu = count.linked >= max(LEAST_LINKS, LINK_SHARE * count.words)
    name = f"{element.get('class') or ''} {element.get('id') or ''}"
    notice = count.words <= MOST_NOTICE and _NOTICE.search(name) is not None
    return (menu or notice) and not choice.takes(element)


@dataclass(slots=True)
class _Choice:
    """Tells whether trafilatura has taken the text of an element. Where it took little, everything counts as taken."""

    taken: str
    _runs: set[tuple[str, ...]] = field(default_factory=set)
    _decides: bool = False

    def __post_init__(self) -> None:
        self._decides = words(self.taken) >= LEAST_TAKEN
        if self._decides:
            self._runs = _runs(self.taken)

    def takes(self, element: Element) -> bool:
        """Tell whether at least half of the words of an element are in the text, next to the same words."""
        if not self._decides:
            return True
        own = _runs(" ".join(element.itertext()))
        return 2 * len(own & self._runs) >= len(own)


def _runs(text: str) -> set[tuple[str, ...]]:
    found = re.findall(r"\w+", text)
    return {tuple(found[at : at + _RUN]) for at in range(max(1, len(found) - _RUN + 1))}


def _counted(root: Element) -> dict[Element, _Count]:
    """Return the counts of the visible words of the elements that may be boilerplate."""
    counts: dict[Element, _Count] = {}
    open_counts = [[0, 0]]
    links = 0
    walk = lxml.etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if not isinstance(element.tag, str):
            continue
        hidden = is_hidden(element)
        if event == "start":
            links += element.tag == "a"
            number = 0 if hidden else words(element.text)
            open_counts.append([number, number if links else 0])
            if hidden:
                walk.skip_subtree()
            continue
        number, linked = open_counts.pop()
        if element.tag in _CANDIDATES or element.get("role"):
            counts[element] = _Count(number, linked)
        links -= element.tag == "a"
        tail = words(element.tail) if element is not root else 0
        open_counts[-1][0] += number + tail
        open_counts[-1][1] += linked + (tail if links else 0)
    return counts
