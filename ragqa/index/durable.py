"""Writes files so that they survive a power failure: they are hashed while written, and synced before renaming."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from ragqa import points
from ragqa.errors import ResourceError
from ragqa.index import place
from ragqa.stopping import StoppableLock

_BLOCK = 1 << 20
_hashes: dict[tuple[int, ...], str] = {}
_hashing = StoppableLock()
_MOST_HASHES = 1024
"""How many hashes are kept. An index has a few segments and one database, whose hash is another after each commit."""


class Disk:
    """All calls that change files.

    The tests in tests/torture replace it by an object that records calls or raises errors.
    """

    def create(self, path: Path) -> IO[bytes]:
        """Make a new file for writing. An existing file of that name is removed, and a link is not followed."""
        path.unlink(missing_ok=True)
        return open(path, "xb", opener=lambda name, flags: place.open_file(Path(name), flags))

    def write(self, stream: IO[bytes], data: bytes) -> None:
        """Append bytes to a file."""
        stream.write(data)

    def sync(self, stream: IO[bytes]) -> None:
        """Make the content of a file survive a power failure. After an error, sync is not tried again."""
        stream.flush()
        _sync(stream.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name. An existing file of that name is replaced."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it exists."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder survive a power failure."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            _sync(handle)
        finally:
            os.close(handle)


def _sync(handle: int) -> None:
    """Force a file to the disk.

    On macOS this takes `F_FULLFSYNC`, because `fsync` leaves data in the cache of the drive.
    """
    if hasattr(fcntl, "F_FULLFSYNC"):
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


disk = Disk()


def write_hashed(folder: Path, suffix: str, parts: Iterable[bytes]) -> str:
    """Write bytes to a file named by their SHA-256, and return that name without the suffix.

    `faiss.write_index` is not used here, because it reports success on a full disk.

    :raises ResourceError: the disk is full; no file is left.
    """
    digest = hashlib.sha256()
    scratch = folder / place.BEING_WRITTEN
    try:
        with disk.create(scratch) as stream:
            for part in parts:
                disk.write(stream, part)
                digest.update(part)
            points.reached("file written")
            disk.sync(stream)
        points.reached("file synced")
        # only now is the name known, since it is the hash of all bytes
        publish(scratch, folder / f"{digest.hexdigest()}{suffix}")
    except OSError as error:
        disk.remove(scratch)
        raise ResourceError(f"cannot write to {folder}: {error.strerror}; index unchanged") from error
    return digest.hexdigest()


def replace(target: Path, data: bytes) -> None:
    """Replace a small file atomically: after a crash it has either the old bytes or the new ones."""
    scratch = target.with_name(f".{target.name}.tmp")
    try:
        with disk.create(scratch) as stream:
            disk.write(stream, data)
            disk.sync(stream)
        publish(scratch, target)
    except OSError:
        disk.remove(scratch)
        raise


def publish(scratch: Path, target: Path) -> None:
    """Give a synced file its name, so that it has this name after a power failure too."""
    disk.rename(scratch, target)
    points.reached("file renamed")
    disk.sync_folder(target.parent)
    points.reached("file named")


def remove(path: Path) -> None:
    """Remove a file, so that it does not exist after a power failure either."""
    disk.remove(path)
    disk.sync_folder(path.parent)


def sha256(handle: int) -> str:
    """Return the SHA-256 of an open file. The process reads the file again only if its size or times have changed."""
    status = os.fstat(handle)
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if (known := _hashes.get(key)) is not None:
        return known
    with _hashing.held():  # threads that need the same hash wait for one that computes it
        if key not in _hashes:
            while len(_hashes) >= _MOST_HASHES:  # the oldest, such as those of earlier generations
                del _hashes[next(iter(_hashes))]
            _hashes[key] = _read_sha256(handle)
        return _hashes[key]


def _read_sha256(handle: int) -> str:
    digest, offset = hashlib.sha256(), 0
    while block := os.pread(handle, _BLOCK, offset):
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()
