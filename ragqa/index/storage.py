"""Files that survive a power cut: hashed while they are written, synced before anything names them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from ragqa.errors import ResourceError

SCRATCH = ".writing.tmp"
"""There is one writer, so there is one file that is being written."""

_BLOCK = 1 << 20
_hashes: dict[tuple[int, ...], str] = {}


def reached(point: str) -> None:
    """Mark a named point of a commit. It does nothing; the trials in tests/torture end the process here."""


def write_hashed(folder: Path, suffix: str, parts: Iterable[bytes]) -> str:
    """Write bytes to a file named by their SHA-256, and return that name without the suffix.

    Our own writer, not `faiss.write_index`, which reports success on a full disk.

    :raises ResourceError: the disk is full; no file is left.
    """
    digest = hashlib.sha256()
    scratch = folder / SCRATCH
    try:
        with scratch.open("wb") as stream:
            for part in parts:
                stream.write(part)
                digest.update(part)
            reached("file written")
            _sync(stream)
        reached("file synced")
        scratch.replace(folder / f"{digest.hexdigest()}{suffix}")
        reached("file renamed")
        sync_folder(folder)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise ResourceError(f"cannot write to {folder}: {error.strerror}; index unchanged") from error
    reached("file named")
    return digest.hexdigest()


def replace(target: Path, data: bytes) -> None:
    """Replace a small file as a whole: after a crash it holds the old bytes or the new ones."""
    scratch = target.with_name(f".{target.name}.tmp")
    try:
        with scratch.open("wb") as stream:
            stream.write(data)
            _sync(stream)
        scratch.replace(target)
        sync_folder(target.parent)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(handle: int) -> str:
    """Return the SHA-256 of an open file; a file that did not change since is not read twice by one process."""
    status = os.fstat(handle)
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key not in _hashes:
        digest, offset = hashlib.sha256(), 0
        while block := os.pread(handle, _BLOCK, offset):
            digest.update(block)
            offset += len(block)
        _hashes[key] = digest.hexdigest()
    return _hashes[key]


def _sync(stream: IO[bytes]) -> None:
    stream.flush()
    os.fsync(stream.fileno())
