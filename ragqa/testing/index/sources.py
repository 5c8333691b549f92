"""Names of documents, files that could not be used, and vectors that are there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ragqa.errors import ModelError
from ragqa.stages import CANARIES, Entry
from ragqa.testing.documents import IDENTITY, commit, entry, vector, vectors
from ragqa.testing.index.samples import FERRY, LOAN, QUESTION, Made, refuses


class SourceContract(Made):
    """Names of documents, files that could not be used, and vectors that are there already."""

    def test_a_document_has_all_its_names(self, tmp_path: Path) -> None:
        """The same bytes in two files are one document, which is cited by the first source."""
        index = self.indexed(tmp_path, [FERRY])
        with index.write(IDENTITY) as writer:
            writer.commit([], {}, {"copy.txt": FERRY.document.id})
            assert writer.chunk_count == 2, "another name adds no chunk"
        with index.open({}) as reader:
            assert reader.copies(FERRY.document.id) == (FERRY.document.sha256, ["copy.txt", "ferry.txt"])
            assert reader.document(FERRY.document.id).source == "copy.txt", "the first name in sort order is cited"
            assert {hit.source for hit in reader.hits([(FERRY.chunks[0].id, 1.0, {})])} == {"copy.txt"}
        with index.write(IDENTITY) as writer:
            commit(writer, [], ["copy.txt"])
            assert set(writer.sources()) == {"ferry.txt"}, "a document stays while one source names it"
            commit(writer, [LOAN], ["ferry.txt"])
            assert set(writer.extractors()) == {LOAN.document.id}, "it goes with its last source, in the same commit"
        with index.open({}) as reader:
            assert not {id_ for id_, _ in reader.dense(vector(QUESTION), 50)} & {c.id for c in FERRY.chunks}
            assert reader.lexical("ferry", 50) == [], "a document that is gone is not found by its words"

    def test_a_document_that_comes_again_is_replaced(self, tmp_path: Path) -> None:
        """Another extractor or splitter cuts the same bytes into other chunks."""
        index = self.indexed(tmp_path, [FERRY])
        again = Entry(entry("ferry.txt", FERRY.document.text, extractor="lines/2").document, FERRY.chunks[:1])
        with index.write(IDENTITY) as writer:
            commit(writer, [again])
        with index.open({}) as reader:
            assert reader.chunks(FERRY.document.id) == list(FERRY.chunks[:1]), "its old chunks are gone"
            assert set(reader.extractors().values()) == {"lines/2"}

    def test_files_that_could_not_be_used_are_noted(self, tmp_path: Path) -> None:
        """The next run tries them again; they do not count as changes of the folder."""
        index = self.make(tmp_path)
        noted = {"bad.pdf": ("0" * 64, "encrypted")}
        with index.write(IDENTITY) as writer:
            writer.commit([], {}, {}, noted)
            commit(writer, [FERRY])
            assert writer.rejected() == noted, "None keeps what was noted"
        with index.open({}) as reader:
            assert reader.rejected() == noted
        with index.write(IDENTITY) as writer:
            writer.commit([], {}, {}, {})
            assert writer.rejected() == {}, "a new note replaces the old one"

    def test_no_text_is_embedded_twice(self, tmp_path: Path) -> None:
        """Embedding is expensive, so `missing` decides which texts are embedded."""
        index = self.make(tmp_path)
        again = entry("again.txt", f"{FERRY.document.text}\nA new line.\nA new line.", title="Ferry")
        with index.write(IDENTITY) as writer:
            texts = [chunk.indexed_text for chunk in FERRY.chunks]
            assert writer.missing([*FERRY.chunks, *FERRY.chunks]) == texts, "each text once, in order"
            commit(writer, [FERRY])
            assert writer.missing(FERRY.chunks) == [], "a text that was committed is not missing"
        with index.write(IDENTITY) as writer:
            assert writer.missing(again.chunks) == ["Ferry\nA new line."], "the next writer knows the same vectors"
            commit(writer, [again])
        with index.open({}) as reader:
            ids = [chunk.id for chunk in again.chunks]
            expected = vectors([chunk.indexed_text for chunk in again.chunks])
            assert np.allclose(reader.vectors(ids), expected, atol=1e-6), (
                "a text's vector serves all chunks that have it"
            )
            assert reader.missing([*again.chunks, LOAN.chunks[0]]) == [LOAN.chunks[0].indexed_text]

    def test_an_embedder_that_drifted_is_refused(self, tmp_path: Path) -> None:
        """A new version of a library can change vectors while the identity stays the same."""
        index = self.indexed(tmp_path)
        drifted = vectors(CANARIES)[:, ::-1].copy()
        with index.open({}) as reader:
            reader.check_embedder(vectors(CANARIES))
            refuses(ModelError, lambda: reader.check_embedder(drifted), "a reader must refuse a drifted embedder")
        with index.write(IDENTITY) as writer:
            refuses(ModelError, lambda: writer.check_embedder(drifted), "a writer must refuse a drifted embedder")
        with index.write(IDENTITY, rebuild=True) as writer:
            writer.check_embedder(drifted)  # a rebuild accepts another embedder
