"""Questions about the documents themselves, and summaries: recognised, answered by code, cited, kept by content."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.errors import UsageError
from ragqa.pipeline.catalogue import summaries
from ragqa.pipeline.catalogue.asked import recognise
from ragqa.pipeline.ingest import embedding, refresh
from ragqa.records import Answer
from tests import ROOT
from tests.fakes import ECHO, PIPELINE, WORDS, EchoGenerator, WordEmbedder

DATA = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))

HANDBOOK = """# Employee handbook

This handbook explains how people work together at the harbour company.

## Leave

Every employee has 27 days of paid leave in a calendar year. Unused days of leave expire at the end of March.

## Safety

Everybody wears a life jacket on the pier during working hours. A life jacket is checked twice a year by the safety officer.

## Travel

Journeys by ferry are repaid when the manager has approved them before. Receipts for a journey are handed in within 30 days.
"""
DOCUMENTS = {
    "employee_handbook.md": HANDBOOK,
    "rules/leave-2023.md": "# Leave rules\n\nIn the year 2023 an employee had 25 days of paid leave.\n",
    "rules/leave-2024.md": "# Leave rules\n\nIn the year 2024 an employee has 27 days of paid leave.\n",
    "rules/pier.txt": "The pier is closed to visitors when the wind exceeds 40 knots. The ferry waits at the other pier.\n",
    "data/fleet.csv": "name,type,built\nTern,ferry,1987\nIsmena,ferry,2018\nLapwing,tug boat,2024\n",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in DOCUMENTS.items():
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(folder: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(folder / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])


def checked(answer: Answer, folder: Path) -> Answer:
    """Return an answer after a check that each citation is the text of its file, and its sentence holds it."""
    for sentence in answer.sentences:
        for place in sentence.citations:
            text = (folder / "documents" / place.source).read_text(encoding="utf-8")
            assert text[place.start : place.end] == place.text
            assert " ".join(place.text.split()) in sentence.text
    assert answer.text == "\n".join(sentence.text for sentence in answer.sentences)
    return answer


@pytest.mark.parametrize(
    ("question", "aim", "what"),
    [
        ("What is this folder about?", "about_all", ""),
        ("can you tell me what these documents are about", "about_all", ""),
        ("What can I ask?", "about_all", ""),
        ("Please summarise all documents", "about_all", ""),
        ("Summarise the employee handbook.", "about_one", "the employee handbook"),
        ("Could you please summarize the employee handbook for me?", "about_one", "the employee handbook"),
        ("What is PerksPlus.pdf about?", "about_one", "PerksPlus.pdf"),
        ("Give me a short overview of the leave policy", "about_one", "the leave policy"),
        ("Which documents mention the ferry?", "mention", "ferry"),
        ("How many documents mention “heat pump”?", "mention", "heat pump"),
        ("In which files is Perrin Achterlow mentioned?", "mention", "Perrin Achterlow"),
        ("Do any documents mention asbestos?", "mention", "asbestos"),
        ("How many documents are there about tides?", "mention", "tides"),
        ("How many documents are there?", "count", ""),
        ("How many PDF files are in this folder?", "count", ""),
        ("How many files are in the rules folder?", "count", "the rules folder"),
        ("Which documents do you have?", "list", ""),
        ("How many pages does the manual have?", "pages", "the manual"),
    ],
)
def test_questions_about_documents_are_recognised(question: str, aim: str, what: str) -> None:
    found = recognise(question)
    assert found is not None and (found.aim, found.what) == (aim, what)


@pytest.mark.parametrize(
    "question",
    [
        "How many bits does ASCII use?",
        "What is PerksPlus?",
        "How many documents do I need for a visa?",
        "Which documents must I submit to the office?",
        "What does the handbook say about vacation?",
        "What does the handbook not cover?",
        "Tell me about the ferry.",
        "Describe the harbour.",
        "What is a document?",
        "Who signed the files of 1987?",
        "How many pages can I print on a workday?",
        "Which documents describe how employees of the harbour company apply for leave after a long illness abroad?",
    ],
)
def test_questions_about_what_documents_say_are_left_alone(question: str) -> None:
    assert recognise(question) is None


@pytest.mark.skipif(not (DATA / "mtrag_un").is_dir(), reason="RAGQA_DATA names no folder with the public datasets")
def test_of_the_ordinary_questions_of_public_datasets_hardly_any_has_the_form_of_one_about_documents() -> None:
    articles = sorted(
        json.loads((DATA / "squad" / "dev-v1.1.json").read_text("utf-8"))["data"], key=lambda each: str(each["title"])
    )[:24]
    squad = [asked["question"] for each in articles for part in each["paragraphs"] for asked in part["qas"]]
    rows = (DATA / "mtrag_un" / "reference.jsonl").read_text("utf-8").splitlines()[::2]
    mtrag = [turn["text"] for row in rows for turn in json.loads(row)["input"] if turn["speaker"] == "user"]
    assert (len(squad), sum(recognise(question) is not None for question in squad)) == (4805, 3)
    assert (len(mtrag), sum(recognise(question) is not None for question in mtrag)) == (628, 5)


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the difference between leave and travel",
        "What is the film about?",
        "Which files are in the visa pack?",
        "Which documents discuss submarines?",
    ],
)
def test_a_name_that_no_document_has_is_an_ordinary_question(folder: Path, question: str) -> None:
    assert recognise(question) is not None
    assert pipeline(folder).ask(question).kind not in ("summary", "catalogue")


def test_the_summary_of_a_document_has_sentences_of_all_its_sections_in_order_each_cited(folder: Path) -> None:
    answer = checked(pipeline(folder).ask("Summarise the employee handbook"), folder)
    assert answer.kind == "summary" and not answer.abstained
    assert all(len(sentence.citations) == 1 for sentence in answer.sentences)
    places = [place.start for place in answer.citations]
    assert places == sorted(places)
    marks = [0, *(HANDBOOK.index(f"## {name}") for name in ("Leave", "Safety", "Travel")), len(HANDBOOK)]
    assert [sum(low <= place < high for place in places) for low, high in pairwise(marks)] == [1] * 4
    assert answer.read == "all 4 sections of employee_handbook.md read (7 sentences)"


def test_a_document_is_found_by_its_subject_after_what_kind_of_text_it_is(folder: Path) -> None:
    for name in ("the article about the employee handbook", "the page on the employee handbook"):
        answer = pipeline(folder).ask(f"Summarise {name}.")
        assert {place.source for place in answer.citations} == {"employee_handbook.md"}


def test_no_generator_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(self: EchoGenerator, prompt: object) -> Iterator[str]:
        raise AssertionError("the generator was asked")

    monkeypatch.setattr(EchoGenerator, "stream", stream)
    for question in ("Summarise the employee handbook", "What is this folder about?", "Which documents mention leave?"):
        assert pipeline(folder).ask(question).text


def test_of_two_versions_the_newer_is_taken_and_the_other_named(folder: Path) -> None:
    answer = checked(pipeline(folder).ask("Summarise the leave rules"), folder)
    assert {place.source for place in answer.citations} == {"rules/leave-2024.md"}
    assert "rules/leave-2023.md" in answer.read
    older = pipeline(folder).ask("Summarise the leave rules 2023")
    assert {place.source for place in older.citations} == {"rules/leave-2023.md"}


def test_the_answer_about_a_folder_has_counts_by_type_and_a_cited_sentence_of_each_document(folder: Path) -> None:
    answer = checked(pipeline(folder).ask("What is this folder about?"), folder)
    assert answer.kind == "summary"
    assert answer.sentences[0].text == "5 documents: 3 Markdown, 1 CSV, 1 text."
    assert {place.source for place in answer.citations} == set(DOCUMENTS)
    assert answer.read == "all 5 documents read"


def test_many_documents_are_grouped_and_every_one_is_in_a_group(folder: Path) -> None:
    for number in range(10):
        for topic in ("turbine blade hub rotor", "cheese milk butter cream"):
            path = folder / "documents" / topic.split()[0] / f"note-{number}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"The {topic} of note {number} is described in this sentence.\n", encoding="utf-8")
    pipeline(folder).index()
    answer = checked(pipeline(folder).summarize(), folder)
    counted = [sentence.text for sentence in answer.sentences if not sentence.citations]
    sizes = [int(text.split()[0]) if text[0].isdigit() else 1 for text in counted[1:]]
    assert counted[0].startswith("25 documents") and sum(sizes) == 25 and 2 < len(sizes) <= 8
    assert {"turbine", "cheese"} <= {place.source.split("/")[0] for place in answer.citations}


def test_a_folder_is_summarised_by_its_name_alone(folder: Path) -> None:
    answer = checked(pipeline(folder).ask("What is in the rules folder?"), folder)
    assert answer.sentences[0].text == "3 documents in rules: 2 Markdown, 1 text."
    assert all(place.source.startswith("rules/") for place in answer.citations)


def test_a_table_is_summarised_by_its_columns_and_first_rows(folder: Path) -> None:
    answer = checked(pipeline(folder).summarize("fleet"), folder)
    assert answer.text.splitlines() == DOCUMENTS["data/fleet.csv"].splitlines()[:3]
    assert answer.read == "all of data/fleet.csv read (3 rows)"


def test_rows_of_a_table_are_compared_and_counted_by_code(folder: Path) -> None:
    boats = "name,engine,seats\nHeron,none,4\nOsprey,diesel,6\nGrebe,diesel,9\n"
    (folder / "documents" / "data" / "boats.csv").write_text(boats, encoding="utf-8")
    asked = pipeline(folder, "prompt.answer=auto")
    asked.index()
    most = asked.ask("Which boat has the most seats?")
    assert (most.text, most.citations[0].text) == ("Grebe", "Grebe,diesel,9")
    counted = checked(asked.ask("How many boats have a diesel engine?"), folder)
    assert counted.kind == "catalogue" and counted.read == "all 3 rows of the table read"
    assert counted.text.splitlines() == ["2 of the 3 rows of the table in data/boats.csv:", *boats.splitlines()[2:]]


def test_mentions_are_exact_in_every_form_of_the_word_with_counts_and_a_cited_sentence(folder: Path) -> None:
    answer = checked(pipeline(folder).ask("Which documents mention ferries?"), folder)
    assert answer.kind == "catalogue"
    assert answer.sentences[0].text == "3 of 5 documents mention “ferries”, 4 times in all:"
    shown = {sentence.citations[0].source: sentence.text for sentence in answer.sentences[1:]}
    assert shown["data/fleet.csv"] == "data/fleet.csv (2 times): Tern,ferry,1987"
    assert shown["rules/pier.txt"] == "rules/pier.txt (1 time): The ferry waits at the other pier."
    assert "ferry" in shown["employee_handbook.md"]


def test_a_phrase_is_mentioned_where_its_words_follow_one_another(folder: Path) -> None:
    answer = pipeline(folder).ask("How many documents mention a life jacket?")
    assert answer.sentences[0].text == "1 of 5 documents mentions “life jacket”, 2 times in all:"
    apart = pipeline(folder).ask("Which documents mention visitors knots?")
    assert "has “visitors knots” as such; 1 has all of its words in one passage" in apart.sentences[0].text
    assert apart.citations[0].source == "rules/pier.txt"


def test_what_no_document_mentions_is_said(folder: Path) -> None:
    answer = pipeline(folder).ask("Do any documents mention asbestos?")
    assert answer.text == "None of the 5 documents mentions “asbestos”." and not answer.citations


def test_more_documents_than_are_shown_are_named(folder: Path) -> None:
    for number in range(14):
        (folder / "documents" / f"gull-{number:02}.txt").write_text(
            f"Gull number {number} was seen.\n", encoding="utf-8"
        )
    pipeline(folder).index()
    answer = pipeline(folder).ask("Which documents mention gulls?")
    assert len([sentence for sentence in answer.sentences if sentence.citations]) == 10
    assert answer.sentences[-1].text == "and 4 more documents: gull-10.txt, gull-11.txt, gull-12.txt, gull-13.txt"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How many documents are there?", "5 documents: 3 Markdown, 1 CSV, 1 text."),
        ("How many Markdown files are there?", "3 Markdown documents of 5 documents."),
        ("How many files are in the rules folder?", "3 documents in rules: 2 Markdown, 1 text."),
        (
            "List the markdown files in rules",
            "2 Markdown documents of 3 documents in rules.\nrules/leave-2023.md\nrules/leave-2024.md",
        ),
    ],
)
def test_documents_are_counted_and_listed(folder: Path, question: str, text: str) -> None:
    assert pipeline(folder).ask(question).text == text


def test_documents_that_the_filter_leaves_out_are_neither_counted_nor_quoted(folder: Path) -> None:
    only = pipeline(folder, "retrieve.filter={media_type: text/markdown}")
    assert only.ask("How many documents are there?").text == "3 documents: 3 Markdown."
    mentioned = only.ask("Which documents mention the ferry?")
    assert {place.source for place in mentioned.citations} == {"employee_handbook.md"}
    assert only.ask("Summarise the fleet").kind != "summary"
    assert pipeline(folder, "retrieve.filter={title: none}").ask("How many files are there?").text == "0 documents."


def test_a_changed_file_alone_is_summarised_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline(folder).summarize()
    embedded: list[str] = []
    embed = WordEmbedder.embed_passages

    def noted(self: WordEmbedder, texts: list[str]) -> object:
        embedded.extend(texts)
        return embed(self, texts)

    path = folder / "documents" / "rules" / "pier.txt"
    path.write_text(
        "The pier is open to all visitors on a calm day in summer. Dogs are welcome on it.\n", encoding="utf-8"
    )
    pipeline(folder).index()
    monkeypatch.setattr(WordEmbedder, "embed_passages", noted)
    again = checked(pipeline(folder).summarize(), folder)
    assert any("calm day" in sentence.text for sentence in again.sentences)
    own = [text for text in embedded if any(text in document for document in DOCUMENTS.values())]
    assert own == [] and any("calm day" in text for text in embedded)


def test_a_damaged_summary_in_the_cache_is_made_anew(folder: Path) -> None:
    first = pipeline(folder).summarize("employee handbook")
    kept = list((folder / "cache" / "summaries").glob("*.json"))
    assert kept and not any("harbour" in path.read_text(encoding="utf-8") for path in kept)
    for path in kept:
        path.write_text(json.dumps({"value": {"spans": [[0, 10**9]]}, "check": ""}), encoding="utf-8")
    assert pipeline(folder).summarize("employee handbook").text == first.text


def test_the_cache_keeps_the_newest_summaries_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "MOST_KEPT", 3)
    pipeline(folder).summarize()
    pipeline(folder).summarize("employee handbook")
    assert 0 < len(list((folder / "cache" / "summaries").iterdir())) <= 3
    assert pipeline(folder).summarize("employee handbook").text


def test_the_summary_of_an_unknown_name_is_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean employee_handbook\.md"):
        pipeline(folder).summarize("employe_handbok")


def test_an_index_without_vectors_yet_is_summarised_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 2)
    monkeypatch.setattr(refresh, "TEXT_CHUNKS", 4)
    for topic in ("turbine blade hub rotor", "cheese milk butter cream"):
        for number in range(6):
            path = folder / "documents" / topic.split()[0] / f"note-{number}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"The {topic} of note {number} is described in this sentence.\n", encoding="utf-8")
    fresh = pipeline(folder, f"index.path={folder / 'fresh'}")
    assert fresh.index(embed_later=True).coverage.pending > 8
    answer = checked(fresh.ask("What is this folder about?"), folder)
    assert answer.read == "the beginnings of all 17 documents read, until `ragqa index` has embedded the rest"
    assert {"turbine", "cheese"} <= {place.source.split("/")[0] for place in answer.citations}
    checked(fresh.ask("Summarise the employee handbook"), folder)
    assert "beginnings" not in _complete(fresh).ask("What is this folder about?").read


def _complete(pipe: Pipeline) -> Pipeline:
    pipe.index()
    return pipe
