"""Haystack: two pipelines over the in-memory document store, as its documentation shows, kept on disk as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from benchmarks.peers.worker import TOP_K, Job


class Haystack:
    """Default settings: batches of 32, float32, dot product over all documents. Progress bars are off."""

    def __init__(self, job: Job) -> None:
        self._file = f"{job.place}/store.json"
        embedder = SentenceTransformersDocumentEmbedder if job.phase == "index" else SentenceTransformersTextEmbedder
        self._embedder = embedder(model=job.model, progress_bar=False)
        self._embedder.warm_up()

    def build(self, chunks: Sequence[str]) -> None:
        """Embed and write the chunks and save the store."""
        self._store = InMemoryDocumentStore()
        indexing = Pipeline()
        indexing.add_component("embedder", self._embedder)
        indexing.add_component("writer", DocumentWriter(self._store))
        indexing.connect("embedder", "writer")
        documents = [Document(id=str(number), content=text) for number, text in enumerate(chunks)]
        indexing.run({"embedder": {"documents": documents}})
        self._store.save_to_disk(self._file)

    def texts(self) -> list[str]:
        """Return the text of every chunk in the store."""
        return [document.content or "" for document in self._store.filter_documents()]

    def open(self) -> None:
        """Load the store and connect a retriever to it."""
        store = InMemoryDocumentStore.load_from_disk(self._file)
        self._querying = Pipeline()
        self._querying.add_component("embedder", self._embedder)
        self._querying.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=TOP_K))
        self._querying.connect("embedder.embedding", "retriever.query_embedding")

    def search(self, question: str) -> list[str]:
        """Return the texts of the best chunks."""
        found = self._querying.run({"embedder": {"text": question}})
        return [document.content or "" for document in found["retriever"]["documents"]]


SYSTEM = Haystack
