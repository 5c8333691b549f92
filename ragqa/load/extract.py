"""The bytes of one file -> its text, by the function of its format. This module runs in the sandbox.

Every result can be stored: its text has no halves of surrogate pairs, and its metadata are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.formats import Format, builtin_format
from ragqa.load.pointer import refuse_pointer
from ragqa.records import Extracted

_VISIBLE = re.compile(r"[^\s\ufeff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_TITLE_CHARACTERS = 1000
"""The most characters of a title; a longer one is left out."""
_METADATA_BYTES = 1 << 20
_RATIO_FROM_CHARACTERS = 1 << 20


def extract(
    data: bytes, *, media_type: str, limits: dict[str, Any], options: Mapping[str, Any] | None = None
) -> Extracted:
    """Return the text of a file.

    :param media_type: of a built-in format.
    :param limits: the fields of `Limits`.
    :param options: keywords of the format's function, such as `text_field` of JSON lines.
    :raises RejectedError: the file is a pointer to another one, binary, in an unclear encoding, damaged, without text,
        or too long; the message gives the reason.
    """
    bounds = Limits(**limits)
    refuse_pointer(data)
    given = options or {}
    extracted = _read(data, builtin_format(media_type), bounds, given)
    return checked(extracted, len(data), bounds, may_be_blank=bool(given.get("ocr")))


def checked(extracted: Extracted, size: int, limits: Limits, *, may_be_blank: bool = False) -> Extracted:
    """Return the same extraction in a form that an index can store.

    Characters that cannot be stored are replaced. Metadata that cannot be stored are left out, and their names are
    listed.

    :param size: of the file, in bytes.
    :param may_be_blank: its pages will be read by OCR.
    :raises RejectedError: the text is blank, too long, or too long for the size of its file.
    """
    if not may_be_blank and not _VISIBLE.search(extracted.text):
        raise RejectedError("no text: only white space")
    length = len(extracted.text)
    if length > limits.characters:
        raise RejectedError(f"too long: {length:,} characters; at most {limits.characters:,}")
    if length > max(_RATIO_FROM_CHARACTERS, limits.text_ratio * size):
        raise RejectedError(f"{length:,} characters from {size:,} bytes; at most {limits.text_ratio} for each: a bomb?")
    return _storable(extracted)


def _read(data: bytes, record: Format, limits: Limits, options: Mapping[str, Any]) -> Extracted:
    module, _, name = record.function.partition(":")
    if record.reads == "bytes":
        from_bytes: Callable[..., Extracted] = getattr(import_module(module), name)
        return from_bytes(data, limits, **options)
    from ragqa.load.decode import decode

    text, encoding = decode(data)
    from_text: Callable[..., Extracted] = getattr(import_module(module), name)
    return replace(from_text(text, **options), encoding=encoding)


def _storable(extracted: Extracted) -> Extracted:
    """Return the same extraction; characters that no index can store are replaced, and such metadata are left out."""
    title = extracted.title if len(extracted.title) <= _TITLE_CHARACTERS else ""
    return replace(
        extracted,
        text=_UNSTORABLE.sub("\ufffd", extracted.text),
        title=_UNSTORABLE.sub("\ufffd", title),
        metadata=_plain(extracted.metadata),
    )


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata whose names and values are JSON that can be stored, and list the names of the others."""
    storable: dict[str, Any] = {}
    left_out = []
    for name, value in metadata.items():
        try:
            written = json.dumps({name: value}, allow_nan=False)
            if "\\u0000" in written:
                value = json.loads(written.replace("\\u0000", "\\ufffd"))[name]
            size = len(json.dumps({name: value}, ensure_ascii=False).encode())
        except (TypeError, ValueError, OverflowError, RecursionError):  # UnicodeEncodeError is a ValueError
            size = _METADATA_BYTES + 1
        if size > _METADATA_BYTES:
            left_out.append(name[:80].encode("ascii", "backslashreplace").decode())
        else:
            storable[name] = value
    return storable | ({"metadata_error": f"cannot be stored: {', '.join(left_out)[:1000]}"} if left_out else {})
