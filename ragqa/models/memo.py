"""Memos: results about a file or a text, kept in the cache to save time. A missing memo changes no result.

A memo that is empty, damaged or of another shape is ignored. If a memo cannot be written, no error is raised.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ragqa.files import read_regular
from ragqa.models.cache import cache_dir

_MOST_BYTES = 1_000_000


def recall(kind: str, key: str) -> Any:
    """Return the value kept under a key; None if there is none, or it cannot be read."""
    try:
        kept = json.loads(read_regular(_path(kind, key), _MOST_BYTES))
        value = kept["value"]
        return value if kept["check"] == _check(kind, key, value) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep(kind: str, key: str, value: Any) -> None:
    """Keep a value that JSON can hold, if the cache can be written."""
    path = _path(kind, key)
    scratch = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps({"value": value, "check": _check(kind, key, value)}), encoding="utf-8")
        scratch.replace(path)


def keep_newest(kind: str, most: int) -> None:
    """Remove the oldest memos of a kind where there are more than `most`; a tenth more, so that this is rare."""
    folder = cache_dir() / kind
    with contextlib.suppress(OSError):
        if len(os.listdir(folder)) > most:
            kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for path in kept[: len(kept) - most + most // 10]:
                path.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """Return `file_sha256`, from a memo if the file's path, size, inode and times of change are the same."""
    key = stamp(path)
    known = recall("hashes", key)
    if isinstance(known, str) and len(known) == 64:
        return known
    digest = file_sha256(path)
    if stamp(path) == key:  # the file did not change while it was read
        keep("hashes", key, digest)
    return digest


def has_sha256(path: Path, sha256: str, full: bool = False) -> bool:
    """Tell whether a file has this SHA-256.

    With `full`, no memo is used. A memo with another SHA-256 is not enough for False: the file is then read.
    """
    return (not full and remembered_sha256(path) == sha256) or file_sha256(path) == sha256


def remember_sha256(path: Path, digest: str) -> None:
    """Keep the SHA-256 of a file that the caller has computed."""
    keep("hashes", stamp(path), digest)


def stamp(path: Path) -> str:
    """Return a key that changes whenever the file changes: its path, size, inode and times of change."""
    status = path.stat()
    changes = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return json.dumps([str(path.resolve()), *changes])


def _path(kind: str, key: str) -> Path:
    return cache_dir() / kind / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _check(kind: str, key: str, value: Any) -> str:
    return hashlib.sha256(json.dumps([kind, key, value]).encode()).hexdigest()
