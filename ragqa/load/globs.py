"""Globs over relative paths. (`pathlib` matches `**` against a whole path from Python 3.13 on only.)"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.errors import UsageError

_TOKEN = re.compile(r"(\*+|\?|\[!?[^\]/]+\])")


@dataclass(frozen=True, slots=True)
class FileGlobs:
    """Globs that choose the files of folders; a file that is named is read whatever they say.

    :param include: only files that match are read; all for none.
    :param exclude: files and folders that match are left out.
    :param as_text: files that match are plain text, whatever their type.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    as_text: Sequence[str] = ()


ALL_FILES = FileGlobs()
"""Globs that leave nothing out, and read each file as what it is."""


class Globs:
    """Any of several globs, each over the whole relative path with `/` between its parts.

    `*` and `?` stay within one name, `[ab]` and `[!ab]` match one character, `**` stands for any number of folders:
    `*.md` is a file at the top, `**/*.md` one at any depth, `drafts/**` everything in `drafts`. What matches a folder
    matches all that is in it, so `drafts` says the same. Capital letters matter.

    :raises UsageError: a glob that cannot be understood.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_compiled(pattern) for pattern in patterns]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, relative: str) -> bool:
        """Return whether a path matches; that of a folder ends in `/`."""
        return any(pattern.fullmatch(relative) for pattern in self._patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = pattern.removeprefix("./").strip("/").split("/")
    folders = ["(?:[^/]+/)*" if part == "**" else _name(part) + "/" for part in parts[:-1]]
    last = ".*" if parts[-1] == "**" else _name(parts[-1])
    try:
        return re.compile(f"{''.join(folders)}{last}(?:/.*)?", re.DOTALL)
    except re.error as error:
        raise UsageError(f"glob {pattern!r}: {error}; write a literal [ as [[]") from error


def _name(part: str) -> str:
    """Return the regular expression of one name between slashes."""
    return "".join(_translated(token) for token in _TOKEN.split(part))


def _translated(token: str) -> str:
    if token.startswith("*"):
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if _TOKEN.fullmatch(token):
        return "[" + token[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("!", "^", 1) + "]"
    return re.escape(token)
