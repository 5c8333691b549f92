"""Many questions in one pass: the hits and scores of each are those of its own search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragqa import Pipeline
from ragqa.errors import UsageError
from ragqa.index import pending
from ragqa.index.reader import LocalReader
from ragqa.index.search import VectorStore
from ragqa.pipeline.answer import retrieving
from tests.fakes import ECHO, WORDS, WordEmbedder, write_project

NAMES = ("ferry", "turbine", "quay", "buoy", "crane", "tower")
WORDS_OF_QUESTIONS = (*NAMES, "master", "called", "who", "is", "the", "Quayson", "ferryson", "nothing", "3.2.1")


class Together(WordEmbedder):
    """Embeds questions together, and notes how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.together: list[int] = []

    def embed_questions(self, questions: Sequence[str]) -> NDArray[np.float32]:
        self.together.append(len(questions))
        return np.array([self.embed_question(question) for question in questions])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_project(tmp_path, NAMES)
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])


def questions(n: int) -> list[str]:
    random = np.random.default_rng(0)
    return [" ".join(random.choice(WORDS_OF_QUESTIONS, random.integers(1, 8))) + "?" for _ in range(n)]


@pytest.mark.parametrize(
    "overrides",
    [(), ("retrieve.kind=dense",), ("retrieve.kind=lexical",), ("retrieve.mmr=0.5",), ("retrieve.feedback=2",)],
    ids=str,
)
def test_a_thousand_questions_have_the_hits_and_scores_of_their_own_searches(
    home: Path, overrides: tuple[str, ...]
) -> None:
    pipe, asked = pipeline(home, *overrides), questions(1000 if not overrides else 50)
    pipe.components.replace(embedder=Together())
    assert pipe.search_many(asked) == [pipe.search(question) for question in asked]
    assert pipe.search_many(asked[:20], 4) == [pipe.search(question, 4) for question in asked[:20]]


def test_questions_are_embedded_and_compared_in_one_pass(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, embedder, compared = pipeline(home), Together(), []
    pipe.components.replace(embedder=embedder)
    dense_many = LocalReader.dense_many

    def noted(reader: LocalReader, vectors: NDArray[np.float32], k: int) -> list[list[tuple[str, float]]]:
        compared.append(len(vectors))
        return dense_many(reader, vectors, k)

    monkeypatch.setattr(LocalReader, "dense_many", noted)
    pipe.search_many(questions(8))
    assert (embedder.together, compared) == ([8], [8])


def test_an_embedder_and_a_retriever_that_take_one_question_at_a_time_will_do(home: Path) -> None:
    pipe, asked = pipeline(home), questions(5)
    alone = [pipe.search(question) for question in asked]
    assert pipe.search_many(asked) == alone, "the embedder has no embed_questions"

    class One:
        def __init__(self, real: Any) -> None:
            self.retrieve = real.retrieve

    pipe.components.replace(retriever=One(pipe.components.retriever))
    assert pipe.search_many(asked) == alone


def test_texts_without_a_vector_yet_are_found_as_by_one_search(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragqa.pipeline.ingest.refresh.TEXT_CHUNKS", 16)
    monkeypatch.setattr("ragqa.pipeline.ingest.embedding.COMMIT_CHUNKS", 6)
    monkeypatch.setattr("ragqa.pipeline.ingest.embedding.EMBED_CHUNKS", 3)
    for number in range(40):
        (home / "documents" / f"mast{number}.txt").write_text(f"The mast {number} has a master.\n", "utf-8")
    pipe, asked = pipeline(home), [*questions(5), "Who is the master of the mast?"]
    assert pipe.index(embed_later=True).coverage.pending
    assert pipe.search_many(asked) == [pipe.search(question) for question in asked]


def test_no_question_is_searched_where_one_is_wrong_and_no_questions_have_no_hits(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieving, "retrieve_many", lambda *_: pytest.fail("searched"))
    for wrong, k in ((["Who?", " "], None), ("Who?", None), (["Who?"], 0)):
        with pytest.raises(UsageError):
            pipeline(home).search_many(wrong, k)
    monkeypatch.undo()
    assert pipeline(home).search_many([]) == []


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    absent=st.integers(0, 3),
    n_questions=st.integers(1, 9),
    k=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_vectors_compared_together_have_the_places_and_scores_of_one_by_one(
    lengths: list[int], absent: int, n_questions: int, k: int, seed: int
) -> None:
    random, dim = np.random.default_rng(seed), 8
    # Few values, so that many products tie; some segments have no vectors yet, and some vectors no chunk.
    parts = [random.integers(-1, 2, (n, dim)).astype(np.float32) for n in lengths]
    if absent < len(parts) - 1:
        parts[absent] = pending.absent(len(parts[absent]), dim)
    store = VectorStore(parts, dim)
    alive = store.present & (random.random(len(store)) < 0.8)
    asked = random.standard_normal((n_questions, dim)).astype(np.float32)
    together = store.nearest_many(asked, k, alive, exact=True)
    alone = [store.nearest(question, k, alive, exact=True) for question in asked]
    assert [each[:k] for each in together] == [each[:k] for each in alone]


def test_the_nearest_of_many_vectors_are_those_of_a_sort() -> None:
    random = np.random.default_rng(0)
    vectors, alive = random.standard_normal((5_000, 8)).astype(np.float32), random.random(5_000) < 0.9
    questions = random.standard_normal((3, 8)).astype(np.float32)
    found = VectorStore([vectors[:2_000], vectors[2_000:]], 8).nearest_many(questions, 5, alive, exact=True)
    for question, pairs in zip(questions, found, strict=True):
        order = np.argsort(-np.where(alive, vectors @ question, -np.inf))
        assert [position for position, _ in pairs[:5]] == order[:5].tolist()
