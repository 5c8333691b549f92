"""PDF -> text with its pages, by pypdf. It runs in the sandbox."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.records import Extracted

# A page whose fonts map glyphs wrongly gives NULs and halves of surrogate pairs, which are not valid text.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_FIELDS = {"author": "/Author", "subject": "/Subject"}


def extract(data: bytes, limits: Limits) -> Extracted:
    """Return the text of the pages, joined by form feeds. A form feed within a page becomes a line break.

    Text is in the order of the page's drawing commands. This order follows columns, and tables row by row; each cell
    may be on a line of its own. pypdf's layout mode keeps the rows of tables on lines, but mixes the columns of a page.

    Metadata: `author`, `subject`; `pages_without_text`, the numbers of the pages without text; `undecodable`, the
    number of characters that the file's fonts do not map to text, each of which becomes U+FFFD.

    :raises RejectedError: the file is encrypted or damaged, has no text on any page, or too many pages or characters.
    """
    reader = _opened(data)
    count = len(reader.pages)
    if count > limits.pages:
        raise RejectedError(f"too long: {count:,} pages; at most {limits.pages:,}")
    pages: list[str] = []
    undecodable = total = 0
    for number in range(count):
        page, bad = _NO_TEXT.subn("\ufffd", _page(reader, number, count))
        undecodable += bad
        total += len(page) + 1
        if total > limits.characters:
            raise RejectedError(f"too long: over {limits.characters:,} characters by page {number + 1} of {count}")
        pages.append(page)
    empty = [number for number, page in enumerate(pages, start=1) if not page.strip()]
    if len(empty) == count:
        raise RejectedError(f"no text on {count} of {count} pages (scanned? OCR is not done)")
    info: Mapping[str, Any] = reader.metadata or {}
    metadata: dict[str, Any] = {ours: text for ours, theirs in _FIELDS.items() if (text := _text(info.get(theirs)))}
    if empty:
        metadata["pages_without_text"] = empty
    if undecodable:
        metadata["undecodable"] = undecodable
    return Extracted("\f".join(pages), _text(info.get("/Title")), _starts(pages), metadata)


def _opened(data: bytes) -> PdfReader:
    """Open a file.

    A file that is encrypted with the empty password is read; many files are, in order to forbid printing.
    """
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError as error:
        raise RejectedError(
            "encrypted with AES, which is not read without the package `cryptography`: install it, or save a copy "
            "without a password"
        ) from error
    if locked:
        raise RejectedError("encrypted: a password is needed; save a copy without one")
    return reader


def _page(reader: PdfReader, number: int, count: int) -> str:
    try:
        return reader.pages[number].extract_text().replace("\f", "\n")
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise RejectedError(f"damaged: page {number + 1} of {count}: {type(error).__name__}: {error}") from error


def _text(value: object) -> str:
    """Return a field of the file's information; empty where it is not text."""
    return " ".join(_NO_TEXT.sub("\ufffd", value).split()) if isinstance(value, str) else ""


def _starts(pages: list[str]) -> tuple[int, ...]:
    starts, offset = [], 0
    for page in pages:
        starts.append(offset)
        offset += len(page) + 1
    return tuple(starts)
