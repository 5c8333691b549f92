"""The settings that answers depend on, wherever the files that they name are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ragqa import models
from ragqa.config import Config

_PATHS = ("template", "examples", "model")


def settings(config: Config) -> dict[str, Any]:
    """Return the sections of a file but those that say what is loaded or asked; paths are hashes of what is there.

    :raises ModelError: a model's folder has no weights.
    """
    sections = {
        name: _placeless(block) for name, block in config.resolved().items() if name not in ("load", "evaluate")
    }
    return {**sections, "index": {key: value for key, value in sections["index"].items() if key != "path"}}


def _placeless(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    return {key: _content(value) if key in _PATHS else _placeless(value) for key, value in block.items()}


def _content(value: Any) -> Any:
    """Return the hash of an absolute path's file or of its folder's weights; any other value as it is."""
    path = Path(value) if isinstance(value, str) and value.startswith("/") else None
    if path is None or not (os.path.isdir(path) or os.path.isfile(path)):
        return value
    return models.weights_sha256(path) if path.is_dir() else models.remembered_sha256(path)
