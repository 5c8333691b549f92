"""What a browser shows. Elements that it does not show get the attribute `hidden`, which is all that other modules ask."""

from __future__ import annotations

import re

from lxml.html import HtmlElement as Element

_UNSEEN_TAGS = """area audio canvas col colgroup datalist frameset head iframe link map meta noframes noscript object
param script source style template title track video"""
_UNSEEN = frozenset(_UNSEEN_TAGS.split())
"""Elements whose content no browser shows, as long as it runs scripts and knows what it is to play."""
_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE)
_NEEDS_JAVASCRIPT = re.compile(r"java\s?script", re.IGNORECASE)
_SHELL_IDS = frozenset(("root", "app", "__next", "__nuxt", "___gatsby", "svelte", "q-app"))
_SHELL_WORDS = 40
"""The most words of a notice that a page needs JavaScript."""
_LOADING_WORDS = 5
"""The most words that a page shows until its script has filled it."""


def hide_unseen(tree: Element) -> None:
    """Give the attribute `hidden` to the elements that a browser does not show, and take it from those that it finds.

    A formula that is hidden beside its picture counts as shown, and the second form of a formula as hidden.
    """
    for element in tree.iter():
        if _is_unseen(element):
            element.set("hidden", "")
        elif element.get("hidden") == "until-found":
            del element.attrib["hidden"]


def frames(tree: Element) -> int:
    """Return how many frames with other pages a page shows, before `hide_unseen`. Small ones count visitors."""
    found = (each for each in tree.iter("iframe") if next(each.iterancestors("noscript"), None) is None)
    return sum(not (_is_put_away(each) or {each.get("width"), each.get("height")} & {"0", "1"}) for each in found)


def _is_put_away(element: Element) -> bool:
    return element.get("hidden", "until-found") != "until-found" or bool(_STYLE.search(element.get("style") or ""))


def is_hidden(element: Element) -> bool:
    """Tell whether an element, with all that is in it, is not shown."""
    return "hidden" in element.attrib


def _is_unseen(element: Element) -> bool:
    tag = element.tag
    if tag in _UNSEEN:
        return not is_formula(element)
    if tag == "svg":
        return element.find(".//text") is None
    if tag == "dialog":
        return "open" not in element.attrib
    if tag == "input":
        return (element.get("type") or "").lower() in ("hidden", "file", "image", "password")
    if tag == "span" and element.get("aria-hidden") == "true" and _is_beside_formula(element):
        return True
    return _is_put_away(element) and element.find(".//math") is None and tag != "math"


def is_formula(element: Element) -> bool:
    """Tell whether an element is a script with a formula in TeX, which MathJax shows in its place."""
    return element.tag == "script" and (element.get("type") or "").lower().startswith("math/tex")


def _is_beside_formula(element: Element) -> bool:
    beside = (element.getprevious(), element.getnext())
    return any(each is not None and (each.tag == "math" or each.find(".//math") is not None) for each in beside)


def words(text: str | None) -> int:
    """Return the number of words of a text."""
    return len(text.split()) if text else 0


def needs_javascript(tree: Element, shown: str) -> bool:
    """Tell whether a page has only a notice, or nothing yet, in place of what its scripts will show.

    :param shown: the visible text of the page.
    """
    if not any(not is_formula(script) for script in tree.iter("script")):
        return False
    if not shown.strip():
        return any(_NEEDS_JAVASCRIPT.search(each.text_content()) for each in tree.iter("noscript")) or _has_shell(tree)
    count = words(shown)
    return bool(count <= _SHELL_WORDS and _NEEDS_JAVASCRIPT.search(shown)) or (
        count <= _LOADING_WORDS and _has_shell(tree)
    )


def _has_shell(tree: Element) -> bool:
    return any(each.get("id") in _SHELL_IDS or each.tag == "app-root" for each in tree.iter("div", "main", "app-root"))
