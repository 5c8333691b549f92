"""Scores of answers; what other harnesses get wrong is tested by name in tests/evaluate/test_defects.py."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ragqa.evaluate import metrics
from ragqa.evaluate.metrics.support import support
from ragqa.records import Citation
from tests.fakes import hit


def squad_normalize(s: str) -> str:
    """Written from the definition in evaluate-v2.0.py, step by step, sharing nothing with the package."""
    s = s.lower()
    s = "".join(ch for ch in s if ch not in set(string.punctuation))
    s = re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", s)
    return " ".join(s.split())


def squad_scores(prediction: str, answers: list[str]) -> tuple[float, float]:
    golds = [a for a in answers if squad_normalize(a)]
    exact = max(int(squad_normalize(a) == squad_normalize(prediction)) for a in golds)
    best = 0.0
    for gold in golds:
        gold_toks, pred_toks = squad_normalize(gold).split(), squad_normalize(prediction).split()
        same = sum((Counter(gold_toks) & Counter(pred_toks)).values())
        if not gold_toks or not pred_toks:
            best = max(best, float(gold_toks == pred_toks))
        elif same:
            precision, rec = same / len(pred_toks), same / len(gold_toks)
            best = max(best, 2 * precision * rec / (precision + rec))
    return float(exact), best


WORDS = st.lists(
    st.sampled_from(["The", "a", "an", "ferry", "Ferry.", "4.2", "U.S.", "—", "é", "e\u0301", "\u00a0", "İ", ","]),
    max_size=6,
).map(" ".join)
TEXTS = WORDS | st.text(max_size=12)


@given(TEXTS, st.lists(TEXTS.filter(squad_normalize), min_size=1, max_size=3))
def test_exact_match_and_f1_are_those_of_the_squad_definition(prediction: str, answers: list[str]) -> None:
    exact, f1 = squad_scores(prediction, answers)
    assert metrics.exact_match(prediction, answers) == exact
    assert metrics.f1(prediction, answers) == pytest.approx(f1, abs=1e-12)


@pytest.mark.parametrize(
    ("prediction", "gold", "equal"),
    [
        ("The Ferry, Morwen!", "ferry morwen", 1.0),
        ("an  apple\n", "apple", 1.0),
        ("theatre", "atre", 0.0),
        ("4.2", "42", 1.0),  # the official script drops the point as well
        ("4.2", "4,3", 0.0),
        ("café", "CAFÉ", 1.0),
        ("cafe\u0301", "café", 0.0),  # the official script does not compose characters
    ],
)
def test_articles_punctuation_and_case_are_dropped_in_the_order_of_squad(
    prediction: str, gold: str, equal: float
) -> None:
    assert metrics.exact_match(prediction, [gold]) == equal


SCORES = [
    metrics.exact_match, metrics.f1, metrics.exact_match_strict, metrics.f1_strict, metrics.contains, metrics.rouge_l,
]  # fmt: skip


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("said", ["The", "A", "a.", "...", "anything"])
def test_without_a_gold_answer_only_a_blank_prediction_is_right(score: Callable[..., float], said: str) -> None:
    assert score("", []) == score(" \n", []) == 1
    assert score(said, []) == 0
    assert score("", [said]) == 0


@pytest.mark.parametrize("score", SCORES)
def test_an_answer_of_which_squads_form_leaves_nothing_is_right_for_itself_alone(score: Callable[..., float]) -> None:
    for gold, others in {"A": ("", "B", "the", "an"), "an": ("", "a"), "+": ("", "-", "*"), "The": ("", "A")}.items():
        assert score(gold, [gold]) == score(gold.lower(), ["else", gold]) == 1
        assert [score(other, [gold]) for other in others] == [0] * len(others)


DIFFERENT = [
    ("4.2 MW", "42 MW"), ("€2.5 billion", "€25 billion"), ("−12 °C", "12 °C"), ("-$5", "$5"), ("3/8", "38"), ("10:45", "1045"),
    ("2024-01-31", "20240131"), ("1,5", "15"), (".5", "5"), ("10⁶", "106"), ("10^6", "106"), ("7½", "71/2"), ("5%", "5"), ("±2", "2"),
    ("F#", "F"), ("C", "C++"), ("A+", "A-"), ("O−", "O+"), ("AB-", "AB"), ("vitamin A", "vitamin"), ("type A cells", "type cells"),
    ("v1.2.3", "v12.3"), ("<5", "5"), (".NET", "NET"), ("R&D", "RD"), ("192.168.0.1", "19216801"),
]  # fmt: skip
EQUAL = [
    ("1939–45", "1939-45"), ("1939 – 1945", "1939-1945"), ("Zoe\u0308", "Zoë"), ("ship’s bell", "ship's bell"), ("‘Ship’", "ship"),
    ("„Die Fähre“", "Die Fähre"), ("«Le bac»", "le bac"), ("oﬃce", "office"), ("ten-day", "ten day"), ("e-mail", "email"), ("and/or", "and or"),
    ("東京です。", "東京です"), ("「東京」", "東京"), ("１２．５％", "12.5%"), ("1,250", "1250"), ("1\u202f250", "1250"), ("U.S.", "US"), ("STRASSE", "Straße"),
    ("The ferry, Morwen!", "ferry morwen"), ("co\u00adoperative", "cooperative"), ("−5 °C", "-5°C"), (".5", "0.5"), ("+5", "5"), ("**Brae**", "Brae"),
    ("A ferry", "ferry"), ("It rains. A ferry leaves", "it rains ferry leaves"), ("¿Qué?", "qué"), ("4.2.", "4.2"), ("١٢,٥", "12,5"), ("R & D", "R&D"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_the_strict_metrics_keep_marks_that_carry_a_meaning(one: str, other: str) -> None:
    for said, gold in ((one, other), (other, one)):
        assert metrics.exact_match_strict(said, [gold]) == 0
        assert metrics.f1_strict(said, [gold]) < 1
        assert metrics.exact_match_strict(said, [gold, said]) == metrics.f1_strict(said, [gold, said]) == 1


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_the_strict_metrics_take_equal_spellings_for_equal(one: str, other: str) -> None:
    for said, gold in ((one, other), (other, one)):
        for score in (metrics.exact_match_strict, metrics.f1_strict, metrics.contains):
            assert score(said, ["never", gold]) == 1


@given(st.text(max_size=20))
@example("\u200b")
@example("\u0300 _")
def test_every_text_equals_itself_and_no_blank_one(text: str) -> None:
    if text.strip():
        assert metrics.exact_match(text, [text]) == metrics.exact_match_strict(text, [text]) == 1
        assert metrics.exact_match_strict("", [text]) == metrics.exact_match("", [text]) == 0


def test_an_answer_that_squads_form_changes_is_told_from_one_that_it_does_not() -> None:
    changed = ["4.2", "-5", "C#", "A", "vitamin A", "3/4", "5%", "A+"]
    same = ["1,250 crowns", "the ferry", "well-known", "“Hamlet”", "U.S.", "ferry.", ""]
    assert [answer for answer in changed + same if metrics.loses_meaning(answer)] == changed


def test_a_repeated_word_counts_only_as_often_as_it_stands_in_both() -> None:
    assert metrics.f1("ferry ferry ferry", ["ferry"]) == pytest.approx(0.5)


def test_has_answer_looks_for_whole_words_in_each_hit() -> None:
    hits = [hit("a party"), hit("It is Art!")]
    assert metrics.has_answer(hits[:1], ["art"]) == 0
    assert metrics.has_answer(hits, ["nothing", "art"]) == 1
    assert metrics.has_answer([], ["art"]) == 0


def longest_common(words: list[str], gold: list[str]) -> int:
    """Try every choice of words."""
    if not words or not gold:
        return 0
    if words[0] == gold[0]:
        return 1 + longest_common(words[1:], gold[1:])
    return max(longest_common(words[1:], gold), longest_common(words, gold[1:]))


FOUND = [
    ("It is 5.", "5"), ("(5) metres", "5"), ("about 5%", "5"), ("for $5 a day", "5"), ("“5” it said", "5"), ("5, 6 or 7", "5"),
    ("7,5,12", "5"), ("No.", "no"), ("He said no, twice", "no"), ("vitamin A", "A"), ("The answer is A.", "A"), ("A) because", "A"),
    ("about 1,000,000 kr", "1000000"), ("1000 kr", "1,000"), ("U.S. ships", "US"), ("on 2025-05-01, at noon", "2025-05-01"),
    ("彼は東京に住む", "東京"), ("東京5月に", "5月"), ("NASAは", "NASA"), ("서울에서", "서울"), ("ในกรุงเทพฯ", "กรุงเทพ"),
]  # fmt: skip
NOT_FOUND = [
    ("It costs 15", "5"), ("51 metres", "5"), ("4.2 or 5.2 MW", "5"), ("5,2 km", "5"), ("in 2025", "5"), ("5,000 kr", "5"),
    ("1,207 kr", "207"), ("the 5th of May", "5"), ("at 10:05", "10"), ("3-5 days", "5"), ("3–5 days", "5"), ("a share of 4/5", "5"),
    ("1.2 MW", "12"), ("from 1.2.3 on", "2"), ("to the north", "no"), ("nobody", "no"), ("yesterday", "yes"), ("an apple", "A"),
    ("A ferry leaves", "A"), ("a ferry", "A"), ("the theatre", "The"), ("ivory", "IV"), ("15月", "5月"), ("हिन्दी", "हिन्द"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "gold"), FOUND)
def test_a_short_gold_is_found_where_it_stands_as_a_word_or_a_number_of_its_own(text: str, gold: str) -> None:
    assert metrics.contains(text, [gold]) == 1
    assert metrics.has_answer([hit("nothing here"), hit(text)], ["never", gold]) == 1


@pytest.mark.parametrize(("text", "gold"), NOT_FOUND)
def test_a_short_gold_is_not_found_within_a_longer_word_or_number(text: str, gold: str) -> None:
    assert metrics.contains(text, [gold]) == 0
    assert metrics.has_answer([hit("nothing here"), hit(text)], [gold]) == 0


LETTERS = st.lists(st.sampled_from("xyz"), max_size=6).map(" ".join)


@given(LETTERS, st.lists(LETTERS, min_size=1, max_size=3))
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(prediction: str, answers: list[str]) -> None:
    words = prediction.split()
    golds = [gold.split() for gold in answers if gold] or [[]]
    naive = [
        2 * longest_common(words, gold) / (len(words) + len(gold)) if words and gold else words == gold
        for gold in golds
    ]
    assert metrics.rouge_l(prediction, answers) == pytest.approx(float(max(naive)))


def test_rouge_l_knows_the_order_of_words_which_f1_does_not() -> None:
    assert metrics.f1("noon at leaves", ["leaves at noon"]) == 1
    assert metrics.rouge_l("noon at leaves", ["leaves at noon"]) == pytest.approx(1 / 3)


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_every_score_is_a_number_from_0_to_1_and_no_match_beats_an_exact_one(
    prediction: str, answers: list[str]
) -> None:
    by_squad = [score(prediction, answers) for score in (metrics.f1, metrics.rouge_l)]
    strict = [score(prediction, answers) for score in (metrics.f1_strict, metrics.contains)]
    assert all(0 <= score <= 1 for score in by_squad + strict)
    assert by_squad == [1, 1] or not metrics.exact_match(prediction, answers)
    assert strict == [1, 1] or not metrics.exact_match_strict(prediction, answers)
    assert by_squad[1] <= by_squad[0]


def cite(start: int, end: int, source: str = "d.md") -> Citation:
    return Citation(source, f"/{source}", None, start, end, "")


def test_citation_precision_is_the_share_of_citations_that_overlap_gold() -> None:
    gold = [("d.md", 10, 20), ("d.md", 40, 50)]
    assert metrics.citation_precision([cite(0, 11), cite(20, 40), cite(19, 41), cite(12, 15, "other.md")], gold) == 0.5
    with pytest.raises(ValueError, match="at least one citation"):
        metrics.citation_precision([], gold)


def test_citation_recall_is_the_share_of_distinct_gold_spans_that_are_cited() -> None:
    gold = [("d.md", 10, 20), ("d.md", 10, 20), ("d.md", 40, 50)]
    assert metrics.citation_recall([cite(19, 30), cite(9, 11)], gold) == 0.5
    assert metrics.citation_recall([cite(20, 40)], gold) == metrics.citation_recall([], gold) == 0
    assert metrics.citation_recall([cite(0, 100)], gold) == 1
    with pytest.raises(ValueError, match="at least one gold span"):
        metrics.citation_recall([cite(0, 1)], [])


PASSAGE = "The ferry Morwen carries 1,200 people a year. Ilse Brandt has been its captain since 1987."


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("The ferry carries 1200 people.", 1),
        ("Ilse Brandt is the captain [1]. 2. The Morwen carries people.", 1),
        ("The ferry carries 1,300 people.", 0),
        ("The captain since 1987 is Owen Brandt.", 0),
        ("Its captain of the ferry was chosen by lot after many harsh winters.", 0),
        ("The ferry carries people. Harsh winters closed every harbour.", 0.5),
        ("It is.", 0),
        ("", 0),
    ],
)
def test_a_sentence_is_supported_where_its_numbers_names_and_most_of_its_words_stand(answer: str, share: float) -> None:
    assert support(answer, [PASSAGE]) == share
