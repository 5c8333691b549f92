"""Compressed RTF ([MS-OXRTFCP]), which Outlook keeps as the body of some mails -> its text.

RTF that holds a page in HTML or a plain text ([MS-OXRTFEX]) is the page or the text; of other RTF, the words are read.
"""

from __future__ import annotations

import re
import struct

from ragqa.errors import RejectedError
from ragqa.load.mail.charset import known

_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbol"
    rb"ArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n" + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_SIZE = 4096
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_UNSEEN = frozenset(
    b"fonttbl colortbl stylesheet info pict object themedata datastore listtable listoverridetable rsidtbl generator "
    b"header footer headerl headerr footerl footerr xmlnstbl fldinst".split()
)
_SPECIAL = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t", b"lquote": "‘",
    b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"endash": "–", b"emdash": "—",
}  # fmt: skip


def decompressed(data: bytes, most: int) -> bytes:
    """Return the RTF in a compressed stream.

    :param most: the most bytes that it may have.
    :raises RejectedError: the stream is damaged, or too long.
    """
    if len(data) < 16:
        raise RejectedError("damaged: compressed RTF without a header")
    _, size, magic = struct.unpack_from("<III", data)
    if size > most:
        raise RejectedError(f"too long: {size:,} bytes of RTF; at most {most:,}")
    if magic == 0x414C454D:  # "MELA": not compressed
        return data[16 : 16 + size]
    if magic != 0x75465A4C:  # "LZFu"
        raise RejectedError("damaged: compressed RTF of an unknown kind")
    return _expanded(memoryview(data)[16:], size)


def _expanded(data: memoryview, size: int) -> bytes:
    """Expand groups of eight items, of which a byte says whether each is a letter or a reference to earlier text."""
    window = bytearray(_DICTIONARY.ljust(_SIZE, b"\0"))
    at, out, position = len(_DICTIONARY), bytearray(), 0
    while position < len(data) and len(out) < size:
        flags = data[position]
        position += 1
        for bit in range(8):
            if not flags >> bit & 1:
                if position >= len(data):
                    return bytes(out[:size])
                piece = data[position : position + 1].tobytes()
                position += 1
            else:
                if position + 1 >= len(data):
                    return bytes(out[:size])
                reference = data[position] << 8 | data[position + 1]
                position += 2
                offset, length = reference >> 4, (reference & 0xF) + 2
                if offset == at:  # the mark of the end
                    return bytes(out[:size])
                piece = b""
                for step in range(length):
                    letter = window[(offset + step) % _SIZE]
                    out.append(letter)
                    window[at] = letter
                    at = (at + 1) % _SIZE
                continue
            out += piece
            window[at] = piece[0]
            at = (at + 1) % _SIZE
    return bytes(out[:size])


def text_in(rtf: bytes) -> tuple[str, bool]:
    """Return the text in RTF, and whether it is HTML."""
    html = b"\\fromhtml" in rtf[:2000]
    return _Reader(html).read(rtf), html


class _Reader:
    """Reads RTF token by token. `_skip` and `_markup` are the states of the present group."""

    def __init__(self, html: bool) -> None:
        self._html = html
        self._out: list[str] = []
        self._bytes = bytearray()
        self._charset = "cp1252"
        self._stack: list[tuple[bool, bool, int]] = []
        self._skip, self._markup, self._after_unicode = False, False, 1
        self._hidden = False  # text that only repeats in RTF what the HTML says
        self._to_skip = 0

    def read(self, rtf: bytes) -> str:
        """Return the text."""
        starred = False
        for word, number, code, symbol, brace, text in (match.groups() for match in _TOKEN.finditer(rtf)):
            if brace:
                self._brace(brace)
            elif word:
                self._word(word, None if number is None else int(number), starred)
            elif code:
                self._letters(bytes.fromhex(code.decode()))
            elif symbol == b"*":
                starred = True
                continue
            elif symbol:
                self._letters({b"~": b" ", b"_": b"-", b"-": b"", b"\n": b"\n", b"\r": b"\n"}.get(symbol, symbol))
            elif text:
                self._letters(text)
            starred = False
        self._flush()
        return "".join(self._out)

    def _brace(self, brace: bytes) -> None:
        self._to_skip = 0
        if brace == b"{":
            self._stack.append((self._skip, self._markup, self._after_unicode))
        elif self._stack:
            self._skip, self._markup, self._after_unicode = self._stack.pop()

    def _word(self, word: bytes, number: int | None, starred: bool) -> None:
        if word == b"htmltag" and starred:
            self._markup = True
        elif word == b"htmlrtf":
            self._hidden = number != 0
        elif starred or word in _UNSEEN:
            self._skip = True
        elif word == b"ansicpg" and number:
            self._flush()
            self._charset = known(f"cp{number}")
        elif word == b"uc" and number is not None:
            self._after_unicode = number
        elif word == b"u" and number is not None:
            self._add(chr(number % 0x10000))
            self._to_skip = self._after_unicode
        elif special := _SPECIAL.get(word):
            self._add(special)

    def _letters(self, data: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        if data and self._is_shown:
            self._bytes += data

    def _add(self, text: str) -> None:
        self._to_skip = 0
        if self._is_shown:
            self._flush()
            self._out.append(text)

    @property
    def _is_shown(self) -> bool:
        return not (self._skip or (self._html and self._hidden and not self._markup))

    def _flush(self) -> None:
        if self._bytes:
            self._out.append(self._bytes.decode(self._charset, "replace"))
            self._bytes.clear()
