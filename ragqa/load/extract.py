"""The bytes of one file -> its text, by the module that knows the format. It runs in the sandbox.

Whatever a module gives, what leaves here can be stored: text without halves of surrogate pairs, metadata that are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.extracted import Extracted, Limits

HTML = "text/html"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PLAIN, MARKDOWN = "text/plain", "text/markdown"
CSV, TSV, JSON_LINES = "text/csv", "text/tab-separated-values", "application/jsonl"

_BINARY = {PDF: "ragqa.load.pdf", DOCX: "ragqa.load.docx"}
"""The module whose `extract(data, limits)` reads a type; imported when first needed."""

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_BYTES = 1024
"""How far into a page its charset may be declared (HTML standard, section 4.2.5.4)."""
_VISIBLE = re.compile(r"[^\s\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TITLE_CHARACTERS = 1000
"""What is longer is no title, and is left out."""
_METADATA_BYTES = 1 << 20
_RATIO_FROM_CHARACTERS = 1 << 20


def extract(data: bytes, *, media_type: str, limits: dict[str, Any], text_field: str | None = None) -> Extracted:
    """Return the text of a file.

    :param limits: the fields of `Limits`.
    :param text_field: of JSON lines, the field that holds the text.
    :raises RejectedError: with the reason: binary, in an unclear encoding, damaged, without text, too long.
    """
    bounds = Limits(**limits)
    found = _read(data, media_type, bounds, text_field)
    if not _VISIBLE.search(found.text):
        raise RejectedError("no text: only white space")
    length = len(found.text)
    if length > bounds.characters:
        raise RejectedError(f"too long: {length:,} characters; at most {bounds.characters:,}")
    if length > max(_RATIO_FROM_CHARACTERS, bounds.text_ratio * len(data)):
        raise RejectedError(
            f"{length:,} characters from {len(data):,} bytes; at most {bounds.text_ratio} for each: a bomb?"
        )
    return _storable(found)


def _read(data: bytes, media_type: str, limits: Limits, text_field: str | None) -> Extracted:
    if media_type in _BINARY:
        read: Callable[[bytes, Limits], Extracted] = import_module(_BINARY[media_type]).extract
        return read(data, limits)
    from ragqa.load.decode import decode

    charset = _CHARSET.search(data[:_CHARSET_BYTES]) if media_type == HTML else None
    text, encoding = decode(data, charset.group(1).decode("ascii", "ignore") if charset else None)
    return replace(_from_text(text, media_type, text_field), encoding=encoding)


def _from_text(text: str, media_type: str, text_field: str | None) -> Extracted:
    if media_type == HTML:
        from ragqa.load import html

        return html.extract(text.encode())
    if media_type in (CSV, TSV, JSON_LINES):
        from ragqa.load import table

        if media_type == JSON_LINES:
            return table.json_lines(text, text_field)
        return table.separated(text, ",;" if media_type == CSV else "\t")
    if media_type == MARKDOWN:
        from ragqa.load.text import markdown

        return markdown(text)
    return Extracted(text)


def _storable(found: Extracted) -> Extracted:
    """Return the same with what no index can store replaced, or left out by name."""
    title = found.title if len(found.title) <= _TITLE_CHARACTERS else ""
    return replace(
        found,
        text=_SURROGATE.sub("\ufffd", found.text),
        title=_SURROGATE.sub("\ufffd", title),
        metadata=_plain(found.metadata),
    )


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata whose names and values are JSON that can be stored; the others are named."""
    kept: dict[str, Any] = {}
    left_out = []
    for name, value in metadata.items():
        try:
            size = len(json.dumps({name: value}, allow_nan=False, ensure_ascii=False).encode())
        except (TypeError, ValueError, OverflowError, RecursionError):  # UnicodeEncodeError is a ValueError
            size = _METADATA_BYTES + 1
        if size > _METADATA_BYTES:
            left_out.append(name[:80].encode("ascii", "backslashreplace").decode())
        else:
            kept[name] = value
    return kept | ({"metadata_error": f"cannot be stored: {', '.join(left_out)[:1000]}"} if left_out else {})
