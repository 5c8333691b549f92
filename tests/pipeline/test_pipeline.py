"""The pipeline over a real folder and index, with small parts of one's own in place of the models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.errors import ConfigError, ModelError, NothingUsableError, RejectedError, UsageError
from ragqa.pipeline.ingest import embedding, refresh
from ragqa.records import Answer, Chunk, Document, Passages
from ragqa.split.splitter import TextSplitter
from ragqa.stages import System
from tests.fakes import ECHO, PIPELINE, WORDS, WordEmbedder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("ferry", "turbine", "quay"):
        (documents / f"{name}.txt").write_text(f"The {name} has a master called {name.title()}son.\n", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def pipeline(folder: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(folder / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])


def interrupt(done: int, expected: int) -> None:
    """Stop a run, as Ctrl-C does, when two chunks are done."""
    if done >= 2:
        raise KeyboardInterrupt


def counts(report: refresh.IndexReport) -> dict[str, int]:
    named = {name: report.count(name) for name in ("indexed", "unchanged", "rejected", "skipped")}
    named |= {"removed": report.removed, "embedded": report.embedded}
    return {name: n for name, n in named.items() if n}


def test_a_question_is_answered_with_a_citation_a_prompt_and_its_usage(folder: Path) -> None:
    pipe = pipeline(folder)
    assert counts(pipe.index()) == {"indexed": 3, "embedded": 3}
    answer = pipe.ask("Who is the master of the turbine?")
    assert answer.text == "The turbine has a master called Turbineson."
    (citation,) = answer.citations
    text = Path(citation.path).read_text(encoding="utf-8")
    assert text[citation.start : citation.end] == citation.text == answer.text
    assert answer.prompt is not None and answer.prompt.passages[0].source == "turbine.txt"
    assert {"retrieve_ms", "prompt_ms", "generate_ms", "passages_tokens", "answer_tokens"} <= set(answer.usage)
    assert (answer.index_version, answer.abstained) == (1, False)


def test_a_second_run_embeds_nothing_and_makes_no_commit(folder: Path) -> None:
    pipeline(folder).index()
    again = pipeline(folder).index()
    assert counts(again) == {"unchanged": 3}
    assert again.generation == 1


def test_each_change_costs_only_its_own_chunks(folder: Path) -> None:
    pipeline(folder).index()
    documents = folder / "documents"
    (documents / "buoy.txt").write_text("A new buoy lies to the north.", encoding="utf-8")
    assert counts(pipeline(folder).index()) == {"indexed": 1, "unchanged": 3, "embedded": 1}
    (documents / "buoy.txt").write_text("The buoy was moved to the south.", encoding="utf-8")
    assert counts(pipeline(folder).index()) == {"indexed": 1, "unchanged": 3, "embedded": 1}
    (documents / "buoy.txt").rename(documents / "mark.txt")
    assert counts(pipeline(folder).index()) == {"indexed": 1, "unchanged": 3, "removed": 1}
    assert pipeline(folder).search("buoy south")[0].source == "mark.txt"
    (documents / "mark.txt").unlink()
    assert counts(pipeline(folder).index()) == {"unchanged": 3, "removed": 1}
    assert "mark.txt" not in [hit.source for hit in pipeline(folder).search("buoy south", 9)]
    (documents / "mark.txt").write_text("The buoy was moved to the south.", encoding="utf-8")
    assert counts(pipeline(folder).index()) == {"indexed": 1, "unchanged": 3}


def test_an_edit_of_a_long_file_embeds_the_edited_part_only(folder: Path) -> None:
    long = folder / "documents" / "long.txt"
    paragraphs = [f"Paragraph {i} tells of berth {i} and of nothing else at all, in one line." for i in range(40)]
    long.write_text("\n\n".join(paragraphs), encoding="utf-8")
    first = pipeline(folder).index()
    paragraphs[20] = "This one was rewritten from its first word to its last."
    long.write_text("\n\n".join(paragraphs), encoding="utf-8")
    assert 1 <= pipeline(folder).index().embedded <= 6 < first.embedded


def test_the_same_bytes_under_many_names_are_embedded_once(folder: Path) -> None:
    for i in range(200):
        shutil.copy(folder / "documents" / "ferry.txt", folder / "documents" / f"copy{i:03}.txt")
    report = pipeline(folder).index()
    assert (report.count("indexed"), report.chunks, report.embedded) == (203, 3, 3)
    assert pipeline(folder).search("ferry")[0].source == "copy000.txt"
    assert counts(pipeline(folder).index()) == {"unchanged": 203}


def test_counts_add_up_and_a_rejected_file_does_not_stop_the_others(folder: Path) -> None:
    (folder / "documents" / "bad.txt").write_bytes(b"\x7fELF\0\0\0\x01" * 50)
    (folder / "documents" / "film.mp4").write_bytes(b"x")
    report = pipeline(folder).index()
    assert counts(report) == {"indexed": 3, "rejected": 1, "skipped": 1, "embedded": 3}
    assert len(report.statuses) == 5
    assert next(s for s in report.statuses if s.status == "rejected").reason


def test_a_rejected_file_is_tried_again_but_is_not_a_change(folder: Path) -> None:
    bad = folder / "documents" / "bad.txt"
    bad.write_bytes(b"\x7fELF\0\0\0\x01" * 50)
    (status,) = [s for s in pipeline(folder).index().statuses if s.status == "rejected"]
    changes = pipeline(folder).changes()
    assert changes.is_empty
    assert [(r.file.source, r.reason) for r in changes.read] == [
        ("bad.txt", f"rejected by the last run: {status.reason}")
    ]
    assert counts(pipeline(folder).index()) == {"unchanged": 3, "rejected": 1}
    bad.write_bytes(b"\x7fELF\0\0\0\x02" * 50)
    assert [r.reason for r in pipeline(folder).changes().changed] == ["new"]
    bad.write_text("A bad berth has no master.", encoding="utf-8")
    assert counts(pipeline(folder).index()) == {"indexed": 1, "unchanged": 3, "embedded": 1}
    assert pipeline(folder).changes().read == ()


def test_a_strict_run_keeps_nothing_when_a_file_is_rejected(folder: Path) -> None:
    (folder / "documents" / "bad.txt").write_bytes(b"\x7fELF\0\0\0\x01" * 50)
    with pytest.raises(RejectedError, match=r"1 of 4 files were rejected: bad\.txt: .*; index unchanged"):
        pipeline(folder).index(strict=True)
    assert not (folder / "index").exists() or not pipeline(folder).has_index()
    (folder / "documents" / "bad.txt").unlink()
    assert counts(pipeline(folder).index(strict=True)) == {"indexed": 3, "embedded": 3}


def test_a_file_that_became_unusable_leaves_the_index(folder: Path) -> None:
    pipeline(folder).index()
    (folder / "documents" / "quay.txt").write_bytes(b"\0\0\0\0" * 99)
    assert counts(pipeline(folder).index()) == {"unchanged": 2, "rejected": 1}
    assert "quay.txt" not in [hit.source for hit in pipeline(folder).search("quay", 9)]


def test_nothing_usable_keeps_the_old_index(folder: Path) -> None:
    pipeline(folder).index()
    for file in (folder / "documents").iterdir():
        file.write_bytes(b"\0\0\0\0" * 99)
    with pytest.raises(NothingUsableError, match="none of 3 files could be used"):
        pipeline(folder).index()
    for file in (folder / "documents").iterdir():
        file.unlink()
    with pytest.raises(NothingUsableError, match=r"no documents found under .*\(0 files.*3 of 3 indexed"):
        pipeline(folder).index()
    assert pipeline(folder).search("ferry")[0].source == "ferry.txt"


def test_an_interrupted_run_keeps_what_was_committed_and_the_next_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline(folder).index()
    for i in range(30):
        text = "\n\n".join(f"Note {i} of day {j} speaks of tide table {i * 100 + j} only." for j in range(8))
        (folder / "documents" / f"note{i:02}.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 20)
    monkeypatch.setattr(embedding, "EMBED_CHUNKS", 10)
    monkeypatch.setattr(embedding, "AHEAD_CHUNKS", 1 << 30)  # the files are read faster than a text is embedded

    def interrupt(done: int, expected: int) -> None:
        assert done <= expected
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline(folder).index(progress=interrupt)
    assert pipeline(folder).search("ferry")[0].source == "ferry.txt"
    plan = pipeline(folder).changes()
    assert (plan.is_empty, 20 <= plan.coverage.vectors < plan.coverage.texts) == (True, True), "texts come first"
    rest = pipeline(folder).index()
    assert rest.count("unchanged") == 33
    assert rest.embedded == plan.coverage.pending and rest.coverage.pending == 0


def test_an_atomic_run_publishes_all_or_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 1)
    monkeypatch.setattr(embedding, "EMBED_CHUNKS", 1)

    with pytest.raises(KeyboardInterrupt):
        pipeline(folder).index(atomic=True, progress=interrupt)
    assert not pipeline(folder).has_index()
    assert pipeline(folder).index(atomic=True).generation == 1
    (folder / "documents" / "more.txt").write_text("More of it.", encoding="utf-8")
    (folder / "documents" / "most.txt").write_text("Most of it.", encoding="utf-8")
    assert pipeline(folder).index().generation == 4, "else the texts are a generation, and each batch of vectors"


def test_a_running_pipeline_moves_to_the_new_generation_between_two_questions(folder: Path) -> None:
    pipeline(folder).index()
    running = pipeline(folder)
    assert running.ask("Who is the master of the quay?").index_version == 1
    events = running.stream("Who is the master of the quay?")
    first = next(events)
    (folder / "documents" / "quay.txt").write_text("The quay has a master called Newson.", encoding="utf-8")
    assert pipeline(folder).index().generation == 2
    *_, answer = events
    assert isinstance(answer, Answer) and isinstance(first, Passages)
    assert (answer.index_version, answer.text) == (1, "The quay has a master called Quayson.")
    assert answer.citations[0].text == answer.text, "the citation is of the text that was answered from"
    answer = running.ask("Who is the master of the quay?")
    assert (answer.index_version, answer.text) == (2, "The quay has a master called Newson.")


def test_an_interrupted_rebuild_leaves_the_old_index_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline(folder).index()
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 1)
    monkeypatch.setattr(embedding, "EMBED_CHUNKS", 1)

    with pytest.raises(KeyboardInterrupt):
        pipeline(folder, "embed.weights=other").index(rebuild=True, progress=interrupt)
    assert len(pipeline(folder).search("master", 9)) == 3


def test_another_embedder_or_splitter_is_refused_until_a_rebuild(folder: Path) -> None:
    pipeline(folder).index()
    with pytest.raises(ModelError, match="built with weights words, this pipeline has other"):
        pipeline(folder, "embed.weights=other").ask("Who?")
    with pytest.raises(ModelError, match=r"built with splitter .*41.*--rebuild"):
        pipeline(folder, "split.chunk_size=41").index()
    assert counts(pipeline(folder, "split.chunk_size=41").index(rebuild=True)) == {"indexed": 3, "embedded": 3}


def test_an_index_of_an_earlier_version_answers_and_the_next_run_brings_it_up_to_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ragqa.split.splitter.SPLITTER_VERSION", "0")
    monkeypatch.setattr(  # as the versions stood in the settings before
        TextSplitter,
        "fingerprint",
        property(lambda self: json.dumps({**self.spec.model_dump(), "version": "0", "library": "0"})),
    )
    pipeline(folder).index()
    monkeypatch.undo()
    assert "Ferryson" in pipeline(folder).ask("Who is the master of the ferry?").text
    planned = pipeline(folder).plan()
    assert (len(planned.plan.read), planned.to_embed) == (3, 0)
    assert all("split/0" in each.reason and "split/" in each.reason for each in planned.plan.read)
    report = pipeline(folder).index()
    assert counts(report) == {"indexed": 3} and "3 documents were indexed by another version" in caplog.text
    assert counts(pipeline(folder).index()) == {"unchanged": 3}


def test_a_plan_tells_what_a_run_would_do_and_writes_nothing(folder: Path) -> None:
    first = pipeline(folder).plan()
    assert (len(first.plan.read), first.chunks, first.to_embed) == (3, 3, 3)
    assert not (folder / "index").exists()
    pipeline(folder).index()
    assert pipeline(folder).plan().plan.is_empty
    documents = folder / "documents"
    (documents / "new.txt").write_text("New. " * 30, encoding="utf-8")
    (documents / "ferry.txt").write_text("Edited.", encoding="utf-8")
    shutil.copy(documents / "quay.txt", documents / "quay2.txt")
    (documents / "turbine.txt").unlink()
    (documents / "bad.txt").write_bytes(b"\0" * 9)
    plan = pipeline(folder).plan()
    reasons = {reading.file.source: reading.reason for reading in plan.plan.read}
    assert reasons.pop("bad.txt") == "new"
    assert reasons == {"new.txt": "new", "ferry.txt": "changed", "quay2.txt": "another name for known content"}
    assert plan.plan.removed == ("turbine.txt",)
    assert [entry.source for entry in plan.rejected] == ["bad.txt"]
    done = pipeline(folder).index()
    assert done.embedded == plan.to_embed


def test_without_evidence_the_generator_is_not_called(folder: Path) -> None:
    pipe = pipeline(folder)
    pipe.index()
    answer = pipe.ask("zzz qqq")
    assert (answer.abstained, answer.reason, answer.text, answer.citations) == (True, "no_evidence", "", ())
    assert answer.prompt is None


def test_a_generator_that_does_not_know_abstains(folder: Path) -> None:
    pipe = pipeline(folder, "generate.answer=I do not know.")
    pipe.index()
    answer = pipe.ask("Who is the master of the ferry?")
    assert (answer.abstained, answer.reason, answer.text) == (True, "not_in_passages", "")


def test_passages_come_before_their_sentences_are_compared_with_the_question(folder: Path) -> None:
    pipe = pipeline(folder)
    pipe.index()
    embedder = pipe.components.embedder
    assert isinstance(embedder, WordEmbedder)
    embedder.embedded.clear()
    events, sentence = pipe.stream("Who is the master of the quay?"), "The quay has a master called Quayson."
    found = next(events)
    assert isinstance(found, Passages) and found.citations[0].text == sentence and sentence not in embedder.embedded
    assert isinstance(next(events), Passages) and sentence in embedder.embedded


def test_places_and_sentences_are_streamed_and_are_those_of_the_answer(folder: Path) -> None:
    pipe = pipeline(folder)
    pipe.index()
    found, places, *sentences, answer = pipe.stream("Who is the master of the quay?")
    assert isinstance(answer, Answer) and isinstance(found, Passages) and isinstance(places, Passages)
    assert [(each.source, each.text) for each in found.citations] == [
        (each.source, each.chunk.text) for each in answer.hits[:3]
    ]
    assert places.citations == answer.nearest and tuple(sentences) == answer.sentences
    assert " ".join(each.text for each in answer.sentences) == answer.text
    assert [a.text for a in pipe.ask_many(["master of the ferry?", "master of the quay?"])] == [
        "The ferry has a master called Ferryson.", "The quay has a master called Quayson.",
    ]  # fmt: skip
    assert pipe.ask_many([]) == []


def test_a_pipeline_is_a_system_and_answers_from_given_passages(folder: Path) -> None:
    pipe = pipeline(folder)
    pipe.index()
    system: System = pipe
    hits = system.search("quay", 3)
    given = [hit for hit in hits if hit.source == "turbine.txt"]
    assert system.ask("Who is the master?", given).text == "The turbine has a master called Turbineson."


def test_a_filter_and_neighbours_work_through_the_pipeline(folder: Path) -> None:
    (folder / "documents" / "a.md").write_text("---\nyear: 2024\n---\n\nThe ferry, retold.\n", encoding="utf-8")
    pipeline(folder).index()
    assert [h.source for h in pipeline(folder, "retrieve.filter={year: 2024}").search("ferry", 9)] == ["a.md"]
    assert pipeline(folder, "retrieve.neighbours=1").search("ferry")


def test_examples_of_a_file_enter_the_prompt(folder: Path) -> None:
    (folder / "q.jsonl").write_text('{"question": "Who sails?", "answers": ["Ilse"]}\n', encoding="utf-8")
    pipe = pipeline(folder, f"prompt.examples={folder / 'q.jsonl'}", "prompt.n_examples=1", "prompt.select=similar")
    pipe.index()
    assert "Question: Who sails?\nAnswer: Ilse" in pipe.prompt("Who is the master of the quay?").text


def test_several_roots_put_the_folder_in_front_and_paths_are_absolute(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "rope.txt").write_text("The rope is black.", encoding="utf-8")
    pipe = pipeline(folder, f"load.path=[{folder / 'documents'}, {other}]")
    pipe.index()
    hit = pipe.search("rope black")[0]
    assert (hit.source, hit.path) == ("other/rope.txt", str(other / "rope.txt"))
    single = pipeline(folder, f"load.path={other / 'rope.txt'}", f"index.path={folder / 'single'}")
    single.index()
    assert single.search("rope")[0].path == str(other / "rope.txt")


def test_before_the_first_run_every_question_names_the_command(folder: Path) -> None:
    with pytest.raises(NothingUsableError, match=r"no index at .*: run `ragqa index .*pipeline\.yaml`"):
        pipeline(folder).ask("Who?")


def test_mistakes_in_file_folder_and_question_are_usage_errors(folder: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        pipeline(folder, "split.chunk_sise=3")
    with pytest.raises(UsageError, match="not found"):
        Pipeline.from_folder(folder / "missing")
    pipeline(folder).index()
    with pytest.raises(UsageError, match="the question is empty"):
        pipeline(folder).ask(" ")


def test_an_incremental_index_equals_one_built_afresh(folder: Path) -> None:
    documents = folder / "documents"
    pipeline(folder).index()
    (documents / "ferry.txt").rename(documents / "boat.txt")
    shutil.copy(documents / "quay.txt", documents / "a-quay.txt")
    (documents / "turbine.txt").write_text("Rewritten.", encoding="utf-8")
    pipeline(folder).index()
    fresh = f"index.path={folder / 'fresh'}"
    pipeline(folder, fresh).index()

    def content(*overrides: str) -> list[tuple[str, str, str]]:
        hits = pipeline(folder, *overrides).search("master ferry quay boat rewritten", 99)
        return sorted((hit.source, hit.chunk.id, hit.chunk.context) for hit in hits)

    assert content() == content(fresh)


def test_renaming_and_moving_embed_nothing(folder: Path) -> None:
    documents = folder / "documents"
    (documents / "tide.md").write_text("# Tides\n\nThe tide turns at noon.\n", encoding="utf-8")
    pipeline(folder).index()
    (documents / "tide.md").rename(documents / "tables.md")
    (documents / "below").mkdir()
    (documents / "quay.txt").rename(documents / "below" / "quay.txt")
    assert counts(pipeline(folder).index()) == {"indexed": 2, "unchanged": 2, "removed": 2}
    assert pipeline(folder).search("tide noon")[0].source == "tables.md"
    assert pipeline(folder).search("quay master")[0].source == "below/quay.txt"


class OddSplitter:
    """Fails on documents that say so."""

    fingerprint = "odd"

    def split(self, document: Document) -> list[Chunk]:
        if "fail" in document.text:
            raise AssertionError("a splitter's own fault\nin two lines")
        context = "\ud800" if "context" in document.text else ""
        return [Chunk(document.id[:16], document.id, 0, len(document.text), document.text, context)]


def test_a_document_that_cannot_be_split_or_stored_costs_itself_only(folder: Path) -> None:
    """Whoever made the splitter or the loader."""
    shutil.rmtree(folder / "documents")
    (folder / "documents").mkdir()
    for name in ("fail", "context", "sound"):
        (folder / "documents" / f"{name}.txt").write_text(f"{name} ferry", encoding="utf-8")
    own = pipeline(folder)
    own.components.replace(splitter=OddSplitter())
    report = own.index()
    assert [(entry.source, entry.status, entry.reason) for entry in report.statuses] == [
        ("context.txt", "rejected", r"cannot be stored: '\ud800' is half of a surrogate pair"),
        ("fail.txt", "rejected", "cannot be split: AssertionError: a splitter's own fault in two lines"),
        ("sound.txt", "indexed", ""),
    ]
    assert [hit.source for hit in own.search("ferry")] == ["sound.txt"]
