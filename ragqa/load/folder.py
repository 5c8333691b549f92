"""Finds the files of folders and reads them."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import RejectedError, UsageError
from ragqa.load.decode import decode
from ragqa.load.extracted import Extracted, Limits
from ragqa.load.globs import Globs
from ragqa.load.table import json_lines, separated
from ragqa.load.text import markdown, plain
from ragqa.records import Document, FileStatus, Scan, SourceFile

if TYPE_CHECKING:
    from ragqa.load.sandbox import Sandbox

HTML = "text/html"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

MEDIA_TYPES = {
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": HTML,
    ".htm": HTML,
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".jsonl": "application/jsonl",
    ".docx": DOCX,
    ".pdf": PDF,
}
"""What is read, by suffix; capital letters do not matter."""

_LIBRARIES = {HTML: "trafilatura", DOCX: "python-docx", PDF: "pypdf"}
_EXTRACTORS = {
    "text/plain": "text/1",
    "text/markdown": "markdown/1",
    "text/csv": "csv/1",
    "text/tab-separated-values": "tsv/1",
    "application/jsonl": "jsonl/1",
}
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_VISIBLE = re.compile(r"[^\s\ufeff]")
_CHARSET_BYTES = 1024
"""How far into a page its charset may be declared (HTML standard, section 4.2.5.4)."""


class FolderLoader:
    """Reads the documents of folders, of files, or of both.

    Folders are searched to any depth. What is hidden (a name that begins with a dot) and what the globs leave out is
    as if it were not there; every other file ends up in the scan. Symbolic links are listed and never followed,
    except that a path given here may itself be one. Globs apply within folders: a file that is named is read.
    A hidden file that is named is listed as skipped. A source is the path relative to its folder; with several paths
    the folder's name stands in front. Bytes of a name that are not UTF-8 stand in it as backslash escapes.

    :raises UsageError: no path; one that does not exist; two that end in the same name; a bad glob.
    """

    def __init__(
        self,
        paths: Sequence[AnyPath],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        text_field: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._roots = _roots(arguments.paths(paths, "paths"))
        self._include = Globs(arguments.texts(include, "include", "a list of globs"))
        self._exclude = Globs(arguments.texts(exclude, "exclude", "a list of globs"))
        self._text_field = text_field
        self._limits = limits or Limits()
        self._sandbox: Sandbox | None = None

    def close(self) -> None:
        """End the child process that parses, if one runs; a later `read` starts another."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def extractor(self, media_type: str) -> str:
        """Return the name and version of what reads this type; for JSON lines also the field that is read."""
        if media_type in _LIBRARIES:
            return f"{_LIBRARIES[media_type]}/{version(_LIBRARIES[media_type])}"
        field = f" text_field={self._text_field}" if media_type == "application/jsonl" and self._text_field else ""
        return _EXTRACTORS[media_type] + field

    def scan(self) -> Scan:
        """Return the files that may be read, hashed, and those that were rejected or skipped, sorted by source."""
        found = sorted((entry for root in self._roots for entry in self._found(*root)), key=lambda entry: entry.source)
        return Scan(
            tuple(entry for entry in found if isinstance(entry, SourceFile)),
            tuple(entry for entry in found if isinstance(entry, FileStatus)),
        )

    def _found(self, prefix: str, root: Path) -> Iterator[SourceFile | FileStatus]:
        """Yield what stands under a root. Folders wait on a list, so that depth costs no stack."""
        if not root.is_dir():
            yield self._examine(prefix, str(root))
            return
        waiting = [("", str(root))]
        while waiting:
            below, folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    visible = [entry for entry in entries if not entry.name.startswith(".")]
            except OSError as error:
                yield FileStatus(_printable(prefix + below) or root.name, "rejected", _unreadable(error))
                continue
            for entry in visible:
                relative = below + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not self._exclude.match(relative + "/"):
                        waiting.append((relative + "/", entry.path))
                elif self._wanted(relative):
                    yield self._examine(prefix + relative, entry.path)

    def _wanted(self, relative: str) -> bool:
        return (not self._include or self._include.match(relative)) and not self._exclude.match(relative)

    def _examine(self, source: str, path: str) -> SourceFile | FileStatus:
        """Return a file with the SHA-256 of its bytes, or why it cannot be used."""
        name = _printable(source)
        suffix = PurePath(path).suffix
        media_type = MEDIA_TYPES.get(suffix.lower())
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                return FileStatus(name, "skipped", "symbolic link: not followed")
            if PurePath(path).name.startswith("."):
                return FileStatus(name, "skipped", "hidden: its name begins with a dot")
            if media_type is None:
                return FileStatus(name, "skipped", f"unsupported type {_printable(suffix) or '(no suffix)'}")
            if name != source and os.path.lexists(_printable(path)):
                raise RejectedError("its name is not UTF-8, and another file is called as it is shown: rename it")
            with _opened(path) as stream:
                size = self._usable_size(stream)
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            return FileStatus(name, "rejected", _unreadable(error))
        except RejectedError as error:
            return FileStatus(name, "rejected", str(error))
        return SourceFile(name, path, sha256, size, media_type)

    def _usable_size(self, stream: io.BufferedReader) -> int:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise RejectedError("empty file")
        if size > self._limits.file_bytes:
            raise RejectedError(f"too large: {size:,} bytes; at most {self._limits.file_bytes:,}")
        return size

    def read(self, file: SourceFile) -> Document:
        """Return the document in a file that `scan` found, as it is now.

        :raises RejectedError: with the reason: changed while it was read, binary, in an unclear encoding, without text.
        """
        data = self._bytes(file.path)
        file = replace(file, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        extracted, encoding = self._extracted(file.media_type, data)
        if not _VISIBLE.search(extracted.text):
            raise RejectedError("no text: only white space")
        if len(extracted.text) > self._limits.characters:
            raise RejectedError(f"too long: {len(extracted.text):,} characters; at most {self._limits.characters:,}")
        return Document(
            id=file.document_id,
            source=file.source,
            path=_printable(file.path),
            sha256=file.sha256,
            media_type=file.media_type,
            encoding=encoding,
            text=extracted.text,
            title=extracted.title,
            extractor=self.extractor(file.media_type),
            page_starts=extracted.page_starts,
            metadata=extracted.metadata,
        )

    def _bytes(self, path: str) -> bytes:
        """Return the bytes of a file; where it changes while it is read, it is read once more.

        :raises RejectedError: it changed again, or cannot be read.
        """
        try:
            for _ in range(2):
                with _opened(path) as stream:
                    size, before = self._usable_size(stream), os.fstat(stream.fileno())
                    data, after = stream.read(size + 1), os.fstat(stream.fileno())
                if len(data) == size and before.st_mtime_ns == after.st_mtime_ns:
                    return data
        except OSError as error:
            raise RejectedError(_unreadable(error)) from error
        raise RejectedError("changed while it was being read: run again")

    def _extracted(self, media_type: str, data: bytes) -> tuple[Extracted, str | None]:
        """Return what the bytes say, and their encoding where they are text."""
        if media_type in (PDF, DOCX):
            return self._in_sandbox(media_type, data), None
        charset = _CHARSET.search(data[:_CHARSET_BYTES]) if media_type == HTML else None
        text, encoding = decode(data, charset.group(1).decode("ascii", "ignore") if charset else None)
        if media_type == HTML:
            return self._in_sandbox(HTML, text.encode()), encoding
        if media_type == "application/jsonl":
            return json_lines(text, self._text_field), encoding
        if media_type == "text/markdown":
            return markdown(text), encoding
        if media_type == "text/plain":
            return plain(text), encoding
        return separated(text, ",;" if media_type == "text/csv" else "\t"), encoding

    def _in_sandbox(self, media_type: str, data: bytes) -> Extracted:
        if self._sandbox is None:
            from ragqa.load.sandbox import Sandbox

            self._sandbox = Sandbox(self._limits)
        return self._sandbox.extract(media_type, data)


def _roots(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return each path, resolved, with what stands in front of its sources: a folder's prefix, a file's name."""
    if not paths:
        raise UsageError("load.path: no path given; name a folder or a file")
    for path in paths:
        if not os.path.exists(path):
            raise UsageError(f"path not found: {path}")
    roots = [path.resolve() for path in paths]
    name, count = Counter(root.name for root in roots).most_common(1)[0]
    if count > 1:
        same = ", ".join(str(root) for root in roots if root.name == name)
        raise UsageError(
            f"load.path: {count} paths end in {name!r} ({same}): rename one, or load the folder above them"
        )
    alone = len(roots) == 1
    return [(("" if alone else f"{root.name}/") if root.is_dir() else root.name, root) for root in roots]


def _opened(path: str) -> io.BufferedReader:
    """Open a regular file; a link is not followed, and a pipe that took the file's place does not block.

    :raises RejectedError: not a regular file. :raises OSError: it cannot be opened.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise RejectedError("not a regular file")
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def _unreadable(error: OSError) -> str:
    return f"cannot be read: {error.strerror}"


def _printable(path: str) -> str:
    """Return a path with the bytes that are not UTF-8 written as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
