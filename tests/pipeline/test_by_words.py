"""A new folder is answered by words before its vectors are there, and completed later."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from ragqa import Pipeline
from ragqa.cli import indexing
from ragqa.errors import ModelError
from ragqa.experiments import setup
from ragqa.pipeline.answer import by_words
from ragqa.pipeline.ingest import embedding, refresh
from ragqa.records import Coverage
from ragqa.stages import CANARIES
from tests.fakes import ECHO, PIPELINE, WORDS, WordEmbedder
from tests.tiny import save_tiny_bert

QUESTION = "Who is the master of the quay?"
NOTES = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 6)
    monkeypatch.setattr(embedding, "EMBED_CHUNKS", 3)
    monkeypatch.setattr(refresh, "TEXT_CHUNKS", 16)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "quay.txt").write_text("The quay has a master called Quayson.\n", encoding="utf-8")
    for i in range(NOTES):
        text = f"Note {i} speaks of tide table {i * 100} and of the ferry.\n"
        (tmp_path / "documents" / f"note{i:02}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def pipeline(folder: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(folder / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])


def embedded(pipe: Pipeline) -> list[str]:
    """Return the passages that the embedder of a pipeline has embedded so far, without the canaries."""
    return [text for text in cast("WordEmbedder", pipe.components.embedder).embedded if text not in CANARIES]


def found(pipe: Pipeline, question: str, k: int = 5) -> list[tuple[str, float]]:
    return [(hit.source, round(hit.score, 6)) for hit in pipe.search(question, k)]


def embed_a_batch(pipe: Pipeline) -> None:
    with pipe.components.index.write(pipe.components.identity) as writer:
        batch = writer.pending(6)
        writer.check_embedder(pipe.components.canaries)
        writer.commit([], dict(zip(batch, pipe.components.embedder.embed_passages(batch), strict=True)), {})


def test_texts_are_published_without_their_vectors_and_answer_at_once(folder: Path) -> None:
    pipe = pipeline(folder)
    report = pipe.index(embed_later=True)
    assert (report.count("indexed"), report.chunks, report.embedded) == (NOTES + 1, NOTES + 1, 0)
    assert report.coverage == Coverage(0, NOTES + 1) and embedded(pipe) == []
    answer = pipe.ask(QUESTION)
    assert answer.text == "The quay has a master called Quayson."
    assert answer.citations[0].source == "quay.txt"
    assert answer.coverage == Coverage(0, NOTES + 1)
    assert answer.to_dict()["coverage"] == {"vectors": 0, "texts": NOTES + 1}
    assert str(answer.coverage) == f"0 of {NOTES + 1} vectors so far"


def test_what_is_found_by_words_is_ranked_as_with_all_vectors(folder: Path) -> None:
    """The vectors of the candidates are those that the index will have; so are their scores."""
    pipeline(folder).index(embed_later=True)
    questions = [QUESTION, "tide table 700", "Note 12 of the ferry", "What does note 3 speak of?"]
    early = [found(pipeline(folder), question, 50) for question in questions]
    pipeline(folder).index()
    for question, before in zip(questions, early, strict=True):
        late = found(pipeline(folder), question, 50)
        assert before[0] == late[0], "the best has words of the question"
        assert before == [pair for pair in late if pair in before], "and so has each of these, in this order"


@pytest.mark.parametrize("overrides", [
    ["retrieve.kind=dense"], ["retrieve.fusion=rrf"], ["retrieve.mmr=0.5"], ["retrieve.feedback=2"], ["retrieve.kind=lexical"],
])  # fmt: skip
def test_every_kind_of_retrieval_answers_while_texts_are_pending(folder: Path, overrides: list[str]) -> None:
    pipeline(folder).index(embed_later=True)
    pipe = pipeline(folder, *overrides)
    hits = pipe.search(QUESTION, 3)
    assert hits[0].source == "quay.txt"
    assert all(np.isfinite(score) for hit in hits for score in (hit.score, *hit.scores.values()))
    needs_vectors = overrides != ["retrieve.kind=lexical"]
    assert needs_vectors == bool(embedded(pipe)), "a search by words embeds nothing"
    assert (pipe.ask(QUESTION).coverage is not None) == needs_vectors


def test_a_text_without_a_vector_is_not_behind_those_that_have_one(folder: Path) -> None:
    """Dense search alone would leave it out; it has the words of the question, so it is embedded for it."""
    pipeline(folder).index()
    wanted = {
        kind: dict(found(pipeline(folder, f"retrieve.kind={kind}"), QUESTION, 50)) for kind in ("hybrid", "dense")
    }
    shutil.rmtree(folder / "index")
    pipeline(folder).index(embed_later=True)
    for _ in range(NOTES):
        embed_a_batch(pipeline(folder))
        with pipeline(folder).open_index() as reader:
            pending = set(reader.missing([c for id_ in reader.sources().values() for c in reader.chunks(id_)]))
        if "The quay has a master called Quayson." not in pending:
            break
        for kind in ("hybrid", "dense"):
            ranked = found(pipeline(folder, f"retrieve.kind={kind}"), QUESTION, 50)
            assert ("quay.txt", wanted[kind]["quay.txt"]) in ranked, "with the score that it will have"
            assert [source for source, _ in ranked] == sorted(dict(ranked), key=wanted[kind].__getitem__, reverse=True)


def test_few_vectors_are_made_for_a_question_and_the_rest_is_ranked_by_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_words, "CANDIDATES", 3)
    pipeline(folder).index(embed_later=True)
    pipe = pipeline(folder)
    hits = pipe.search("Which note speaks of the tide table 700?", 20)
    assert hits[0].source == "note07.txt" and len(hits) == 20, "the others are found, too"
    assert len(set(embedded(pipe))) < 20
    assert all(np.isfinite(hit.score) for hit in hits)
    assert hits == sorted(hits, key=lambda hit: -hit.score)


def test_vectors_made_for_a_question_are_kept_in_the_index_and_not_made_again(folder: Path) -> None:
    pipe = pipeline(folder)
    pipe.index(embed_later=True)
    before = found(pipe, QUESTION)
    made = embedded(pipe)
    assert made and found(pipe, QUESTION) == before and embedded(pipe) == made
    assert pipe.embed_pending(0) == Coverage(len(made), NOTES + 1), "in the index, without time for any other"
    assert found(pipeline(folder), QUESTION) == before
    assert pipe.embed_pending() == Coverage(NOTES + 1, NOTES + 1)
    assert len(embedded(pipe)) == len(set(embedded(pipe))) == NOTES + 1


def test_the_rest_is_embedded_later_and_nothing_twice(folder: Path) -> None:
    pipe = pipeline(folder)
    pipe.index(embed_later=True)
    calls: list[tuple[int, int]] = []
    assert pipe.embed_pending(0) == Coverage(0, NOTES + 1)
    coverage = pipe.embed_pending(progress=lambda done, expected: calls.append((done, expected)))
    assert coverage == Coverage(NOTES + 1, NOTES + 1)
    assert calls[0] == (0, NOTES + 1) and calls[-1] == (NOTES + 1, NOTES + 1)
    assert len(embedded(pipe)) == len(set(embedded(pipe))) == NOTES + 1
    assert pipe.ask(QUESTION).coverage is None
    assert pipe.index().embedded == 0


def test_an_interruption_keeps_the_batches_before_it_and_the_next_run_completes_them(folder: Path) -> None:
    def interrupt(done: int, expected: int) -> None:
        if done >= 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline(folder).index(progress=interrupt)
    plan = pipeline(folder).changes()
    assert plan.is_empty and plan.coverage == Coverage(12, NOTES + 1)
    assert pipeline(folder).plan().to_embed == NOTES + 1 - 12
    assert pipeline(folder).ask(QUESTION).text == "The quay has a master called Quayson."
    pipe = pipeline(folder)
    assert pipe.index().embedded == NOTES + 1 - 12 == len(embedded(pipe))
    assert pipeline(folder).changes().coverage.pending == 0


def test_a_run_with_few_texts_is_one_commit_with_its_vectors(folder: Path) -> None:
    pipeline(folder).index()
    generation = pipeline(folder).ask(QUESTION).index_version
    for i in range(6):
        (folder / "documents" / f"new{i}.txt").write_text(f"A new note about berth {i}.", encoding="utf-8")
    report = pipeline(folder).index(embed_later=True)
    assert (report.generation, report.embedded, report.coverage.pending) == (generation + 1, 6, 0)


def test_a_change_while_texts_are_pending_is_published_with_the_others(folder: Path) -> None:
    pipeline(folder).index(embed_later=True)
    (folder / "documents" / "quay.txt").write_text("The quay has a master called Newson.\n", encoding="utf-8")
    (folder / "documents" / "note00.txt").unlink()
    report = pipeline(folder).index(embed_later=True)
    assert (report.embedded, report.coverage) == (0, Coverage(0, NOTES))
    assert pipeline(folder).ask(QUESTION).text == "The quay has a master called Newson."
    assert pipeline(folder).index().coverage == Coverage(NOTES, NOTES)


@pytest.mark.parametrize("options", [{"atomic": True}, {"strict": True}])
def test_a_run_that_publishes_at_once_brings_all_vectors(folder: Path, options: dict[str, Any]) -> None:
    report = pipeline(folder).index(embed_later=True, **options)
    assert (report.generation, report.coverage.pending) == (1, 0)


def test_an_evaluation_waits_for_all_vectors(folder: Path) -> None:
    pipeline(folder).index(embed_later=True)
    pipe = pipeline(folder)
    setup.refresh(pipe)
    assert pipe.changes().coverage == Coverage(NOTES + 1, NOTES + 1)


def test_while_another_process_embeds_questions_are_answered(folder: Path) -> None:
    """As `ragqa ask FOLDER` does in a second terminal; the writer's lock is not waited for."""
    pipeline(folder).index(embed_later=True)
    with pipeline(folder).components.index.write(pipeline(folder).components.identity) as writer:
        assert indexing.refresh(pipeline(folder)) == Coverage(0, NOTES + 1)
        for part in range(36):
            ((text,), vector) = (
                writer.pending(1),
                pipeline(folder).components.embedder.embed_passages(writer.pending(1))[0],
            )
            writer.commit([], {text: vector}, {})
            assert indexing.refresh(pipeline(folder)) == Coverage(part + 1, NOTES + 1)
        assert pipeline(folder).ask(QUESTION).text == "The quay has a master called Quayson."
    assert indexing.refresh(pipeline(folder)).pending == 0, "few are embedded before the answer"


def test_a_rebuild_replaces_pending_texts(folder: Path) -> None:
    pipeline(folder).index(embed_later=True)
    with pytest.raises(ModelError, match="built with weights words, this pipeline has other"):
        pipeline(folder, "embed.weights=other").ask(QUESTION)
    report = pipeline(folder, "embed.weights=other").index(rebuild=True)
    assert report.coverage == Coverage(NOTES + 1, NOTES + 1)


def test_texts_are_published_without_loading_the_weights_of_the_embedder(folder: Path) -> None:
    """Splitting needs the tokenizer alone; here with a real encoder."""
    model = save_tiny_bert(folder / "model")
    file = (folder / "pipeline.yaml").read_text("utf-8").replace("kind: words", f"kind: mean_pool, model: {model}")
    (folder / "pipeline.yaml").write_text(file, encoding="utf-8")
    pipe = pipeline(folder)
    pipe.index(embed_later=True)
    assert "_model" not in vars(pipe.components.embedder)
    assert pipe.search(QUESTION, 1)[0].source == "quay.txt"
    early = found(pipeline(folder), "tide table 700")
    pipeline(folder).index()
    late = found(pipeline(folder), "tide table 700")
    assert [source for source, _ in early][:1] == [source for source, _ in late][:1]
    assert os.listdir(folder / "index" / "seg")
