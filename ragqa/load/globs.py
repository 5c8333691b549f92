"""Globs over relative paths. (`pathlib` matches `**` against a whole path from Python 3.13 on only.)"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.errors import UsageError

_TOKEN = re.compile(r"(\*+|\?|\[!?[^\]/]+\])")


@dataclass(frozen=True, slots=True)
class FileGlobs:
    """Globs that choose the files of folders. A file that is named itself is read in any case.

    :param include: only matching files are read; with none, all files.
    :param exclude: matching files and folders are left out.
    :param as_text: matching files are read as plain text, whatever their type.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    as_text: Sequence[str] = ()


ALL_FILES = FileGlobs()
"""Globs that exclude no file, and read each file by its own type."""


class Globs:
    """Any of several globs, each over the whole relative path with `/` between its parts.

    `*` and `?` match within one name. `[ab]` and `[!ab]` match one character. `**` matches any number of folders.
    `*.md` matches files in the top folder, `**/*.md` files at any depth, `drafts/**` everything in `drafts`. A glob
    that matches a folder matches everything in it, so `drafts` is equal to `drafts/**`. Upper and lower case differ.

    :raises UsageError: a glob is invalid.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_compiled(pattern) for pattern in patterns]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, relative: str) -> bool:
        """Tell whether a path matches. The path of a folder ends in `/`."""
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
