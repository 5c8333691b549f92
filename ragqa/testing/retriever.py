"""The requirements on every `Retriever` and `Rewriter`, as tests to inherit; see `ragqa.testing`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ragqa.index import LocalIndex
from ragqa.records import Hit, SearchTexts
from ragqa.stages import Embedder, IndexReader, Retriever, Rewriter
from ragqa.testing.documents import DIM, IDENTITY, Vectors, commit, entry, vector, vectors

_TEXTS = {
    "ferry.txt": "The ferry leaves at noon.\nIn winter the ferry stays in the harbour.\nThe harbour has a lamp.",
    "loan.txt": "Mara Lind approves a loan.\nA loan is paid back in ten years.",
    "turbine.txt": "The turbine turns in the wind.\nThe ferry passes the turbine.",
}
QUESTIONS = ("Where is the ferry in winter?", "Who approves a loan?", "turbine", "zzz", "the of and")


class SampleEmbedder:
    """Embeds hashed words, float32[DIM]: texts that share words are near each other. One word is one token."""

    dim = DIM
    identity = IDENTITY
    recorded: dict[str, str] = {}  # noqa: RUF012  # as in the Protocol; it is never changed

    def load(self) -> None:
        """Return at once: there are no weights."""

    def count(self, text: str) -> int:
        """Return the number of words."""
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the span of each word."""
        spans, at = [], 0
        for word in text.split():
            start = text.index(word, at)
            at = start + len(word)
            spans.append((start, at))
        return spans

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32[len(texts), DIM]."""
        return vectors(texts)

    def embed_question(self, question: str) -> Vectors:
        """Return float32[DIM]."""
        return vector(question)


class RetrieverContract(ABC):
    """Tests of a retriever over an index of three small documents."""

    @abstractmethod
    def make(self, embedder: Embedder) -> Retriever:
        """Return the retriever.

        :param embedder: the embedder of the index; a retriever that searches no vectors ignores it.
        """

    @contextmanager
    def retrieval(self, folder: Path) -> Iterator[tuple[Retriever, IndexReader]]:
        """Yield the retriever, and a reader of the sample index."""
        index = LocalIndex(folder / "index")
        with index.write(IDENTITY) as writer:
            commit(writer, [entry(source, text) for source, text in _TEXTS.items()])
        with index.open(IDENTITY) as reader:
            yield self.make(SampleEmbedder()), reader

    def test_hits_are_at_most_k_and_best_first(self, tmp_path: Path) -> None:
        """The prompt is filled from the first hit on; hits that do not fit are dropped from the end."""
        with self.retrieval(tmp_path) as (retriever, reader):
            hits = retriever.retrieve(QUESTIONS[0], reader, 3)
            assert hits, "a question that shares words with passages finds some"
            for question in QUESTIONS:
                for k in (0, 1, 3, 50):
                    hits = retriever.retrieve(question, reader, k)
                    scores = [hit.score for hit in hits]
                    assert len(hits) <= k, f"{len(hits)} hits for k = {k}"
                    assert all(map(math.isfinite, scores)), f"a score must be a finite number: {scores}"
                    assert _is_ranking(hits), f"best first: {scores}"

    def test_without_k_the_stage_decides(self, tmp_path: Path) -> None:
        """`ragqa ask` passes no k."""
        with self.retrieval(tmp_path) as (retriever, reader):
            assert retriever.retrieve(QUESTIONS[0], reader)

    def test_another_text_of_the_question_may_be_searched_too(self, tmp_path: Path) -> None:
        """A question of a conversation is searched alone, and with words of the turn before."""
        with self.retrieval(tmp_path) as (retriever, reader):
            hits = retriever.retrieve(QUESTIONS[0], reader, 3, also=[QUESTIONS[1]])
            assert hits and len(hits) <= 3 and _is_ranking(hits)

    def test_a_hit_is_a_span_of_a_document_that_no_other_hit_repeats(self, tmp_path: Path) -> None:
        """A citation is looked up in the stored document; a repeated passage would use its tokens twice."""
        with self.retrieval(tmp_path) as (retriever, reader):
            for question in QUESTIONS:
                hits = retriever.retrieve(question, reader, 50)
                spans = [(hit.chunk.document_id, hit.chunk.start, hit.chunk.end) for hit in hits]
                assert len(spans) == len(set(spans)), f"{question}: the same passage stands twice"
                for hit in hits:
                    assert _TEXTS[hit.source][hit.chunk.start : hit.chunk.end] == hit.chunk.text

    def test_a_question_has_one_ranking(self, tmp_path: Path) -> None:
        """An answer can be repeated only where its passages have the same order again."""
        with self.retrieval(tmp_path) as (retriever, reader):
            rankings = [retriever.retrieve(question, reader, 5) for question in QUESTIONS]
            assert [retriever.retrieve(question, reader, 5) for question in QUESTIONS] == rankings
            again = self.make(SampleEmbedder())
            assert [again.retrieve(question, reader, 5) for question in QUESTIONS] == rankings


def _is_ranking(hits: Sequence[Hit]) -> bool:
    """Tell whether the first hit has the best score. Maximal marginal relevance may put a worse one before a better one."""
    return not hits or hits[0].score == max(hit.score for hit in hits)


class RewriterContract(ABC):
    """Tests of a rewriter."""

    @abstractmethod
    def make(self) -> Rewriter:
        """Return the rewriter."""

    def test_it_gives_texts_that_can_be_searched_by(self) -> None:
        """Each question is embedded and searched for, each passage is embedded."""
        for question in QUESTIONS[:3]:
            texts = self.make().rewrite(question)
            assert isinstance(texts, SearchTexts), "`rewrite` returns a `SearchTexts` (ragqa.records)"
            for name, values in (("questions", texts.questions), ("passages", texts.passages)):
                assert isinstance(values, tuple), f"{name} must be a tuple; a string alone is its letters"
                assert all(isinstance(each, str) and each.strip() for each in values), f"{name} holds a blank text"

    def test_a_wording_is_given_once_and_is_not_the_question(self) -> None:
        """The question is always searched; a repeated wording would count twice in the mean."""
        for question in QUESTIONS[:3]:
            questions = self.make().rewrite(question).questions
            assert len(questions) == len(set(questions)), questions
            assert question not in questions

    def test_several_threads_may_ask_at_once(self) -> None:
        """A server answers several questions at a time."""
        rewriter = self.make()
        with ThreadPoolExecutor(4) as threads:
            assert all(isinstance(each, SearchTexts) for each in threads.map(rewriter.rewrite, QUESTIONS[:3] * 4))
