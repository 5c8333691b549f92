"""The folder of an index: the names of its files, and the refusal of folders with other files.

A folder is checked here before anything is written to it or removed from it. Files of other programs in the folder of
an index are not changed. Links are refused, since the target of a link is not a file of the index.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from ragqa.errors import IndexFormatError, RefusedError, ResourceError

DATABASE, SEAL, LOCK, SEGMENTS = "ragqa.db", "SEAL", "LOCK", "seg"
NEW_DATABASE = f".{DATABASE}.tmp"
BEING_WRITTEN = ".writing.tmp"
"""The file in `seg` that is being written. One name is enough, since there is one writer."""
LOGS = ("-journal", "-wal", "-shm")
APPLICATION_ID = 0x72616771  # "ragq"

_SCRATCH = {NEW_DATABASE, *(NEW_DATABASE + suffix for suffix in LOGS), f".{SEAL}.tmp"}
_FILES = {DATABASE, *(DATABASE + suffix for suffix in LOGS), SEAL, LOCK, *_SCRATCH}
_HASHED = re.compile(r"[0-9a-f]{64}\.(f32|ann)")
SEAL_FORM = re.compile(
    rb"(ragqa seal 1\ngeneration (\d+)\nsha256 ([0-9a-f]{64})\nlog (kept|empty)\n)check ([0-9a-f]{64})\n"
)
NOTE_BYTES = 64
_NOTE = re.compile(rb"pid \d+ since [0-9T:+-]+ *| {64}")
"""The note in the lock while a writer holds it. Earlier versions replaced it by blanks when they released the lock."""


def is_index(folder: Path) -> bool:
    """Tell whether a folder looks like an index, intact or damaged, by the names in it."""
    present = {name for name in (DATABASE, SEGMENTS, SEAL, LOCK) if os.path.exists(folder / name)}
    return DATABASE in present or (SEGMENTS in present and len(present) > 1)


def claim(path: Path) -> None:
    """Make the folder of an index, or accept one that is empty, has an index, or has the files of an interrupted first
    run.

    :raises RefusedError: the folder has other files, or links.
    :raises IndexFormatError: the folder has another program's database under the name of the index's database.
    :raises ResourceError: the folder cannot be made.
    """
    try:
        refuse_links(path, writing=True)
        if path.is_dir() and not _is_index(path):
            _refuse_others(path)
        (path / SEGMENTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot make the index folder {path}: {error.strerror}") from error


def refuse_links(path: Path, *, writing: bool = False) -> None:
    """Refuse a folder in which a file of the index is not a regular file, or its folder of segments is not a folder.

    :param writing: also refuse files with a second name (hard link) that are changed in place, since the change would
        be seen under the other name too. SQLite changes one of them, `-shm`, for readers too.
    :raises RefusedError: there is such a file or folder; the message names it.
    """
    for name in sorted(_FILES):
        _refuse_link(path / name, writing)
    folder = path / SEGMENTS
    status = _status(folder)
    if status is not None and not stat.S_ISDIR(status.st_mode):
        raise RefusedError(f"{folder} is {_kind(status)}: an index holds no links; put the folder itself in its place")
    for name in _names(folder):
        if _is_segment(name):
            _refuse_link(folder / name, False)


def is_begun(note: bytes) -> bool:
    """Tell whether the content of a lock file is ragqa's: it is empty, or is the note of a holder."""
    return not note or _NOTE.fullmatch(note) is not None


def orphans(path: Path, named: Collection[str]) -> list[Path]:
    """Return the index's own files that it does not need: segments and approximate indexes of no generation, scratch
    files.

    :param named: names of the files in `seg` that the generation refers to.
    """
    segments = [path / SEGMENTS / name for name in _names(path / SEGMENTS) if _is_segment(name) and name not in named]
    return sorted([*segments, *(path / name for name in _names(path) if name in _SCRATCH)])


def is_stored_name(name: str) -> bool:
    """Tell whether a name, relative to the folder, is that of a file of vectors."""
    folder, _, file = name.partition("/")
    return folder == SEGMENTS and _HASHED.fullmatch(file) is not None


def others(path: Path) -> list[str]:
    """Return the names, relative to the folder, of files that are not the index's."""
    foreign = [name for name in _names(path) if name not in {*_FILES, SEGMENTS}]
    return sorted(foreign + [f"{SEGMENTS}/{name}" for name in _names(path / SEGMENTS) if not _is_segment(name)])


def size(path: Path) -> int:
    """Return the total size of all files of the index in bytes."""
    files = [path / name for name in _names(path) if name in _FILES]
    files += [path / SEGMENTS / name for name in _names(path / SEGMENTS) if _is_segment(name)]
    return sum(status.st_size for status in map(_status, files) if status)


def open_file(path: Path, flags: int = os.O_RDONLY) -> int:
    """Return a descriptor of a file of the index. No child process inherits it, and a link is not followed."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)


def _refuse_link(path: Path, writing: bool) -> None:
    status = _status(path)
    if status is None:
        return
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(
            f"{path} is {_kind(status)}: an index holds files of its own; put the file itself in its place"
        )
    # a file that is replaced as a whole may have a second name, since that keeps the old bytes
    in_place = not path.name.endswith((SEAL, ".tmp")) if writing else path.name.endswith("-shm")
    if in_place and status.st_nlink > 1:
        raise RefusedError(
            f"{path} has another name on this disk, whose owner would see it change: copy the index first"
        )


def _refuse_others(path: Path) -> None:
    """Refuse a folder that has no index and has files other than those of an interrupted first run.

    Such a run leaves its note in the lock file. It writes the note before any other file.
    """
    note = _head(path / LOCK, 2 * NOTE_BYTES)
    unexpected = others(path)
    # without a note no run has begun here, so that files with the index's names belong to another program
    if not note:
        unexpected += [name for name in _names(path) if name in _FILES - {LOCK, DATABASE}]
        unexpected += [f"{SEGMENTS}/{name}" for name in _names(path / SEGMENTS)]
    elif not is_begun(note):
        unexpected.append(LOCK)
    else:
        hashed = filter(_HASHED.fullmatch, _names(path / SEGMENTS))
        unexpected += [f"{SEGMENTS}/{name}" for name in hashed if not _is_what_its_name_says(path / SEGMENTS / name)]
    if unexpected:
        listed = ", ".join(unexpected[:3]) + (", ..." if len(unexpected) > 3 else "")
        raise RefusedError(
            f"{path} holds no index and is not empty ({listed}): choose another index.path; nothing was changed"
        )
    if (path / DATABASE).exists() and not note:
        raise IndexFormatError(f"{path / DATABASE} is not an index of ragqa: choose another index.path")


def _is_index(path: Path) -> bool:
    """Tell whether the folder has a database or a seal of ragqa."""
    return is_ours(_head(path / DATABASE, 100)) or SEAL_FORM.fullmatch(_head(path / SEAL, 1000)) is not None


def is_ours(header: bytes) -> bool:
    """Tell whether the first 100 bytes of a database are those of an index."""
    return header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _head(path: Path, most: int) -> bytes:
    """Return the first bytes of a file; empty if it does not exist."""
    try:
        handle = open_file(path)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(handle, most, 0)
    finally:
        os.close(handle)


def _is_what_its_name_says(path: Path) -> bool:
    """Tell whether the name of a segment is the hash of its bytes."""
    with os.fdopen(open_file(path), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == path.stem


def _is_segment(name: str) -> bool:
    return name == BEING_WRITTEN or _HASHED.fullmatch(name) is not None


def _names(folder: Path) -> Iterator[str]:
    try:
        yield from os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _kind(status: os.stat_result) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file"}
    return kinds.get(stat.S_IFMT(status.st_mode), "neither a file nor a folder")
