"""A mailbox in the form `mbox` -> its mails, each under its number and subject."""

from __future__ import annotations

import re
from functools import partial

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.mail.headers import decoded
from ragqa.load.member import Member, part, skipped

_BEGINNING = re.compile(
    rb"^From (?=\S)(?=[^\r\n]{0,200}\d\d:\d\d)(?=[^\r\n]{0,200}\b(?:19|20)\d\d\b)[^\r\n]{0,500}\r?\n"
    rb"(?=[!-9;-~]{1,100}:|>From )",
    re.MULTILINE,
)
"""The line between two mails: it has a time and a year, and a header follows."""
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_SUBJECT = re.compile(rb"^subject:((?:[^\n]*\n?)(?:[ \t][^\n]*\n?)*)", re.MULTILINE | re.IGNORECASE)
_MOZILLA = re.compile(rb"^x-mozilla-status:\s*([0-9a-f]{4})\s*$", re.MULTILINE | re.IGNORECASE)
_EXPUNGED = 0x0008
_HEAD_BYTES = 100_000
"""The most bytes of a header in which its subject is looked for."""
_SUBJECT_CHARACTERS = 60


def members(data: bytes, limits: Limits) -> list[Member]:
    """Return the mails of a mailbox in their order, as files `0001 SUBJECT.eml`.

    A mail that was deleted and not yet removed from the file, as Thunderbird does it, is skipped.

    :raises RejectedError: the file is no mailbox, or has too many mails.
    """
    starts = [match.span() for match in _BEGINNING.finditer(data)]
    if not starts or data[: starts[0][0]].strip():
        raise RejectedError("not a mailbox: it does not begin with a line `From ADDRESS DATE`")
    if len(starts) > limits.members:
        raise RejectedError(f"{len(starts):,} mails; at most {limits.members:,}: divide it")
    ends = [start for start, _ in starts[1:]] + [len(data)]
    digits = max(4, len(str(len(starts))))
    return [
        _mail(data, begin, end, f"{number:0{digits}}")
        for number, ((_, begin), end) in enumerate(zip(starts, ends, strict=True), start=1)
    ]


def _mail(data: bytes, begin: int, end: int, number: str) -> Member:
    head = data[begin : min(end, begin + _HEAD_BYTES)]
    if blank := _HEAD_END.search(head):
        head = head[: blank.start() + 1]
    found = _SUBJECT.search(head)
    subject = part(decoded(found[1].decode("ascii", "surrogateescape")) if found else "")
    name = f"{number} {subject[:_SUBJECT_CHARACTERS].strip()}".strip() + ".eml"
    status = _MOZILLA.search(head)
    if status and int(status[1], 16) & _EXPUNGED:
        return skipped(name, "deleted, and not yet removed from the mailbox")
    return Member(name, partial(_content, data, begin, end), end - begin)


def _content(data: bytes, begin: int, end: int) -> bytes:
    """Return the bytes of a mail, with the lines `>From ` as they were sent."""
    return _ESCAPED.sub(rb"\1", data[begin:end].removesuffix(b"\n").removesuffix(b"\r"))
