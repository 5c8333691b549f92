"""PDF -> text with its pages, by pypdf. It runs in the sandbox."""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import accumulate, chain, islice
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError
from pypdf.generic import StreamObject

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.pdf_fonts import UNDECODABLE, own_decoding
from ragqa.load.pdf_forms import lines_of, refuse_xfa
from ragqa.load.pdf_objects import string
from ragqa.load.pdf_scripts import own_scripts
from ragqa.load.pdf_spaces import own_spaces
from ragqa.load.pdf_tables import PageText, page_text, with_tables
from ragqa.load.pdf_text import cleaned
from ragqa.load.titles import real_title
from ragqa.records import Extracted

# A page whose fonts map glyphs wrongly gives control characters and halves of surrogate pairs, which are not text.
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_HEADER_BYTES = 1024
"""The bytes of a file within which it must say that it is a PDF."""
_FIELDS = {"author": "/Author", "subject": "/Subject"}
_UNSET = ("(unspecified)", "(anonymous)")
"""What a program writes into a field that nobody has filled in."""


def extract(data: bytes, limits: Limits, ocr: str | None = None, passwords: Sequence[str] = ()) -> Extracted:
    """Return the text of the pages, joined by form feeds. A form feed within a page becomes a line break.

    Text is in the order of the page's drawing commands. This order follows columns, and tables row by row; each cell
    may be on a line of its own. pypdf's layout mode keeps the rows of tables on lines, but mixes the columns of a page.
    Ligatures become letters, and words that are hyphenated at a line end are joined. The values of form fields and the
    texts of annotations are lines at the end of their page. Text that an annotation strikes out, and text that is not
    seen, such as under a shape, is left out.

    Metadata: `author`, `subject`; `pages_without_text`, the numbers of the pages without text, or with hardly any that
    can be decoded; `undecodable`, the number of characters that the file's fonts do not map to text, each of which
    becomes U+FFFD; `page_labels`, the labels of the pages where they are not their numbers; `annotations_not_read`, the
    numbers of the pages whose form fields and annotations are damaged; `not_read`, how often text is
    struck out or not seen.

    :param ocr: the engine that will read the pages without text; they may be all pages then. None where there is none.
    :param passwords: tried on an encrypted file.
    :raises RejectedError: the file is no PDF, encrypted with another password or damaged, an XFA form, has no text on any page, or too many
        pages or characters.
    """
    reader = _opened(data, passwords)
    count = len(reader.pages)
    if count > limits.pages:
        raise RejectedError(f"too long: {count:,} pages; at most {limits.pages:,}")
    if not count:
        raise RejectedError("damaged: no pages")
    with own_decoding() as encodings, own_spaces(), own_scripts():
        drawn, added, unseen = _read(reader, count, limits)
    refuse_xfa(reader, drawn[0] if drawn else "")
    drawn = [_NO_TEXT.sub(UNDECODABLE, page) for page in cleaned(drawn)]
    undecodable = sum(text.count(UNDECODABLE) for text in chain(drawn, *(lines or () for lines in added)))
    drawn = ["" if _is_unreadable(page) else page for page in drawn]
    if ocr:  # a page whose fonts cannot be decoded is read by it
        undecodable = sum(text.count(UNDECODABLE) for text in chain(drawn, *(lines or () for lines in added)))
    pages = [_with_lines(page, lines or []) for page, lines in zip(drawn, added, strict=True)]
    if not ocr and not any(page.strip() for page in pages):
        raise RejectedError(_no_text(count, undecodable, encodings))
    info: Mapping[str, Any] = reader.metadata or {}
    facts = {
        **{name: value for name, key in _FIELDS.items() if (value := _plain(info.get(key))) not in _UNSET},
        "pages_without_text": _numbers(not page.strip() for page in drawn),
        "annotations_not_read": _numbers(lines is None for lines in added),
        "undecodable": undecodable,
        "page_labels": _labels(reader, count),
        "not_read": dict(unseen),
    }
    starts = tuple(accumulate((len(page) + 1 for page in pages[:-1]), initial=0))
    metadata = {name: value for name, value in facts.items() if value}
    return Extracted("\f".join(pages), real_title(_plain(info.get("/Title"))), starts, metadata)


def _opened(data: bytes, passwords: Sequence[str]) -> PdfReader:
    """Open a file, with its password where it is encrypted.

    The empty password is tried first; many files have it, in order to forbid printing.
    """
    if b"%PDF" not in data[:_HEADER_BYTES]:
        raise RejectedError(f"not a PDF file ({_beginning(data)})")
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not any(map(reader.decrypt, _spelled(passwords)))
    except DependencyError as error:
        raise RejectedError(
            "encrypted with AES, which is not read without the package `cryptography`: install it, or save a copy "
            "without a password"
        ) from error
    if locked:
        tried = f"none of the {len(passwords)} of load.passwords opens it" if passwords else "a password is needed"
        raise RejectedError(f"encrypted: {tried}; add it to load.passwords, or save a copy without one")
    return reader


def _spelled(passwords: Sequence[str]) -> Iterator[str | bytes]:
    """Yield the passwords as pypdf takes them, the empty one first. Newer files have them in UTF-8, older ones not."""
    yield ""
    for password in passwords:
        yield password
        if not password.isascii():
            yield unicodedata.normalize("NFKC", password).encode()


def _beginning(data: bytes) -> str:
    """Return how a file begins: its first tag or first words, else its first bytes as numbers."""
    first = data[:200].decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").partition("\n")[0]
    if not data.strip():
        return "it is empty"
    if not first or not first[:20].isprintable():
        return f"it begins with the bytes {data[:8].hex(' ')}"
    tag = re.match(r"<[^<>]{1,60}>", first)
    return f"it begins with {tag[0] if tag else first[:40].rstrip()}"


def _read(reader: PdfReader, count: int, limits: Limits) -> tuple[list[str], list[list[str] | None], Counter[str]]:
    """Return the text that is drawn on each page, and the lines for its fields and annotations, and how often text is not read."""
    added: list[list[str] | None] = []
    unseen: Counter[str] = Counter()

    def pages() -> Iterator[PageText]:
        total = 0
        for number in range(count):
            with _forgotten_streams(reader):
                page, text = _page(reader, number, count)
                lines = _lines(page, text.plain)
            total += len(text.plain) + sum(len(line) + 1 for line in lines or ()) + 1
            if total > limits.characters:
                raise RejectedError(f"too long: over {limits.characters:,} characters by page {number + 1} of {count}")
            unseen.update(text.unseen)
            added.append(lines)
            yield text

    return list(with_tables(pages())), added, unseen


@contextmanager
def _forgotten_streams(reader: PdfReader) -> Iterator[None]:
    """Let pypdf forget the streams that it reads meanwhile, such as the content of a page and its pictures.

    Streams that hold other objects are needed again.
    """
    known = len(reader.resolved_objects)
    yield
    for key, value in list(islice(reader.resolved_objects.items(), known, None)):
        if isinstance(value, StreamObject) and value.get("/Type") != "/ObjStm":
            del reader.resolved_objects[key]


def _page(reader: PdfReader, number: int, count: int) -> tuple[PageObject, PageText]:
    try:
        page = reader.pages[number]
        return page, page_text(page)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise RejectedError(f"damaged: page {number + 1} of {count}: {type(error).__name__}: {error}") from error


def _lines(page: PageObject, text: str) -> list[str] | None:
    """Return the lines for the fields and annotations of a page; None where these are damaged."""
    try:
        return [_NO_TEXT.sub(UNDECODABLE, line) for line in lines_of(page, text)]
    except (MemoryError, RecursionError):
        raise
    except Exception:  # pypdf raises errors of many types; the text of the page is read all the same
        return None


def _with_lines(page: str, lines: Sequence[str]) -> str:
    return "\n".join([page, *lines] if page else lines)


def _numbers(are_meant: Iterable[bool]) -> list[int]:
    """Return the numbers of the pages for which a fact holds."""
    return [number for number, is_meant in enumerate(are_meant, start=1) if is_meant]


def _is_unreadable(page: str) -> bool:
    """Tell whether most characters of a page cannot be decoded. What is left of its words is no text."""
    bad = page.count(UNDECODABLE)
    return bad > 0 and 2 * bad > len(_SPACE.sub("", page))


def _no_text(count: int, undecodable: int, encodings: Set[str]) -> str:
    """Return why a file without text is rejected."""
    if not undecodable:
        return f"no text on {count} of {count} pages (scanned?)"
    named = ", ".join(sorted(encodings)[:5])[:200]
    why = f"; the encoding {named} is not read" if named else ""
    return f"no text that can be read on {count} of {count} pages: fonts have no map to text for {undecodable:,} characters{why}"


def _labels(reader: PdfReader, count: int) -> list[str]:
    """Return the label of each page, such as iv or A-3; none where the labels are the numbers, or cannot be read."""
    try:
        labels = [_plain(label) for label in reader.page_labels]
    except (MemoryError, RecursionError):
        raise
    except Exception:  # pypdf raises errors of many types for labels that it cannot read
        return []
    return labels if labels != [str(number) for number in range(1, count + 1)] else []


def _plain(value: object) -> str:
    """Return a field of the file's information on one line; empty where it is not text."""
    return _NO_TEXT.sub(UNDECODABLE, string(value)) if isinstance(value, str) else ""
