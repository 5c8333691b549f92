"""The local index: a folder with a SQLite database for documents, chunks and words, and FAISS for vectors.

numpy and FAISS are loaded when it is first opened, read or written; `import ragqa.index` loads neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa.index import place

if TYPE_CHECKING:
    from ragqa.index.archive import Moved
    from ragqa.index.reader import LocalReader
    from ragqa.index.snapshot import SearchSnapshot
    from ragqa.index.writer import LocalWriter
    from ragqa.stages import Checkup, Collected, Embedder


class LocalIndex:
    """The index in a folder of its own. It implements `Index` and `IndexMaintenance`.

    :param search: how vectors are searched: `flat` (exactly), `hnsw`, `ivf_sq8`, or `auto`, which depends on their
        number.
    """

    def __init__(self, path: Path, search: str = "auto") -> None:
        self.path = path
        self._search = search
        self._snapshot: SearchSnapshot | None = None

    @property
    def location(self) -> str:
        """Return the path of the folder."""
        return str(self.path)

    def exists(self) -> bool:
        """Tell whether the folder holds a commit.

        :raises IndexCorruptError: it holds an index that is damaged or of another format.
        """
        from ragqa.index import tables

        return tables.exists(self.path)

    def open(
        self,
        identity: Mapping[str, str],
        *,
        where: Mapping[str, Any] | None = None,
        locate: Callable[[str], str] = lambda source: source,
    ) -> LocalReader:
        """Open the latest generation; see `Index.open`. Readers of one generation share one copy of it in memory.

        :raises IndexCorruptError: a file of the index is damaged.
        """
        from ragqa.index.reader import LocalReader

        reader = LocalReader(self.path, identity, locate=locate, where=where, snapshot=self._snapshot)
        self._snapshot = reader.snapshot
        return reader

    def write(
        self,
        identity: Mapping[str, str] | None,
        *,
        recorded: Mapping[str, str] | None = None,
        rebuild: bool = False,
        wait: float = 0.0,
    ) -> LocalWriter:
        """Open the index for writing; see `Index.write`.

        :param identity: None takes the identity of the existing index.
        :raises IndexCorruptError: the index is damaged.
        :raises RefusedError: the folder holds other files and no index, or links.
        """
        from ragqa.index.writer import LocalWriter

        return LocalWriter(self.path, identity, rebuild=rebuild, wait=wait, recorded=recorded, search=self._search)

    def check(self) -> Checkup:
        """Check hashes, counts, full text and references; see `IndexMaintenance.check`."""
        from ragqa.index import doctor

        return doctor.check(self.path)

    def repair(
        self, checkup: Checkup, find_embedder: Callable[[Mapping[str, str]], Embedder], *, wait: float = 0.0
    ) -> int:
        """Repair the parts that can be derived from others; see `IndexMaintenance.repair`."""
        from ragqa.index import doctor

        return doctor.repair(self.path, checkup, find_embedder, wait=wait)

    def collect(self, *, wait: float = 0.0) -> Collected:
        """Remove vectors without a chunk and files that are not referred to, and rewrite the database without free
        pages.
        """
        from ragqa.index import upkeep
        from ragqa.stages import Collected

        with self.write(None, wait=wait) as writer:
            before = place.size(self.path)
            files = tuple(str(file.relative_to(self.path)) for file in writer.remove_orphans())
            vectors = upkeep.reclaim(writer)
            generation = writer.generation
        return Collected(generation, vectors, files, before - place.size(self.path))

    def export(self, archive: Path, *, wait: float = 0.0) -> Moved:
        """Write the whole index to one new file; see `archive.export` for the errors."""
        from ragqa.index.archive import export

        return export(self.path, archive, wait=wait)

    def restore(self, archive: Path, *, wait: float = 0.0) -> Moved:
        """Make this index of an archive; see `archive.restore` for the errors."""
        from ragqa.index.archive import restore

        return restore(archive, self.path, wait=wait)

    def purge(self, sources: Sequence[str], *, wait: float = 0.0) -> list[str]:
        """Erase documents by any of their sources; see `IndexMaintenance.purge`.

        :raises ResourceError: a reader still holds the old bytes.
        """
        with self.write(None, wait=wait) as writer:
            return writer.purge(sources)
