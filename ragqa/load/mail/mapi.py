"""The properties of a mail that Outlook saved ([MS-OXMSG]): streams of an OLE file, read by olefile."""

from __future__ import annotations

import datetime
import io
import struct
from collections.abc import Iterator
from typing import Any

import olefile

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.mail.charset import known, text_of

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_UNICODE, _STRING, _BINARY, _TIME, _LONG, _BOOLEAN = 0x001F, 0x001E, 0x0102, 0x0040, 0x0003, 0x000B
_OBJECT = 0x000D
_CODEPAGE, _INTERNET_CODEPAGE = 0x3FFD, 0x3FDE
_HEADER_BYTES = {"top": 32, "inner": 24, "other": 8}
_CODEPAGES = {
    65001: "utf-8", 65000: "utf-7", 20127: "ascii", 20866: "koi8-r", 21866: "koi8-u", 50220: "iso2022_jp",
    50221: "iso2022_jp", 50222: "iso2022_jp", 50225: "iso2022_kr", 51932: "euc_jp", 51949: "euc_kr", 52936: "hz",
    54936: "gb18030",
}  # fmt: skip
_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)
# What olefile raises over damaged bytes.
_DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError, OverflowError)


class Store:
    """The streams of an OLE file.

    :raises RejectedError: it is none, or a damaged one.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        try:
            self._file: Any = olefile.OleFileIO(io.BytesIO(data))
            self._streams = {"/".join(path): path for path in self._file.listdir(streams=True, storages=False)}
        except _DAMAGED as error:
            raise RejectedError(f"not an Outlook message, or a damaged one: {error}") from error

    def stream(self, name: str) -> bytes | None:
        """Return the bytes of a stream; None where there is none.

        :raises RejectedError: it is damaged.
        """
        path = self._streams.get(name)
        if path is None:
            return None
        try:
            data: bytes = self._file.openstream(path).read()
        except _DAMAGED as error:
            raise RejectedError(f"damaged: {name.rpartition('/')[2]}: {error}") from error
        return data

    def storages(self, place: str, beginning: str) -> list[str]:
        """Return the paths of the storages in a place whose names begin so, sorted."""
        found = {
            place + name[len(place) :].partition("/")[0] + "/"
            for name in self._streams
            if name.startswith(place + beginning) and "/" in name[len(place) :]
        }
        return sorted(found)


class Properties:
    """The properties of a message, a recipient or an attachment.

    :param place: its storage, with a slash at its end; empty for the message of the file.
    :param charset: of texts that are not Unicode; None where these properties say it themselves.
    """

    def __init__(self, store: Store, place: str, kind: str, charset: str | None = None) -> None:
        self._store, self.place = store, place
        self._fixed = dict(self._entries(store.stream(f"{place}__properties_version1.0") or b"", _HEADER_BYTES[kind]))
        self.charset = charset or self._charset(_CODEPAGE)

    @staticmethod
    def _entries(data: bytes, header: int) -> Iterator[tuple[int, bytes]]:
        for at in range(header, len(data) - 15, 16):
            (tag,) = struct.unpack_from("<I", data, at)
            yield tag, data[at + 8 : at + 16]

    def _charset(self, tag: int) -> str:
        number = self.number(tag)
        if number is None:
            return ""
        if 28591 <= number <= 28606:
            return f"iso8859-{number - 28590}"
        return _CODEPAGES.get(number, f"cp{number}")

    @property
    def internet_charset(self) -> str:
        """Return the charset of the HTML body."""
        return self._charset(_INTERNET_CODEPAGE) or self.charset

    def number(self, tag: int) -> int | None:
        """Return a whole number; None where there is none."""
        value = self._fixed.get(tag << 16 | _LONG) or self._fixed.get(tag << 16 | _BOOLEAN)
        return None if value is None else int.from_bytes(value[:4], "little", signed=True)

    def time(self, tag: int) -> datetime.datetime | None:
        """Return a time; None where there is none."""
        value = self._fixed.get(tag << 16 | _TIME)
        if value is None:
            return None
        try:
            return _EPOCH + datetime.timedelta(microseconds=int.from_bytes(value, "little") // 10)
        except OverflowError:
            return None

    def text(self, tag: int) -> str:
        """Return a text; empty where there is none."""
        if (data := self._stream(tag, _UNICODE)) is not None:
            text = data.decode("utf-16-le", "replace")
        elif (data := self._stream(tag, _STRING)) is not None:
            text = text_of(data, known(self.charset) if self.charset else "")[0]
        else:
            return ""
        return text.rstrip("\0")

    def data(self, tag: int) -> bytes | None:
        """Return bytes; None where there are none."""
        return self._stream(tag, _BINARY)

    def inner(self, tag: int) -> str | None:
        """Return the place of a message inside; None where there is none."""
        place = f"{self.place}__substg1.0_{tag:04X}{_OBJECT:04X}/"
        return place if self._store.stream(f"{place}__properties_version1.0") is not None else None

    def _stream(self, tag: int, kind: int) -> bytes | None:
        return self._store.stream(f"{self.place}__substg1.0_{tag:04X}{kind:04X}")
