"""The part of a pipeline that opens its index: what is indexed, and the latest generation kept warm."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ragqa import arguments
from ragqa.arguments import wrong_type
from ragqa.config import Config
from ragqa.pipeline.answer.sources import SourceFiles
from ragqa.pipeline.assemble.components import Components
from ragqa.pipeline.snapshot import Snapshots
from ragqa.records import Chunk, Document

if TYPE_CHECKING:
    from ragqa.pipeline.ingest.plan import Plan
    from ragqa.stages import IndexReader


class OverIndex:
    """The parts of a pipeline, and its index."""

    components: Components
    _warm: Snapshots | None

    def __init__(self, config: Config) -> None:
        self._over(Components(config))

    def _over(self, components: Components) -> None:
        self.components, self._warm = components, None

    @property
    def config(self) -> Config:
        """The pipeline file."""
        return self.components.config

    @cached_property
    def files(self) -> SourceFiles:
        """The files behind the sources of the index."""
        return SourceFiles(self.components.roots)

    def load_models(self, *, retrieval: bool = True, answers: bool = True) -> None:
        """Load the models that retrieval, answers or both need, so that the first question does not wait for them.

        :raises ModelError: a model is not here.
        """
        self.components.load_models(retrieval=retrieval, answers=answers)

    def open_index(self) -> IndexReader:
        """Open the latest generation for reading; close it after use (it is a context manager).

        :raises ModelError: the index was built by another embedder.
        """
        return self._open(self.components.identity)

    def changes(self) -> Plan:
        """Return the differences between the folder and the index. This compares hashes, and loads no model."""
        from ragqa.pipeline.ingest.plan import plan_run

        with self._open({}) as reader:
            return plan_run(self.components, reader)

    def documents(self, sources: Collection[str] | None = None) -> dict[str, Document]:
        """Return the indexed documents by source, for these sources or all, without sources that are not indexed."""
        if isinstance(sources, str):
            raise wrong_type("sources", sources, "a list of sources")
        with self._open({}) as reader:
            wanted = {name: id_ for name, id_ in reader.sources().items() if sources is None or name in sources}
            return {name: reader.document(id_) for name, id_ in wanted.items()}

    def document(self, document_id: str) -> Document:
        """Return an indexed document by its id, with the first of its sources by name.

        :raises UsageError: the latest generation does not have it.
        """
        with self._open({}) as reader:
            return reader.document(arguments.text(document_id, "document_id"))

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the indexed chunks of a document, in order."""
        with self._open({}) as reader:
            return reader.chunks(arguments.text(document_id, "document_id"))

    def fingerprint(self, *, answers: bool = True) -> dict[str, Any]:
        """Return everything that answers depend on: settings, hashes of models, and the indexed documents; no paths.

        :param answers: False for everything that retrieval depends on, without the generator unless retrieval uses it.
        """
        from ragqa.pipeline.assemble.fingerprint import fingerprint

        with self._open({}) as reader:
            return fingerprint(self.components, reader.sources(), answers=answers)

    def has_index(self) -> bool:
        """Tell whether there is an index to open."""
        return self.components.index.exists()

    @contextmanager
    def keep_warm(self) -> Iterator[Snapshots]:
        """Load all models, and keep the latest generation of the index open within this context.

        Meanwhile `open_index`, and all that searches or answers with it, borrows a reader that is open already: no
        question waits until a new generation is opened and its bytes are checked. One thread does that, each second, so
        that a commit by another process is seen about a second later. A run of `index` by this pipeline is seen at once.

        :raises NothingUsableError: there is no index. :raises ModelError: a model is not here, or the index is of another
            embedder.
        """
        if self._warm is not None and self._warm.is_of_this_process:
            yield self._warm
            return
        self.load_models()
        identity = self.components.identity
        with Snapshots(lambda: self._opened(identity)) as warm:
            self._warm = warm
            try:
                yield warm
            finally:
                self._warm = None

    @contextmanager
    def _refreshed_after(self) -> Iterator[None]:
        """Have what this pipeline commits in the block be seen at its end."""
        try:
            yield
        finally:
            if (warm := self._warm) is not None and warm.is_of_this_process:
                warm.refresh()

    def _open(self, identity: dict[str, str]) -> IndexReader:
        warm = self._warm
        return warm.lend() if warm is not None and warm.is_of_this_process else self._opened(identity)

    def _opened(self, identity: dict[str, str]) -> IndexReader:
        from ragqa.pipeline.assemble.over import open_index

        return open_index(self.components, identity, self.files.locate)
