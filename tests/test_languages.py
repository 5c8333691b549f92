"""Texts in languages other than English: their language, their stems, and pairs of characters; found by other forms of words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa import languages, text_analysis
from ragqa.index.lexical import invert
from tests.index.test_index import best, entry, write

SAID = {
    "German": ("Die Häuser am Hafen sind alt und nicht renoviert.", "Wie alt ist das Haus?"),
    "French": ("Les navires partent du port et ne sont pas grands.", "Quand le navire est parti ?"),
    "Spanish": ("Los barcos del puerto no se venden con la licencia.", "Donde se vende el barco?"),
    "Italian": ("Le navi del porto non sono della cooperativa.", "Dove sono la nave e il porto?"),
    "Portuguese": ("Os barcos do porto não são vendidos.", "Onde os barco são do porto?"),
    "Dutch": ("De boten van de haven zijn niet oud.", "Wat is de boot van de haven?"),
    "Swedish": ("Båtarna i hamnen är inte till salu för medlemmar.", "Var finns båten och vad kostar den?"),
    "Danish": ("Bådene i havnen er ikke til salg, og det er dyrt.", "Hvad er prisen på båden?"),
    "Norwegian": ("Båtene i havnen er ikke til salgs, og hva koster det?", "Hva er prisen på båten?"),
    "Finnish": ("Veneet ovat satamassa ja ne eivät ole vanhoja, mutta hän on.", "Missä on vene ja mikä se on?"),
    "Hungarian": ("A hajók a kikötőben vannak és nem az új hajó is volt.", "Hol van az új hajó és mennyi?"),
    "Romanian": ("Navele din port nu sunt vechi și este o navă.", "Unde este nava și care este portul?"),
    "Turkish": ("Gemiler limanda ve bu gemi çok eski değil.", "Gemi nerede ve bu ne kadar?"),
    "Russian": ("Корабли выходят из порта в полдень.", "Когда корабль выходит?"),
    "Greek": ("Τα πλοία φεύγουν από το λιμάνι.", "Πότε φεύγει το πλοίο;"),
    "Arabic": ("السفن تغادر الميناء ظهرا", "متى تغادر السفينة الميناء؟"),
    "Hindi": ("जहाज बंदरगाह से निकलते हैं।", "जहाज कब निकलता है?"),
}  # fmt: skip


@pytest.mark.parametrize("language", SAID)
def test_the_language_of_a_text_and_of_a_question_is_told(language: str) -> None:
    text, question = SAID[language]
    assert languages.language_of(text) == language and languages.language_of(question) == language
    shared = set(languages.query_terms(question)) & set(languages.terms(text, language))
    assert shared


@pytest.mark.parametrize(
    "text",
    ["When does the ferry leave?", "moorings fee 2024", "def main(): pass", "El Niño", "C'est la vie, as they say",
     "Who is the master of the die?", "", "2024-03-05", "He said that all of the den was open."],
)  # fmt: skip
def test_english_and_texts_without_a_language_have_no_further_terms(text: str) -> None:
    assert languages.language_of(text) == "" and languages.query_terms(text) == []


@given(st.text(max_size=80))
def test_further_terms_are_marked_so_that_no_word_is_one(text: str) -> None:
    further = [*languages.terms(text, languages.language_of(text)), *languages.query_terms(text)]
    assert all(term[0] == "~" or term[2] == ":" for term in further)
    assert not set(further) & set(text_analysis.terms(text))


def test_an_english_text_has_the_terms_that_it_had() -> None:
    text = "The ferry leaves at noon."
    _, postings = invert([text])
    assert {term for term, _ in postings} == set(text_analysis.terms(text))


@pytest.mark.parametrize(
    ("right", "others", "question"),
    [
        ("Die Hafengebühren sind im Mai fällig und nicht später.", ["Der Hafen ist alt und die Mole nicht.", "Das Museum ist im Mai zu."], "Wann ist die Hafengebühr fällig?"),
        ("Les cotisations sont payées au mois de mai.", ["Le port est grand et la jetée est vieille.", "Les musées sont fermés."], "Quand est-ce que la cotisation est payée ?"),
        ("東京の港は九時に開く。", ["京都の東の港は閉まる。", "時の港は開かない。"], "東京の港"),
        ("ค่าจอดเรือจ่ายในเดือนพฤษภาคม", ["พิพิธภัณฑ์ปิดวันจันทร์", "เรือออกตอนเที่ยง"], "ค่าจอดเรือจ่ายเมื่อไร"),
        ("Членские взносы платят в мае.", ["Порт старый, причал тоже.", "Музей закрыт."], "Когда платится членский взнос?"),
    ],
)  # fmt: skip
def test_another_form_of_a_word_is_found_by_words(tmp_path: Path, right: str, others: list[str], question: str) -> None:
    write(tmp_path / "index", *(entry(text, source=f"{n}.txt") for n, text in enumerate([*others, right])))
    assert best(tmp_path / "index", question, "lexical")[0] == right
