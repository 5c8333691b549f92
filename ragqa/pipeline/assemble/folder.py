"""The default pipeline over a folder, for users without a pipeline file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from ragqa import arguments, models
from ragqa.arguments import AnyPath
from ragqa.config.grid import quoted
from ragqa.errors import UsageError


@contextmanager
def default_file(folder: AnyPath, overrides: Sequence[str] = ()) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the quickstart pipeline file, and the overrides that set its documents to a folder or one document.

    The index is in the cache, under the hash of the path. There are no questions, unless overrides set some.

    :raises UsageError: there is no such folder, it is a pipeline file, or its name is not UTF-8.
    """
    given = arguments.set_values(overrides)
    root = arguments.path(folder, "folder").resolve()
    if root.suffix.lower() in (".yaml", ".yml") and root.is_file():
        raise UsageError(f"folder: {root} is a pipeline file; pass a folder, or use Pipeline.from_file")
    if not root.exists():
        raise UsageError(f"folder not found: {root}")
    try:
        digest = hashlib.sha256(str(root).encode()).hexdigest()
    except UnicodeEncodeError:
        raise UsageError(f"{root}: its name is not UTF-8, and a pipeline file cannot hold it: rename it") from None
    index = models.cache_dir() / "folders" / digest[:32]
    paths = (f"load.path={quoted(str(root))}", f"index.path={quoted(str(index))}")
    asked = any(override.startswith("evaluate.") for override in given)
    with as_file(files("ragqa.config") / "quickstart.yaml") as file:
        yield file, (*paths, *(() if asked else ("evaluate=null",)), *given)
