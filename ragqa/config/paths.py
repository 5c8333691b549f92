"""Which values of a pipeline file are paths; relative ones are taken from the folder of the file they stand in."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from ragqa.config import grid

PATH_KEYS = {"load": ("path",), "index": ("path",), "prompt": ("examples",), "evaluate": ("path",)}
"""Keys whose value is a path relative to the file; `template` and `model` are paths only where they hold a `/`."""

NAME_OR_PATH_KEYS = (("prompt", "template"), ("embed", "model"), ("generate", "model"))


def make_absolute(data: dict[str, Any], base: Path) -> None:
    """Turn the paths in the sections of a file into absolute ones, those of grids too; `base` is where it stands."""
    for section, keys in PATH_KEYS.items():
        block = data.get(section)
        for key in keys:
            if isinstance(block, dict) and key in block:
                block[key] = grid.each(block[key], partial(_absolute, base))
    blocks = [(data.get(section), key) for section, key in NAME_OR_PATH_KEYS]
    retrieve = data.get("retrieve")
    if isinstance(retrieve, dict):
        blocks += [(rerank, "model") for rerank in grid.values(retrieve.get("rerank"))]
    for block, key in blocks:
        if isinstance(block, dict) and key in block:
            block[key] = grid.each(block[key], partial(_absolute_if_local, base, key == "template"))


def _absolute(base: Path, value: Any) -> Any:
    """Return a path, or a list of them, as absolute; anything else as it is."""
    if isinstance(value, list):
        return [_absolute(base, one) for one in value]
    return _resolved(base, value) if isinstance(value, str) and value else value


def _absolute_if_local(base: Path, slash: bool, value: Any) -> Any:
    """Return a value that is written as a path as an absolute one; where `slash`, any `/` in it makes it one."""
    local = isinstance(value, str) and (value.startswith((".", "~", "/")) or (slash and "/" in value))
    return _resolved(base, value) if local else value


def _resolved(base: Path, value: str) -> str:
    return str((base / os.path.expanduser(value)).absolute())
