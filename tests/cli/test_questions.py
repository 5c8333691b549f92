"""Questions are read strictly, and gold quotes become spans of their documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import UsageError
from ragqa.evaluate import Evidence, Question, read_questions, select
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.runs.gold import locate_evidence
from tests.fakes import document

GOOD = {
    "id": "q1",
    "question": "Who commands the Morwen?",
    "answers": ["Ilse Brandt", "Captain Ilse Brandt"],
    "answerable": True,
    "evidence": [{"source": "ferry.md", "text": "commanded by Captain Ilse Brandt"}],
    "split": "dev",
}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# Reading


def test_a_question_is_read_with_its_evidence_and_other_keys_become_metadata(tmp_path: Path) -> None:
    (question,) = read_questions(write(tmp_path / "q.jsonl", GOOD))
    assert question.answers == ("Ilse Brandt", "Captain Ilse Brandt")
    assert question.evidence == (Evidence("ferry.md", "commanded by Captain Ilse Brandt"),)
    assert question.metadata == {"split": "dev"}


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    row = GOOD | {"question": "one\u2028two\u0085three?"}
    path.write_text("\ufeff" + json.dumps(row, ensure_ascii=False) + "\r\n\r\n", encoding="utf-8")
    assert read_questions(path)[0].question == "one\u2028two\u0085three?"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": " "}, "id: is empty"),
        ({"id": 7}, "id: got a number; must be a text"),
        ({"question": " "}, "question: is empty"),
        ({"answers": "Ilse"}, "answers: got a text; must be a list"),
        ({"answers": ["ok", ""]}, "answers: must hold texts"),
        ({"answers": []}, 'answers: is empty; give at least one answer in a list, or "answerable": false where'),
        ({"answers": None}, 'answers: is missing; give at least one answer in a list, or "answerable": false where'),
        ({"answerable": True, "answers": []}, '"answerable": false where the documents do not answer the question'),
        ({"answerable": False}, "answers: got 2; leave them out where answerable is false"),
        ({"answerable": "yes"}, "answerable: got a text; must be true or false"),
        ({"evidence": ["ferry.md"]}, "evidence[0]: got a text; must be an object"),
        ({"evidence": [{"source": "ferry.md"}]}, "evidence[0].text: is missing"),
        ({"evidence": [{"source": "f", "text": "x", "page": True}]}, "page: got true or false; must be a whole number"),
        ({"evidence": [{"source": "f", "text": "x", "start": 1}]}, "give both or neither"),
    ],
)
def test_a_bad_line_is_an_error_with_its_number(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "q.jsonl", GOOD, GOOD | {"id": "q2"} | change)
    with pytest.raises(UsageError) as error:
        read_questions(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert message in str(error.value)


@pytest.mark.parametrize("line", ["{", "[1]", "nan", '"text"', "[" * 5000])
def test_a_line_that_is_no_json_object_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"q\.jsonl:2: "):
        read_questions(path)


def test_the_same_id_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"q\.jsonl:2: id: is the id of .*q\.jsonl:1 too; ids must be unique"):
        read_questions(write(tmp_path / "q.jsonl", GOOD, GOOD))
    asked = {"question": "Who?", "answerable": False}
    with pytest.raises(UsageError, match=r"q\.jsonl:2: question: is the question, or the id, of .*q\.jsonl:1 too"):
        read_questions(write(tmp_path / "q.jsonl", asked, asked))


def test_a_question_without_an_answer_needs_one_key_and_one_with_answers_no_other(tmp_path: Path) -> None:
    rows = {"question": "When was it sold?", "answerable": False}, {"question": "Who steers?", "answers": ["Ilse"]}
    unknown, known = read_questions(write(tmp_path / "q.jsonl", *rows))
    assert (unknown.id, unknown.answers, unknown.answerable) == ("When was it sold?", (), False)
    assert (known.id, known.answers, known.answerable) == ("Who steers?", ("Ilse",), True)
    (explicit,) = read_questions(write(tmp_path / "q.jsonl", rows[0] | {"answers": [], "evidence": []}))
    assert explicit == unknown


def test_a_file_without_questions_or_not_in_utf8_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no questions"):
        read_questions(write(tmp_path / "empty.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(UsageError, match="not UTF-8"):
        read_questions(tmp_path / "latin.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        read_questions(tmp_path / "missing.jsonl")


def test_split_and_limit_choose_the_first_questions_and_an_unknown_split_is_named() -> None:
    questions = [Question(str(i), "?", ("x",), metadata={"split": "dev" if i % 2 else "test"}) for i in range(6)]
    assert [q.id for q in select(questions, "dev", 2)] == ["1", "3"]
    assert [q.id for q in select(questions)] == list("012345")
    with pytest.raises(UsageError, match=r"'train'; there are: dev \(3\), test \(3\)"):
        select(questions, "train")
    with pytest.raises(UsageError, match="no question has split 'dev'; none of them has a split: leave the name out"):
        select([Question("q", "?", ("x",))], "dev")


# Gold spans


def located(evidence: Evidence, text: str, pages: tuple[int, ...] = ()) -> tuple[Span, list[str]]:
    question = Question("q1", "?", ("x",), True, (evidence,))
    spans, notes = locate_evidence([question], {"ferry.md": document(text, "ferry.md", page_starts=pages)})
    return spans["q1"][0], notes


def test_a_quote_is_found_across_line_breaks_page_breaks_and_tabs() -> None:
    text = "Head\n\nThe ferry\n  Morwen\u00a0is\fled\tby (Brandt)."
    span, notes = located(Evidence("ferry.md", " ferry Morwen is led by (Brandt). "), text)
    assert text[span.start : span.end] == "ferry\n  Morwen\u00a0is\fled\tby (Brandt)."
    assert notes == []


def test_an_ambiguous_quote_is_the_first_with_a_note_unless_page_or_offsets_say_which() -> None:
    text = "4.2 MW\f4.2 MW"
    span, notes = located(Evidence("ferry.md", "4.2 MW"), text, (0, 7))
    assert (span.start, len(notes)) == (0, 1)
    assert "'q1'" in notes[0]
    assert "stands 2 times in ferry.md" in notes[0]
    there = Span(span.document_id, 7, 13)
    assert located(Evidence("ferry.md", "4.2 MW", page=2), text, (0, 7)) == (there, [])
    assert located(Evidence("ferry.md", "4.2 MW", start=7, end=13), text) == (there, [])


def test_every_quote_that_does_not_stand_is_listed() -> None:
    evidence = (
        Evidence("ferry.md", "never written"),
        Evidence("ferry.md", "the quay", page=3),
        Evidence("ferry.md", "the quay", start=1, end=9),
    )
    with pytest.raises(UsageError) as error:
        locate_evidence(
            [Question("q1", "?", ("x",), True, evidence)],
            {"ferry.md": document("the quay", "ferry.md", page_starts=(0,))},
        )
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert "quote not found in ferry.md: 'never written'" in lines[0]
    assert "on page 3" in lines[1]
    assert "at 1:9" in lines[2]


@pytest.mark.parametrize(
    ("quote", "text", "place"),
    [
        ("5", "15 boats of 5.2 metres, built in 2025, 5 of them red", 39),
        ("no", "to the north, no further", 14),
        ("4.2 MW", "14.2 MW, 4.2 MWh and 4.2 MW", 21),
        ("207", "S007,Marit Ostrander,Sandrigg,207,2010", 30),
        ("京都", "東京都は", 1),
    ],
)
def test_a_short_quote_stands_where_its_words_and_numbers_are_whole(quote: str, text: str, place: int) -> None:
    span, notes = located(Evidence("ferry.md", quote), text)
    assert (span.start, span.end, notes) == (place, place + len(quote), [])


def test_a_quote_that_stands_within_longer_numbers_only_is_an_error_that_says_so_unless_offsets_are_given() -> None:
    with pytest.raises(UsageError, match="'5'; it stands there within longer words or numbers only: quote whole ones"):
        located(Evidence("ferry.md", "5"), "15 boats of 5.2 metres, built in 2025")
    assert located(Evidence("ferry.md", "5", start=1, end=2), "15 boats")[0].start == 1
