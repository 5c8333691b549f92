"""bytes -> text. The encoding comes from the first of these that applies: the byte-order mark, strict UTF-8, the
encoding that the file declares, a confident guess.

The text, encoded again, gives exactly the bytes of the file. No character is ever replaced.
"""

from __future__ import annotations

import codecs
import re

from ragqa.errors import RejectedError
from ragqa.load.formats import BINARY
from ragqa.load.guess import guess

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_SHARE = 0.01
_NUL_SHARE = 0.25
_ADVICE = "convert the file to UTF-8"


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Return the text of `data` and its encoding: `text.encode(encoding) == data`. A byte-order mark is kept as U+FEFF.

    :param declared: the encoding that the file itself names; used where the data have no byte-order mark and are not
        UTF-8.
    :raises RejectedError: the content is binary, or its encoding is not certain enough.
    """
    text, encoding = _decoded(data, declared)
    controls = sum(1 for _ in _CONTROL.finditer(text))
    if "\0" in text or controls > _CONTROL_SHARE * len(text):
        raise RejectedError(f"{BINARY}: {controls:,} control characters among {len(text):,}")
    return text, encoding


def _decoded(data: bytes, declared: str | None) -> tuple[str, str]:
    """Return the text and its encoding, by the order at the top of this module."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data, encoding)
    if b"\0" in data:
        return _unmarked_utf16(data)
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _declared(data, declared) or _guessed(data)


def _marked(data: bytes, encoding: str) -> tuple[str, str]:
    """Read a text in the encoding of its byte-order mark."""
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        raise RejectedError(
            f"not {encoding}, which its byte-order mark says, at byte {error.start}: {_ADVICE}"
        ) from error


def _unmarked_utf16(data: bytes) -> tuple[str, str]:
    """Read UTF-16 without a byte-order mark.

    It is recognised by its NUL bytes: either the even or the odd bytes are often NUL, and the others never are.
    """
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        if data[first::2].count(0) >= _NUL_SHARE * (len(data) / 2) and not data[1 - first :: 2].count(0):
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError:
                break
    raise RejectedError(f"{BINARY}: a NUL at byte {data.index(0):,}")


def _declared(data: bytes, declared: str | None) -> tuple[str, str] | None:
    """Return the text in the declared encoding; None where that encoding is unknown or cannot decode every byte."""
    try:
        encoding = codecs.lookup(declared or "").name
        text = data.decode(encoding)
        text.encode("utf-8")  # some codecs of Python, such as raw_unicode_escape, give halves of surrogate pairs
        return (text, encoding) if text.encode(encoding) == data else None
    except (LookupError, UnicodeError):
        return None


def _guessed(data: bytes) -> tuple[str, str]:
    """Return the text in the encoding that `guess` finds; refuse a text for which it finds none."""
    encoding, likely = guess(data)
    if encoding is None:
        raise RejectedError(f"encoding unclear ({_likely(likely)}): {_ADVICE}")
    text = data.decode(encoding)
    if text.encode(encoding) != data:
        raise RejectedError(f"encoding unclear (best guess {encoding}, which does not fit every byte): {_ADVICE}")
    return text, encoding


def _likely(encodings: list[str]) -> str:
    return f"best guess {' or '.join(encodings[:3])}" if encodings else "no good guess"
