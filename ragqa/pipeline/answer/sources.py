"""Finds the files of an index's sources, and tells whether a file has changed since it was indexed."""

from __future__ import annotations

import hashlib
import io
import os
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

from ragqa.files import open_regular
from ragqa.load.bounds import Limits
from ragqa.load.members import Members, split_path
from ragqa.records import Citation, SourceFile

_SETTLED_SECONDS = 2.0
"""The least age of a file's last change for its stamp to be trusted: some file systems round times to two seconds."""
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")

Stamp = tuple[int, ...]


class SourceFiles:
    """The files below the roots of a pipeline, found by the sources in its index.

    :param roots: the loader's folders and files; none where documents do not come from files.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = list(roots)
        self._resolved = [root.resolve() for root in roots]
        self._hashes: dict[str, tuple[Stamp, str]] = {}

    def locate(self, source: str) -> str:
        """Return the absolute path of a source. With several roots, the first part of the source names the root.

        Without roots, return the source itself.
        """
        if not self._roots:
            return source
        if len(self._roots) == 1:
            root, name = self._roots[0], self._resolved[0].name
            if source.split("/")[0] == name and not root.is_dir():  # the file that was named, or one inside it
                return str(root) + source[len(name) :]
            return os.path.join(root, source)
        name = source.split("/")[0]
        root = next((root for root in self._resolved if root.name == name), self._resolved[0])
        return str(root.parent / source)

    def checked(self, citation: Citation, sha256: str, sources: Sequence[str]) -> Citation:
        """Return a citation with the first source whose file has the indexed bytes; where none has, mark it as stale.

        :param sha256: the hash of the file when it was indexed.
        :param sources: all sources of the cited document.
        """
        for source in dict.fromkeys([citation.source, *sources]):
            path = self.locate(source)
            if self._sha256(path) == sha256:
                return replace(citation, source=source, path=path)
        return replace(citation, stale=True)

    def opened(self, source: str, sha256: str) -> tuple[IO[bytes], Stamp] | None:
        """Return the open file of a source, at its beginning, and its stamp before it was compared with a hash.

        None where it has not the bytes of this hash. What is read from it are those bytes for as long as its `stamp` is
        the returned one. Close it after use.
        """
        path = self.locate(source)
        file, member = _file_and_member(path)
        try:
            with ExitStack() as closing:
                stream = closing.enter_context(open_regular(file, follow=Path(file) in self._roots))
                before = stamp(stream)
                if self._hash(stream, path, file, member) != sha256:
                    return None
                if member:
                    data = Members(Limits()).content(_inside(file, member))
                    inside = io.BytesIO(data)
                    return (inside, stamp(inside)) if hashlib.sha256(data).hexdigest() == sha256 else None
                stream.seek(0)
                closing.pop_all()
                return stream, before
        except (OSError, ValueError):
            return None

    def _sha256(self, path: str) -> str | None:
        """Return the SHA-256 of a file; None where it cannot be read, or is larger than an indexed file can be."""
        file, member = _file_and_member(path)
        try:
            with open_regular(file, follow=Path(file) in self._roots) as stream:
                return self._hash(stream, path, file, member)
        except (OSError, ValueError):  # a name with a NUL raises ValueError, and `RejectedError` is one
            return None

    def _hash(self, stream: io.BufferedReader, path: str, file: str, member: str) -> str | None:
        """Return the SHA-256 of an open file, or of the file inside it; None where it is too large.

        A file whose stamp has not changed is not read again. For a file inside another one, such as an archive, the stamp
        is that of the outer file.
        """
        before = stamp(stream)
        known = self._hashes.get(path)
        if known and known[0] == before:
            return known[1]
        if os.fstat(stream.fileno()).st_size > Limits().file_bytes:
            return None
        digest = _digest(stream, file, member)
        after = os.fstat(stream.fileno())
        if stamp(stream) == before and time.time() - max(after.st_mtime, after.st_ctime) > _SETTLED_SECONDS:
            self._hashes[path] = before, digest
        return digest


def stamp(stream: IO[bytes]) -> Stamp:
    """Return what changes with the content of an open file: its device, inode, size and times; of one in memory, nothing."""
    if isinstance(stream, io.BytesIO):
        return ()
    status = os.fstat(stream.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _inside(file: str, member: str) -> SourceFile:
    """Return a file inside another one, by its path there."""
    return SourceFile(file, os.path.realpath(file), "", 0, "", member)


def _file_and_member(path: str) -> tuple[str, str]:
    """Return the path of a file on disk, and that of a file inside it; the latter is empty for a file on its own."""
    for file, member in split_path(path):
        if os.path.isfile(_on_disk(file)):
            return _on_disk(file), member
    return _on_disk(path), ""


def _digest(stream: io.BufferedReader, file: str, member: str) -> str:
    """Return the SHA-256 of an open file, or of the file inside it.

    :raises RejectedError: the file has no such file inside.
    """
    if not member:
        return hashlib.file_digest(stream, "sha256").hexdigest()
    return Members(Limits()).sha256(_inside(file, member))


def _on_disk(path: str) -> str:
    """Return the path on disk. In a source, bytes that are not UTF-8 are written as backslash escapes."""
    if "\\x" not in path or os.path.lexists(path):
        return path
    return os.fsdecode(_ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), os.fsencode(path)))
