"""Puts a pipeline over documents other than those of its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ragqa import models
from ragqa.config import Kind
from ragqa.config.slots import LoadSpec
from ragqa.config.specs import FolderLoad
from ragqa.pipeline.assemble.components import Components
from ragqa.records import Document

if TYPE_CHECKING:
    from ragqa.load import MemoryLoader
    from ragqa.stages import Needs


class MemoryLoad(LoadSpec):
    """The section `load` for documents in memory; a file cannot name this kind."""

    kind: Literal["memory"] = "memory"


def _no_documents(spec: MemoryLoad, needs: Needs) -> MemoryLoader:
    """Build a loader of no documents; `over_documents` replaces it."""
    from ragqa.load import MemoryLoader

    return MemoryLoader([])


def over_documents(components: Components, documents: Sequence[Document]) -> Components:
    """Return the parts of a pipeline over documents in memory; see `Pipeline.with_documents`."""
    from ragqa.load import MemoryLoader

    loader = MemoryLoader(documents)
    key = sorted((document.source, document.id) for document in documents)
    other = _over(components, MemoryLoad(), key)
    other.replace(loader=loader)
    return other


def over_folder(components: Components, folder: Path, include: Sequence[str]) -> Components:
    """Return the parts of a pipeline over another folder; see `Pipeline.with_folder`."""
    load = FolderLoad(kind="folder", path=str(folder), include=list(include))
    return _over(components, load, [str(folder), *include])


def _over(components: Components, load: LoadSpec, key: object) -> Components:
    """Return parts with another `load` and an index in the cache; built parts are shared.

    :param key: plain data that identifies the documents; it names the folder of the index.
    """
    config = components.config
    digest = hashlib.sha256(json.dumps([key, components.identity], sort_keys=True).encode()).hexdigest()
    index = config.index.at(str(models.cache_dir() / "datasets" / digest[:32]))
    own = [Kind("load", MemoryLoad, _no_documents)] if config.kinds.find("load", "memory") is None else []
    other = Components(replace(config, load=load, index=index, kinds=config.kinds.and_own(own)))
    other.over_other_documents = True
    other.take_over(components)
    return other


def how_to_index(components: Components) -> str:
    """Return the advice for an error that there is no index yet."""
    in_cache = Path(components.index.location).is_relative_to(models.cache_dir())  # so no file names the folder
    if in_cache or components.over_other_documents:
        return "call index() on this pipeline"
    return f"run `ragqa index {components.config.file}`"
