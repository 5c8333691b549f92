"""The settings that answers depend on, wherever the files that they name are kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa import models
from ragqa.config import Config
from ragqa.prompt.examples import EXAMPLES_BYTES

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
        "pipeline": placeless(parts.config),
        "models": {"embed": dict(identity), "generate": getattr(parts.generator, "identity", {}) if writes else {}},
        "documents": hashlib.sha256(json.dumps(sorted(sources.items())).encode()).hexdigest(),
    }


def placeless(config: Config) -> dict[str, Any]:
    """Return the sections of a file but those that say what is loaded or asked; paths are hashes of what is there.

    :raises ModelError: a model's folder has no weights.
    """
    sections = {name: _values(block) for name, block in config.resolved().items() if name not in ("load", "evaluate")}
    return {**sections, "index": {key: value for key, value in sections["index"].items() if key != "path"}}


def _values(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    return {key: _content(key, value) if key in _PATHS else _values(value) for key, value in block.items()}


def _content(key: str, value: Any) -> Any:
    """Return the hash of an absolute path's file or of its folder's weights; any other value as it is.

    What is too large for a template or for examples is refused when it is read, and not hashed before.
    """
    path = Path(value) if isinstance(value, str) and value.startswith("/") else None
    if path is not None and key == "model" and os.path.isdir(path):
        return models.weights_sha256(path)
    if path is None or not os.path.isfile(path) or (key != "model" and path.stat().st_size > EXAMPLES_BYTES):
        return value
    return models.remembered_sha256(path)
