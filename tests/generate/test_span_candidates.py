"""Where spans may start and end, and what the words of a passage say for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.generate.span_candidates import QuestionOverlap, boundaries


def spans(text: str) -> set[str]:
    """Return all texts between a start and an end."""
    starts, ends = boundaries(text)
    return {text[start:end] for start in starts for end in ends if end > start}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rope", {"rope"}),
        ("rope,", {"rope", "rope,"}),
        ("(rope)", {"(rope)", "rope)", "(rope", "rope"}),
        ("salt rope", {"salt", "rope", "salt rope"}),
        ("Brandt's", {"Brandt's", "Brandt"}),
        ("Brandt’s,", {"Brandt’s,", "Brandt’s", "Brandt"}),
        ("1939–1945", {"1939–1945", "1939", "1945"}),
        ("4.2", {"4.2"}),
        ("a--b", {"a--b", "a", "b"}),
        ("(-5)", {"(-5)", "-5", "(-5", "-5)"}),
        ("well/good-ness", {"well/good-ness", "well", "good", "ness", "well/good", "good-ness"}),
        ("salt ... rope", {"salt", "rope", "salt ... rope"}),
        ("日本 号。", {"日本", "号。", "日本 号。"}),
        ("", set()),
        (" \n\t", set()),
        ("... ?!", set()),
    ],
)
def test_spans_lie_between_words_with_or_without_their_punctuation(text: str, expected: set[str]) -> None:
    assert spans(text) == expected


TEXTS = st.text(max_size=80) | st.text(st.sampled_from("aé\u0301日。🎉'’s-–/.,(“ \n"), max_size=80)


@given(TEXTS)
def test_boundaries_are_in_order_and_no_span_has_white_space_at_its_ends(text: str) -> None:
    starts, ends = boundaries(text)
    assert starts == sorted(set(starts))
    assert all(0 <= start < len(text) and not text[start].isspace() for start in starts)
    assert all(0 < end <= len(text) and not text[end - 1].isspace() for end in ends)
    assert bool(starts) == bool(ends)


@given(TEXTS)
def test_every_word_with_a_letter_can_be_an_answer(text: str) -> None:
    words = {word for word in text.split() if any(letter.isalnum() for letter in word)}
    assert words <= spans(text)


def test_a_place_is_judged_by_its_own_sentence_and_by_stems_without_function_words() -> None:
    passage = "The ferries were sailing at nine. Rope is dear."
    overlap = QuestionOverlap("When does the ferry sail?", ["Is the when?", passage])
    assert overlap.shared(1, passage.index("nine")) == 1.0
    assert overlap.shared(1, passage.index("Rope")) == 0.0
    assert overlap.shared(0, 0) == 0.0, "function words are not shared"
    half = QuestionOverlap("Does the ferry carry rope?", [passage])
    assert half.shared(0, 0) == half.shared(0, passage.index("dear")) == pytest.approx(1 / 3)
    assert half.shared(0, len(passage)) == 0.0


def test_a_span_that_says_what_was_asked_is_known_by_its_words() -> None:
    overlap = QuestionOverlap("When does the old ferry sail?", [])
    assert overlap.repeated("the ferries") == 1.0
    assert overlap.repeated("sailing at nine") == 0.5
    assert overlap.repeated("nine") == overlap.repeated("the") == overlap.repeated("") == 0.0


@given(question=TEXTS, passage=TEXTS, start=st.integers(0, 100))
def test_overlap_is_a_share_whatever_the_texts(question: str, passage: str, start: int) -> None:
    overlap = QuestionOverlap(question, [passage])
    assert 0 <= overlap.shared(0, start) <= 1
    assert 0 <= overlap.repeated(passage) <= 1
    assert overlap.repeated(question) in (0.0, 1.0)
