"""RTF -> text. It runs in the sandbox. The time is in proportion to the file.

The rules are those of the Rich Text Format Specification 1.9.1. No library is used: those of a free licence read hidden
and deleted text, lose tables, or take the code page of the file for every font.
"""

from __future__ import annotations

import re
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.rtf_flow import Block
from ragqa.load.rtf_reader import Reader
from ragqa.load.rtf_words import without_halves
from ragqa.load.titles import real_title
from ragqa.records import Extracted

_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\\rtf")
_PAGE_WORDS = frozenset((
    "page", "pages", "pg", "p", "seite", "seiten", "s", "página", "pagina", "pág", "pag", "blad", "sida", "side",
    "strona", "strana", "stránka", "str", "oldal", "sivu", "sayfa", "страница", "стр", "of", "von",
    "de", "di", "sur", "av", "z", "из", "第", "页", "頁", "ページ",
))  # fmt: skip
"""The words beside a page number."""


def extract(data: bytes, limits: Limits) -> Extracted:
    """Return paragraphs, tables with pipes, and items of lists with their marks.

    Tracked changes are read as if they were accepted. Notes, comments with their author, headers and footers without page
    numbers come at the end, each once. Metadata: `author`, `subject`, `keywords`; `headings`; `not_read`, a mapping of what
    is not in the text, such as pictures and hidden passages, to how often.

    :raises RejectedError: the file is not RTF, or its groups are nested too deeply.
    """
    if not _BEGINNING.match(data):
        raise RejectedError("not an RTF file: it does not begin with {\\rtf")
    reader = Reader(data)
    reader.read()
    body = reader.flows["body"].end()
    ends = [*reader.flows["notes"].end(), *reader.flows["comments"].end(), *_margins(reader.flows["margins"].end())]
    text: list[str] = []
    headings: list[list[int]] = []
    offset = 0
    for block in (*body, *ends):
        if block.level:
            headings.append([offset, block.level])
        text.append(block.text)
        offset += len(block.text) + 1
    fields = {name: " ".join(without_halves("".join(parts)).split()) for name, parts in reader.info.items()}
    first = next((" ".join(block.text.split()) for block in body if block.level), "")
    title = real_title(fields.pop("title", "")) or first
    counts = {kind: count for kind, count in reader.not_read.items() if count}
    metadata: dict[str, Any] = {name: value for name, value in fields.items() if value} | {"headings": headings}
    return Extracted("\n".join(text), title, metadata=metadata | ({"not_read": counts} if counts else {}))


def _margins(blocks: list[Block]) -> list[Block]:
    """Return the lines of headers and footers, each once, without page numbers and their labels."""
    lines = dict.fromkeys(block.text.strip() for block in blocks)
    kept = (line for line in lines if not _PAGE_WORDS.issuperset(re.findall(r"[^\W\d_]+", line.casefold())))
    return [Block(line) for line in kept]
