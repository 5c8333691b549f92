"""Citations that are spans of their document, and abstention."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa import explain
from ragqa.errors import IndexCorruptError
from ragqa.records import Chunk, Citation, Document, Hit
from tests.fakes import document, hit

TEXT = (
    "Tern was built in 1998. She carries 12 cars.\nShe sails from Hallin.\fPage two says more. It cost £4.20, all in."
)
DOC = document(TEXT, "r.pdf", page_starts=(0, TEXT.index("\f") + 1))


def passage(start: int, end: int, doc: Document = DOC) -> Hit:
    return Hit(
        Chunk("c", doc.id, start, end, doc.text[start:end], page=doc.page_of(start)), doc.source, doc.path, 1.0, {}
    )


WHOLE = passage(0, len(TEXT))


def cite(question: str, answer: str, *passages: Hit) -> tuple[Citation, ...]:
    return explain.cite(question, answer, passages or (WHOLE,), lambda _: DOC)


def test_the_sentence_that_holds_the_answer_is_cited_with_its_own_page() -> None:
    (citation,) = cite("What did it cost?", "£4.20")
    assert citation.text == "It cost £4.20, all in."
    assert (citation.page, citation.source) == (2, "r.pdf")
    assert TEXT[citation.start : citation.end] == citation.text


def test_case_white_space_and_a_final_full_stop_do_not_matter() -> None:
    assert cite("Where from?", "SAILS  from Hallin.")[0].text == "She sails from Hallin."


def test_part_of_a_word_is_no_occurrence() -> None:
    assert cite("How many?", "2 cars")[0].text == "She carries 12 cars."
    assert explain.cite("?", "2", [passage(0, 23)], lambda _: DOC)[0].text == TEXT[:23]


@pytest.mark.parametrize(
    ("answer", "text", "cited"),
    [
        ("5", "It is 15 years old. It has 5.2 metres. She has 5 boats.", "She has 5 boats."),
        ("207", "Old,1207,1\n\nMarit,Sandrigg,207,2010", "Marit,Sandrigg,207,2010"),
        ("No", "It lies north. No cars are carried.", "No cars are carried."),
        ("東京", "それは北にある。\n\n彼は東京に住む。", "彼は東京に住む。"),
    ],
)
def test_a_short_answer_is_cited_where_it_stands_as_a_word_or_a_number_of_its_own(
    answer: str, text: str, cited: str
) -> None:
    doc = document(text)
    assert explain.cite("?", answer, [passage(0, len(text), doc)], lambda _: doc)[0].text == cited


def test_an_answer_in_other_words_is_cited_by_the_sentence_that_supports_it_best() -> None:
    assert (
        cite("How many cars does Tern carry?", "It takes twelve or 12 cars at most")[0].text == "She carries 12 cars."
    )


def test_every_passage_that_holds_the_answer_is_cited_in_order() -> None:
    second = document("In 1998 Tern was new.", "b.txt")
    documents = {DOC.id: DOC, second.id: second}
    hits = [passage(0, len(second.text), second), WHOLE]
    cited = explain.cite("When?", "1998", hits, lambda i: documents[i])
    assert [c.source for c in cited] == ["b.txt", "r.pdf"]


@given(answer=st.text(max_size=40), question=st.text(max_size=40), text=st.text(min_size=1, max_size=200))
def test_any_answer_over_any_passage_is_cited_by_a_span_that_stands_there(
    answer: str, question: str, text: str
) -> None:
    doc = document(text, "w.txt")
    citations = explain.cite(question, answer, [passage(0, len(text), doc)], lambda _: doc)
    assert all(doc.text[c.start : c.end] == c.text for c in citations)
    assert citations or not text.strip()


def test_a_span_that_does_not_stand_in_its_document_is_never_cited() -> None:
    with pytest.raises(IndexCorruptError, match="does not stand in its document"):
        explain.cite("When?", "1998", [WHOLE], lambda _: document("Something else."))


def test_no_hits_are_no_evidence() -> None:
    assert explain.no_evidence("who?", [], 0.25)


def test_a_low_cosine_is_no_evidence_unless_a_content_word_is_shared() -> None:
    low = hit("The ferry sails.", dense=0.1)
    assert explain.no_evidence("What is the capital of France?", [low], 0.25)
    assert not explain.no_evidence("Which ferry?", [low], 0.25)
    assert not explain.no_evidence("What is the capital of France?", [hit("x", dense=0.3)], 0.25)


@pytest.mark.parametrize("text", ["I do not know.", "  i don’t know", "", "The passages do not say."])
def test_a_generator_that_says_it_does_not_know_has_abstained(text: str) -> None:
    assert explain.refused(text)


def test_an_answer_that_knows_is_not_a_refusal() -> None:
    assert not explain.refused("Ilse Brandt, who does not know fear.")


def test_words_of_one_character_count_in_scripts_without_spaces() -> None:
    assert explain.content_words("東京の人口") == set("東京の人口")
    assert explain.content_words("a 7 ferry") == {"ferry"}
