"""Chunks and vectors <-> disk: SQLite for documents, chunks, full text and the manifest, FAISS for the vectors.

This room knows vectors and ids; it never sees a model. A commit becomes visible in one SQLite transaction:

    index/ragqa.db        the truth about what exists, by generation (WAL)
    index/seg/SHA256.f32  raw float32 rows of one commit, immutable, named by their hash
    index/LOCK            held by the one writer
"""

from ragqa.index.reader import IndexReader
from ragqa.index.store import exists
from ragqa.index.writer import Entry, IndexWriter

__all__ = ["Entry", "IndexReader", "IndexWriter", "exists"]
