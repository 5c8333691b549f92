"""The bytes of a page -> its text, title and metadata. trafilatura says who wrote it and when, and what its main text is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import lxml.etree
import lxml.html
from lxml.html import HtmlElement as Element

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.decode import decode
from ragqa.load.html.boilerplate import leave_out, show_again
from ragqa.load.html.render import Rendered, render
from ragqa.load.html.styled import mark_styled
from ragqa.load.html.visible import frames, hide_unseen, needs_javascript, words
from ragqa.records import Extracted

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_BYTES = 1024
"""The bytes at the start of a page in which its charset may be declared (HTML standard, section 4.2.5.4)."""

# Characters that XML cannot hold. lxml reads them from a page. An error follows where lxml or trafilatura writes one
# into an element.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIELDS = {
    "title": "title",
    "author": "author",
    "date": "date",
    "language": "language",
    "description": "description",
    "site": "sitename",
}
_MOST_ELEMENTS = 50_000
"""The most elements of a page whose main text trafilatura looks for: its time grows with their square."""
_FEW_WORDS = 20
"""With fewer words than this beside more words of boilerplate, a page has no main text."""
_NAME_CHARACTERS, _NAME_WORDS = 60, 8
"""The most characters and words of the name of an author."""
_NO_NAME = re.compile(
    r"\b(?:authority control|databases?|navigation|menu|log ?in|sign (?:in|up)|subscribe|cookies?|search|share|"
    r"read more|follow us|categories|home page|contact us)\b|https?://",
    re.IGNORECASE,
)
"""Words of menus and of boxes under an article, which trafilatura may take for an author."""


def page(data: bytes, limits: Limits) -> Extracted:
    """Return the result of `extract` for a page in the encoding that it declares or that its bytes show.

    :raises RejectedError: the page is binary or in an unclear encoding; also for the reasons of `extract`.
    """
    charset = _CHARSET.search(data[:_CHARSET_BYTES])
    text, encoding = decode(data, charset.group(1).decode("ascii", "ignore") if charset else None)
    return replace(extract(text.encode()), encoding=encoding)


def extract(data: bytes) -> Extracted:
    """Return what a browser shows of a page, without its menus, page headers and page footers, and its title.

    A control character that separates words, such as a form feed, becomes a space. Any other becomes U+FFFD.

    Metadata: `author`, `date`, `language`, `description` and `site`, where the page gives them; `headings`, a list of
    `[offset, level]`; `left_out_words`, the number of words of what was left out, where there are any; `extraction`, which
    is `all_text` where hardly anything else than menus, headers and footers was found, and the text is all of these; and
    `not_read`, a mapping of what else is not in the text, such as pictures and struck-out text, to how often.

    :param data: the page in UTF-8, whatever charset it declares.
    :raises RejectedError: there is no text, scripts are needed to show it, or elements are nested too deeply.
    """
    tree = parse(data)
    found = _by_trafilatura(_without_spans(parse(data)))
    framed = frames(tree)
    hide_unseen(tree)
    struck = mark_styled(tree)
    shown, facts = _content(tree, getattr(found, "text", None) or "")
    counts = (("pictures", shown.pictures), ("pages in frames", framed), ("struck-out text", struck))
    facts |= {"not_read": not_read} if (not_read := {kind: count for kind, count in counts if count}) else {}
    if needs_javascript(tree, shown.text):
        raise RejectedError(
            "no text: the page needs JavaScript, and its content is in scripts; save it as a browser shows it"
        )
    if not shown.text.strip():
        raise RejectedError("no text: the page has none outside scripts and markup")
    metadata: dict[str, Any] = _metadata(found)
    title = _title(metadata.pop("title", ""), tree.findtext(".//title") or "", shown)
    headings = {"headings": [list(heading) for heading in shown.headings]} if shown.headings else {}
    return Extracted(shown.text, title, metadata=metadata | headings | facts)


def _title(found: str, own: str, shown: Rendered) -> str:
    """Return the title of a page: trafilatura's, or the page's own where that begins with a heading of the text.

    Trafilatura takes the name of a book, or a heading that is left out, for the title of each of its pages, where a bar
    above the text shows it: "Variables - The Book" is the title of the page then.
    """
    found, own = " ".join(found.split()), " ".join(own.split())
    first, separated, _ = re.split(r"(\s[-|\u2013\u2014\u00b7:]\s|$)", own, maxsplit=1)
    headings = [shown.text[offset:].partition("\n")[0].strip() for offset, _ in shown.headings]
    is_own = separated and first in headings[:3] and first not in found
    is_left_out = found not in headings and found not in own
    return own if not found or is_own or (own and is_left_out) else found


def parse(data: bytes) -> Element:
    """Return the tree of a page in UTF-8, whatever encoding it declares.

    :raises RejectedError: the page is empty, or its elements are nested too deeply.
    """
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        tree = lxml.html.document_fromstring(data, parser=parser)
    except lxml.etree.ParserError as error:
        raise RejectedError("no text: the page is empty") from error
    if any("depth" in entry.message for entry in parser.error_log):
        raise RejectedError("elements nested too deeply")
    for element in tree.iter():
        if _NOT_XML.search(element.text or ""):
            element.text = _NOT_XML.sub(_replacement, element.text)
        if _NOT_XML.search(element.tail or ""):
            element.tail = _NOT_XML.sub(_replacement, element.tail)
    return tree


def _by_trafilatura(tree: Element) -> object:
    """Return trafilatura's document with metadata and the main text; without a text for a page of very many elements."""
    from trafilatura import bare_extraction  # the formats that only render pages do not load it
    from trafilatura.metadata import extract_metadata

    date = {"extensive_search": False}  # a date that the page gives, not one found in its text
    if sum(1 for _ in tree.iter()) > _MOST_ELEMENTS:
        return extract_metadata(tree, date_config=date)
    return bare_extraction(
        tree, favor_recall=True, include_comments=False, with_metadata=True, date_extraction_params=date
    )


def _without_spans(tree: Element) -> Element:
    """Return a page whose cells span no columns: trafilatura's time grows with the columns times the cells."""
    for cell in tree.iter("td", "th"):
        cell.attrib.pop("colspan", None)
    return tree


def _replacement(control: re.Match[str]) -> str:
    return " " if control.group().isspace() else "\ufffd"


def _content(tree: Element, taken: str) -> tuple[Rendered, dict[str, Any]]:
    """Return the text of a page without boilerplate, and the facts of the extraction; all text where that is nothing."""
    body = tree.find("body")
    root = tree if body is None else body
    count, left_out = leave_out(root, taken)
    shown = render(root)
    marked = any(words(each.text_content()) for each in root.iter("main", "article") if each not in left_out)
    few = 1 if marked else min(count, _FEW_WORDS)
    if words(shown.text) >= few or not left_out:
        return shown, {"left_out_words": count} if count else {}
    show_again(left_out)
    return render(root), {"extraction": "all_text"}


def _metadata(found: object) -> dict[str, Any]:
    """Return the metadata of trafilatura's document under the names of ragqa; empty where there is no document."""
    values = {ours: getattr(found, theirs, None) for ours, theirs in _FIELDS.items()}
    values["author"] = "; ".join(filter(_is_name, re.split(r"\s*;\s*", values["author"] or "")))
    return {name: value for name, value in values.items() if value}


def _is_name(text: str) -> bool:
    """Tell whether a text can be the name of a person or an organisation."""
    short = 0 < len(text) <= _NAME_CHARACTERS and len(text.split()) <= _NAME_WORDS
    return short and not _NO_NAME.search(text)
