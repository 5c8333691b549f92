"""Generations with texts that have no vector yet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ragqa.errors import ModelError
from ragqa.records import Coverage
from ragqa.stages import CANARIES, Index
from ragqa.testing.documents import IDENTITY, commit, embed_pending, entry, publish, vector, vectors
from ragqa.testing.index.samples import ALL, FERRY, LOAN, QUESTION, TURBINE, Made, answers, refuses


class PendingContract(Made):
    """A new folder answers at once: its texts are published before their vectors are computed."""

    def published(self, folder: Path) -> Index:
        """Return an index of the sample documents without any vector."""
        index = self.make(folder)
        with index.write(IDENTITY) as writer:
            publish(writer, ALL)
        return index

    def test_texts_without_vectors_are_found_by_their_words(self, tmp_path: Path) -> None:
        """The first answer about a folder is made from such a generation."""
        index = self.published(tmp_path)
        with index.open(IDENTITY) as reader:
            assert reader.generation == 1 and reader.coverage() == Coverage(0, 6), "none of six texts has a vector"
            found = reader.lexical(QUESTION, 50)
            assert found and found[0][0] == FERRY.chunks[1].id, "words find every text"
            assert reader.hits([(found[0][0], 1.0, {})])[0].chunk == FERRY.chunks[1]
            assert reader.dense(vector(QUESTION), 50) == [], "dense search ranks chunks that have a vector"
            ids = [chunk.id for chunk in FERRY.chunks]
            assert np.isnan(reader.vectors(ids)).all(), "a vector that is not there is a row of NaN"
            assert reader.vectors(ids).shape == (2, vector("").shape[0]) and reader.vectors(ids).dtype == np.float32
            assert np.isnan(reader.dense_scores(vector(QUESTION), ids)).all()
            assert reader.missing(FERRY.chunks) == [chunk.indexed_text for chunk in FERRY.chunks]
            assert len(reader.sources()) == 3, "the next run does not read the files again"

    def test_vectors_that_come_later_give_the_same_index(self, tmp_path: Path) -> None:
        """It must not matter whether a run was interrupted, nor in which parts the vectors came."""
        (tmp_path / "once").mkdir()
        (tmp_path / "parts").mkdir()
        with self.indexed(tmp_path / "once").open({}) as reader:
            wanted = answers(reader)
        index = self.published(tmp_path / "parts")
        with index.write(IDENTITY) as writer:
            texts = writer.pending(100)
            assert sorted(texts) == sorted(chunk.indexed_text for each in ALL for chunk in each.chunks)
            assert writer.pending(4) == texts[:4] and writer.pending(0) == [], "up to n, in a fixed order"
            last = texts[-1]
            writer.check_embedder(vectors(CANARIES))
            writer.commit([], {last: vector(last)}, {})
            assert writer.coverage() == Coverage(1, 6) and last not in writer.pending(100)
            with index.open({}) as reader:
                ((found, score),) = reader.dense(vector(last), 50)
                assert reader.hits([(found, score, {})])[0].chunk.indexed_text == last
                assert reader.coverage() == Coverage(1, 6)
            assert embed_pending(writer, 2) == 2
        with index.write(IDENTITY) as writer:
            assert writer.coverage() == Coverage(3, 6), "the next writer goes on"
            embed_pending(writer, 100)
            assert writer.pending(100) == [] and writer.missing(FERRY.chunks) == []
            writer.maintain()
        with index.open({}) as reader:
            assert reader.coverage() == Coverage(6, 6)
            assert answers(reader) == wanted, "what is found is the same as if all had come at once"

    def test_new_texts_and_pending_ones_come_in_any_mixture(self, tmp_path: Path) -> None:
        """A run after an interrupted one adds documents while older texts are still pending."""
        index = self.make(tmp_path)
        with index.write(IDENTITY) as writer:
            publish(writer, [FERRY])
            commit(writer, [LOAN])
            half = dict.fromkeys([TURBINE.chunks[1].indexed_text, FERRY.chunks[1].indexed_text])
            sources: dict[str, str | None] = {"turbine.txt": TURBINE.document.id}
            writer.commit([TURBINE], {text: vector(text) for text in half}, sources)
            assert writer.coverage() == Coverage(4, 6)
            assert set(writer.pending(9)) == {FERRY.chunks[0].indexed_text, TURBINE.chunks[0].indexed_text}
        with index.open({}) as reader:
            there = [*LOAN.chunks, TURBINE.chunks[1], FERRY.chunks[1]]
            scores = {chunk.id: float(vector(chunk.indexed_text) @ vector(QUESTION)) for chunk in there}
            found = reader.dense(vector(QUESTION), 50)
            assert [id_ for id_, _ in found] == sorted(scores, key=lambda id_: (-scores[id_], id_)), "exact, as ever"
            ids = [chunk.id for each in ALL for chunk in each.chunks]
            absent = np.isnan(reader.vectors(ids)).any(axis=1).tolist()
            assert absent == [id_ not in scores for id_ in ids]
            assert reader.dense(vector(QUESTION), 2) == found[:2]

    def test_a_pending_document_that_goes_is_embedded_no_more(self, tmp_path: Path) -> None:
        """A file may be changed or removed before its texts are embedded; a text that another has too stays."""
        index = self.make(tmp_path)
        shared = entry("shared.txt", f"{FERRY.document.text}\nOne more line.", title="Ferry")
        with index.write(IDENTITY) as writer:
            publish(writer, [FERRY, LOAN, shared])
            assert writer.coverage() == Coverage(0, 5), "equal texts are one"
            publish(writer, [], ["ferry.txt", "loan.txt"])
            assert writer.coverage() == Coverage(0, 3)
            embed_pending(writer, 100)
            assert writer.coverage() == Coverage(3, 3)
            writer.maintain()
        with index.open({}) as reader:
            assert {id_ for id_, _ in reader.dense(vector(QUESTION), 50)} == {chunk.id for chunk in shared.chunks}
            assert reader.lexical("loan", 50) == []
            assert np.allclose(
                reader.vectors([chunk.id for chunk in shared.chunks]),
                vectors([chunk.indexed_text for chunk in shared.chunks]),
                atol=1e-6,
            )

    def test_a_commit_of_vectors_that_fails_changes_nothing(self, tmp_path: Path) -> None:
        """The texts stay pending, and readers see the generation before."""
        index = self.published(tmp_path)
        with index.write(IDENTITY) as writer:
            text = writer.pending(1)[0]
            nan = np.full_like(vector(text), np.nan)
            refuses(ModelError, lambda: writer.commit([], {text: nan}, {}), "a vector of NaN must be refused")
            assert writer.generation == 1 and writer.pending(1) == [text]
        with index.open({}) as reader:
            assert reader.coverage() == Coverage(0, 6)

    def test_a_reader_stays_at_its_vectors(self, tmp_path: Path) -> None:
        """An answer comes from one generation, even where vectors come while it is made."""
        index = self.published(tmp_path)
        with index.open({}) as reader, index.write(IDENTITY) as writer:
            embed_pending(writer, 3)
            assert reader.coverage() == Coverage(0, 6) and reader.dense(vector(QUESTION), 5) == []
            with index.open({}) as after:
                assert after.coverage() == Coverage(3, 6) and len(after.dense(vector(QUESTION), 5)) == 3

    def test_the_first_vectors_bring_the_canaries(self, tmp_path: Path) -> None:
        """A generation of texts needs no embedder; from the first vectors on, another embedder is refused."""
        index = self.published(tmp_path)
        drifted = vectors(CANARIES)[:, ::-1].copy()
        with index.open({}) as reader:
            reader.check_embedder(drifted)  # there is nothing yet that it could disagree with
        with index.write(IDENTITY) as writer:
            embed_pending(writer, 1)
        with index.open({}) as reader:
            refuses(ModelError, lambda: reader.check_embedder(drifted), "a reader must refuse a drifted embedder")
        with index.write(IDENTITY) as writer:
            refuses(ModelError, lambda: writer.check_embedder(drifted), "a writer must refuse a drifted embedder")

    def test_a_rebuild_begins_without_pending_texts(self, tmp_path: Path) -> None:
        """What is about to be forgotten is not embedded."""
        index = self.published(tmp_path)
        with index.write(IDENTITY | {"weights": "others"}, rebuild=True) as writer:
            assert writer.pending(9) == [] and writer.coverage() == Coverage(0, 0)
            publish(writer, [LOAN])
            assert len(writer.pending(9)) == 2 and writer.coverage() == Coverage(0, 2)

    def test_a_filter_holds_for_words_and_vectors(self, tmp_path: Path) -> None:
        """A filter decides what is found, and changes nothing of what is pending."""
        old, new = (entry(f"{year}.txt", f"The ferry of {year}.", metadata={"year": year}) for year in (1999, 2024))
        index = self.make(tmp_path)
        with index.write(IDENTITY) as writer:
            commit(writer, [old])
            publish(writer, [new])
        for year, lexical, dense in ((1999, old.chunks, 1), (2024, new.chunks, 0)):
            with index.open({}, where={"year": year}) as reader:
                assert [id_ for id_, _ in reader.lexical("ferry", 9)] == [chunk.id for chunk in lexical]
                assert len(reader.dense(vector("ferry"), 9)) == dense
                assert reader.coverage() == Coverage(1, 2)
