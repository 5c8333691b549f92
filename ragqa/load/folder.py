"""Finds the files of folders and reads their bytes. The formats (`readers`) extract the text."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import RejectedError, UsageError
from ragqa.files import open_regular
from ragqa.limits import met
from ragqa.load.bounds import Limits
from ragqa.load.formats import BINARY, PLAIN, UNSUPPORTED, types_read
from ragqa.load.globs import ALL_FILES, FileGlobs, Globs
from ragqa.load.pointer import link_reason
from ragqa.load.readers import readers, sandbox, suffixes
from ragqa.load.skipped import BEGINNING_BYTES, PIPELINE_SUFFIXES, file_reason, folder_reason, pipeline_reason
from ragqa.records import Document, Extracted, FileStatus, Scan, SourceFile
from ragqa.stages import FileFormat


class FolderLoader:
    """A `Loader` of the documents in folders, in files, or in both.

    Folders are searched to any depth. Hidden files (their names begin with a dot) and files that the globs exclude are
    ignored. Every other file is in the scan. Folders of installed packages, lock files, minified code and pipeline files
    are skipped unless a glob names them. Symbolic links are listed and not followed; but a path given here may
    itself be a link. Globs apply within folders only: a file that is named here is read. A hidden file that is named is
    listed as skipped. A source is the path relative to its folder; with several paths the folder's name comes first.
    Bytes of a name that are not UTF-8 are written as backslash escapes. A file that is
    named here and has an unknown type is read as plain text.

    :param globs: the files of the folders to read, and those of them to read as plain text.
    :param text_field: of JSON lines, the field that holds the text.
    :param formats: formats of your own besides the built-in ones; they run in this process, not in the sandbox. A
        format with the media type or suffix of a built-in format replaces it.
    :raises UsageError: there is no path, a path does not exist, two paths end in the same name, a glob is invalid, a
        format is incomplete, or two formats have the same media type or suffix.
    """

    def __init__(
        self,
        paths: Sequence[AnyPath],
        globs: FileGlobs = ALL_FILES,
        *,
        text_field: str | None = None,
        formats: Sequence[FileFormat] = (),
        limits: Limits | None = None,
    ) -> None:
        self._roots = _roots(arguments.paths(paths, "paths"))
        self._include = Globs(arguments.texts(globs.include, "include", "a list of globs"))
        self._exclude = Globs(arguments.texts(globs.exclude, "exclude", "a list of globs"))
        self._as_text = Globs(arguments.texts(globs.as_text, "as_text", "a list of globs"))
        self._limits = limits or Limits()
        self._formats = readers(formats, self._limits, {"text_field": text_field})
        self._media_types = suffixes(self._formats)

    def close(self) -> None:
        """End the child process that parses, if one runs. The next `read` of any loader starts another one."""
        sandbox(self._limits).close()

    def extractor(self, media_type: str) -> str:
        """Return the name and version of the extractor of this type; for JSON lines also the field that is read."""
        return self._formats[media_type].extractor

    def scan(self) -> Scan:
        """Return the files that may be read, hashed, and those that were rejected or skipped, sorted by source."""
        entries = sorted((entry for root in self._roots for entry in self._walk(*root)), key=lambda entry: entry.source)
        return Scan(
            tuple(entry for entry in entries if isinstance(entry, SourceFile)),
            tuple(entry for entry in entries if isinstance(entry, FileStatus)),
            tuple(self._media_types),
        )

    def _walk(self, prefix: str, root: Path) -> Iterator[SourceFile | FileStatus]:
        """Yield each file under a root.

        A list of folders replaces recursion, so that depth is not limited by the stack.
        """
        if not root.is_dir():
            yield self._examine(prefix, str(root), self._media_types.get(root.suffix.lower(), PLAIN), named=True)
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
            if reason := self._skipped_folder(below, [entry.name for entry in visible]):
                yield FileStatus(_printable(prefix + below), "skipped", reason)
                continue
            for entry in visible:
                relative = below + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not self._exclude.match(relative + "/"):
                        waiting.append((relative + "/", entry.path))
                elif self._wanted(relative):
                    named = self._named(relative)
                    yield self._examine(prefix + relative, entry.path, self._media_type(relative), named=named)

    def _skipped_folder(self, below: str, names: Sequence[str]) -> str:
        """Return the reason why a folder below a root is skipped; empty where it is read."""
        if not below or self._named(below):
            return ""
        return folder_reason(PurePath(below).name, names)

    def _named(self, relative: str) -> bool:
        """Tell whether a glob of the user chooses a file or a folder."""
        return self._include.match(relative) or self._as_text.match(relative)

    def _wanted(self, relative: str) -> bool:
        return (not self._include or self._include.match(relative)) and not self._exclude.match(relative)

    def _media_type(self, relative: str) -> str | None:
        return PLAIN if self._as_text.match(relative) else self._media_types.get(PurePath(relative).suffix.lower())

    def _examine(self, source: str, path: str, media_type: str | None, *, named: bool) -> SourceFile | FileStatus:
        """Return a file with the SHA-256 of its bytes, or its status with the reason why it cannot be used.

        :param media_type: None where it is not known.
        :param named: the user chose the file by its path or by a glob.
        """
        name = _printable(source)
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                return FileStatus(name, "skipped", link_reason(os.readlink(path)))
            if PurePath(path).name.startswith("."):
                return FileStatus(name, "skipped", "hidden: its name begins with a dot")
            if media_type is None:
                suffix = _printable(PurePath(path).suffix) or "(no suffix)"
                return FileStatus(name, "skipped", f"{UNSUPPORTED} {suffix}")
            if reason := "" if named else file_reason(PurePath(path).name):
                return FileStatus(name, "skipped", reason)
            if name != source and os.path.lexists(_printable(path)):
                raise RejectedError("its name is not UTF-8, and another file is called as it is shown: rename it")
            with _opened(path) as stream:
                size = self._usable_size(stream)
                if reason := "" if named else _reason_in(stream, path):
                    return FileStatus(name, "skipped", reason)
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
        """Return the present content of a file that `scan` found, as a document.

        :raises RejectedError: the file changed while it was read, is binary, in an unclear encoding, or without text;
            the message gives the reason.
        """
        data = self._bytes(file.path)
        file = replace(file, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        extracted = self._extracted(file, data)
        return Document(
            id=file.document_id,
            source=file.source,
            path=_printable(file.path),
            sha256=file.sha256,
            media_type=file.media_type,
            encoding=extracted.encoding,
            text=extracted.text,
            title=extracted.title,
            extractor=self.extractor(file.media_type),
            page_starts=extracted.page_starts,
            metadata=extracted.metadata,
        )

    def _extracted(self, file: SourceFile, data: bytes) -> Extracted:
        """Return the text of a file. A file of an unknown type that is no text is rejected by its type."""
        try:
            return self._formats[file.media_type].read(data)
        except RejectedError as error:
            suffix = PurePath(file.path).suffix
            if suffix.lower() in self._media_types or not str(error).startswith(BINARY):
                raise
            what = f"{UNSUPPORTED} {_printable(suffix) or '(no suffix)'}, and no text"
            raise RejectedError(f"{what}; ragqa reads {types_read(self._media_types)}") from error

    def _bytes(self, path: str) -> bytes:
        """Return the bytes of a file. If it changes while it is read, it is read once more.

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


def _roots(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return each resolved path with the first part of its sources: a prefix for a folder, the name for a file."""
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
    """Open a regular file. A link is not followed, and a pipe that has replaced the file does not block.

    :raises RejectedError: it is not a regular file.
    :raises OSError: it cannot be opened.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise RejectedError("not a regular file")
    return open_regular(path, follow=False)


def _reason_in(stream: io.BufferedReader, path: str) -> str:
    """Return the reason why a file is skipped by its content, which is read from the beginning again afterwards."""
    if PurePath(path).suffix.lower() not in PIPELINE_SUFFIXES:
        return ""
    reason = pipeline_reason(stream.read(BEGINNING_BYTES))
    stream.seek(0)
    return reason


def _unreadable(error: OSError) -> str:
    """Return the reason why a file or folder cannot be read.

    :raises ResourceError: the cause is a limit of this process, such as the number of open files.
    """
    if limit := met(error):
        raise limit from error
    return f"cannot be read: {error.strerror}"


def _printable(path: str) -> str:
    """Return a path with the bytes that are not UTF-8 written as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
