"""Puts a pipeline over documents other than those of its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ragqa import models
from ragqa.config import Kind, Kinds
from ragqa.config.slots import LoadSpec
from ragqa.config.specs import FolderLoad
from ragqa.errors import NothingUsableError
from ragqa.pipeline.assemble.components import Components
from ragqa.records import Document

if TYPE_CHECKING:
    from ragqa.stages import IndexReader


class MemoryLoad(LoadSpec):
    """The section `load` for documents in memory; a file cannot name this kind."""

    kind: Literal["memory"] = "memory"


def over_documents(components: Components, documents: Sequence[Document]) -> Components:
    """Return the parts of a pipeline over documents in memory; see `Pipeline.with_documents`."""
    from ragqa.load import MemoryLoader

    loader = MemoryLoader(documents)
    memory = Kind("load", MemoryLoad, lambda spec, needs: loader)
    others = [kind for kind in components.config.kinds if kind.spec is not MemoryLoad]
    key = sorted((document.source, document.id) for document in documents)
    return _over(components, MemoryLoad(), Kinds([*others, memory]), key)


def over_folder(components: Components, folder: Path, include: Sequence[str]) -> Components:
    """Return the parts of a pipeline over another folder; see `Pipeline.with_folder`."""
    load = FolderLoad(kind="folder", path=str(folder), include=list(include))
    return _over(components, load, components.config.kinds, [str(folder), *include])


def _over(components: Components, load: LoadSpec, kinds: Kinds, key: object) -> Components:
    """Return parts with another `load` and an index in the cache; models are shared.

    :param key: plain data that identifies the documents; it names the folder of the index.
    """
    config = components.config
    digest = hashlib.sha256(json.dumps([key, components.identity], sort_keys=True).encode()).hexdigest()
    index = config.index.at(str(models.cache_dir() / "datasets" / digest[:32]))
    other = Components(replace(config, load=load, index=index, kinds=kinds))
    other.over_other_documents = True
    other.share(components)
    return other


def open_index(components: Components, identity: Mapping[str, str], locate: Callable[[str], str]) -> IndexReader:
    """Open the latest generation of the index of a pipeline.

    :raises NothingUsableError: there is no index yet; the message says how to make one.
    """
    index = components.index
    try:
        return index.open(identity, where=components.config.retrieve.filter, locate=locate)
    except NothingUsableError as error:
        raise NothingUsableError(f"no index at {index.location}: {how_to_index(components)}") from error


def how_to_index(components: Components) -> str:
    """Return the advice for an error that there is no index yet."""
    in_cache = Path(components.index.location).is_relative_to(models.cache_dir())  # so no file names the folder
    if in_cache or components.over_other_documents:
        return "call index() on this pipeline"
    return f"run `ragqa index {components.config.file}`"
