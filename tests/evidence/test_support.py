"""Support: a written sentence is shown only with excerpts that have its numbers and names, and most of its words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ragqa import text_analysis
from ragqa.evidence.passages import Candidate
from ragqa.evidence.support import LEAST, check, facts
from ragqa.pipeline.answer.writing import span_of
from tests.evidence.making import of_texts

FERRY = of_texts(
    "Tern was built in 1998. She carries 12 cars and 1,200 kg of freight. The fare is £5.20 from 2025-01-15.\n\n"
    "Captain Ilse Brandt commands her; the mate is Élise Moyle. Boats leave at 10:30.\n",
    "# Lapwing\n\nThe new ferry was ordered in June. It has room for 6–8 lorries.\n",
)


def supported(sentence: str, read: list[Candidate] = FERRY) -> list[str] | None:
    """Return the texts that are cited for a sentence; None where it is not shown."""
    cited, support = check(sentence, read, [])
    return [each.text for each in cited] if support >= LEAST else None


def test_a_sentence_is_cited_by_the_excerpts_that_share_its_words_and_the_best_comes_first() -> None:
    cited = supported("Tern was built in 1998 and carries 12 cars.")
    assert cited == ["Tern was built in 1998.", "She carries 12 cars and 1,200 kg of freight."]


def test_support_is_the_share_of_words_that_stand_in_what_is_cited() -> None:
    assert check("The boats leave.", FERRY, [])[1] == 1
    assert check("The boats leave quickly and safely.", FERRY, [])[1] == 0.5
    assert check("", FERRY, []) == check("And so it was.", FERRY, []) == ([], 0.0)
    assert check("Boats leave.", [], []) == ([], 0.0)


@pytest.mark.parametrize(
    "sentence",
    [
        "Tern carries 14 cars.", "Tern was built in 1989.", "She carries 200 kg of freight.", "The fare is £5.",
        "The fare is £20.", "The fare is £5.2 from 2025-01-16.", "She carries fourteen cars.", "She carries a dozen cars.",
        "She carries 12 million cars.", "Boats leave at 10:35.", "Captain Ilse Moyle commands the Lapwing and Hallin.",
        "Captain Otto Brandt commands her.", "Fabrikam commands her.", "Élodie commands her, the captain.", "The mate is Zoë Moyle.",
        "The captain is at NASA.", "The fare is paid by iPhone.", "Otto commands her.", "Boats leave at 10:30 on Monday.",
        "It has room for 9 lorries.", "The seventh boat was built in 1998.",
    ],
)  # fmt: skip
def test_a_number_or_a_name_that_stands_nowhere_keeps_a_sentence_from_being_shown(sentence: str) -> None:
    assert check(sentence, FERRY, []) == ([], 0.0)


@pytest.mark.parametrize(
    "sentence",
    [
        "The Tern carries twelve cars.", "She carries 1200 kg of freight.", "The fare is £5.20 from 2025.",
        "Ilse Brandt commands her.", "However, boats leave at 10:30.", "The Lapwing has room for 6 lorries.",
        "The mate is elise moyle.", "Boats leave at 10.", "Brandt's boat was built in 1998.",
    ],
)  # fmt: skip
def test_a_number_or_a_name_may_be_written_in_another_way(sentence: str) -> None:
    _, support = check(sentence, FERRY, of_texts("The Lapwing is new."))
    assert support >= LEAST


def test_a_name_that_only_another_excerpt_has_is_cited_there() -> None:
    other = of_texts("Port Ennery is the home of the ferry.")
    cited, support = check("Tern was built in 1998 in Ennery.", FERRY, other)
    assert [each.text for each in cited] == ["Tern was built in 1998.", other[0].text] and support > LEAST


def test_facts_are_numbers_and_names_and_not_usual_openings() -> None:
    assert facts("However, Ilse paid 1,250.50 for three lamps on 2025-01-15.") == {"ils", "1250.50", "3", "2025-01-15"}
    assert facts("yes, it is") == facts("However, it is so.") == facts("I see one lamp.") == set()


# 500 sentences that a generator might write: real ones with names, numbers and words exchanged

CORPUS = Path(__file__).parents[2] / "corpora" / "tarnwick" / "documents"
NAMES = [
    "Fabrikam",
    "Otto",
    "Zoë",
    "Élodie",
    "New Zealand",
    "Contoso Ltd",
    "McArdle",
    "NASA",
    "iPhone",
    "X-400",
    "Москва",
]
NUMBERS = [
    "7",
    "19",
    "2031",
    "4.75",
    "1,999",
    "77%",
    "fourteen",
    "a dozen",
    "three million",
    "11:45",
    "2026-02-30",
    "ninety",
]


def _number(sentence: str, chance: random.Random) -> str:
    return re.sub(r"\d[\d,.:]*\d|\d", lambda _: chance.choice(NUMBERS), sentence, count=chance.choice([1, 9]))


def _digit(sentence: str, chance: random.Random) -> str:
    return re.sub(r"\d", lambda match: str((int(match[0]) + chance.choice([0, 0, 3])) % 10), sentence)


def _cut_number(sentence: str, chance: random.Random) -> str:
    return re.sub(r"\d+[,.:](\d+)", r"\1", sentence, count=1)


def _name(sentence: str, chance: random.Random) -> str:
    return re.sub(r"\b[A-Z]\w+", lambda _: chance.choice(NAMES), sentence, count=chance.choice([1, 2, 9]))


def _opening(sentence: str, chance: random.Random) -> str:
    return f"{chance.choice(NAMES)} {sentence[:1].lower()}{sentence[1:]}"


def _end(sentence: str, chance: random.Random) -> str:
    return f"{sentence.rstrip('.')}, says {chance.choice(NAMES)} in {chance.choice(NUMBERS)}."


def _same(sentence: str, chance: random.Random) -> str:
    return sentence


EDITS: list[Callable[[str, random.Random], str]] = [_number, _digit, _cut_number, _name, _opening, _end, _same]


def _stands(word: str, cited: str) -> bool:
    """Tell by another way than `support` does whether a word or number stands in a text as one of its own."""
    if word[0].isdigit():
        plain = re.sub(r"(?<=\d),(?=\d{3})", "", cited)
        given = re.sub(r"(?<=\d),(?=\d{3})", "", word)
        return bool(re.search(rf"(?<![\d.,]){re.escape(given)}(?![.,]?\d)", plain))
    stem = text_analysis.term("".join(text_analysis.words(word)))
    return stem in {text_analysis.term(each) for each in text_analysis.words(cited)}


def _checkable(sentence: str) -> list[str]:
    """Return the numbers in digits and the capitalised words of a sentence, but for a common first word."""
    numbers = re.findall(r"\d[\d.,:-]*\d|\d", sentence)
    capital = [word for word in re.findall(r"[^\W_]+", sentence) if word != word.lower() and not word[0].isdigit()]
    return [*numbers, *(word for word in capital if word.lower() not in text_analysis.STOP_WORDS | {"i", "yes", "no"})]


def test_of_500_edited_sentences_none_is_shown_with_a_number_or_name_that_stands_in_no_cited_excerpt() -> None:
    chance = random.Random(22)
    files = [path.read_text(encoding="utf-8") for path in sorted(CORPUS.rglob("*.md"))]
    leaked, shown, unedited, edits = [], 0, 0, 0
    while edits < 500:
        first, second = chance.sample(files, 2)
        read = chance.sample(of_texts(first, second), 12)
        source = chance.choice([each for each in read if each.kind in ("sentence", "item")] or read)
        edit = chance.choice(EDITS)
        sentence = edit(" ".join(source.text.split()), chance)
        edits += 1
        cited, support = check(sentence, read, [])
        if support < LEAST:
            assert edit is not _same, f"a sentence of the documents is always supported: {sentence}"
            continue
        shown += 1
        unedited += edit is _same
        text = " ".join(each.text for each in cited)
        leaked += [(word, sentence) for word in _checkable(sentence) if not _stands(word, text)]
    assert leaked == []
    assert 50 < unedited < shown < 400, "else the test would show little"


def test_what_is_struck_out_supports_nothing() -> None:
    read = of_texts("The berth costs ~~40~~ 55 crowns a night.")
    assert check("The berth costs 40 crowns.", read, ()) == ([], 0.0)
    assert check("The berth costs 55 crowns.", read, ())[1] == 1.0
    assert span_of("55", read) == read[0] and span_of("40", read) is None
