"""The files inside other files: their list, and the text of one of them. This module runs in the sandbox.

The child keeps the last file that it opened. Members of one file that are asked for one after another are read from it
without sending its bytes again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any, Literal

from ragqa.errors import RejectedError
from ragqa.load import no_suffix
from ragqa.load.bounds import Limits
from ragqa.load.choice import Choice
from ragqa.load.disk import refuse_size
from ragqa.load.extract import extract
from ragqa.load.formats import CONTAINERS
from ragqa.load.member import Member, distinct
from ragqa.load.pointer import refuse_pointer

_RECORDS = {each.media_type: each for each in CONTAINERS}
_SUFFIXES = {suffix: each.media_type for each in CONTAINERS for suffix in each.suffixes}
Secrets = Mapping[str, list[str]]
_HELD: dict[str, Opened] = {}
"""The file that was opened last, by its key."""


class TooMuchError(RejectedError):
    """The members of a file exceed the limits together, so that the whole file is refused."""


class Opened:
    """A file that holds others: its members, and the member that was opened last.

    :param secrets: the keywords of functions that open files, such as `passwords`.
    :raises RejectedError: the file cannot be read as one of its type.
    """

    def __init__(self, media_type: str, data: bytes, limits: Limits, secrets: Secrets) -> None:
        record = _RECORDS[media_type]
        module, _, name = record.function.partition(":")
        self._limits, self._secrets = limits, secrets
        own = {each: secrets[each] for each in record.secrets if each in secrets}
        self.members = distinct(getattr(import_module(module), name)(data, limits, **own))
        self._by_name = {member.name: member for member in self.members}
        self._inner: tuple[str, Opened] | None = None

    def content(self, path: str) -> bytes:
        """Return the bytes of a member. The path of a member of a member leads through both.

        :raises RejectedError: there is none, or it cannot be read.
        """
        if member := self._by_name.get(path):
            if member.reason:
                raise RejectedError(member.reason)
            return member.read()
        at = path.find("/")
        while at >= 0:
            if path[:at] in self._by_name:
                return self._opened(path[:at]).content(path[at + 1 :])
            at = path.find("/", at + 1)
        raise RejectedError("no longer in the file that held it: run again")

    def _opened(self, name: str) -> Opened:
        if self._inner is None or self._inner[0] != name:
            self._inner = None  # so that no two of them are in memory at once
            kind = _SUFFIXES[PurePosixPath(name).suffix.lower()]
            self._inner = name, Opened(kind, self.content(name), self._limits, self._secrets)
        return self._inner[1]


def listing(
    data: bytes,
    *,
    media_type: str,
    relative: str,
    choice: Mapping[str, Any],
    limits: dict[str, Any],
    secrets: Secrets | None = None,
) -> dict[str, Any]:
    """Return the files inside a file that may be read, and those that cannot, under `entries`.

    An entry is the path inside, the size, the SHA-256, the media type, the status (empty where it may be read) and the
    reason. `members` is the number of all files inside, those that are not chosen included.

    :param relative: the path of the file, to which globs apply.
    :param choice: the data of a `Choice`.
    :param secrets: as for `Opened`.
    :raises RejectedError: the file is a pointer to another one or cannot be read as one of its type, or its members exceed the limits.
    """
    refuse_pointer(data)
    walk = _Walk(Choice.from_plain(choice), Limits(**limits), secrets or {})
    return {"entries": [*walk.inside(data, media_type, relative, "", 1)], "members": walk.count}


class _Walk:
    """One walk over the members of a file, and over those of the members; the limits apply to all of them together."""

    def __init__(self, choice: Choice, limits: Limits, secrets: Secrets) -> None:
        self._choice, self._limits, self._secrets = choice, limits, secrets
        self._bytes_left = limits.unpacked_bytes
        self.count = 0

    def inside(self, data: bytes, media_type: str, relative: str, place: str, depth: int) -> Iterator[list[Any]]:
        """Yield an entry for each member of a file.

        :param relative: the path of the file, to which globs apply.
        :param place: its path inside the outermost file, with a slash at its end; empty for that file itself.
        :raises RejectedError: it cannot be opened. A file that has a text besides has no members then: reading its text
            gives the reason.
        """
        if depth > self._limits.container_depth:
            raise RejectedError(f"more than {self._limits.container_depth} files inside one another: unpack it")
        try:
            opened = Opened(media_type, data, self._limits, self._secrets)
        except RejectedError:
            if self._choice.has_text(media_type):
                return
            raise
        self.count += len(opened.members)
        if self.count > self._limits.members:
            raise TooMuchError(f"more than {self._limits.members:,} files in it: unpack it")
        for member in opened.members:
            yield from self._member(member, f"{relative}/{member.name}", place + member.name, depth)

    def _reason(self, relative: str) -> str:
        """Return the reason why a member is skipped by its name or those of its folders; empty where it is read."""
        folders = [str(each) for each in PurePosixPath(relative).parents if each.name]
        reasons = (self._choice.folder_reason(f"{each}/") for each in folders)
        return self._choice.file_reason(relative) or next(filter(None, reasons), "")

    def _member(self, member: Member, relative: str, path: str, depth: int) -> Iterator[list[Any]]:
        media_type = self._choice.media_type(relative)
        wanted = self._choice.wanted(relative)
        entered = self._choice.holds_others(media_type) and self._choice.entered(relative)
        if not (wanted or entered):
            return
        if member.reason:
            yield _status(path, member.status, member.reason)
            return
        media_type = media_type or self._type_by_content(member)
        if media_type is None:
            yield _status(path, "skipped", self._choice.unsupported(path))
            return
        if reason := self._reason(relative):
            yield _status(path, "skipped", reason)
            return
        try:
            data = self._content(member)
            if reason := self._choice.content_reason(relative, lambda most: data[:most]):
                yield _status(path, "skipped", reason)
                return
            inner = [*self.inside(data, media_type, relative, f"{path}/", depth + 1)] if entered else []
        except TooMuchError:
            raise
        except RejectedError as error:
            yield _status(path, "rejected", str(error))
            return
        if wanted and self._choice.has_text(media_type):
            yield [path, len(data), hashlib.sha256(data).hexdigest(), media_type, "", ""]
        yield from inner

    def _type_by_content(self, member: Member) -> str | None:
        """Return the media type of a member without a suffix that is text; else None."""
        try:
            is_small = no_suffix.may_be_text(member.name, member.size)
            return no_suffix.type_of(member.name, self._content(member)) if is_small else None
        except TooMuchError:
            raise
        except RejectedError:
            return None

    def _content(self, member: Member) -> bytes:
        if member.size > self._limits.file_bytes:
            refuse_size(member.size, self._limits)
        self._refuse_beyond(member.size)
        data = member.read()
        refuse_size(len(data), self._limits)
        self._refuse_beyond(len(data))
        self._bytes_left -= len(data)
        return data

    def _refuse_beyond(self, size: int) -> None:
        if size > self._bytes_left:
            raise TooMuchError(f"unpacked, it has more than {self._limits.unpacked_bytes >> 20:,} MiB: a bomb?")


def _status(path: str, status: str, reason: str) -> list[Any]:
    return [path, 0, "", "", status, reason]


def member(
    data: bytes,
    *,
    key: str,
    container: str,
    path: str,
    want: Literal["text", "bytes", "hash"],
    limits: dict[str, Any],
    media_type: str = "",
    options: Mapping[str, Any] | None = None,
    secrets: Secrets | None = None,
) -> dict[str, Any]:
    """Return the `size` and `sha256` of a member, and its text as `extracted`, or its `bytes` in base 64.

    :param data: the bytes of the outermost file; empty where this process may still have them.
    :param key: a text that changes with these bytes.
    :param container: the media type of that file.
    :param path: the path of the member inside.
    :param media_type: of the member, and of a built-in format; needed for its text.
    :param options: as for `extract`.
    :param secrets: as for `Opened`.
    :return: only `missing` where the bytes of the file are needed and were not sent.
    :raises RejectedError: there is no such member, it cannot be read, or `extract` refused it.
    """
    bounds = Limits(**limits)
    key += json.dumps(secrets)
    if key not in _HELD:
        if not data:
            return {"missing": True}
        _HELD.clear()
        _HELD[key] = Opened(container, data, bounds, secrets or {})
    content = _HELD[key].content(path)
    refuse_size(len(content), bounds)
    found: dict[str, Any] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if want == "bytes":
        return found | {"bytes": base64.b64encode(content).decode("ascii")}
    if want == "text":
        return found | {"extracted": asdict(extract(content, media_type=media_type, limits=limits, options=options))}
    return found
