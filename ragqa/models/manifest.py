"""The manifest of a model in the cache, and the comparison of the model's files with it.

The manifest, `ragqa.json` in a model's folder, lists every file with its size and SHA-256, and has a checksum of
itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa.errors import UsageError
from ragqa.files import read_regular
from ragqa.models.cache import dequantised_dir, discard, model_dir
from ragqa.models.memo import file_sha256, has_sha256, remember_sha256
from ragqa.models.table import BUILTIN, Builtin
from ragqa.outputs import sync
from ragqa.points import reached

NAME = "ragqa.json"
ABSENT = "is not here"
_MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class FileRecord:
    """The size and SHA-256 of a model's file at the time when it was put into the cache."""

    size: int
    sha256: str


def publish(work: Path, folder: Path, **facts: str) -> None:
    """Rename `work` to `folder` in one step, after its bytes are on disk. An older folder is moved away first.

    The manifest records the size and SHA-256 of every file, and `facts`.
    """
    record(work, **facts)
    reached("manifest written")
    for path in (*work.rglob("*"), work):
        sync(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    discard(folder)
    reached("old model discarded")
    work.rename(folder)
    sync(folder.parent)
    reached("model published")
    for name, file in read(folder).items():
        remember_sha256(folder / name, file.sha256)


def record(folder: Path, **facts: str) -> None:
    """Write the manifest of the present files of a folder."""
    files = {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME
    }
    whole = {**facts, "files": files}
    text = json.dumps({**whole, "check": _check(whole)}, indent=1)
    (folder / NAME).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, FileRecord]:
    """Return the files that a manifest lists, by name.

    :raises FileNotFoundError: there is no manifest.
    :raises ValueError: the manifest is damaged, or was written by an earlier ragqa.
    """
    try:
        whole = json.loads(read_regular(folder / NAME, _MOST_BYTES))
        check = whole.pop("check")
        files = {str(name): FileRecord(int(file["size"]), str(file["sha256"])) for name, file in whole["files"].items()}
    except FileNotFoundError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is damaged ({NAME} cannot be read)") from error
    if check != _check(whole):
        raise ValueError(f"is damaged ({NAME} is not what was written)")
    return files


def is_old(folder: Path) -> bool:
    """Tell whether a folder has the manifest of an earlier ragqa, which recorded the sizes of files only."""
    try:
        return "sizes" in json.loads(read_regular(folder / NAME, _MOST_BYTES))
    except (OSError, ValueError, TypeError):
        return False


def missing(folder: Path, known: Mapping[str, FileRecord]) -> str | None:
    """Return the fault that the sizes of a folder's files show; None if every file has its recorded size.

    :param known: further records by name of file. They replace those of the manifest.
    """
    return _problem(folder, known, lambda path, file: path.stat().st_size == file.size)


def altered(folder: Path, known: Mapping[str, FileRecord], *, full: bool = False) -> str | None:
    """Return the fault that the SHA-256 of a folder's files shows; None if every file has its recorded one.

    :param full: read every byte, and use no hash from the cache.
    """
    return _problem(folder, known, lambda path, file: has_sha256(path, file.sha256, full))


def fault(model: Builtin) -> str | None:
    """Return the fault that the sizes of files show in a built-in model's copy in the cache; None if there is none."""
    return missing(model_dir(model.name), records_of(model))


def verify(names: Sequence[str]) -> dict[str, str | None]:
    """Read every byte of the models with these names, and return the fault of each; None for an intact model.

    :param names: built-in names. With no names, all models in the cache are read, including those made from GGUF files.
    :raises UsageError: a name is not built-in.
    """
    if unknown := [name for name in names if name not in BUILTIN]:
        raise UsageError(f"cannot verify {unknown[0]!r}: must be one of {', '.join(BUILTIN)}")
    here = [name for name, model in BUILTIN.items() if fault(model) != ABSENT]
    found = {name: altered(model_dir(name), records_of(BUILTIN[name]), full=True) for name in names or here}
    made = [] if names else sorted(dequantised_dir("").glob("*"))
    return found | {f"dequantised/{folder.name}": altered(folder, {}, full=True) for folder in made}


def records_of(model: Builtin) -> dict[str, FileRecord]:
    """Return the records of a built-in model's files that this version of ragqa contains."""
    return {model.weights: FileRecord(model.size, model.sha256)}


def _problem(folder: Path, known: Mapping[str, FileRecord], is_whole: Callable[[Path, FileRecord], bool]) -> str | None:
    """Return the first fault of a folder's files by size and by `is_whole`; None if there is none."""
    try:
        files = {**read(folder), **known}
    except FileNotFoundError:
        return ABSENT
    except ValueError as error:
        return "was pulled by an earlier ragqa, which recorded no SHA-256" if is_old(folder) else str(error)
    for name, file in files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else 0
        if size != file.size:
            return f"is damaged ({name} has {size:,} bytes; must have {file.size:,})"
        if not is_whole(path, file):
            return f"is damaged ({name} is not the file that was pulled: its SHA-256 is not {file.sha256})"
    return None


def _check(whole: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
