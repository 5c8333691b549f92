"""Computes the settings that answers depend on; files count by their content, not by their paths."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa import models
from ragqa.config import Config
from ragqa.config.base import Spec, path_rules
from ragqa.config.slots import VERSION
from ragqa.prompt.examples import EXAMPLES_BYTES

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.components import Components

_OTHER_DATA = ("load", "evaluate", "serve")
"""The sections with the documents, the questions and the server, which are left out; the documents are hashed separately."""


def fingerprint(components: Components, sources: Mapping[str, str], *, answers: bool) -> dict[str, Any]:
    """Return everything that answers depend on; see `Pipeline.fingerprint`.

    :param sources: document id by source.
    """
    nested = (spec for _, spec in components.config.retrieve.nested())
    writes = answers or any(spec.uses_generator for spec in nested)
    generator = getattr(components.generator, "identity", {}) if writes else {}
    return {
        "pipeline": without_paths(components.config),
        "models": {"embed": components.identity, "generate": generator},
        "splitter": getattr(components.splitter, "version", ""),
        "documents": hashlib.sha256(json.dumps(sorted(sources.items())).encode()).hexdigest(),
    }


def without_paths(config: Config) -> dict[str, Any]:
    """Return the sections of a file except those of `_OTHER_DATA`, with the hash of the content in place of each path.

    :raises ModelError: a model's folder has no weights.
    """
    sections = {name: _content(spec) for name, spec in config.sections().items() if name not in _OTHER_DATA}
    return {"version": VERSION, **sections}


def _content(spec: Spec) -> dict[str, Any]:
    block = spec.model_dump()
    for key, rule in path_rules(type(spec)).items():
        if rule.content:
            block[key] = _hashed(block[key], is_model=rule.weights)
        else:
            del block[key]
    for place, inner in spec.nested():
        name = str(place[0])
        if len(place) == 1 and isinstance(block[name], dict):
            block[name] = _content(inner)
    return block


def _hashed(value: Any, *, is_model: bool) -> Any:
    """Return the hash of the file or of the folder of weights at an absolute path; return any other value unchanged.

    A file that is too large for a template or for examples is not hashed; reading it later raises an error.
    """
    path = Path(value) if isinstance(value, str) and value.startswith("/") else None
    if path is not None and is_model and os.path.isdir(path):
        return models.weights_sha256(path)
    if path is None or not os.path.isfile(path) or (not is_model and path.stat().st_size > EXAMPLES_BYTES):
        return value
    return models.remembered_sha256(path)
