"""The settings that answers depend on, wherever the files that they name are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa import models
from ragqa.config import Config

if TYPE_CHECKING:
    from ragqa.pipeline.parts import Parts

_PATHS = ("template", "examples", "model")


def fingerprint(
    parts: Parts, identity: Mapping[str, str], sources: Mapping[str, str], *, answers: bool
) -> dict[str, Any]:
    """Return what answers depend on; see `Pipeline.fingerprint`.

    :param identity: of the embedder and the splitter. :param sources: document id by source.
    """
    spec = parts.config.retrieve
    rerank = getattr(spec, "rerank", None)
    writes = answers or getattr(spec, "rewrite", None) or (rerank and rerank.kind == "likelihood")
    return {
        "pipeline": settings(parts.config),
        "models": {"embed": dict(identity), "generate": getattr(parts.generator, "identity", {}) if writes else {}},
        "documents": hashlib.sha256(json.dumps(sorted(sources.items())).encode()).hexdigest(),
    }


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
    if path is None or not path.exists():
        return value
    return models.weights_sha256(path) if path.is_dir() else models.remembered_sha256(path)
