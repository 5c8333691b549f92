"""HTML -> main text, by trafilatura. It runs in the sandbox; nothing is fetched, and no entity is loaded."""

from __future__ import annotations

import re
from dataclasses import replace

import lxml.etree
import lxml.html
import lxml.html.defs
from trafilatura import bare_extraction

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.decode import decode
from ragqa.records import Extracted

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_BYTES = 1024
"""The bytes at the start of a page in which its charset may be declared (HTML standard, section 4.2.5.4)."""

_UNSEEN = ("script", "style", "noscript", "template", "head", "svg", "iframe", "object")
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


def page(data: bytes, limits: Limits) -> Extracted:
    """Return the result of `extract` for a page in the encoding that it declares or that its bytes show.

    :raises RejectedError: the page is binary or in an unclear encoding; also for the reasons of `extract`.
    """
    charset = _CHARSET.search(data[:_CHARSET_BYTES])
    text, encoding = decode(data, charset.group(1).decode("ascii", "ignore") if charset else None)
    return replace(extract(text.encode()), encoding=encoding)


def extract(data: bytes) -> Extracted:
    """Return the main text of a page, tables included, with its title.

    A control character that separates words, such as a form feed, becomes a space. Any other becomes U+FFFD.

    Metadata: `author`, `date`, `language`, `description` and `site`, where the page gives them; and `extraction`, which
    is `all_text` where no main text was found. The text is then everything that a browser would show.

    :param data: the page in UTF-8, whatever charset it declares.
    :raises RejectedError: there is no text, or elements are nested too deeply.
    """
    found = bare_extraction(
        _tree(data),
        favor_recall=True,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={"extensive_search": False},  # a date that the page gives, not one found in its text
    )
    metadata = _metadata(found)
    title = metadata.pop("title", "")
    text = getattr(found, "text", None) or ""
    if not text.strip():
        text = _all_text(_tree(data))
        metadata["extraction"] = "all_text"
    if not text.strip():
        raise RejectedError("no text: the page has none outside scripts and markup")
    return Extracted(text, " ".join(title.split()), metadata=metadata)


def _tree(data: bytes) -> lxml.html.HtmlElement:
    """Parse a page. The encoding is given, since the page may declare its original one, and is now in UTF-8."""
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


def _replacement(control: re.Match[str]) -> str:
    return " " if control.group().isspace() else "\ufffd"


def _metadata(found: object) -> dict[str, str]:
    """Return the metadata of trafilatura's document under the names of ragqa; empty where there is no document."""
    values = {ours: getattr(found, theirs, None) for ours, theirs in _FIELDS.items()}
    return {name: value for name, value in values.items() if value}


def _all_text(tree: lxml.html.HtmlElement) -> str:
    """Return the text of every element that a browser shows, each block on a line of its own."""
    for element in tree.xpath("|".join(f"//{tag}" for tag in _UNSEEN)):
        element.drop_tree()
    for element in tree.iter():
        if element.tag not in lxml.html.defs.phrase_tags | lxml.html.defs.font_style_tags | {"a", "span"}:
            element.text = "\n" + (element.text or "")
            element.tail = "\n" + (element.tail or "")
    lines = (" ".join(line.split()) for line in tree.text_content().split("\n"))
    return "\n".join(line for line in lines if line)
