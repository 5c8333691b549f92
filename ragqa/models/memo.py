"""What was found out about a file or a text once, kept in the cache: a help, never needed and never trusted blindly.

A memo that is empty, damaged or of another shape counts as none; one that cannot be written is not written.
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
    """Return what was kept under a key; None where nothing was, or it cannot be read."""
    try:
        kept = json.loads(read_regular(_path(kind, key), _MOST_BYTES))
        value = kept["value"]
        return value if kept["check"] == _check(kind, key, value) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep(kind: str, key: str, value: Any) -> None:
    """Keep a value that JSON can hold, where the cache can be written."""
    path = _path(kind, key)
    scratch = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps({"value": value, "check": _check(kind, key, value)}), encoding="utf-8")
        scratch.replace(path)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """Return `file_sha256`, kept by the file's place, size, inode and times of change."""
    key = stamp(path)
    known = recall("hashes", key)
    if isinstance(known, str) and len(known) == 64:
        return known
    digest = file_sha256(path)
    if stamp(path) == key:  # it did not change meanwhile
        keep("hashes", key, digest)
    return digest


def has_sha256(path: Path, sha256: str, full: bool = False) -> bool:
    """Tell whether a file has this SHA-256; `full` believes no memo, and a memo alone calls no file another one."""
    return (not full and remembered_sha256(path) == sha256) or file_sha256(path) == sha256


def remember_sha256(path: Path, digest: str) -> None:
    """Keep the SHA-256 of a file that was found out elsewhere."""
    keep("hashes", stamp(path), digest)


def stamp(path: Path) -> str:
    """Return what changes whenever a file does: its place, size, inode and times of change."""
    status = path.stat()
    changes = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return json.dumps([str(path.resolve()), *changes])


def _path(kind: str, key: str) -> Path:
    return cache_dir() / kind / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _check(kind: str, key: str, value: Any) -> str:
    return hashlib.sha256(json.dumps([kind, key, value]).encode()).hexdigest()
