"""The pipeline over a folder, for users without a pipeline file: a profile, with an index in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragqa import arguments, kinds, models
from ragqa.arguments import AnyPath
from ragqa.config import examine
from ragqa.config.grid import quoted
from ragqa.errors import ConfigError, UsageError
from ragqa.profiles import choose

_NOT_STORED = {
    "engine",
    "backend",
    "dtype",
    "batch_tokens",
    "batch_size",
    "base_url",
    "api_key_env",
    "retries",
    "deadline",
}
"""The settings of an embedder that change how fast vectors are computed, but not which index they belong to."""


def default_file(
    folder: AnyPath, overrides: Sequence[str] = (), profile: str | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Return the file of a profile, and the overrides that set its documents to a folder or one document.

    The index is in the cache. Each embedder and splitter has an index of its own there, so that another profile never
    meets the index of this one. There are no questions, unless overrides set some;
    these are of kind jsonl where they name no other.

    :param profile: see `ragqa.profiles.choose`.
    :raises UsageError: there is no such folder, it is a pipeline file, or its name is not UTF-8; or there is no such
        profile.
    """
    given = arguments.set_values(overrides)
    root = arguments.path(folder, "folder").resolve()
    if root.suffix.lower() in (".yaml", ".yml") and root.is_file():
        raise UsageError(f"folder: {root} is a pipeline file; pass a folder, or use Pipeline.from_file")
    if not root.exists():
        raise UsageError(f"folder not found: {root}")
    if not arguments.is_unicode(str(root)):
        raise UsageError(f"{root}: its name is not UTF-8, and a pipeline file cannot hold it: rename it")
    file = choose(profile).file
    index = models.cache_dir() / "folders" / _digest([str(root), _index_settings(file, given)])[:32]
    paths = (f"load.path={quoted(str(root))}", f"index.path={quoted(str(index))}")
    questions = "evaluate.kind=jsonl" if any(each.startswith("evaluate.") for each in given) else "evaluate=null"
    return file, (*paths, questions, *given)


def _index_settings(file: Path, overrides: Sequence[str]) -> list[Any]:
    """Return the settings that decide which index is meant: embedder and splitter; none of a file with mistakes."""
    try:
        config, _ = examine(file, overrides, kinds.BUILTIN)
    except ConfigError:
        return []
    embed, split = config.embed, config.split
    return [embed and embed.model_dump(exclude=_NOT_STORED), split and split.model_dump()]


def _digest(key: object) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
