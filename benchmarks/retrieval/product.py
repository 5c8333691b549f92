"""The product over a collection: one index, and as many pipelines on it as there are systems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.retrieval.sets import Collection, Query
from benchmarks.run import QUICKSTART
from ragqa import Pipeline
from ragqa.config import Kind
from ragqa.load import MemoryLoader, text_document
from ragqa.records import Hit

SYSTEMS = {
    "dense": ["retrieve.kind=dense"],
    "lexical": ["retrieve.kind=lexical"],
    "hybrid": ["retrieve.kind=hybrid", "retrieve.fusion=convex"],
    "rrf": ["retrieve.kind=hybrid", "retrieve.fusion=rrf"],
}
SINGLE = ("dense", "lexical")
_OF_FUSION = ("retrieve.weight=", "retrieve.depth=")


class Product:
    """A collection, indexed by a pipeline file.

    :param place: an empty folder for the index.
    :param overrides: of the file, for the index and every system.
    """

    def __init__(
        self,
        collection: Collection,
        place: Path,
        overrides: Sequence[str] = (),
        file: Path = QUICKSTART,
        kinds: Sequence[Kind[Any]] = (),
    ) -> None:
        self.collection = collection
        self._file = file
        self._kinds = kinds
        folder = str(collection.folder or place)
        self._paths = [f"load.path={json.dumps(folder)}", f"index.path={json.dumps(str(place / 'index'))}"]
        if collection.files:
            self._paths.append(f"load.include={json.dumps(list(collection.files))}")
        self._overrides = overrides
        builder = self._pipeline([])
        self.report = builder.index()
        self._embedder = builder.components.embedder

    def system(self, name: str, more: Sequence[str] = ()) -> Pipeline:
        """Return a pipeline on the index.

        :param more: overrides of this system alone.
        """
        pipeline = self._pipeline([*SYSTEMS[name], *more], single=name in SINGLE)
        pipeline.components.replace(embedder=self._embedder)  # so that its weights are loaded once
        return pipeline

    def rank(self, pipeline: Pipeline, query: Query, k: int) -> list[str]:
        """Return the document (the page, where files were indexed) of each of the k best chunks, best first."""
        unit = _page if self.collection.folder else _source
        return [unit(hit) for hit in pipeline.search(query.text, k)]

    def _pipeline(self, system: Sequence[str], single: bool = False) -> Pipeline:
        own = [one for one in self._overrides if not (single and one.startswith(_OF_FUSION))]
        pipeline = Pipeline.from_file(self._file, [*self._paths, *own, *system], self._kinds)
        if not self.collection.folder:
            documents = [text_document(one.id, one.text, one.title) for one in self.collection.texts]
            pipeline.components.replace(loader=MemoryLoader(documents))
        return pipeline


def _source(hit: Hit) -> str:
    return hit.source


def _page(hit: Hit) -> str:
    """Return the page on which a chunk begins."""
    return f"{hit.source}#page={hit.chunk.page}"
