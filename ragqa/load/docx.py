"""DOCX -> text, by python-docx. It runs in the sandbox; the archive is examined before any XML is built."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

import docx
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.records import Extracted

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_XML_BEGINNINGS = (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0<", b" ", b"\t", b"\r", b"\n")
_RATIO_FROM_BYTES = 1 << 20
_PIECE = 1 << 16
_ENCRYPTED = 0x1
_HEADING = re.compile(r"Heading (\d)")
# Elements whose text is not part of the document: properties, deleted or moved text, the second copy of a drawing.
_SKIPPED = {qn(name) for name in ("w:pPr", "w:rPr", "w:del", "w:moveFrom", "w:tblPr", "w:trPr", "w:tcPr", "w:sdtPr")}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BREAKS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


def extract(data: bytes, limits: Limits) -> Extracted:
    """Return the body's paragraphs and table rows, one to a line, with the cells of a row joined by tabs.

    Content controls, text boxes and insertions are read. Tracked changes are read as if they were accepted. A merged
    cell is read once. A table within a cell becomes text of the cell. Footnotes come at the end. Headers, footers and
    comments are left out.

    Metadata: `author`, `subject`; `headings`, a list of `[offset, level]`.

    :raises RejectedError: the file is not DOCX, is encrypted, has XML with entities, or exceeds the limits on archives.
    """
    names = _examine(data, limits)
    document = docx.Document(io.BytesIO(data))
    blocks: list[str] = []
    headings: list[list[int]] = []
    levels: dict[str | None, int | None] = {}
    offset, heading = 0, ""
    for element in _blocks(document.element.body):
        text = _row_text(element) if element.tag == qn("w:tr") else _text_of(element)
        level = _level(element, document, levels)
        if text.strip() and level is not None:
            headings.append([offset, level])
            heading = heading or " ".join(text.split())
        blocks.append(text)
        offset += len(text) + 1
    blocks += _footnotes(document)
    properties: dict[str, Any] = {}
    if "docProps/core.xml" in names:
        core = document.core_properties
        properties = {"title": core.title, "author": core.author, "subject": core.subject}
    title = " ".join((properties.pop("title", "") or heading).split())
    metadata = {name: value for name, value in properties.items() if value}
    return Extracted("\n".join(blocks), title, (), metadata | ({"headings": headings} if headings else {}))


def _examine(data: bytes, limits: Limits) -> set[str]:
    """Refuse an archive that is not DOCX or not safe to open; return its names.

    No more is inflated than the limits allow.
    """
    if data.startswith(_OLE):
        raise RejectedError("not a DOCX file but an OLE one: encrypted, or the old .doc format; save it as plain DOCX")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _examine_sizes(entries, len(data), limits)
            for entry in entries:
                _examine_entry(archive, entry)
    except (zipfile.BadZipFile, zipfile.zlib.error, EOFError, NotImplementedError) as error:  # type: ignore[attr-defined]
        raise RejectedError(f"not a DOCX file, or a damaged one: {error}") from error
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" not in names:
        raise RejectedError("not a DOCX file: the archive has no [Content_Types].xml")
    return names


def _examine_sizes(entries: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    """Refuse an archive with too many entries, repeated names, or a declared size beyond the limits."""
    if len(entries) > limits.zip_entries:
        raise RejectedError(f"{len(entries):,} entries in the archive; at most {limits.zip_entries:,}")
    if len({entry.filename for entry in entries}) < len(entries):
        raise RejectedError("damaged: two entries of the archive have the same name")
    declared = sum(entry.file_size for entry in entries)
    if declared > limits.zip_bytes:
        raise RejectedError(f"declared {_size(declared)} > {_size(limits.zip_bytes)}: a zip bomb?")
    if declared > max(_RATIO_FROM_BYTES, limits.zip_ratio * packed):
        raise RejectedError(
            f"declared {declared / packed:,.0f} times its size; at most {limits.zip_ratio}: a zip bomb?"
        )


def _examine_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Inflate an entry in pieces, and refuse one that exceeds its declared size.

    In XML, refuse declarations of entities.
    """
    if entry.flag_bits & _ENCRYPTED:
        raise RejectedError("encrypted: save a copy without a password")
    with archive.open(entry) as stream:
        piece = stream.read(_PIECE)
        parser = _no_entities() if piece.startswith(_XML_BEGINNINGS) else None
        try:
            while piece:
                if parser:
                    parser.Parse(piece, False)
                piece = stream.read(_PIECE)
            if parser:
                parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise RejectedError(f"damaged: {entry.filename}: {error}") from error


def _no_entities() -> expat.XMLParserType:
    def refuse(*_: object) -> None:
        raise RejectedError("XML entity declarations are not allowed")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield paragraphs and table rows in order, including those inside content controls."""
    for child in parent.iterchildren():
        if child.tag in (qn("w:p"), qn("w:tr")):
            yield child
        elif child.tag in (qn("w:tbl"), qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml")):
            yield from _blocks(child)


def _row_text(row: Any) -> str:
    cells = [cell for cell in row.iter(qn("w:tc")) if next(cell.iterancestors(qn("w:tr"))) is row]
    return "\t".join("" if _continues(cell) else " ".join(_text_of(cell).split()) for cell in cells)


def _continues(cell: Any) -> bool:
    """Tell whether a cell is the lower part of one that was merged downwards."""
    merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
    return merge is not None and merge.get(qn("w:val"), "continue") == "continue"


def _text_of(element: Any) -> str:
    return "".join(_pieces(element)).strip("\n")


def _pieces(element: Any) -> Iterator[str]:
    """Yield the characters and breaks of an element in order, without text that is not part of the document."""
    for child in element.iterchildren():
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag in _BREAKS:
            yield _BREAKS[child.tag]
        elif child.tag not in _SKIPPED and child.tag != _FALLBACK:
            if child.tag == qn("w:p"):  # in a cell or a text box
                yield "\n"
            yield from _pieces(child)


def _level(element: Any, document: Document, levels: dict[str | None, int | None]) -> int | None:
    """Return the level of a heading, 1 for a title; None for other blocks.

    :param levels: the levels found so far, by the id of the style. They are kept because python-docx goes through all
        styles to find one.
    """
    if element.tag != qn("w:p"):
        return None
    if element.style not in levels:
        style = Paragraph(element, document._body).style
        name = (style.name if style else None) or ""
        match = _HEADING.fullmatch(name)
        levels[element.style] = int(match.group(1)) if match else 1 if name == "Title" else None
    return levels[element.style]


def _footnotes(document: Document) -> list[str]:
    for relation in document.part.rels.values():
        if relation.reltype.endswith("/footnotes") and not relation.is_external:
            notes = parse_xml(relation.target_part.blob).iterchildren(qn("w:footnote"))
            return [text for note in notes if (text := _text_of(note).strip())]
    return []
