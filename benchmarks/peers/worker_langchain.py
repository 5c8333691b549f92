"""LangChain: `HuggingFaceEmbeddings` and the FAISS vector store, saved and loaded as its documentation shows."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings

from benchmarks.peers.worker import TOP_K, Job


class LangChain:
    """Default settings: batches of 32, float32, an exact index by L2 distance."""

    def __init__(self, job: Job) -> None:
        self._place = job.place
        self._embeddings = HuggingFaceEmbeddings(model_name=job.model)

    def build(self, chunks: Sequence[str]) -> None:
        """Embed and index the chunks and save the index."""
        self._store = FAISS.from_texts(list(chunks), self._embeddings)
        self._store.save_local(self._place)

    def texts(self) -> list[str]:
        """Return the text of every chunk in the index."""
        ids = self._store.index_to_docstore_id.values()
        return [document.page_content for document in self._store.get_by_ids(list(ids))]

    def open(self) -> None:
        """Load the index; its texts are a pickle, which the library wants to be told is trusted."""
        self._store = FAISS.load_local(self._place, self._embeddings, allow_dangerous_deserialization=True)

    def search(self, question: str) -> list[str]:
        """Return the texts of the best chunks."""
        return [document.page_content for document in self._store.similarity_search(question, k=TOP_K)]


SYSTEM = LangChain
