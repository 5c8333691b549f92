"""Generations of an index: readers, commits, and the lock of the writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ragqa.errors import LockedError, ModelError, NothingUsableError, UsageError
from ragqa.stages import Entry
from ragqa.testing.documents import IDENTITY, commit, entry, vector
from ragqa.testing.index.samples import ALL, FERRY, LOAN, TURBINE, Made, answers, refuses


class _Broken(Sequence[Entry]):
    """A sequence of entries whose second one raises an error."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: Any) -> Any:
        raise RuntimeError("the second entry cannot be had")

    def __iter__(self) -> Iterator[Entry]:
        yield TURBINE
        raise RuntimeError("the second entry cannot be had")


class CommitContract(Made):
    """Generations: what a reader sees, what a commit does, and who is let in."""

    def test_there_is_nothing_before_the_first_commit(self, tmp_path: Path) -> None:
        """A pipeline then reports `no index`; it must not answer from an empty index that was never built."""
        index = self.make(tmp_path)
        with index.write(IDENTITY) as writer:
            assert writer.generation == 0, "the generation is 0 before the first commit"
            assert not writer.rebuilding, "the first commit of an index replaces nothing, so it is no rebuild"
        assert index.location, "`location` is what messages call the place: it must say something"
        assert not index.exists(), "an index exists from its first commit on, not from the first `write`"
        refuses(NothingUsableError, lambda: index.open({}), "`open` must refuse an index without a commit")

    def test_what_was_committed_is_read(self, tmp_path: Path) -> None:
        """Citations are verified against the stored text, so every character must be unchanged."""
        text = "\ufeffCafé 風力 😀\r\n\x00 The ferry.\n" + "e\u0301 " * 300
        odd = entry("odd/ü 1.md", text, media_type="text/markdown", page_starts=(0, 9), metadata={"tags": ["a", "b"]})
        index = self.indexed(tmp_path, [FERRY, odd])
        with index.open(IDENTITY, locate=lambda source: f"/home/{source}") as reader:
            assert index.exists() and reader.generation == 1, "the first commit is generation 1"
            document = reader.document(odd.document.id)
            assert document.text == text, "the text of a document must be stored as it is, line ends and NUL included"
            assert document.path == "/home/odd/ü 1.md", "`Document.path` is what `locate` returns for its source"
            fields = ("source", "sha256", "media_type", "encoding", "title", "extractor", "page_starts", "metadata")
            for field in fields:
                assert getattr(document, field) == getattr(odd.document, field), (
                    f"`Document.{field}` is not what it was"
                )
            assert reader.chunks(odd.document.id) == list(odd.chunks), (
                "`chunks` gives all chunks, in order of their start"
            )
            assert reader.chunks("unknown") == [], "`chunks` of a document that is not there is an empty list"
            refuses(UsageError, lambda: reader.document("unknown"), "`document` must refuse an unknown id")

    def test_the_plan_of_the_next_run_is_told_what_is_indexed(self, tmp_path: Path) -> None:
        """A run reads only files that changed: sources, extractors and hashes decide that."""
        with self.indexed(tmp_path).open({}) as reader:
            assert reader.sources() == {each.document.source: each.document.id for each in ALL}
            assert reader.extractors() == {each.document.id: "lines/1" for each in ALL}
            assert reader.contents() == {each.document.source: each.document.sha256 for each in ALL}

    def test_a_reader_stays_at_its_generation(self, tmp_path: Path) -> None:
        """An answer comes from one generation, even where a commit happens while it is generated."""
        index = self.indexed(tmp_path, [FERRY, LOAN])
        with index.open({}) as before:
            said = answers(before)
            with index.write(IDENTITY) as writer:
                commit(writer, [TURBINE, entry("ferry.txt", "The ferry was sold.")], ["loan.txt"])
                assert answers(before) == said, "a reader must not see what was committed after it was opened"
            assert before.generation == 1 and answers(before) == said, "nor after the writer has ended"
            with index.open({}) as after:
                assert after.generation == 2, "each commit is the next generation, and `open` gives the latest"
                assert set(after.sources()) == {"ferry.txt", "turbine.txt"}
        with index.open({}) as reader:
            assert FERRY.document.id not in reader.extractors(), "a document that no source names is removed"

    def test_a_commit_that_fails_changes_nothing(self, tmp_path: Path) -> None:
        """An incomplete commit could leave documents without chunks, or a source without a document."""
        index = self.indexed(tmp_path, [FERRY])
        with index.open({}) as reader:
            said = answers(reader)
        with index.write(IDENTITY) as writer:
            known = {chunk.indexed_text: vector(chunk.indexed_text) for chunk in TURBINE.chunks}
            nan = {text: np.full_like(row, np.nan) for text, row in known.items()}
            named: dict[str, str | None] = {"turbine.txt": TURBINE.document.id, "ferry.txt": None}
            failures: list[tuple[type[Exception], Callable[[], int]]] = [
                (RuntimeError, lambda: writer.commit(_Broken(), known, named)),
                (ModelError, lambda: writer.commit([TURBINE], nan, named)),
                (ValueError, lambda: writer.commit([TURBINE], known, named | {"other.txt": "unknown"})),
            ]
            for error, work in failures:
                try:
                    work()
                except error:
                    pass
                else:
                    raise AssertionError(f"this commit must raise {error.__name__}")
                assert writer.generation == 1, "a commit that failed is no generation"
                assert writer.missing(TURBINE.chunks), "a vector of a commit that failed is not there"
                with index.open({}) as reader:
                    assert answers(reader) == said, "after a commit that failed, readers see the one before"
            assert commit(writer, [TURBINE]) == 2, "a writer goes on after a commit that failed"

    def test_an_error_between_commits_loses_what_was_not_committed(self, tmp_path: Path) -> None:
        """An interrupted run keeps its commits, and the next run continues after them."""
        index = self.make(tmp_path)
        try:
            with index.write(IDENTITY) as writer:
                commit(writer, [FERRY])
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        with index.open({}) as reader:
            assert set(reader.sources()) == {"ferry.txt"}, "what was committed before an interruption stays"
        with index.write(IDENTITY) as writer:
            assert commit(writer, [LOAN]) == 2, "the place is free for the next writer after an interruption"

    def test_an_index_of_another_identity_is_refused(self, tmp_path: Path) -> None:
        """Vectors of two models cannot be compared: a search with the wrong model gives random results."""
        index = self.indexed(tmp_path)
        other = IDENTITY | {"weights": "others"}
        for work in (lambda: index.open(other), lambda: index.write(other)):
            message = refuses(ModelError, work, "another identity must be refused when the index is opened")
            for fact in ("weights", "others", IDENTITY["weights"]):
                assert fact in message, f"the message must name the field and both values; it lacks {fact!r}: {message}"
        for fields in ({}, {"splitter": "lines"}, IDENTITY):
            with index.open(fields):
                pass  # fields that are left out are not compared

    def test_a_rebuild_replaces_everything_at_its_first_commit(self, tmp_path: Path) -> None:
        """Questions are answered from the old index until the first commit of the new one."""
        index = self.indexed(tmp_path)
        other = IDENTITY | {"weights": "others"}
        with index.write(other, rebuild=True) as writer:
            assert writer.rebuilding and not writer.sources() and not writer.extractors() and not writer.rejected()
            assert set(writer.contents()) == {"ferry.txt", "loan.txt", "turbine.txt"}, (
                "`contents` names what is about to be forgotten: a run refuses to lose most of it unasked"
            )
            assert writer.missing(FERRY.chunks) == [chunk.indexed_text for chunk in FERRY.chunks], (
                "vectors of another identity are of no use: all texts are missing"
            )
            with index.open(IDENTITY) as reader:
                assert len(reader.sources()) == 3, "the old index answers until the first commit"
            assert commit(writer, [FERRY]) == 2 and not writer.rebuilding
        with index.open(other) as reader:
            assert set(reader.sources()) == {"ferry.txt"}, "the first commit of a rebuild forgets everything before it"

    def test_there_is_one_writer(self, tmp_path: Path) -> None:
        """Two runs at once would each remove sources that the other one has just added."""
        index = self.make(tmp_path)
        with index.write(IDENTITY):
            refuses(LockedError, lambda: index.write(IDENTITY), "a second writer must be refused")
        with index.write(IDENTITY) as writer:
            commit(writer, [FERRY])

    def test_readers_in_other_threads_see_whole_commits(self, tmp_path: Path) -> None:
        """A server answers while the index is brought up to date."""
        index = self.indexed(tmp_path, [FERRY])

        def look() -> bool:
            with index.open({}) as reader:
                found = {id_ for id_, _ in reader.lexical("ferry", 1000)}
                held = {chunk.id for id_ in set(reader.sources().values()) for chunk in reader.chunks(id_)}
                return len(reader.sources()) == reader.generation and found <= held

        with ThreadPoolExecutor(2) as pool, index.write(IDENTITY) as writer:
            for n in range(5):
                looks = [pool.submit(look) for _ in range(4)]
                commit(writer, [entry(f"{n}.txt", f"The ferry number {n}.")])
                assert all(one.result() for one in looks), "a reader saw half of a commit"

    def test_a_closed_reader_does_not_answer(self, tmp_path: Path) -> None:
        """The use of a closed reader is a mistake, which must raise an error."""
        reader = self.indexed(tmp_path).open({})
        reader.close()
        try:
            reader.document(FERRY.document.id)
        except Exception:
            return
        raise AssertionError("a reader that is closed must not answer: its generation may be gone")
