"""The product over a collection: one index, and as many pipelines on it as there are systems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.retrieval.sets import Collection, Query, Text
from benchmarks.run import QUICKSTART
from ragqa import Pipeline
from ragqa.config.specs import Spec
from ragqa.records import Document, Hit, Scan, SourceFile

SYSTEMS = {
    "dense": ["retrieve.kind=dense"],
    "lexical": ["retrieve.kind=lexical"],
    "hybrid": ["retrieve.kind=hybrid", "retrieve.fusion=convex"],
    "rrf": ["retrieve.kind=hybrid", "retrieve.fusion=rrf"],
}
SINGLE = ("dense", "lexical")
_OF_FUSION = ("retrieve.weight=", "retrieve.depth=")


class TextLoader:
    """A `Loader` of documents that are in memory; the id is the source. Equal texts stay different documents."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = {text.id: text for text in texts}

    def scan(self) -> Scan:
        """Return all documents."""
        return Scan(tuple(_file(self._texts[id]) for id in sorted(self._texts)), ())

    def read(self, file: SourceFile) -> Document:
        """Return one document."""
        text = self._texts[file.source]
        return Document(
            id=file.document_id,
            source=file.source,
            path=file.path,
            sha256=file.sha256,
            media_type=file.media_type,
            encoding=None,
            text=text.text,
            title=text.title,
            extractor=self.extractor(file.media_type),
        )

    def extractor(self, media_type: str) -> str:
        """Return a name of this loader."""
        return "benchmark/1"


def _file(text: Text) -> SourceFile:
    content = f"{text.id}\0{text.title}\0{text.text}".encode()
    return SourceFile(text.id, text.id, hashlib.sha256(content).hexdigest(), len(content), "text/plain")


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
        extra_specs: Sequence[type[Spec]] = (),
    ) -> None:
        self.collection = collection
        self._file = file
        self._extra_specs = extra_specs
        folder = str(collection.folder or place)
        self._paths = [f"load.path={json.dumps(folder)}", f"index.path={json.dumps(str(place / 'index'))}"]
        if collection.files:
            self._paths.append(f"load.include={json.dumps(list(collection.files))}")
        self._overrides = overrides
        builder = self._pipeline([])
        self.report = builder.index()
        self._embedder = builder.embedder

    def system(self, name: str, more: Sequence[str] = ()) -> Pipeline:
        """Return a pipeline on the index.

        :param more: overrides of this system alone.
        """
        pipeline = self._pipeline([*SYSTEMS[name], *more], single=name in SINGLE)
        pipeline.embedder = self._embedder  # so that its weights are loaded once
        return pipeline

    def rank(self, pipeline: Pipeline, query: Query, k: int) -> list[str]:
        """Return the document (the page, where files were indexed) of each of the k best chunks, best first."""
        unit = _page if self.collection.folder else _source
        return [unit(hit) for hit in pipeline.retrieve(query.text, k)]

    def _pipeline(self, system: Sequence[str], single: bool = False) -> Pipeline:
        own = [one for one in self._overrides if not (single and one.startswith(_OF_FUSION))]
        pipeline = Pipeline.from_file(self._file, [*self._paths, *own, *system], self._extra_specs)
        if not self.collection.folder:
            pipeline.loader = TextLoader(self.collection.texts)
        return pipeline


def _source(hit: Hit) -> str:
    return hit.source


def _page(hit: Hit) -> str:
    """Return the page on which a chunk begins."""
    return f"{hit.source}#page={hit.chunk.page}"
