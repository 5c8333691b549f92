"""A part that violates a requirement fails the test of that requirement, whose message has the fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragqa.config.retrieval import HybridRetrieve
from ragqa.load import MemoryLoader, text_document
from ragqa.records import Chunk, Document, Extracted, Hit, SearchTexts, SourceFile
from ragqa.retrieve.retriever import FusionRetriever
from ragqa.stages import Embedder, Searcher
from ragqa.testing.format import FileFormatContract
from ragqa.testing.loader import LoaderContract
from ragqa.testing.retriever import RetrieverContract, RewriterContract
from ragqa.testing.scorer import ScorerContract
from ragqa.testing.splitter import SplitterContract
from tests.fakes import WordEmbedder
from tests.load.test_own_formats import Reading
from tests.split.test_split import build


class Splitting:
    """Cuts as the recursive splitter does, then changes the chunks."""

    fingerprint = "mine"

    def __init__(self, change: Callable[[list[Chunk]], list[Chunk]]) -> None:
        self._change = change

    def split(self, document: Document) -> list[Chunk]:
        return self._change(build("recursive", WordEmbedder(), chunk_size=16, overlap=4).split(document))


def shifted(chunks: list[Chunk]) -> list[Chunk]:
    return [replace(chunk, start=chunk.start + 1, end=chunk.end + 1) for chunk in chunks]


@pytest.mark.parametrize(
    ("change", "test", "message"),
    [
        (shifted, "test_a_chunk_is_a_span_of_its_document", "is not the chunk's text"),
        (lambda chunks: chunks[::-1], "test_chunks_are_in_order_of_their_start", "in the order of their start"),
        (
            lambda chunks: [replace(chunk, id="1") for chunk in chunks],
            "test_a_chunk_has_an_id_of_its_own",
            "two chunks have the same id",
        ),
    ],
)
def test_a_splitter(change: Callable[[list[Chunk]], list[Chunk]], test: str, message: str) -> None:
    class Contract(SplitterContract):
        def make(self) -> Splitting:
            return Splitting(change)

    with pytest.raises(AssertionError, match=message):
        getattr(Contract(), test)()


class Retrieving:
    """Finds what the built-in retriever finds, then changes the hits."""

    def __init__(self, embedder: Embedder, change: Callable[[list[Hit]], list[Hit]]) -> None:
        self._retriever = FusionRetriever(HybridRetrieve(kind="hybrid"), embedder)
        self._change = change

    def retrieve(
        self, question: str, searcher: Searcher, k: int | None = None, *, also: Sequence[str] = ()
    ) -> list[Hit]:
        return self._change(self._retriever.retrieve(question, searcher, k, also=also))


@pytest.mark.parametrize(
    ("change", "test", "message"),
    [
        (lambda hits: hits[::-1], "test_hits_are_at_most_k_and_best_first", "best first"),
        (lambda hits: hits * 2, "test_hits_are_at_most_k_and_best_first", "2 hits for k = 1"),
        (
            lambda hits: [*hits, *hits[:1]],
            "test_a_hit_is_a_span_of_a_document_that_no_other_hit_repeats",
            "stands twice",
        ),
        (
            lambda hits: [replace(hit, score=float("nan")) for hit in hits],
            "test_hits_are_at_most_k_and_best_first",
            "must be a finite number",
        ),
    ],
)
def test_a_retriever(tmp_path: Path, change: Callable[[list[Hit]], list[Hit]], test: str, message: str) -> None:
    class Contract(RetrieverContract):
        def make(self, embedder: Embedder) -> Retrieving:
            return Retrieving(embedder, change)

    with pytest.raises(AssertionError, match=message):
        getattr(Contract(), test)(tmp_path)


class Rewriting:
    def __init__(self, result: Any) -> None:
        self.result = result

    def rewrite(self, question: str) -> SearchTexts:
        result: SearchTexts = self.result
        return result


@pytest.mark.parametrize(
    ("result", "test", "message"),
    [
        (["a list"], "test_it_gives_texts_that_can_be_searched_by", "returns a `SearchTexts`"),
        (SearchTexts("one"), "test_it_gives_texts_that_can_be_searched_by", "a string alone is its letters"),  # type: ignore[arg-type]
        (SearchTexts(passages=(" ",)), "test_it_gives_texts_that_can_be_searched_by", "passages holds a blank text"),
        (SearchTexts(("a", "a")), "test_a_wording_is_given_once_and_is_not_the_question", "a"),
    ],
)
def test_a_rewriter(result: Any, test: str, message: str) -> None:
    class Contract(RewriterContract):
        def make(self) -> Rewriting:
            return Rewriting(result)

    with pytest.raises(AssertionError, match=message):
        getattr(Contract(), test)()


class Counting:
    """Scores a passage by its place, not by its text."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(place) for place in range(max(1, len(passages)))]


@pytest.mark.parametrize("test", ["test_no_passage_gives_no_score", "test_scores_are_in_the_order_of_the_passages"])
def test_a_scorer(test: str) -> None:
    class Contract(ScorerContract):
        def make(self) -> Counting:
            return Counting()

    with pytest.raises(AssertionError):
        getattr(Contract(), test)()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (Extracted("x", metadata={"n": float("nan")}), "cannot be stored: n"),
        (Extracted("x" * 9, page_starts=(5, 0)), "page_starts must ascend"),
    ],
)
def test_a_format(tmp_path: Path, result: Extracted, message: str) -> None:
    class Contract(FileFormatContract):
        def make(self) -> Reading:
            return Reading(result)

        def samples(self) -> Sequence[bytes]:
            return [b"x"]

    with pytest.raises(AssertionError, match=message):
        Contract().test_a_sound_file_has_text_that_can_be_stored(tmp_path)


class Loading(MemoryLoader):
    """Reads documents under an id of its own."""

    def read(self, file: SourceFile) -> Document:
        return replace(super().read(file), id=file.source)


def test_a_loader() -> None:
    class Contract(LoaderContract):
        def make(self) -> Loading:
            return Loading([text_document("a", "The ferry sails."), text_document("b", "A lamp.")])

    with pytest.raises(AssertionError, match=r"the id must be `file\.document_id`"):
        Contract().test_a_document_is_that_of_its_file()
