"""LlamaIndex: `HuggingFaceEmbedding` and a `VectorStoreIndex`, persisted and loaded as its documentation shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

from benchmarks.peers.worker import TOP_K, Job


class LlamaIndex:
    """Default settings: batches of 10, float32, the default store in memory; variant `faiss` takes its FAISS store."""

    def __init__(self, job: Job) -> None:
        self._place, self._faiss = job.place, job.variant == "faiss"
        self._embeddings = HuggingFaceEmbedding(model_name=job.model)

    def build(self, chunks: Sequence[str]) -> None:
        """Embed and index the chunks and persist the index."""
        nodes = [TextNode(text=text) for text in chunks]
        context = self._faiss_context() if self._faiss else None
        self._index = VectorStoreIndex(nodes, embed_model=self._embeddings, storage_context=context)
        self._index.storage_context.persist(persist_dir=self._place)

    def texts(self) -> list[str]:
        """Return the text of every chunk in the index."""
        return [node.get_content() for node in self._index.docstore.docs.values()]

    def open(self) -> None:
        """Load the index."""
        context = StorageContext.from_defaults(vector_store=self._stored(), persist_dir=self._place)
        index = load_index_from_storage(context, embed_model=self._embeddings)
        self._retriever = index.as_retriever(similarity_top_k=TOP_K)

    def search(self, question: str) -> list[str]:
        """Return the texts of the best chunks."""
        return [found.node.get_content() for found in self._retriever.retrieve(question)]

    def _faiss_context(self) -> StorageContext:
        import faiss
        from llama_index.vector_stores.faiss import FaissVectorStore

        dimensions = len(self._embeddings.get_text_embedding("dimensions"))
        store = FaissVectorStore(faiss_index=faiss.IndexFlatL2(dimensions))
        return StorageContext.from_defaults(vector_store=store)

    def _stored(self) -> Any:
        if not self._faiss:
            return None
        from llama_index.vector_stores.faiss import FaissVectorStore

        return FaissVectorStore.from_persist_dir(self._place)


SYSTEM = LlamaIndex
