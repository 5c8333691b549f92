"""A file inside another one, as the functions of `formats.CONTAINERS` return them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MOST_NAME = 150
"""The most characters of one part of a name."""


def _nothing() -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside another one. `name` is its path there, with `/` between parts.

    :param read: returns its bytes; it raises `RejectedError` with the reason where there are none.
    :param size: its size in bytes, as far as it is known before it is read.
    :param reason: the reason why it is not read; empty where it can be.
    :param status: `rejected` or `skipped`, where there is a reason.
    """

    name: str
    read: Callable[[], bytes] = _nothing
    size: int = 0
    reason: str = ""
    status: str = "rejected"


def skipped(name: str, reason: str) -> Member:
    """Return a member that is not read, which is not a fault."""
    return Member(name, reason=reason, status="skipped")


def part(text: str) -> str:
    """Return a text as one part of a path: on one line, without slashes, and not longer than is useful."""
    cleaned = " ".join(_CONTROL.sub(" ", text).replace("/", "-").replace("\\", "-").split())
    if len(cleaned) > _MOST_NAME:
        suffix = PurePosixPath(cleaned).suffix
        suffix = suffix if len(suffix) <= 10 else ""
        cleaned = cleaned[: _MOST_NAME - len(suffix)].rstrip() + suffix
    return cleaned if cleaned.strip(".") else ""


def distinct(members: Sequence[Member]) -> list[Member]:
    """Return the members with a name each. Of equal names, the second is `name (2).suffix`.

    A member whose path leads through another member, which is a file, is refused.
    """
    taken: set[str] = set()
    named: list[Member] = []
    for member in members:
        name, number = member.name, 1
        while name in taken:
            number += 1
            path = PurePosixPath(member.name)
            name = str(path.with_name(f"{path.stem} ({number}){path.suffix}")) if path.name else f"{name} ({number})"
        taken.add(name)
        named.append(member if name == member.name else replace(member, name=name))
    files = {member.name for member in named if not member.reason}
    return [_refused_below(member, files) for member in named]


def _refused_below(member: Member, files: set[str]) -> Member:
    at = member.name.find("/")
    while at >= 0:
        if member.name[:at] in files:
            return Member(member.name, reason=f"its folder {member.name[:at]} is also the name of a file")
        at = member.name.find("/", at + 1)
    return member
