"""One file that holds a whole index: to move it to another machine, to back it up, and to restore it.

It is a tar file: first `manifest.json` with the SHA-256 and the length of every other file, then the database and the
files of vectors. The database is a copy without free pages, so that nothing that was erased is in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ragqa.errors import IndexCorruptError, RefusedError, ResourceError, UsageError
from ragqa.index import connection, durable, lock, place, seal, tables
from ragqa.index.publication import Publisher, named_files

FORM = "ragqa index archive 1"
MANIFEST = "manifest.json"
MANIFEST_BYTES = 16 << 20
"""The most bytes of a manifest."""
_BLOCK = 1 << 20
_Files = dict[str, tuple[int, str]]
"""The length and the SHA-256 of each file by name."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was written to an archive or read from one; `bytes` is the length of all files in it."""

    generation: int
    documents: int
    chunks: int
    bytes: int


def export(path: Path, archive: Path, *, wait: float = 0.0) -> Moved:
    """Write the index in a folder to one new file. It exists under its name only when it is whole.

    :param wait: seconds to wait for another writer of the index.
    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: the index is damaged.
    :raises RefusedError: the file exists already.
    :raises ResourceError: the disk is full, or the folder of the file cannot be written.
    """
    _refuse_existing(archive)
    with Publisher(path, None, wait=wait) as publisher:
        moved = Moved(publisher.generation, publisher.count("document"), publisher.count("chunk"), 0)
        try:
            with tempfile.TemporaryDirectory(prefix=".ragqa-", dir=archive.absolute().parent) as scratch:
                copy, whole = Path(scratch) / place.DATABASE, Path(scratch) / "archive.tar"
                publisher.db.execute("VACUUM INTO ?", (str(copy),))
                vectors = sorted(named_files(publisher.db))
                files = {place.DATABASE: copy} | {
                    f"{place.SEGMENTS}/{name}": publisher.folder / name for name in vectors
                }
                size = _write(whole, files, moved)
                os.link(whole, archive)  # unlike a rename, it never replaces another file
                durable.disk.sync_folder(archive.absolute().parent)
        except FileExistsError:
            _refuse_existing(archive)
            raise
        except (OSError, sqlite3.OperationalError) as error:
            raise ResourceError(f"cannot write {archive}: {getattr(error, 'strerror', None) or error}") from error
    return Moved(moved.generation, moved.documents, moved.chunks, size)


def restore(archive: Path, path: Path, *, wait: float = 0.0) -> Moved:
    """Make an index of an archive in a folder that has none. All hashes and all rows are checked before it has a name.

    :raises UsageError: the file does not exist, or is no archive of an index.
    :raises IndexCorruptError: the file is damaged; nothing is left in the folder.
    :raises RefusedError: the folder has an index already, or other files.
    :raises IndexFormatError: the index has a format that this version does not read.
    """
    if os.path.lexists(path / place.DATABASE) or os.path.lexists(path / place.SEAL):
        raise RefusedError(f"{path} holds an index: move it away, or import into another folder")
    if not archive.is_file():
        raise UsageError(f"{archive}: no such file")
    try:
        with tarfile.open(archive, "r:") as tar:
            members = iter(tar)
            expected = _manifest(archive, tar, next(members, None))
            return _restored(archive, tar, members, expected, path, wait)
    except (tarfile.TarError, EOFError) as error:
        raise UsageError(f"{archive} is no archive of an index that `ragqa export` has written ({error})") from error


def _restored(
    archive: Path, tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], expected: _Files, path: Path, wait: float
) -> Moved:
    """Write the files of an archive into the folder of an index, and check and seal its database."""
    place.claim(path)
    held = lock.acquire(path, wait)
    try:
        size = _unpack(archive, tar, members, expected, path)
        with closing(tables.create(path)) as db, connection.guarded(db):
            if problem := seal.rows_problem(db):
                raise IndexCorruptError(f"{archive} is damaged: {problem}")
            db.execute("PRAGMA journal_mode = WAL")  # a copy by VACUUM has another mode
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            seal.write(db, tables.generation(db), log=False)
            return Moved(tables.generation(db), tables.count(db, "document"), tables.count(db, "chunk"), size)
    except BaseException:
        _remove(path)
        raise
    finally:
        lock.release(held)


def _refuse_existing(archive: Path) -> None:
    if os.path.lexists(archive):
        raise RefusedError(f"{archive} exists: remove it, or give another name; nothing was changed")


def _write(whole: Path, files: dict[str, Path], about: Moved) -> int:
    """Write the files with their manifest to a tar file; return their length."""
    sizes, hashes = {name: file.stat().st_size for name, file in files.items()}, {}
    for name, file in files.items():
        with file.open("rb") as content:
            hashes[name] = hashlib.file_digest(content, "sha256").hexdigest()
    entries = {name: {"sha256": hashes[name], "bytes": sizes[name]} for name in files}
    facts = {"generation": about.generation, "documents": about.documents, "chunks": about.chunks}
    manifest = json.dumps({"form": FORM, **facts, "files": entries}, indent=1, sort_keys=True).encode()
    with whole.open("wb") as stream:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))
            for name, file in files.items():
                with file.open("rb") as content:
                    tar.addfile(_member(name, sizes[name]), content)
        durable.disk.sync(stream)
    return sum(sizes.values())


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return the head of a file in the archive, without a time and an owner."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member


def _unpack(
    archive: Path, tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], expected: _Files, path: Path
) -> int:
    """Write the files, name the database last, and return their length."""
    left = dict(expected)
    try:
        for member in members:
            size, sha256 = left.pop(member.name, (-1, ""))
            content = tar.extractfile(member) if member.isreg() and member.size == size else None
            if content is None:
                raise IndexCorruptError(f"{archive} is damaged: {member.name!r} is not what its manifest names")
            _copy(archive, content, path, member.name, sha256)
        if left:
            raise IndexCorruptError(f"{archive} is damaged: {', '.join(sorted(left)[:3])} is missing")
        durable.publish(path / place.NEW_DATABASE, path / place.DATABASE)
    except (tarfile.TarError, EOFError) as error:
        raise IndexCorruptError(f"{archive} is damaged: {error}") from error
    except OSError as error:
        raise ResourceError(f"cannot import {archive} into {path}: {error.strerror or error}") from error
    return sum(size for size, _ in expected.values())


def _manifest(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> _Files:
    """Return the expected files by name: only those that an index has."""
    content = tar.extractfile(member) if member and member.name == MANIFEST and member.isreg() else None
    if content is None:
        raise UsageError(f"{archive} is no archive of an index that `ragqa export` has written (no {MANIFEST})")
    try:
        data = json.loads(content.read(MANIFEST_BYTES))
        form = data["form"]
        files = {str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in data["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexCorruptError(f"{archive} is damaged: its manifest cannot be read") from error
    if form != FORM:
        raise UsageError(f"{archive} has the form {form!r}; this version reads {FORM!r}: update ragqa")
    if place.DATABASE not in files or not all(map(place.is_stored_name, files.keys() - {place.DATABASE})):
        raise IndexCorruptError(f"{archive} is damaged: its manifest names other files than those of an index")
    return files


def _copy(archive: Path, content: IO[bytes], path: Path, name: str, sha256: str) -> None:
    """Write a file of the index whose bytes have the hash."""
    target = path / (place.NEW_DATABASE if name == place.DATABASE else name)
    digest = hashlib.sha256()
    with durable.disk.create(target) as stream:
        while block := content.read(_BLOCK):
            digest.update(block)
            durable.disk.write(stream, block)
        durable.disk.sync(stream)
    if digest.hexdigest() != sha256:
        raise IndexCorruptError(f"{archive} is damaged: {name} does not have the hash of its manifest")


def _remove(path: Path) -> None:
    """Remove what a failed import has written."""
    for name in (place.SEAL, place.NEW_DATABASE, place.DATABASE):
        durable.disk.remove(path / name)
    for suffix in place.LOGS:
        durable.disk.remove(path / f"{place.DATABASE}{suffix}")
    for file in place.orphans(path, ()):
        durable.disk.remove(file)
