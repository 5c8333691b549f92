"""Files that a command writes at a place that the user gives. No file of the user is overwritten, and no link is
followed.

A file is first written under a temporary name in the same folder. When it is complete, it is renamed in one step.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ragqa import limits
from ragqa.errors import RefusedError, ResourceError, UsageError
from ragqa.files import open_regular, read_regular

_LARGEST_MANIFEST = 64 << 20
_REMEMBERED = 4
"""The number of last contents of a file in the manifest: one more than can remain after a kill."""


@contextmanager
def writing(place: Path, what: str = "folder") -> Iterator[None]:
    """Convert a fault of the disk within the block to an error that names the place and a remedy.

    :raises ResourceError: the disk is full, or fails.
    :raises UsageError: the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in limits.NO_ROOM or limits.met(error):
            raise ResourceError(f"{place}: {error.strerror}; free some space or name another {what}") from None
        raise UsageError(f"{place}: {error.strerror}; name a {what} that can be written") from None


def check_free(path: Path) -> None:
    """Refuse the name of a new file if the name exists, or its folder does not.

    :raises UsageError: the name exists, even as a broken link, or the folder is missing.
    """
    with writing(path, "file"):
        if not path.parent.is_dir():
            raise UsageError(f"{path}: folder not found: {path.parent}; make it first")
        if os.path.lexists(path):
            raise UsageError(f"{path} exists already; name another file")


def check_own(path: Path) -> None:
    """Refuse to replace anything except a regular file; a name that does not exist is allowed.

    :raises RefusedError: the name is that of a link.
    :raises UsageError: the name is that of a folder, a pipe or a device.
    """
    with writing(path, "file"):
        mode = path.lstat().st_mode if os.path.lexists(path) else stat.S_IFREG
    if stat.S_ISLNK(mode):
        raise RefusedError(
            f"{path} is a link, and nothing is written in the place of one: remove it or name another place"
        )
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is no regular file: remove it or name another place")


def check_own_folder(path: Path) -> None:
    """Refuse to write into anything except a folder; a name that does not exist is allowed.

    :raises RefusedError: the name is that of a link.
    :raises UsageError: the name is that of a file, or the folder cannot be read.
    """
    with writing(path):
        if path.is_symlink():
            raise RefusedError(f"{path} is a link, and nothing is written through one: remove it or name another place")
        if os.path.lexists(path) and not path.is_dir():
            raise UsageError(f"{path} is no folder: remove it or name another place")


def check_writable(path: Path) -> None:
    """Check, before long work, that its result can be written.

    :raises UsageError: no file can be written there.
    :raises ResourceError: the disk is full.
    """
    with writing(path, "file"), _scratch(path, b""):
        pass


def write_new(path: Path, data: bytes) -> None:
    """Write a new file. If two processes write the same name, one of them is refused.

    :raises UsageError: the name exists, or cannot be written.
    :raises ResourceError: the disk is full.
    """
    check_free(path)
    with writing(path, "file"), _scratch(path, data) as scratch:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
        except FileExistsError:
            raise UsageError(f"{path} exists already; name another file") from None
        os.replace(scratch, path)


def replace(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file, or replace an existing regular file atomically: at each time there is the old or the new one.

    :param mode: the permissions of the new file, before the process's umask is applied.
    :raises RefusedError: the name is that of a link.
    :raises UsageError: the name cannot be written.
    :raises ResourceError: the disk is full.
    """
    check_own(path)
    with writing(path, "place"), _scratch(path, data, mode) as scratch:
        os.replace(scratch, path)


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _scratch(path: Path, data: bytes, mode: int = 0o666) -> Iterator[Path]:
    """Yield a new temporary file with the data in the folder of a path. It is removed unless it was renamed."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(scratch, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield scratch
    finally:
        with suppress(OSError):
            scratch.unlink()


def sweep(folder: Path, names: Collection[str]) -> None:
    """Remove temporary files of killed processes. No other process may be writing files of these names."""
    pattern = re.compile(rf"\.({'|'.join(map(re.escape, names))})\.[0-9a-f]{{8}}\.partial")
    for entry in os.scandir(folder):
        if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            os.unlink(entry)


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Lock a folder within the block. The operating system releases the lock when the process ends.

    :raises BlockingIOError: another process holds the lock, and `wait` is False.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


class OutputFolder:
    """A folder that one command writes, with a manifest of its files.

    The manifest, a JSON object, records the SHA-256 of each written file. So a file of the user, or one that the user
    has changed, is never replaced. Other files in a folder with a manifest are not changed. A folder without a manifest
    must be new or empty, apart from names that begin with a dot.

    :param keys: the keys of the manifest, each with an object as its value.
    :param names: the names of the files to write.
    """

    def __init__(self, folder: Path, manifest: str, keys: Sequence[str], names: Collection[str]) -> None:
        self.folder = folder
        self._manifest, self._keys, self._names = manifest, keys, names

    def read(self) -> dict[str, Any] | None:
        """Return the manifest; None for a folder that is new or empty. Nothing is written.

        :raises RefusedError: the manifest is a link.
        :raises UsageError: the path is not a folder, the folder has other files and no manifest, or it cannot be read.
        """
        with writing(self.folder):
            if not os.path.lexists(self.folder):
                self._check_parents()
                return None
            others = sorted(name for name in os.listdir(self.folder) if not name.startswith("."))
        if self._manifest not in others:
            if others:
                raise UsageError(
                    f"{self.folder} holds {others[0]!r} and no {self._manifest}, so it is not one that this command wrote: "
                    "name a new or empty folder"
                )
            return None
        return self._read()

    def check_files(self) -> None:
        """Check that each existing file has the content that this command wrote.

        :raises RefusedError: a file's name is that of a link.
        :raises UsageError: a file was changed, or cannot be read.
        """
        digests = (self.read() or {}).get("files")
        for name in self._names:
            check_own(self.folder / name)
            if digests is not None and (self.folder / name).exists():
                self._check(name, digests)

    def begin(self, content: Mapping[str, Any], check: Callable[[Mapping[str, Any], Mapping[str, Any]], None]) -> None:
        """Make the folder if it is new, and write its manifest with the digests of the existing files.

        :param check: called with the existing manifest and the new content; raises an error if they do not fit
            together.
        :raises UsageError, RefusedError: see `read` and `check_files`.
        :raises ResourceError: the disk is full.
        """
        with made(self.folder), self.held():
            before = self.read()
            if before is not None:
                check(before, content)
            self.check_files()
            sweep(self.folder, [self._manifest, *self._names])
            self._write({**content, "files": (before or {}).get("files", {})})

    def write(self, name: str, data: bytes) -> Path:
        """Write one of the files; return its path.

        :raises UsageError, RefusedError: see `check_files`.
        :raises ResourceError: the disk is full.
        """
        path = self.folder / name
        with self.held():
            content = self._read()
            digests = content.setdefault("files", {})
            check_own(path)
            if path.exists():
                self._check(name, digests)
            digests[name] = [*digests.get(name, ()), hashlib.sha256(data).hexdigest()][-_REMEMBERED:]
            self._write(
                content
            )  # before the file, so that after a kill between the two no file is missing from the manifest
            replace(path, data)
        return path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder within the block, so that no other process writes it."""
        with writing(self.folder), locked(self.folder):
            yield

    def _check_parents(self) -> None:
        above = next(path for path in self.folder.absolute().parents if os.path.lexists(path))
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def _read(self) -> dict[str, Any]:
        path = self.folder / self._manifest
        check_own(path)
        try:
            content = json.loads(read_regular(path, _LARGEST_MANIFEST))
        except (OSError, ValueError, RecursionError):
            content = None
        if not self._is_ours(content):
            raise UsageError(f"{path} is not one that this command wrote: name another folder")
        return dict(content)

    def _is_ours(self, content: Any) -> bool:
        if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in self._keys):
            return False
        files = content.get("files", {})  # earlier manifests did not list them
        return isinstance(files, dict) and all(isinstance(digests, list) for digests in files.values())

    def _write(self, content: Mapping[str, Any]) -> None:
        replace(self.folder / self._manifest, (json.dumps(content, indent=2) + "\n").encode())

    def _check(self, name: str, digests: Mapping[str, Sequence[str]]) -> None:
        path = self.folder / name
        with writing(path, "folder"), open_regular(path, follow=False) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest not in digests.get(name, ()):
            raise UsageError(f"{path} is not as this command wrote it: move it away, or name another folder")


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder and its parents. If the block fails, remove the new ones that are still empty.

    :raises UsageError: the folder cannot be made.
    :raises ResourceError: the disk is full.
    """
    with writing(folder):
        new = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.rmdir()
        raise
