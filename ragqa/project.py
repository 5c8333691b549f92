"""Writes the first pipeline file for a folder of documents: the file of a profile, with a comment for each section."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ragqa import arguments
from ragqa.arguments import AnyPath
from ragqa.config.grid import quoted
from ragqa.errors import NothingUsableError, UsageError
from ragqa.load import MEDIA_TYPES
from ragqa.load.formats import PICTURES, types_read
from ragqa.load.ocr.completing import is_installed
from ragqa.load.skipped import file_reason, folder_reason
from ragqa.outputs import write_new
from ragqa.profiles import NAMES, Choice, choose

_OWN_PROFILE = """\
# A ragqa pipeline: the settings of a file of your own, for another folder. Sections that are added here replace its keys.
version: 1
extends: {file}
load:     {{path: .}}
index:    {{path: .ragqa}}
"""
"""The file for a profile that is a pipeline file of the user's own."""


@dataclass(frozen=True, slots=True)
class Project:
    """A newly written pipeline file.

    :param file: the pipeline file.
    :param folder: the folder that it loads.
    :param file_types: the number of files of each suffix in the folder, the most frequent first.
    :param profile: the profile whose settings the file has, and why it was chosen.
    """

    file: Path
    folder: Path
    file_types: Mapping[str, int]
    profile: Choice


def init(folder: AnyPath = ".", output: AnyPath = "ragqa.yaml", profile: str | None = None) -> Project:
    """Write a pipeline file for the documents of a folder. An existing file is never replaced.

    It has the settings of a profile, so that it answers as `Pipeline.from_folder` does with the same profile.

    :param profile: see `ragqa.profiles.choose`.
    :raises UsageError: there is no such folder or profile, its name is not UTF-8, or the output exists or cannot be
        written.
    :raises NothingUsableError: the folder has no document.
    :raises ResourceError: the disk is full.
    """
    root, file = arguments.path(folder, "folder"), arguments.path(output, "output")
    if not root.is_dir():
        raise UsageError(f"folder not found: {root}")
    if not arguments.is_unicode(f"{root.resolve()}{file.absolute()}"):
        raise UsageError(f"{root}: its name is not UTF-8, and a pipeline file cannot hold it: rename it")
    choice = choose(profile)
    file_types = _count_files(root)
    text = _with_paths(_text(choice, file), root, file, file_types)
    write_new(file, text.encode("utf-8", "backslashreplace"))
    return Project(file, root, file_types, choice)


def _text(choice: Choice, file: Path) -> str:
    """Return the text of a profile; for a file of the user's own, a file that extends it."""
    if choice.name in NAMES:
        return choice.file.read_text(encoding="utf-8")
    return _OWN_PROFILE.format(file=_relative(choice.file.absolute(), file))


def _with_paths(text: str, root: Path, file: Path, file_types: Mapping[str, int]) -> str:
    """Return the text of a pipeline file with the folder of documents and the place of the index filled in."""
    count = ", ".join(f"{n} {suffix}" for suffix, n in file_types.items())
    index = file.parent / ".ragqa" / (root.resolve().name or "root")
    text = _set_path(text, "load", _relative(root, file))
    text = _set_path(text, "index", _relative(index, file))
    return re.sub(r"^load:", lambda key: f"# Here: {count}.\n{key[0]}", text, count=1, flags=re.MULTILINE)


def _set_path(text: str, section: str, path: str) -> str:
    """Return a pipeline file with another `path` in a section that is written on one line and ends with its path."""
    line = re.compile(rf"^({section}: .*path: )[^,{{}}]*}}$", re.MULTILINE)
    replaced, count = line.subn(lambda found: f"{found[1]}{path}}}", text)
    assert count == 1, f"{section} must be on one line of a profile and end with its path"
    return replaced


def _count_files(root: Path) -> dict[str, int]:
    """Return the number of files by suffix, as `ragqa index` will find them."""
    counts: Counter[str] = Counter()
    for _, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and not folder_reason(name)]
        if not folder_reason("", files):
            counts.update(
                Path(name).suffix.lower() for name in files if not (name.startswith(".") or file_reason(name))
            )
    read = MEDIA_TYPES.keys() | (PICTURES if is_installed() else ())
    readable = {suffix: n for suffix, n in counts.most_common() if suffix in read}
    if not readable:
        raise NothingUsableError(f"no documents found under {root}: ragqa reads {types_read(MEDIA_TYPES)}")
    return readable


def _relative(path: Path, file: Path) -> str:
    """Return a path as YAML text, relative to the pipeline file."""
    return quoted(os.path.relpath(path, file.absolute().parent))
