"""Every change of a file by an index, seen before it is made: those of SQLite through a VFS, ours through `durable.disk`.

The VFS is that of the platform with `xOpen`, `xDelete` and, in each file's methods, `xWrite`, `xTruncate` and `xSync`
replaced (https://sqlite.org/vfs.html). The log's index (`-shm`) is memory that SQLite rebuilds, so it is left out.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ragqa.index import durable

SQLITE_FULL = 13
SQLITE_IOERR_FSYNC = 1034
_OPEN_CREATE = 0x4
_NAME = b"ragqa-trial"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `create`, `write`, `truncate`, `sync`, `rename`, `remove` or `sync_folder`.

    `at` is the offset of a write or the length after a truncation; `data` the bytes of a write; `new` the new name.
    """

    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    new: str = ""


Before = Callable[[Change], bool]
"""Called before each change; False lets it fail as on a full disk."""

_Pointer = ctypes.c_void_p
_Open = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, _Pointer, ctypes.c_int, _Pointer)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, ctypes.c_int)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_int), ("file_size", ctypes.c_int), ("most_path", ctypes.c_int), ("next", _Pointer),
        ("name", ctypes.c_char_p), ("app_data", _Pointer), ("open", _Pointer), ("delete", _Pointer),
        ("others", _Pointer * 14),
    ]  # fmt: skip


class _Methods(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_int), ("close", _Pointer), ("read", _Pointer), ("write", _Pointer),
        ("truncate", _Pointer), ("sync", _Pointer), ("others", _Pointer * 13),
    ]  # fmt: skip


def is_possible() -> bool:
    """Tell whether the SQLite of this Python can be reached: not where it is linked in without its names."""
    return hasattr(_library(), "sqlite3_vfs_find")


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(_sqlite3.__file__)


class _Watcher:
    """The VFS: asks `before` about each change of a database file or its log."""

    def __init__(self, before: Before) -> None:
        self._before = before
        self._library = _library()
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
        self._usual = self._library.sqlite3_vfs_find(None)
        self._vfs = _Vfs.from_buffer_copy(self._usual.contents)
        self._paths: dict[int, str] = {}
        self._methods: dict[int, tuple[_Methods, list[Any]]] = {}
        self._callbacks = (_Open(self._open), _Delete(self._delete))
        self._vfs.name = _NAME
        self._vfs.open, self._vfs.delete = (ctypes.cast(function, _Pointer).value for function in self._callbacks)

    def install(self) -> None:
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def uninstall(self) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._usual, 1)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        if path and flags & _OPEN_CREATE and not os.path.exists(path) and not self._before(Change("create", path)):
            return SQLITE_FULL
        code = int(_Open(self._usual.contents.open)(ctypes.addressof(self._usual.contents), name, file, flags, out))
        if code == 0 and path:
            self._paths[file] = path
            pointer = ctypes.cast(file, ctypes.POINTER(_Pointer))
            assert pointer.contents.value is not None
            pointer.contents.value = self._watched(pointer.contents.value)
        return code

    def _delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        self._before(Change("remove", name.decode()))
        code = int(_Delete(self._usual.contents.delete)(ctypes.addressof(self._usual.contents), name, sync_folder))
        if sync_folder:
            self._before(Change("sync_folder", os.path.dirname(name.decode())))
        return code

    def _watched(self, address: int) -> int:
        """Return the address of a file's methods with ours among them; made once for each kind of file."""
        if address not in self._methods:
            usual = _Methods.from_address(address)
            methods = _Methods.from_buffer_copy(usual)
            ours = [
                _Write(lambda f, data, n, at: self._write(usual, f, data, n, at)),
                _Truncate(lambda f, size: self._truncate(usual, f, size)),
                _Sync(lambda f, flags: self._sync(usual, f, flags)),
            ]
            methods.write, methods.truncate, methods.sync = (ctypes.cast(each, _Pointer).value for each in ours)
            self._methods[address] = (methods, ours)
        return ctypes.addressof(self._methods[address][0])

    def _write(self, usual: _Methods, file: int, data: int, n: int, at: int) -> int:
        if not self._before(Change("write", self._paths[file], at, ctypes.string_at(data, n))):
            return SQLITE_FULL
        return int(_Write(usual.write)(file, data, n, at))

    def _truncate(self, usual: _Methods, file: int, size: int) -> int:
        self._before(Change("truncate", self._paths[file], size))
        return int(_Truncate(usual.truncate)(file, size))

    def _sync(self, usual: _Methods, file: int, flags: int) -> int:
        if not self._before(Change("sync", self._paths[file])):
            return SQLITE_IOERR_FSYNC
        return int(_Sync(usual.sync)(file, flags))


class _WatchedDisk(durable.Disk):
    def __init__(self, before: Before) -> None:
        self._before = before

    def _ask(self, change: Change) -> None:
        if not self._before(change):
            code = errno.EIO if change.kind == "sync" else errno.ENOSPC
            raise OSError(code, os.strerror(code), change.path)

    def create(self, path: Path) -> IO[bytes]:
        self._ask(Change("create", str(path)))
        return super().create(path)

    def write(self, stream: IO[bytes], data: bytes) -> None:
        self._ask(Change("write", stream.name, stream.tell(), data))
        super().write(stream, data)

    def sync(self, stream: IO[bytes]) -> None:
        self._ask(Change("sync", str(stream.name)))
        super().sync(stream)

    def rename(self, old: Path, new: Path) -> None:
        self._before(Change("rename", str(old), new=str(new)))
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        if path.exists():
            self._before(Change("remove", str(path)))
        super().remove(path)

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self._before(Change("sync_folder", str(folder)))


@contextmanager
def watched(before: Before) -> Iterator[None]:
    """Ask about every change that an index makes to a file within the block.

    `create`, `write` and `sync` can be refused.
    """
    watcher, usual = _Watcher(before), durable.disk
    watcher.install()
    durable.disk = _WatchedDisk(before)
    try:
        yield
    finally:
        durable.disk = usual
        watcher.uninstall()
