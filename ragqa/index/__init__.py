"""Chunks and vectors <-> disk: SQLite for documents, chunks, full text and the manifest, FAISS for the vectors.

This room works with vectors and ids, and uses no model. A commit becomes visible in one SQLite transaction. The files:

    index/ragqa.db        all rows, and the names of the other files (WAL; a reader's transaction is its snapshot)
    index/SEAL            generation and SHA-256 of ragqa.db, written after each commit
    index/seg/SHA256.f32  raw float32 rows of one commit, immutable, named by their hash
    index/seg/SHA256.ann  an approximate index of these rows; it can be derived from them
    index/LOCK            the lock that the one writer holds
"""

from ragqa.index.local import LocalIndex

__all__ = ["LocalIndex"]
