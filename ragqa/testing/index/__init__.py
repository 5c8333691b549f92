"""The requirements on every `Index`, as tests to inherit; see `ragqa.testing`.

`IndexContract` is for any index, `DurableIndexContract` also for one that outlives its object, and
`MaintenanceContract` for one that offers `IndexMaintenance`.
"""

from __future__ import annotations

from pathlib import Path

from ragqa.errors import LockedError, UsageError
from ragqa.records import Coverage
from ragqa.stages import IndexMaintenance
from ragqa.testing.documents import IDENTITY, commit, embed_pending, publish, vector
from ragqa.testing.index.commits import CommitContract
from ragqa.testing.index.pending import PendingContract
from ragqa.testing.index.samples import ALL, FERRY, LOAN, QUESTION, Made, answers, refuses
from ragqa.testing.index.search import SearchContract
from ragqa.testing.index.sources import SourceContract

__all__ = ["DurableIndexContract", "IndexContract", "MaintenanceContract"]


class IndexContract(CommitContract, SourceContract, SearchContract, PendingContract):
    """The requirements on every index."""


class DurableIndexContract(IndexContract):
    """An index that outlives its object: `make` with the same folder opens it again."""

    def test_another_object_opens_the_same_index(self, tmp_path: Path) -> None:
        """`ragqa ask` and `ragqa index` are different processes."""
        with self.indexed(tmp_path).open({}) as reader:
            said = answers(reader)
        again = self.make(tmp_path)
        assert again.exists()
        with again.open(IDENTITY) as reader:
            assert answers(reader) == said
        with again.write(IDENTITY) as writer:
            assert writer.generation == 1 and writer.missing(FERRY.chunks) == []
            refuses(LockedError, lambda: self.make(tmp_path).write(IDENTITY), "the lock holds for other objects, too")

    def test_another_object_goes_on_with_what_is_pending(self, tmp_path: Path) -> None:
        """`ragqa ask` publishes the texts of a folder, and `ragqa index` embeds what it left."""
        with self.make(tmp_path).write(IDENTITY) as writer:
            publish(writer, [FERRY, LOAN])
            embed_pending(writer, 1)
        with self.make(tmp_path).open(IDENTITY) as reader:
            assert reader.coverage() == Coverage(1, 4) and len(reader.dense(vector(QUESTION), 9)) == 1
        with self.make(tmp_path).write(IDENTITY) as writer:
            assert len(writer.pending(9)) == 3


class MaintenanceContract(Made):
    """An index that offers `IndexMaintenance`."""

    def maintained(self, folder: Path) -> IndexMaintenance:
        """Return an index of the sample documents as `IndexMaintenance`."""
        index = self.indexed(folder)
        assert isinstance(index, IndexMaintenance), "it lacks a method of `IndexMaintenance`"
        return index

    def test_a_sound_index_has_no_fault(self, tmp_path: Path) -> None:
        """`ragqa doctor` ends with exit code 5 where there is one."""
        index = self.maintained(tmp_path)
        checkup = index.check()
        assert checkup.faults == () and checkup.repairable
        assert (checkup.generation, checkup.documents, checkup.chunks) == (1, 3, 6)

    def test_pending_texts_are_counted_and_no_fault(self, tmp_path: Path) -> None:
        """`ragqa doctor` says how many there are; `ragqa gc` keeps them."""
        index = self.make(tmp_path)
        with index.write(IDENTITY) as writer:
            publish(writer, ALL)
            embed_pending(writer, 2)
            publish(writer, [], ["loan.txt"])
        assert isinstance(index, IndexMaintenance)
        checkup = index.check()
        with index.open({}) as reader:
            pending = reader.coverage().pending
        assert (checkup.faults, checkup.chunks, checkup.pending) == ((), 4, pending)
        index.collect()
        again = index.check()
        assert (again.faults, again.chunks, again.pending) == ((), 4, pending)
        with index.open({}) as reader:
            assert reader.lexical("ferry", 9) and reader.lexical("loan", 9) == []

    def test_a_pending_document_can_be_purged(self, tmp_path: Path) -> None:
        """No file may hold its text afterwards, whether or not it was embedded."""
        index = self.make(tmp_path)
        with index.write(IDENTITY) as writer:
            publish(writer, ALL)
        assert isinstance(index, IndexMaintenance)
        assert index.purge(["ferry.txt"]) == ["ferry.txt"]
        left = [file for file in tmp_path.rglob("*") if file.is_file() and b"at noon" in file.read_bytes()]
        assert left == [] and index.check().pending == 4

    def test_what_was_purged_is_gone_with_all_its_names(self, tmp_path: Path) -> None:
        """A request for erasure is about a document, not about one of its names."""
        index = self.indexed(tmp_path)
        with index.write(IDENTITY) as writer:
            writer.commit([], {}, {"copy.txt": FERRY.document.id})
        assert isinstance(index, IndexMaintenance)
        refuses(UsageError, lambda: index.purge(["loan.txt", "unknown"]), "an unknown source must be refused")
        with index.open({}) as reader:
            assert len(reader.sources()) == 4, "nothing is erased where one source is unknown"
        assert index.purge(["ferry.txt"]) == ["copy.txt", "ferry.txt"]
        with index.open({}) as reader:
            assert set(reader.sources()) == {"loan.txt", "turbine.txt"}
        left = [file for file in tmp_path.rglob("*") if file.is_file() and b"at noon" in file.read_bytes()]
        assert left == [], "no file may hold a byte of the text that was erased"

    def test_collecting_changes_no_answer(self, tmp_path: Path) -> None:
        """`ragqa gc` frees disk space, and does not change search results."""
        index = self.indexed(tmp_path)
        with index.write(IDENTITY) as writer:
            commit(writer, [], ["loan.txt"])
        with index.open({}) as reader:
            said = answers(reader)
        assert isinstance(index, IndexMaintenance)
        collected = index.collect()
        assert collected.vectors <= 2, "two vectors have no chunk any more"
        with index.open({}) as reader:
            assert reader.generation == collected.generation, "`Collected.generation` is the latest"
            assert answers(reader) == said, "what is found stays"
        assert index.check().faults == ()
