"""DOCX -> text. It runs in the sandbox; the archive is examined before any XML is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.docx_body import PartReader
from ragqa.load.docx_numbering import Numbering
from ragqa.load.docx_special import Context
from ragqa.load.docx_styles import Styles, is_on
from ragqa.load.docx_tables import Block
from ragqa.load.locked import unlocked
from ragqa.load.not_read import NotRead
from ragqa.load.ooxml import Package, properties, qn, refuse_ole
from ragqa.records import Extracted

_NOTES = (("footnotes", "w:footnote"), ("endnotes", "w:endnote"))
_FEW_WORDS = 3
"""A header or footer with a page number and fewer words is the page number's label."""


def extract(data: bytes, limits: Limits, passwords: Sequence[str] = ()) -> Extracted:
    r"""Return paragraphs and table rows as they are seen, one to a line, tables with pipes as in Markdown.

    - Automatic numbers stand before their paragraph; a bullet of any shape is `-`. Check boxes are `[x]` and `[ ]`.
    - Tracked changes are read as if they were accepted. Text that is struck out or hidden is left out.
    - A superscript or subscript is written as in `10^6` and `x_i`, an equation as in `\frac{a}{b}` (see `omml`).
    - A merged cell is repeated in each column and row that it covers, if it is short (see `docx_tables`).
    - The alternative text that a person gave a picture is `[picture: ...]`.
    - A text box stands on lines of its own. A chart is its titles and a table of its values.
    - Footnotes, endnotes, comments, headers and footers come at the end, each once, without page numbers.

    Metadata: `author`, `subject`; `headings`, a list of `[offset, level]`; `not_read`, a mapping of what is in the file
    and not in the text, such as pictures, to how often.

    :param passwords: tried on an encrypted file.
    :raises RejectedError: the file is not DOCX, is encrypted with another password, has XML with entities, has no text, or exceeds the limits
        on archives.
    """
    data = unlocked(data, passwords)
    refuse_ole(data, "DOCX", ".doc")
    package = Package(data, limits, "DOCX")
    main, body = _main(package)
    styles = Styles(_related(package, main, "styles"))
    context = Context(package, styles, Numbering(_related(package, main, "numbering"), styles), NotRead())
    blocks = [*PartReader(context, main).blocks(body)]
    ends = [block.text for block in _ends(context, main, body) if block.text.strip()]
    text = "\n".join([*(block.text for block in blocks), *ends]).rstrip("\n")
    not_read = dict(context.not_read.counts) | ({"missing parts": len(package.missing)} if package.missing else {})
    if not_read and not text.strip():
        raise RejectedError(f"no text; not read: {', '.join(f'{kind} ({n})' for kind, n in not_read.items())}")
    headings, first = _headings(blocks)
    fields = properties(package)
    title = " ".join((fields.pop("title", "") or first).split())
    metadata: dict[str, Any] = {**fields}
    metadata |= {name: value for name, value in (("headings", headings), ("not_read", not_read)) if value}
    return Extracted(text, title, (), metadata)


def _main(package: Package) -> tuple[str, Any]:
    """Return the name of the part with the document, and its body."""
    main = next(iter(package.related("", "officeDocument")), "")
    root = package.xml(main)
    if root is None:
        raise RejectedError("damaged: the archive has no document part, or names one that it lacks")
    if root.tag != qn("w:document"):
        raise RejectedError(f"not a DOCX file: its main part is a {root.tag.rpartition('}')[2][:80]}")
    body = root.find(qn("w:body"))
    if body is None:
        raise RejectedError("no text: the document has no body")
    return main, body


def _related(package: Package, part: str, kind: str) -> Any:
    """Return the root of the first part to which there is a relationship of this kind; None if there is none."""
    return next((package.xml(name) for name in package.related(part, kind)), None)


def _headings(blocks: list[Block]) -> tuple[list[list[int]], str]:
    """Return `[offset, level]` of each heading, and the text of the first."""
    headings: list[list[int]] = []
    first, offset = "", 0
    for block in blocks:
        if block.level is not None and block.text.strip():
            headings.append([offset, block.level])
            first = first or " ".join(block.title.split())
        offset += len(block.text) + 1
    return headings, first


def _ends(context: Context, main: str, body: Any) -> Iterator[Block]:
    """Yield what is not in the body: notes, comments, headers and footers."""
    for kind, name in _NOTES:
        for part in context.package.related(main, kind):
            root = context.package.xml(part)
            for note in root.iterchildren(qn(name)) if root is not None else ():
                yield from PartReader(context, part).blocks(note)
    for part in context.package.related(main, "comments"):
        root = context.package.xml(part)
        for comment in root.iterchildren(qn("w:comment")) if root is not None else ():
            yield _comment(context, part, comment)
    seen: set[str] = set()
    for part in _margins(context.package, main, body):
        for block in _margin(context, part):
            if block.text not in seen:
                seen.add(block.text)
                yield block


def _comment(context: Context, part: str, comment: Any) -> Block:
    """Return a comment as one line, with its author."""
    text = " ".join(" ".join(block.text for block in PartReader(context, part).blocks(comment)).split())
    author = " ".join(comment.get(qn("w:author"), "").split())
    return Block(f"Comment{f' by {author}' if author else ''}: {text}" if text else "")


def _margins(package: Package, main: str, body: Any) -> list[str]:
    """Return the parts of the headers and footers that are shown, each once.

    Those of the first page and of even pages are shown where a section and the settings say so.
    """
    settings = _related(package, main, "settings")
    even = settings is not None and is_on(settings.find(qn("w:evenAndOddHeaders")))
    found: dict[str, None] = {}
    for section in body.iter(qn("w:sectPr")):
        shown = {"default": True, "even": even, "first": is_on(section.find(qn("w:titlePg")))}
        for reference in section.iterchildren(qn("w:headerReference"), qn("w:footerReference")):
            if shown.get(reference.get(qn("w:type"), "default"), True):
                found[package.target(main, reference.get(qn("r:id")))] = None
    return list(found)


def _margin(context: Context, part: str) -> Iterator[Block]:
    """Yield the lines of a header or footer, without page numbers and their labels."""
    root = context.package.xml(part)
    reader = PartReader(context, part, page_numbers=False)
    for block in reader.blocks(root) if root is not None else ():
        numbered, reader.fields.left_out_page_number = reader.fields.left_out_page_number, False
        if not numbered or len(block.text.split()) >= _FEW_WORDS or any(map(str.isdigit, block.text)):
            yield block
