"""The files inside other files, as the main process sees them. Their bytes are unpacked and parsed in the sandbox."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from ragqa.errors import RejectedError
from ragqa.load import disk
from ragqa.load.bounds import Limits
from ragqa.load.choice import Choice
from ragqa.load.formats import CONTAINERS
from ragqa.load.readers import SandboxedFormat, Secrets, sandbox
from ragqa.records import Extracted, FileStatus, SourceFile
from ragqa.stages import FileFormat

_Entry = tuple[str, int, str, str, Literal["", "rejected", "skipped"], str]


@dataclass(frozen=True, slots=True)
class _Listing:
    """The reply of `containers.listing`."""

    entries: list[_Entry]
    members: int


@dataclass(frozen=True, slots=True)
class _Reply:
    """The reply of `containers.member`."""

    size: int = 0
    sha256: str = ""
    extracted: Extracted | None = None
    bytes: str = ""
    missing: bool = False


_SUFFIXES = {suffix: each.media_type for each in CONTAINERS for suffix in each.suffixes}
_LISTING, _REPLY = TypeAdapter(_Listing), TypeAdapter(_Reply)


class Members:
    """Lists and reads the files inside other files.

    The list of a file is kept until it is not asked for in a whole scan; so a file that has not changed is unpacked for
    one scan only.

    :param secrets: functions that return the values of what opens files, such as `passwords`.
    """

    def __init__(self, limits: Limits, secrets: Secrets | None = None) -> None:
        self._limits, self._secrets = limits, secrets or {}
        self._lists: dict[tuple[str, str], _Listing] = {}
        self._used: set[tuple[str, str]] = set()

    def begin_scan(self) -> None:
        """Forget the lists that were not asked for since the scan before."""
        self._lists = {key: kept for key, kept in self._lists.items() if key in self._used}
        self._used = set()

    def inside(self, file: SourceFile, data: bytes, relative: str, choice: Choice) -> list[SourceFile | FileStatus]:
        """Return the files inside a file that may be read, and those that cannot.

        :param relative: its path, to which globs apply.
        :raises RejectedError: it cannot be opened, or its members exceed the limits.
        """
        key = file.sha256, relative
        if key not in self._lists:
            reply = sandbox(self._limits).call(
                "ragqa.load.containers:listing",
                data,
                media_type=file.media_type,
                relative=relative,
                choice=choice.plain(),
                limits=asdict(self._limits),
                secrets=self._values(),
            )
            self._lists[key] = _checked(_LISTING, reply)
        self._used.add(key)
        listing = self._lists[key]
        if not listing.members and not choice.has_text(file.media_type):
            return [FileStatus(file.source, "skipped", "no files in it, hidden ones left out")]
        return [_record(file, entry) for entry in listing.entries]

    def read(self, file: SourceFile, reader: FileFormat) -> tuple[SourceFile, Extracted]:
        """Return the present text of a file inside another one, and the file with its present hash and size.

        :param reader: of the file's media type.
        :raises RejectedError: the file is no longer there, or cannot be read.
        """
        if isinstance(reader, SandboxedFormat):
            present: list[SourceFile] = []

            def extracted() -> Extracted:
                reply = self._call(file, "text", media_type=file.media_type, options=reader.options)
                if reply.extracted is None:
                    raise RejectedError("the parser's reply is malformed")
                present.append(replace(file, sha256=reply.sha256, size=reply.size))
                return reply.extracted

            text = reader.completed(extracted, lambda: self.content(file))
            return present[0], text
        data = self.content(file)
        return replace(file, sha256=hashlib.sha256(data).hexdigest(), size=len(data)), reader.read(data)

    def _values(self) -> dict[str, list[str]]:
        return {name: values() for name, values in self._secrets.items()}

    def content(self, file: SourceFile) -> bytes:
        """Return the present bytes of a file inside another one.

        :raises RejectedError: the file is no longer there, or cannot be unpacked.
        """
        return base64.b64decode(self._call(file, "bytes").bytes)

    def sha256(self, file: SourceFile) -> str:
        """Return the SHA-256 of the present bytes of a file inside another one.

        :raises RejectedError: the file is no longer there, or cannot be unpacked.
        """
        return self._call(file, "hash").sha256

    def _call(self, file: SourceFile, want: str, **arguments: Any) -> _Reply:
        """Return the child's reply about a member. The bytes of the outermost file are sent where the child lacks them.

        :raises RejectedError: the child refused the file or the member, or could not read it.
        """
        arguments |= {
            "key": f"{file.path} {disk.stamp(file.path)}",
            "container": _SUFFIXES.get(PurePath(file.path).suffix.lower(), ""),
            "path": file.member,
            "want": want,
            "limits": asdict(self._limits),
            "secrets": self._values(),
        }
        target = "ragqa.load.containers:member"
        reply: _Reply = _checked(_REPLY, sandbox(self._limits).call(target, b"", **arguments))
        if reply.missing:
            data = disk.content(file.path, self._limits)
            reply = _checked(_REPLY, sandbox(self._limits).call(target, data, **arguments))
        return reply


def _record(file: SourceFile, entry: _Entry) -> SourceFile | FileStatus:
    member, size, sha256, media_type, status, reason = entry
    source = f"{file.source}/{member}"
    if status:
        return FileStatus(source, status, reason)
    return SourceFile(source, file.path, sha256, size, media_type, member)


def split_path(path: str) -> Iterator[tuple[str, str]]:
    """Yield each beginning of a path that may be a file that holds others, with the path inside that file."""
    at = path.find("/", 1)
    while at >= 0:
        if PurePath(path[:at]).suffix.lower() in _SUFFIXES:
            yield path[:at], path[at + 1 :]
        at = path.find("/", at + 1)


def _checked(adapter: TypeAdapter[Any], reply: Any) -> Any:
    try:
        return adapter.validate_python(reply)
    except ValidationError:
        raise RejectedError("the parser's reply is malformed") from None
