"""Ranking and confidence: what shares more with a question is ranked higher, and surer evidence gives surer answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evidence import Evidence, examine
from ragqa.evidence.confidence import LEAST, answerable, least, log_odds, of_answer, with_verdict
from ragqa.evidence.ranking import covered, only, rank, term_weights
from ragqa.question_analysis import analyse
from ragqa.records import Document, Generation, Hit
from tests.evidence.making import of_texts
from tests.fakes import WordEmbedder, document, passage

TEXT = "Tern was built in 1998. She carries 12 cars. The quay is long. Otters eat crayfish in the river."
PROBABILITIES = st.floats(0, 1)
ODDS = st.floats(-30, 30)


class Reader:
    """Some documents, and in how many of them a term is, for `examine`."""

    def __init__(self, *documents: Document) -> None:
        self.documents = {each.id: each for each in documents}

    def document(self, id_: str) -> Document:
        return self.documents[id_]

    def document_counts(self, terms: Sequence[str]) -> list[int]:
        from ragqa import text_analysis

        found = [set(text_analysis.terms(each.text)) for each in self.documents.values()]
        return [sum(term in each for each in found) for term in terms]


def examined(question: str, *texts: str) -> Evidence:
    documents = [document(text, f"{number}.txt") for number, text in enumerate(texts)]
    hits: list[Hit] = [passage(each, 0, len(each.text)) for each in documents]
    return examine(question, question, question, hits, WordEmbedder(), Reader(*documents))  # type: ignore[arg-type]


# Ranking


def test_the_sentence_that_shares_the_words_of_the_question_is_ranked_first() -> None:
    for question, best in (
        ("How many cars does she carry?", "She carries 12 cars."),
        ("What do otters eat?", "Otters eat"),
    ):
        assert examined(question, TEXT).ranked[0].candidate.text.startswith(best)


def test_scores_fall_and_ties_keep_their_order() -> None:
    found = examined("otters", TEXT, "A lamp. A lamp. A lamp.").ranked
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    lamps = [each.candidate.start for each in found if each.candidate.text == "A lamp."]
    assert lamps == sorted(lamps)


def test_nothing_is_ranked_where_nothing_was_found() -> None:
    assert rank(analyse("Why?"), [], WordEmbedder(), {}) == []
    found = examined("Why?")
    assert (found.ranked, found.probability) == ((), 0.0)


def test_a_rare_term_weighs_more_and_all_terms_weigh_1() -> None:
    weights = term_weights(("ferri", "cockl", "x"), (90, 1, 0))
    assert weights["ferri"] < weights["cockl"] < weights["x"] and sum(weights.values()) == pytest.approx(1)
    assert covered(weights, ["ferri", "ferri", "lamp"]) == weights["ferri"]
    assert term_weights((), ()) == {} and covered({}, ["a"]) == 0


def test_a_long_excerpt_is_embedded_within_the_window() -> None:
    class Window(WordEmbedder):
        def embed_passages(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
            assert max(map(self.count, texts)) <= 120
            return super().embed_passages(texts)

    doc = document("very " * 4000 + "long.")
    found = examine("long?", "long?", "long?", [passage(doc, 0, len(doc.text))], Window(), Reader(doc))  # type: ignore[arg-type]
    assert len(found.ranked) == 1


# Names that no document has


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("Who commands the Tern?", ()),
        ("Who commands the Lapwing?", ("Lapwing",)),
        ("Does Ilse Brandt command the Tern?", ("Ilse Brandt",)),
        ("What does Tern's owner say of Fabrikam?", ("Fabrikam",)),
        ("Is Tern 400 there?", ()),
        ("who commands the lapwing?", ()),
    ],
)
def test_the_names_that_no_document_has_are_known(question: str, unknown: tuple[str, ...]) -> None:
    assert examined(question, TEXT).unknown == unknown


def test_a_name_of_the_question_before_is_not_looked_for() -> None:
    doc = document(TEXT)
    hits, reader = [passage(doc, 0, len(doc.text))], Reader(doc)
    question, asked = "When was she built?", "Who is Quentin Blorf? When was she built?"
    found = examine(question, asked, "blorf\nWhen was she built?", hits, WordEmbedder(), reader)  # type: ignore[arg-type]
    assert found.unknown == () and "Quentin Blorf" in found.question.names


# Confidence


def test_a_question_about_what_the_passages_say_is_surer_than_one_about_something_else() -> None:
    sure = examined("What do the otters eat in the river?", TEXT).probability
    unsure = examined("What do the badgers drink in the garden?", TEXT).probability
    assert 0 <= 2 * unsure < sure <= 1


def test_a_number_of_the_question_that_the_passage_lacks_makes_it_less_sure() -> None:
    there, missing = (examined(f"What was built in {year}?", TEXT).probability for year in (1998, 1889))
    assert missing < there


def test_words_of_the_question_beside_the_sentence_that_is_quoted_make_it_less_sure() -> None:
    question = "What is the boiling point of mercury?"
    beside = (
        "Mercury drives the old turbine in the shed of the mill. Low boiling oils are used in the new one at the pier."
    )
    there = f"{beside} The boiling point of mercury is 357 degrees."
    assert 2 * examined(question, beside).probability < examined(question, there).probability


def test_words_that_a_follow_up_takes_over_need_not_be_in_its_answer() -> None:
    doc = document(
        "The Heron sails at nine. She was built in 1998 and carries the mail of all seven islands in the bay."
    )
    hits, reader = [passage(doc, 0, len(doc.text))], Reader(doc)
    texts = (
        "When was she built?",
        "What does the Heron carry? When was she built?",
        "heron ferry harbour\nWhen was she built?",
    )
    found = examine(*texts, hits, WordEmbedder(), reader)  # type: ignore[arg-type]
    assert only({"built": 0.2, "heron": 0.3, "harbour": 0.5}, ["built"]) == {"built": 1.0}
    assert found.probability > examined("When was the harbour built?", doc.text).probability


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("Who wrote the tide song?", "The tide song was written by Ada Pell.", "The tide song was sung by Ada Pell."),
        ("How long is the pier?", "The pier has a length of 90 metres.", "The pier has a wall of 90 metres."),
        ("Who kept the light?", "The keeper of the light was Ada Pell.", "The light was a gift of the valley."),
    ],
)
def test_other_forms_of_the_words_of_a_question_count(question: str, answer: str, other: str) -> None:
    assert examined(question, f"{other} {answer}").ranked[0].candidate.text == answer


@given(probability=PROBABILITIES, verdict=ODDS, more=st.floats(0.1, 5))
def test_a_surer_verdict_never_makes_an_answer_less_sure(probability: float, verdict: float, more: float) -> None:
    assert 0 <= with_verdict(probability, verdict) <= with_verdict(probability, verdict + more) <= 1
    assert with_verdict(probability, None) == probability


@given(probability=PROBABILITIES, own=PROBABILITIES, verdict=ODDS, logprobs=st.lists(st.floats(-20, 0), max_size=5))
def test_every_confidence_is_a_probability(
    probability: float, own: float, verdict: float, logprobs: list[float]
) -> None:
    for generation in (
        Generation("x", 1, "stop", tuple(logprobs)),
        Generation("x", 1, "stop", confidence=own),
        Generation("x", 1, "stop"),
    ):
        assert 0 <= of_answer(probability, verdict, generation) <= 1
        assert 0 <= of_answer(probability, None, generation) <= 1


def test_the_length_of_an_answer_does_not_make_it_less_sure() -> None:
    short, long = (Generation("x", n, "stop", (-0.5,) * n) for n in (1, 60))
    assert of_answer(0.5, 1.0, short) == of_answer(0.5, 1.0, long)
    assert of_answer(0.5, 1.0, Generation("x", 1, "stop", (-3.0,))) < of_answer(0.5, 1.0, short)


def test_log_odds_are_finite() -> None:
    assert log_odds(0.5) == 0 and -7 < log_odds(0) < log_odds(0.2) < log_odds(1) < 7


def test_the_words_for_a_least_confidence_are_in_order_and_numbers_stand_for_themselves() -> None:
    assert 0 < least("eager") < least("balanced") < least("strict") < 1
    assert least(0) == 0 and least(0.77) == 0.77 and set(LEAST) == {"eager", "balanced", "strict"}


def test_without_excerpts_nothing_is_answerable() -> None:
    assert answerable(analyse("Who?"), [], [], {}) == 0
    assert of_texts("# Only a heading") == []


BOATS = "# Boats\n\n| Boat | Colour | Winter price |\n|---|---|---|\n| Heron | green | 280 |\n| Gull | red | 300 |\n"


@pytest.mark.parametrize(
    "question",
    [
        "What is the winter price of the Heron, please?",
        "What is the exact winter price of the Heron?",
        "What is the current winter price of the Heron?",
        "What is the winter rent of the Heron?",
        "How many euros is the Heron in winter?",
        "How much money does the Heron cost in winter?",
        "What kind of paint is on the Heron?",
        "What is the boat called Heron to hire?",
        "Which ones are green?",
    ],
)
def test_polite_words_adjectives_units_and_verbs_are_no_columns(question: str) -> None:
    assert examined(question, BOATS).unknown == ()


@pytest.mark.parametrize(
    ("question", "noun"),
    [
        ("What is the salary of the Heron?", "salary"),
        ("What is the Heron's draught?", "draught"),
        ("How much sugar has the Heron?", "sugar"),
        ("Which teacher has the Heron?", "teacher"),
        ("What engine does the Heron have?", "engine"),
        ("What do farms pay for the Heron?", "farms"),
    ],
)
def test_a_noun_in_the_position_of_a_column_name_that_no_document_has_is_unknown(question: str, noun: str) -> None:
    assert examined(question, BOATS).unknown == (noun,)
