"""Files that stand for another one: the pointers that Git LFS and git-annex put in place of a large file."""

from __future__ import annotations

import re

from ragqa.errors import RejectedError

_LARGEST = 32_768
"""The most bytes of a pointer of git-annex; one of Git LFS has less than 1,024."""
_GIT_LFS = re.compile(
    rb"version https?://(?:git-lfs|hawser)\.github\.com/spec/v\d+\r?\n(?:[a-z0-9.-]+ [^\r\n]+(?:\r?\n|\Z))+"
)
_GIT_ANNEX = re.compile(rb"[/\\]annex[/\\]objects[/\\][A-Z0-9]+(?:-[^\s/\\]+)?--[^\s/\\]+[ \t]*(?:\r?\n|\Z)")


def refuse_pointer(data: bytes) -> None:
    """Refuse a file that is only a pointer.

    :raises RejectedError: it is one; the message says how to get the file itself.
    """
    if len(data) > _LARGEST:
        return
    if _GIT_LFS.fullmatch(data) and b"\noid " in data:
        raise RejectedError("a Git LFS pointer and not the file itself: run `git lfs pull`, then index again")
    if _GIT_ANNEX.match(data):
        raise RejectedError(
            "a git-annex pointer and not the file itself: run `git annex get` and `git annex unlock`, then index again"
        )


def link_reason(target: str) -> str:
    """Return the reason why a symbolic link is not read.

    :param target: the path that the link holds.
    """
    if re.search(r"[/\\]annex[/\\]objects[/\\]", target):
        return "symbolic link of git-annex: not followed; run `git annex get` and `git annex unlock`"
    return "symbolic link: not followed"
