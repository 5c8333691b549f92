"""ZIP archives -> the files inside. It runs in the sandbox; nothing is unpacked before it is read."""

from __future__ import annotations

import contextlib
import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.member import Member, skipped

_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_AES = 99
"""The method of a file that is encrypted by AES; how it is packed is said elsewhere."""
_PIECE = 1 << 18
"""The bytes that are unpacked at once, so that no more than the declared size is held."""
_METHODS = {
    zipfile.ZIP_STORED: "",
    zipfile.ZIP_DEFLATED: "",
    zipfile.ZIP_BZIP2: "",
    zipfile.ZIP_LZMA: "",
    9: "Deflate64",
    93: "Zstandard",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
}
"""The methods of packing: no name for those that are read, a name for others."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_DRIVE = re.compile("[A-Za-z]:")
# What zipfile raises over damaged bytes: a wrong offset or name is a ValueError, an encoding that is unknown a
# LookupError.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, NotImplementedError, ValueError,
    LookupError, RuntimeError, OverflowError,
)  # fmt: skip


def members(data: bytes, limits: Limits, passwords: Sequence[str] = ()) -> list[Member]:
    """Return the files in an archive, in its order.

    Hidden files, those of hidden folders and what macOS adds (`__MACOSX`) are left out. A file whose name leads out of
    the archive, or that is packed by a method that is not read, is refused by its name, and a link is skipped.

    :param passwords: tried on each file that is encrypted, by AES or in the old way of ZIP.
    :raises RejectedError: it is no ZIP archive, or is made to unpack to far more than its size.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except _DAMAGED as error:
        raise RejectedError(f"not a ZIP archive, or a damaged one: {error}") from error
    _refuse_bomb(sum(entry.file_size for entry in entries), len(data), limits)
    named = ((entry, _name(entry)) for entry in entries if not entry.filename.endswith(("/", "\\")))
    locked = _Locked(data, passwords)
    return [_member(archive, entry, name, locked) for entry, name in named if not _is_left_out(name)]


def _refuse_bomb(declared: int, packed: int, limits: Limits) -> None:
    if declared > limits.unpacked_bytes:
        raise RejectedError(
            f"unpacked, it has {declared >> 20:,} MiB; at most {limits.unpacked_bytes >> 20:,}: a bomb?"
        )
    if declared > max(limits.zip_bytes, limits.zip_ratio * packed):
        raise RejectedError(
            f"unpacked, it has {declared / packed:,.0f} times its size; at most {limits.zip_ratio}: a bomb?"
        )


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the path of a file with `/` between parts. A name that is UTF-8 and not marked as such is read as UTF-8."""
    name = entry.filename
    if not entry.flag_bits & _UTF8_NAME:
        with contextlib.suppress(UnicodeError):  # else it is in the old encoding of DOS, as the format says
            name = name.encode("cp437").decode("utf-8")
    return _CONTROL.sub("_", name.replace("\\", "/")).encode("utf-8", "replace").decode()


def _is_left_out(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == "__MACOSX" or any(part[:1] == "." and part not in (".", "..") for part in parts)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, locked: _Locked) -> Member:
    if name.startswith("/") or _DRIVE.match(name) or any(part in ("", ".", "..") for part in name.split("/")):
        return Member(name, reason="its name leads out of the archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return skipped(name, "symbolic link: not followed")
    encrypted = bool(entry.flag_bits & _ENCRYPTED)
    by_aes = encrypted and entry.compress_type == _AES
    if method := "" if by_aes else _METHODS.get(entry.compress_type, f"method {entry.compress_type}"):
        return Member(name, reason=f"packed by {method}, which is not read: unpack it")
    if encrypted:
        return Member(name, partial(locked.read, entry), entry.file_size)
    return Member(name, partial(_read, archive, entry), entry.file_size)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a file, at most those that the archive declares.

    :raises RejectedError: they are damaged.
    """
    pieces = []
    try:
        with archive.open(entry) as stream:
            while piece := stream.read(_PIECE):
                pieces.append(piece)
        return b"".join(pieces)
    except _DAMAGED as error:
        raise RejectedError(f"damaged in its archive: {error}") from error


class _Locked:
    """The encrypted files of an archive. The archive is opened by pyzipper when the first of them is read."""

    def __init__(self, data: bytes, passwords: Sequence[str]) -> None:
        self._data, self._passwords = data, passwords
        self._archive: Any = None
        self._entries: dict[int, Any] = {}

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        """Return the bytes of a file, at most those that the archive declares.

        :raises RejectedError: none of the passwords opens it, or it is damaged.
        """
        import pyzipper

        try:
            if self._archive is None and self._passwords:
                self._archive = pyzipper.AESZipFile(io.BytesIO(self._data))
                self._entries = {each.header_offset: each for each in self._archive.infolist()}
        except (*_DAMAGED, pyzipper.BadZipFile) as error:
            raise RejectedError(f"damaged in its archive: {error}") from error
        for password in self._passwords:
            # A wrong password shows at the beginning, or by the checksum at the end.
            with contextlib.suppress(*_DAMAGED, pyzipper.BadZipFile):
                return self._unpacked(self._entries[entry.header_offset], password.encode())
        tried = (
            f"none of the {len(self._passwords)} of load.passwords opens it"
            if self._passwords
            else "a password is needed"
        )
        raise RejectedError(f"encrypted: {tried}; add it to load.passwords, or unpack it")

    def _unpacked(self, entry: Any, password: bytes) -> bytes:
        """Return the bytes of a file; no more of them are read than the archive declares, and no password fits one with more."""
        with self._archive.open(entry, pwd=password) as stream:
            pieces = []
            left = entry.file_size
            while piece := stream.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise ValueError("more bytes than declared")
                pieces.append(piece)
        return b"".join(pieces)
