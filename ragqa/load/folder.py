"""Finds the files of folders and reads their bytes. The formats (`readers`) extract the text."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.errors import RejectedError, UsageError
from ragqa.load import disk, no_suffix
from ragqa.load.bounds import Limits
from ragqa.load.choice import Choice
from ragqa.load.formats import BINARY, PICTURES, PLAIN, types_read
from ragqa.load.globs import ALL_FILES, FileGlobs
from ragqa.load.members import Members
from ragqa.load.ocr.completing import Ocr
from ragqa.load.passwords import Passwords
from ragqa.load.pointer import link_reason
from ragqa.load.readers import containers, readers, sandbox, suffixes
from ragqa.records import Document, Extracted, FileStatus, Scan, SourceFile
from ragqa.stages import FileFormat


class FolderLoader:
    """A `Loader` of the documents in folders, in files, or in both.

    Folders are searched to any depth. Hidden files (their names begin with a dot) and files that the globs exclude are
    ignored. Every other file is in the scan. Folders of installed packages, lock files, minified code and pipeline files
    are skipped unless a glob names them. An archive, a mailbox or a mail with attachments is like a folder: the
    files inside have paths that lead through it, and globs apply to them too. Symbolic links are listed and not
    followed; but a path given here may itself be a link. A file that is named here is read whatever the globs are. A
    hidden file that is named is listed as skipped. A source is the path relative to its folder; with several paths the
    folder's name comes first. Bytes of a name that are not UTF-8 are written as backslash escapes. A file that is named
    here and has an unknown type is read as plain text, and so is a file without a suffix whose content is text in UTF-8.

    :param globs: the files of the folders to read, and those of them to read as plain text.
    :param text_field: of JSON lines, the field that holds the text.
    :param passwords: the name of an environment variable, or a file, with the passwords of encrypted files, one on each
        line. They are stored nowhere. The file is no document.
    :param formats: formats of your own besides the built-in ones; they run in this process, not in the sandbox. A
        format with the media type or suffix of a built-in format replaces it.
    :param ocr: reads scans; by default where the extra `ocr` is installed.
    :raises UsageError: there is no path, a path does not exist, two paths end in the same name, a glob is invalid, a
        format is incomplete, or two formats have the same media type or suffix.
    """

    def __init__(
        self,
        paths: Sequence[AnyPath],
        globs: FileGlobs = ALL_FILES,
        *,
        text_field: str | None = None,
        passwords: AnyPath | None = None,
        formats: Sequence[FileFormat] = (),
        limits: Limits | None = None,
        ocr: Ocr | None = None,
    ) -> None:
        self._roots = _roots(arguments.paths(paths, "paths"))
        checked = {
            name: arguments.texts(getattr(globs, name), name, "a list of globs")
            for name in ("include", "exclude", "as_text")
        }
        self._limits = limits or Limits()
        self._ocr = ocr or Ocr()
        self._passwords = Passwords(str(passwords or ""))
        secrets = {"passwords": self._passwords.values}
        self._formats = readers(formats, self._limits, {"text_field": text_field}, secrets, self._ocr)
        self._choice = Choice(
            FileGlobs(**checked),
            suffixes(self._formats),
            self._formats,
            containers(self._formats),
            {} if self._ocr.is_on else dict.fromkeys(PICTURES, self._ocr.advice),
        )
        self._members = Members(self._limits, secrets)

    def close(self) -> None:
        """End the child process that parses, if one runs. The next `read` of any loader starts another one."""
        sandbox(self._limits).close()
        self._ocr.close()

    def extractor(self, media_type: str) -> str:
        """Return the name and version of the extractor of this type; for JSON lines also the field that is read."""
        return self._formats[media_type].extractor

    def scan(self) -> Scan:
        """Return the files that may be read, hashed, and those that were rejected or skipped, sorted by source."""
        self._members.begin_scan()
        entries = sorted((entry for root in self._roots for entry in self._walk(*root)), key=lambda entry: entry.source)
        return Scan(
            tuple(entry for entry in entries if isinstance(entry, SourceFile)),
            tuple(entry for entry in entries if isinstance(entry, FileStatus)),
            tuple(self._choice.media_types),
        )

    def _walk(self, prefix: str, root: Path) -> Iterator[SourceFile | FileStatus]:
        """Yield each file under a root, and the files inside these.

        A list of folders replaces recursion, so that depth is not limited by the stack.
        """
        if not root.is_dir():
            named = self._choice.media_types.get(root.suffix.lower(), PLAIN)
            yield from self._examine(prefix or root.name, str(root), named, root.name, named=True)
            return
        waiting = [("", str(root))]
        while waiting:
            below, folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    visible = [entry for entry in entries if not entry.name.startswith(".")]
            except OSError as error:
                yield FileStatus(disk.printable(prefix + below) or root.name, "rejected", disk.unreadable(error))
                continue
            if reason := self._choice.folder_reason(below, [entry.name for entry in visible]):
                yield FileStatus(disk.printable(prefix + below), "skipped", reason)
                continue
            for entry in visible:
                relative = below + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if self._choice.entered(relative):
                        waiting.append((relative + "/", entry.path))
                    continue
                media_type = self._choice.media_type(relative)
                entered = self._choice.holds_others(media_type) and self._choice.entered(relative)
                if entered or self._choice.wanted(relative):
                    yield from self._examine(prefix + relative, entry.path, media_type, relative)

    def _examine(
        self, source: str, path: str, media_type: str | None, relative: str, *, named: bool = False
    ) -> Sequence[SourceFile | FileStatus]:
        """Return a file with the SHA-256 of its bytes and the files inside it, or the reason why it cannot be used.

        :param media_type: None where it is not known.
        :param relative: its path, to which globs apply, and with which the paths of the files inside begin.
        :param named: it was named itself, and is read whatever the globs are.
        """
        name = disk.printable(source)
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                return [FileStatus(name, "skipped", link_reason(os.readlink(path)))]
            if PurePath(path).name.startswith("."):
                return [FileStatus(name, "skipped", "hidden: its name begins with a dot")]
            if self._passwords.are_in(path):
                return [FileStatus(name, "skipped", "the passwords of load.passwords")]
            data = None if media_type else self._if_text(path)
            media_type = media_type or (None if data is None else no_suffix.type_of(path, data))
            if media_type is None:
                return [FileStatus(name, "skipped", self._choice.unsupported(disk.printable(PurePath(path).name)))]
            if reason := "" if named else self._choice.file_reason(relative):
                return [FileStatus(name, "skipped", reason)]
            if name != source and os.path.lexists(disk.printable(path)):
                raise RejectedError("its name is not UTF-8, and another file is called as it is shown: rename it")
            if self._choice.holds_others(media_type):
                data = disk.content(path, self._limits)
                file = SourceFile(name, path, hashlib.sha256(data).hexdigest(), len(data), media_type)
                inside = self._members.inside(file, data, disk.printable(relative), self._choice)
                own = self._choice.has_text(media_type) and (named or self._choice.wanted(relative))
                return [file, *inside] if own else inside
            if data is not None:
                return [SourceFile(name, path, hashlib.sha256(data).hexdigest(), len(data), media_type)]
            with disk.opened(path) as stream:
                size = disk.usable_size(stream, self._limits)
                if reason := "" if named else self._choice.content_reason(relative, stream.read):
                    return [FileStatus(name, "skipped", reason)]
                stream.seek(0)
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            return [FileStatus(name, "rejected", disk.unreadable(error))]
        except RejectedError as error:
            return [FileStatus(name, "rejected", str(error))]
        return [SourceFile(name, path, sha256, size, media_type)]

    def _if_text(self, path: str) -> bytes | None:
        """Return the bytes of a file without a suffix that may be text; None for other files."""
        try:
            is_small = no_suffix.may_be_text(path, os.lstat(path).st_size)
            return disk.content(path, self._limits) if is_small else None
        except RejectedError:
            return None

    def read(self, file: SourceFile) -> Document:
        """Return the present content of a file that `scan` found, as a document.

        :raises RejectedError: the file changed while it was read, is binary, in an unclear encoding, or without text;
            the message gives the reason.
        :raises UsageError: the passwords cannot be read.
        """
        path = disk.printable(file.path)
        if file.member:
            path = f"{path}/{file.member}"
            file, extracted = self._members.read(file, self._formats[file.media_type])
        else:
            data = disk.content(file.path, self._limits)
            file = replace(file, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            extracted = self._extracted(file, data)
        return Document(
            id=file.document_id,
            source=file.source,
            path=path,
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
            suffix, known = PurePath(file.path).suffix, self._choice.media_types
            if suffix.lower() in known or not str(error).startswith(BINARY):
                raise
            what = self._choice.unsupported(disk.printable(PurePath(file.path).name))
            if suffix.lower() in PICTURES:
                raise RejectedError(what) from error
            raise RejectedError(f"{what}, and no text; ragqa reads {types_read(known)}") from error


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
