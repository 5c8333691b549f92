"""Public datasets are read as their papers define them; altered items are counted, and faults have a position."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragqa import wire
from ragqa.errors import UsageError
from ragqa.evaluate import Dataset, Evidence, Question, read_dataset
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.datasets import KINDS
from ragqa.evaluate.runs.gold import locate_evidence
from tests.fakes import document


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.suffix == ".jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in data) if lines else json.dumps(data), encoding="utf-8")
    return path


def by_id(dataset: Dataset) -> dict[str, Question]:
    return {question.id: question for question in dataset.questions}


# The record


def test_a_question_is_of_the_group_of_its_first_evidence_unless_it_has_one(tmp_path: Path) -> None:
    row = {"question": "?", "answers": ["x"], "evidence": [{"source": "b.md", "text": "x"}]}
    rows = [row | {"id": "1"}, row | {"id": "2", "group": "ships"}, {"id": "3", "question": "?", "answers": ["x"]}]
    dataset = read_dataset(f"jsonl:{write(tmp_path / 'questions.jsonl', rows)}")
    assert [question.group for question in dataset.questions] == ["b.md", "ships", "3"]
    assert all(not question.relevant and "group" not in question.metadata for question in dataset.questions)
    assert (dataset.name, dataset.unit, dataset.documents, dataset.folder) == (
        "jsonl:questions.jsonl",
        "span",
        (),
        None,
    )


# SQuAD


def article(title: str, *qas: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": "The Morwen, a ferry, leaves Brae at noon.", "qas": list(qas)}]}


def qa(id: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    golds = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": id, "question": "?", "answers": golds, **more}


def squad(tmp_path: Path, *articles: dict[str, Any]) -> Dataset:
    return read_dataset(f"squad:{write(tmp_path / 'dev.json', {'data': list(articles)})}")


def test_squad_is_read_paragraph_by_paragraph_with_every_distinct_gold_span(tmp_path: Path) -> None:
    gold = qa("q1", ("noon", 36), ("noon", 36), ("at noon", 33))
    dataset = squad(tmp_path, article("Old_Ferries", gold, qa("q2", is_impossible=True)), article("Herons"))
    assert [(one.source, one.title) for one in dataset.documents] == [
        ("Old_Ferries/000", "Old Ferries"),
        ("Herons/000", "Herons"),
    ]
    first, second = dataset.questions
    source = "Old_Ferries/000"
    assert first.answers == ("noon", "at noon")
    assert first.evidence == (
        Evidence(source, "noon", start=36, end=40),
        Evidence(source, "at noon", start=33, end=40),
    )
    assert (first.answerable, first.relevant, first.group) == (True, {source: 1}, "Old_Ferries")
    assert (second.answerable, second.relevant, second.group, second.answers) == (False, {source: 1}, "Old_Ferries", ())
    assert first.metadata == {"title": "Old_Ferries", "paragraph": source, "split": "report"}
    assert (dataset.unit, dataset.note) == ("document", "")
    spans, _ = locate_evidence(dataset.questions, {one.source: one for one in dataset.documents})
    assert len(spans["q1"]) == 2


def test_a_quote_with_white_space_around_it_is_found_at_its_offsets() -> None:
    text = document("The ferry leaves at noon. It is late.", "ferry.md")
    asked = Question("q", "When?", ("noon",), evidence=(Evidence("ferry.md", " at noon. ", start=16, end=26),))
    assert locate_evidence([asked], {text.source: text})[0]["q"] == (Span(text.id, 16, 26),)


def test_the_first_half_of_squads_articles_by_title_is_for_tuning(tmp_path: Path) -> None:
    dataset = squad(tmp_path, *(article(title, qa(title, ("noon", 36))) for title in "cabed"))
    assert {id: question.metadata["split"] for id, question in by_id(dataset).items()} == {
        "a": "tune", "b": "tune", "c": "report", "d": "report", "e": "report",
    }  # fmt: skip


def test_an_offset_of_squad_that_is_off_by_one_is_mended_and_counted(tmp_path: Path) -> None:
    dataset = squad(tmp_path, article("A", qa("q", (" a ferry", 10), ("noon", 37))))
    assert [(one.text, one.start, one.end) for one in dataset.questions[0].evidence] == [
        ("a ferry", 12, 19),
        ("noon", 36, 40),
    ]
    assert dataset.note == "2 answers that stand one character beside their offset, moved there"


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        (
            qa("q", ("noon", 4)),
            r"data\[0\].paragraphs\[0\].qas\[0\].answers\[0\].answer_start: `text` does not stand at 4",
        ),
        (qa("q", ("noon", -5)), "does not stand at -5"),
        (qa("q"), r"qas\[0\].answers: got 0; give at least one"),
        (qa("q", ("noon", 36), is_impossible=True), "leave it empty where is_impossible"),
        (qa("q", ("noon", 36)) | {"question": 3}, r"qas\[0\].question: got a number; must be a text"),
        ({"id": "q", "question": "?"}, r"qas\[0\].answers: is missing"),
    ],
)
def test_a_fault_in_squad_is_named_by_its_place(tmp_path: Path, gold: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=rf"dev\.json: .*{message}.*; squad reads an official JSON file"):
        squad(tmp_path, article("A", gold))


def test_an_id_and_a_title_that_stand_for_two_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 question ids stand more than once, the first as numbers 1 and 2"):
        squad(tmp_path, article("A", qa("q", ("noon", 36))), article("B", qa("q", ("noon", 36))))
    with pytest.raises(UsageError, match="1 sources of documents stand more than once, the first as numbers 1 and 2"):
        squad(tmp_path, article("A", qa("q", ("noon", 36))), article("A"))


# MT-RAG


def conversation(id: str, *turns: str, answerability: str = "PARTIAL", **more: Any) -> dict[str, Any]:
    spoken = [{"speaker": ("user", "agent")[place % 2], "text": text} for place, text in enumerate(turns)]
    row = {"task_id": id, "conversation_id": f"c-{id}", "input": spoken, "answerability": [answerability]}
    passages = [{"document_id": f"{id}-0-9", "text": f"It is so, says {id}.", "title": f"On {id}"}]
    targets = [{"speaker": "agent", "text": "It is so."}]
    return {**row, "contexts": passages, "targets": targets, "Question Type": ["Factoid", "Opinion"], **more}


def mtrag(tmp_path: Path, *rows: dict[str, Any]) -> Dataset:
    return read_dataset(f"mtrag:{write(tmp_path / 'reference.jsonl', rows)}")


def test_a_conversation_is_its_last_turn_with_the_turns_before_and_the_passages_of_all_are_searched(
    tmp_path: Path,
) -> None:
    first = conversation("a", "Who runs it?", "Ilse does.", "Since when?", "1987.", "And why?")
    dataset = mtrag(tmp_path, first, conversation("b", "Why?", answerability="ANSWERABLE"))
    question, alone = dataset.questions
    assert (question.question, question.answers, question.answerable) == ("And why?", ("It is so.",), True)
    assert question.history == (("Who runs it?", "Ilse does."), ("Since when?", "1987."))
    assert (question.types, question.answerability, question.group) == (("Factoid", "Opinion"), "partial", "c-a")
    assert (alone.history, alone.answerability, alone.relevant) == ((), "answerable", {"b-0-9": 1})
    assert [(one.source, one.title, one.text) for one in dataset.documents] == [
        ("a-0-9", "On a", "It is so, says a."),
        ("b-0-9", "On b", "It is so, says b."),
    ]
    assert [one.split for one in dataset.questions] == ["tune", "report"]
    assert (dataset.unit, dataset.note) == ("document", "")


@pytest.mark.parametrize("label", ["UNANSWERABLE", "UNDERSPECIFIED"])
def test_a_refusal_is_no_answer_and_what_it_is_about_stays(tmp_path: Path, label: str) -> None:
    dataset = mtrag(tmp_path, conversation("a", "Which?", answerability=label), conversation("b", "Why?"))
    question = dataset.questions[0]
    assert (question.answers, question.answerable, question.answerability) == ((), False, label.lower())
    assert question.relevant == {"a-0-9": 1}


def test_passages_of_one_text_are_one_document_which_is_relevant_to_both(tmp_path: Path) -> None:
    same = [{"document_id": "z", "text": "It is so, says a.", "title": ""}]
    dataset = mtrag(tmp_path, conversation("a", "Who?"), conversation("b", "Why?", contexts=same))
    assert [one.source for one in dataset.documents] == ["a-0-9"]
    assert dataset.questions[1].relevant == {"a-0-9": 1}
    assert dataset.note == "1 passages with the text of another one, taken for that one"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([conversation("a", "Who?", "Ilse.")], r":1: input: has 2 turns; it must end with one of the user"),
        ([conversation("a", "Who?", answerability="MAYBE")], r":1: answerability: must be a list with one of ANSWER"),
        ([conversation("a", "Who?", contexts=[])], r":1: contexts: is empty; give at least one where .* partial"),
        ([conversation("a", "Who?", targets=[])], r":1: targets: is empty"),
        (
            [conversation("a", "Who?"), conversation("b", "Why?", contexts=[{"document_id": "a-0-9", "text": "x"}])],
            r":2: contexts\[0\]\.document_id: is that of a passage with another text",
        ),
        (
            [conversation("a", "Who?", input=[{"speaker": "agent", "text": "x"}])],
            r"input\[0\]\.speaker: got 'agent'; must be 'user'",
        ),
    ],
)
def test_a_fault_in_a_conversation_is_named_by_its_line(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(UsageError, match=rf"reference\.jsonl{message}|{message}.*; mtrag reads"):
        mtrag(tmp_path, *rows)


# ragqa's own form


def test_a_line_may_have_earlier_turns_types_and_how_far_it_can_be_answered(tmp_path: Path) -> None:
    row = {"question": "And why?", "answers": ["x"], "history": [["Who?", "Ilse."]], "type": "why", "level": 2}
    rows = [row, {"question": "?", "answerable": False, "type": ["how", "list"], "answerability": "underspecified"}]
    first, second = read_dataset(f"jsonl:{write(tmp_path / 'q.jsonl', rows)}").questions
    assert (first.history, first.types, first.answerability) == ((("Who?", "Ilse."),), ("why",), "answerable")
    assert (second.history, second.types, second.answerability) == ((), ("how", "list"), "underspecified")
    assert (first.metadata, second.metadata) == ({"level": 2}, {})
    written = write(tmp_path / "again.jsonl", [wire.question(first), wire.question(second)])
    assert read_dataset(f"jsonl:{written}").questions == (first, second)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"history": [["Who?"]]}, r"history\[0\]: got a list of 1; must be a pair \[question, answer\]"),
        ({"history": [["Who?", " "]]}, "history: must hold texts, none of them empty"),
        ({"type": 3}, "type: got a number; must be a list of texts"),
        ({"answerability": "unanswerable"}, "must be answerable or partial where answerable is true"),
    ],
)
def test_a_fault_in_turns_or_labels_is_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_dataset(f"jsonl:{write(tmp_path / 'q.jsonl', [{'question': '?', 'answers': ['x'], **more}])}")


# BEIR


def beir(folder: Path, **qrels: str) -> Path:
    corpus = [{"_id": "d1", "title": "Ferries", "text": "They float."}, {"_id": "d2", "title": "", "text": "Herons."}]
    write(folder / "corpus.jsonl", [*corpus, {"_id": "d3", "text": ""}])
    write(folder / "queries.jsonl", [{"_id": f"q{number}", "text": f"claim {number}"} for number in range(1, 6)])
    (folder / "qrels").mkdir()
    for name, lines in qrels.items():
        (folder / "qrels" / f"{name}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{lines}", encoding="utf-8")
    return folder


def test_beir_is_read_with_grades_test_first_and_titles_in_the_text(tmp_path: Path) -> None:
    train, test = "q2\td1\t1\nq1\td2\t1\n", "q3\td2\t2\nq3\td1\t1\nq3\td3\t0\nq1\tgone\t1\nq4\td1\t-1\n"
    dataset = read_dataset(f"beir:{beir(tmp_path / 'set', train=train, test=test)}")
    assert [(one.source, one.text, one.title) for one in dataset.documents] == [
        ("d1", "Ferries They float.", ""),
        ("d2", "Herons.", ""),
        ("d3", "", ""),
    ]
    found = [(one.id, dict(one.relevant), one.group, one.metadata["split"]) for one in dataset.questions]
    assert found == [
        ("q3", {"d2": 2, "d1": 1}, "d2", "test"),
        ("q1", {"gone": 1}, "gone", "test"),
        ("q2", {"d1": 1}, "d1", "train"),
    ]
    assert all(one.answerable and one.answers == () for one in dataset.questions)
    assert sorted(dataset.note.split("; ")) == [
        "1 blank documents, which cannot be indexed",
        "1 queries judged in several files, taken from the first",
        "1 queries without a relevant document left out",
        "1 queries without judgements left out",
        "1 relevant documents that are not in the corpus",
        "2 judgements of grade 0 or less left out",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 d1 1", r"test\.tsv:2: got 1 columns; must be"),
        ("q1\td1\tx", r":2: got 3 columns; must be query-id, corpus-id and a whole number"),
        ("q9\td1\t1", ":2: its query-id is not in queries.jsonl"),
    ],
)
def test_a_bad_judgement_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_dataset(f"beir:{beir(tmp_path / 'set', test=line)}")


def test_a_beir_folder_without_judgements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"qrels: no judgements; put test\.tsv there"):
        read_dataset(f"beir:{beir(tmp_path / 'set')}")


# HotpotQA and MuSiQue

CONTEXT = [["Morwen", ["The Morwen is a ferry.", " It leaves Brae."]], ["Brae", ["Brae is a port."]]]
HOP = {"_id": "h1", "question": "?", "answer": "yes", "type": "bridge", "context": CONTEXT}


def test_hotpotqa_quotes_supporting_sentences_in_the_pool_of_all_paragraphs(tmp_path: Path) -> None:
    facts = [["Morwen", 1], ["Brae", 0], ["Brae", 7]]
    other = HOP | {
        "_id": "h2",
        "context": [CONTEXT[1], ["Brae", ["Brae is a hill."]]],
        "supporting_facts": [["Brae", 0]],
    }
    path = write(tmp_path / "hotpot.json", [HOP | {"supporting_facts": facts}, other])
    dataset = read_dataset(f"hotpotqa:{path}")
    assert [(one.source, one.title) for one in dataset.documents] == [
        ("Morwen/000", "Morwen"),
        ("Brae/000", "Brae"),
        ("Brae/001", "Brae"),
    ]
    first, second = dataset.questions
    assert first.evidence == (
        Evidence("Morwen/000", "It leaves Brae.", start=23, end=38),
        Evidence("Brae/000", "Brae is a port.", start=0, end=15),
    )
    assert first.relevant == {"Morwen/000": 1, "Brae/000": 1}
    assert (first.answers, first.group, first.metadata) == (("yes",), "h1", {"type": "bridge", "split": "tune"})
    assert (second.metadata["split"], list(second.relevant)) == ("report", ["Brae/001"])
    assert dataset.note == "1 supporting sentences that do not exist left out"


def test_a_corpus_beside_the_questions_is_the_pool_and_what_it_lacks_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "hotpot.json", [HOP | {"supporting_facts": [["Brae", 0]]}])
    write(tmp_path / "hotpot_corpus.json", {"Heron": ["A bird."], "Brae": ["Brae is a port."]})
    dataset = read_dataset(f"hotpotqa:{path}")
    assert [one.source for one in dataset.documents] == ["Heron/000", "Brae/000", "Morwen/000"]
    assert dataset.note == "1 paragraphs that the corpus lacks, added to it"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"supporting_facts": [["Heron", 0]]}, r"\[0\].supporting_facts\[0\]: its title is not in `context`"),
        ({"supporting_facts": [["Brae"]]}, r"\[0\].supporting_facts\[0\]: got a list of 1; must be a pair"),
        ({"supporting_facts": [], "context": [["Brae", "text"]]}, r"context\[0\]: .* must be a pair"),
        ({"supporting_facts": [], "context": [["Brae", [1]]]}, r"context\[0\]: .* must be a pair"),
    ],
)
def test_a_fault_in_hotpotqa_is_named_by_its_place(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_dataset(f"hotpotqa:{write(tmp_path / 'hotpot.json', [HOP | change])}")


def test_musique_has_aliases_and_its_full_set_pairs_of_one_group(tmp_path: Path) -> None:
    texts = ("Brae is a port.", "Herons eat fish.")
    paragraphs = [{"title": "Brae", "paragraph_text": one, "is_supporting": one == texts[0]} for one in texts]
    row = {
        "id": "m1",
        "question": "?",
        "answer": "Brae",
        "answer_aliases": ["Port Brae", "Brae"],
        "paragraphs": paragraphs,
    }
    path = write(tmp_path / "musique.jsonl", [row | {"answerable": True}, row | {"answerable": False}])
    dataset = read_dataset(f"musique:{path}")
    first, second = dataset.questions
    assert first.answers == ("Brae", "Port Brae")
    assert first.evidence == (Evidence("Brae/000", texts[0], start=0, end=15),)
    assert (first.relevant, first.group) == ({"Brae/000": 1}, "m1")
    assert (second.id, second.group, second.answerable) == ("m1-unanswerable", "m1", False)
    assert (second.answers, second.evidence, second.relevant) == ((), (), {})
    assert dataset.note == "1 unanswerable questions, which paragraphs of other questions may answer"


# PubMedQA


def test_pubmedqa_asks_for_a_decision_on_an_abstract(tmp_path: Path) -> None:
    row = {"QUESTION": "Do herons sleep?", "CONTEXTS": ["We looked.", "They slept."], "final_decision": "yes"}
    file = write(tmp_path / "ori_pqal.json", {"11": row, "12": row | {"final_decision": "maybe"}})
    bare = read_dataset(f"pubmedqa:{file}")
    assert ({question.split for question in bare.questions}, "have no split" in bare.note) == ({None}, True)
    write(tmp_path / "test_ground_truth.json", {"12": "maybe"})
    dataset = read_dataset(f"pubmedqa:{tmp_path}")
    first = dataset.documents[0]
    assert (first.source, first.text, first.title) == ("11", "We looked.\nThey slept.", "")
    assert [(one.answers, one.relevant, one.metadata["split"]) for one in dataset.questions] == [
        (("yes",), {"11": 1}, "train"),
        (("maybe",), {"12": 1}, "test"),
    ]
    write(file, {"11": row | {"final_decision": "perhaps"}})
    with pytest.raises(
        UsageError, match=r"ori_pqal\.json: item 1\.abstract\.final_decision: .*; must be one of yes, no"
    ):
        read_dataset(f"pubmedqa:{tmp_path}")


# Pages


def test_pages_are_read_from_citations_which_are_no_part_of_the_answer(tmp_path: Path) -> None:
    truth = "It floats [b.pdf#page=2], on water [a.pdf#page=1][b.pdf#page=2]."
    rows = [{"question": "Why?", "truth": truth}, {"question": "When?", "truth": "Nobody knows."}]
    write(tmp_path / "ground_truth.jsonl", rows)
    with pytest.raises(UsageError, match="2 cited files are not there, the first in question 1"):
        read_dataset(f"pages:{tmp_path}")
    for name in "ab":
        (tmp_path / f"{name}.pdf").write_bytes(b"%PDF")
    dataset = read_dataset(f"pages:{tmp_path}")
    first, second = dataset.questions
    assert (first.id, first.answers) == ("1", ("It floats, on water.",))
    assert (first.relevant, first.group) == ({"b.pdf#page=2": 1, "a.pdf#page=1": 1}, "b.pdf")
    assert (second.relevant, second.group) == ({}, "2")
    assert (dataset.folder, dataset.include, dataset.unit) == (tmp_path, ("**/*.pdf",), "page")
    assert dataset.note == "1 questions that cite no page, for which retrieval is not judged"


def test_pages_are_read_from_evidence_with_or_without_a_quote(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    evidence = [{"source": "a.pdf", "page": 3}, {"source": "a.pdf", "page": 4, "text": "at noon"}]
    row = {"id": "q", "question": "?", "answers": ["noon"], "evidence": evidence}
    write(tmp_path / "questions.jsonl", [row])
    (question,) = read_dataset(f"pages:{tmp_path}").questions
    assert question.relevant == {"a.pdf#page=3": 1, "a.pdf#page=4": 1}
    assert question.evidence == (Evidence("a.pdf", "at noon", page=4),)
    write(tmp_path / "questions.jsonl", [row | {"evidence": [{"source": "a.pdf", "text": "at noon"}]}])
    with pytest.raises(
        UsageError, match=r"questions\.jsonl:1: evidence\[0\]\.page: is missing; must be a whole number from 1"
    ):
        read_dataset(f"pages:{tmp_path}")


def test_answers_that_lose_their_meaning_by_squads_normalisation_are_counted_and_named_in_the_note(
    tmp_path: Path,
) -> None:
    golds = (["A"], ["the ferry", "1,250"], ["5", "4.2"], ["C#"], ["-3"])
    rows = [{"question": f"{n}?", "answers": answers} for n, answers in enumerate(golds)]
    note = read_dataset(f"jsonl:{write(tmp_path / 'q.jsonl', rows)}").note
    assert note.startswith("4 questions whose answers lose a sign, a point, another mark or the name A")
    assert note.endswith("see exact_match_strict and f1_strict (first: '0?', '2?', '3?')")


# Other people's files

SECRET = "hunter2"
FOREIGN: tuple[Any, ...] = (
    {SECRET: SECRET},
    {SECRET: {SECRET: SECRET}},
    {"data": [{"title": SECRET, "paragraphs": SECRET}]},
    {"data": [article(SECRET, qa(SECRET, (SECRET, 4)))]},
    [SECRET],
    [{SECRET: SECRET}],
    [{"id": SECRET, "_id": SECRET, "question": SECRET, "answers": SECRET, "truth": 1, "text": [SECRET]}],
    [{"id": SECRET, "question": SECRET, "answers": [SECRET], "answerable": SECRET}],
    [{"id": SECRET, "question": SECRET, "answers": [SECRET], "evidence": SECRET}],
    [{"id": SECRET, "question": SECRET, "answers": [SECRET], "evidence": [{"source": SECRET, "text": {SECRET: 1}}]}],
    [{"id": SECRET, "question": SECRET, "answers": [SECRET], "evidence": [{"source": SECRET, "page": SECRET}]}],
    [{"question": SECRET, "truth": f"{SECRET} [{SECRET}.pdf#page=1]"}],
    [HOP | {"context": SECRET, "supporting_facts": SECRET}],
    [HOP | {"_id": SECRET, "supporting_facts": [[SECRET, 0]]}],
    [HOP | {"_id": SECRET, "supporting_facts": [SECRET]}],
    [{"id": SECRET, "question": SECRET, "answer": SECRET, "paragraphs": [SECRET]}],
    [{"id": SECRET, "question": SECRET, "answer": SECRET, "paragraphs": [{"title": 1, "paragraph_text": SECRET}]}],
    {SECRET: {"QUESTION": SECRET, "CONTEXTS": [SECRET], "final_decision": SECRET}},
    {SECRET: {"QUESTION": SECRET, "CONTEXTS": SECRET, "final_decision": "yes"}},
    f"{{{SECRET}}}",
    f"root:{SECRET}:0:0",
    f"query-id\tcorpus-id\tscore\n{SECRET}\t{SECRET}\t{SECRET}\n",
    f"query-id\tcorpus-id\tscore\n{SECRET}\t{SECRET}\t1\n",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("foreign", FOREIGN, ids=range(len(FOREIGN)))
def test_nothing_of_a_file_that_is_no_dataset_is_shown(tmp_path: Path, kind: str, foreign: Any) -> None:
    lines = foreign if isinstance(foreign, list) else [foreign]
    text = foreign if isinstance(foreign, str) else json.dumps(foreign)
    names = ("corpus.jsonl", "queries.jsonl", "questions.jsonl", "qrels/test.tsv", "x_corpus.json", "x.json", "x.jsonl")
    for one in names:
        (tmp_path / one).parent.mkdir(exist_ok=True)
        rows = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / one).write_text(rows if one.endswith(".jsonl") and not isinstance(foreign, str) else text, "utf-8")
    if kind == "beir" and not isinstance(foreign, list):
        write(tmp_path / "corpus.jsonl", [{"_id": "d1", "text": "x"}])
        write(tmp_path / "queries.jsonl", [{"_id": "q1", "text": "x"}])
    place = {"jsonl": "x.jsonl", "beir": ".", "pages": "."}.get(kind, "x.json")
    with pytest.raises(UsageError) as error:
        read_dataset(f"{kind}:{tmp_path / place}")
    assert SECRET not in str(error.value)
    assert str(tmp_path) in str(error.value)
    if place != "x.json" or not isinstance(foreign, list):
        return
    (tmp_path / "x_corpus.json").unlink()
    with pytest.raises(UsageError) as error:
        read_dataset(f"{kind}:{tmp_path / place}")
    assert SECRET not in str(error.value)


# Names and files


def test_a_path_without_a_kind_is_told_what_to_write(tmp_path: Path) -> None:
    file = write(tmp_path / "q.jsonl", [])
    with pytest.raises(UsageError, match=r"a path needs its kind before it, such as jsonl:.*q\.jsonl; valid: jsonl"):
        read_dataset(str(file))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sqad:x.json", "unknown kind 'sqad'; did you mean 'squad'. valid: jsonl, squad, beir"),
        ("questions.jsonl", "unknown kind 'questions.jsonl'"),
        ("beir", "no path; write beir:PATH, where beir reads a folder with corpus.jsonl"),
        ("beir:", "no path"),
        ("musique:/no/such/file", "path not found: /no/such/file; musique reads"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_would(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_dataset(name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"[1]", b'{"data": 1}', b"\xff", b"[" * 5000])
def test_what_is_no_dataset_is_refused_with_the_layout(tmp_path: Path, kind: str, content: bytes) -> None:
    for name in ("file.json", "corpus.jsonl", "queries.jsonl", "ori_pqal.json", "ground_truth.jsonl"):
        (tmp_path / name).write_bytes(content)
    path = tmp_path if kind in ("beir", "pages", "pubmedqa") else tmp_path / "file.json"
    with pytest.raises(UsageError, match=f"{kind} reads "):
        read_dataset(f"{kind}:{path}")
