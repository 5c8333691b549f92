"""The text with the question's identifier comes first; a question without one is ranked as by words alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragqa import identifiers, text_analysis
from ragqa.config.retrieval import HybridRetrieve, LexicalRetrieve
from ragqa.evidence import examine
from ragqa.index import doctor
from ragqa.index.local import LocalIndex
from ragqa.records import Hit
from ragqa.retrieve.retriever import FusionRetriever
from ragqa.testing.documents import entry
from tests.fakes import WordEmbedder

EMBEDDER = WordEmbedder()
KINDS: dict[str, Any] = {"hybrid": HybridRetrieve, "lexical": LexicalRetrieve}


def index_of(folder: Path, texts: Sequence[str], names: Sequence[str] = ()) -> LocalIndex:
    index = LocalIndex(folder / "index")
    sources = names or [f"{number}.txt" for number in range(len(texts))]
    entries = [entry(source, text) for source, text in zip(sources, texts, strict=True)]
    with index.write(EMBEDDER.identity) as writer:
        vectors = dict(zip(texts, EMBEDDER.embed_passages(texts), strict=True))
        writer.commit(entries, vectors, {each.document.source: each.document.id for each in entries}, {})
    return index


def best(index: LocalIndex, question: str, kind: str = "hybrid") -> list[Hit]:
    with index.open(EMBEDDER.identity) as reader:
        return FusionRetriever(KINDS[kind](kind=kind, prefer="none", top_k=50), EMBEDDER).retrieve(question, reader)


CASES = {
    "versions": (["5.4.1", "4.5.1", "1.4.5", "1.5.4", "5.1.4", "4.1.5"], "What does release {} change?"),
    "addresses": (["10.0.2.1", "10.2.0.1", "2.10.0.1", "10.0.1.2"], "Which machine has {}?"),
    "parts": (["QX-77/810", "QX-810/77", "XQ-77/810"], "What is {}?"),
    "times": (["10:45", "45:10"], "What leaves at {}?"),
    "days in two forms": (["2023-11-07", "2023-07-11"], "What was said on {}?"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_the_text_with_the_identifier_comes_before_those_with_its_parts_in_another_order(
    tmp_path: Path, name: str, kind: str
) -> None:
    forms, question = CASES[name]
    texts = [f"{question.format(form)[:-1]}: {'and ' * number}so on." for number, form in enumerate(forms)]
    index = index_of(tmp_path, texts)
    for form, text in zip(forms, texts, strict=True):
        assert best(index, question.format(form), kind)[0].chunk.text == text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("question", "text", "others"),
    [
        ("What was said on 2023-11-07?", "said on 7 November 2023", ["said on 17 November 2023", "said on 11 July 2023"]),
        ("What was said on November 7, 2023?", "said on 2023-11-07", ["said on 2023-11-17", "said on November 11, 2023"]),
        ("Which berth costs 8,400?", "berth costs 8400", ["berth costs 8, then 400", "berth costs 4,800"]),
        ("Which berth costs 8400?", "berth costs 8,400", ["berth costs 4800", "berth costs 84,000", "berth costs 400"]),
    ],
)  # fmt: skip
def test_an_identifier_is_found_in_another_form(
    tmp_path: Path, question: str, text: str, others: list[str], kind: str
) -> None:
    assert best(index_of(tmp_path, [*others, text]), question, kind)[0].chunk.text == text


def test_another_reading_comes_after_the_form_itself_and_before_other_texts(tmp_path: Path) -> None:
    texts = ["due on 8 November 2023", "due on 07/11/2023", "due on 7 November 2023", "due on 11 August 2023"]
    index = index_of(tmp_path, texts)
    assert [hit.chunk.text for hit in best(index, "What is due on 2023-11-07?", "lexical")][:2] == [texts[2], texts[1]]
    assert [hit.chunk.text for hit in best(index, "What is due on 07/11/2023?", "lexical")][:2] == [texts[1], texts[2]]


def test_an_identifier_is_found_among_thousands_of_texts_full_of_numbers(tmp_path: Path) -> None:
    versions = [f"{a}.{b}.{c}" for a in range(1, 15) for b in range(1, 15) for c in range(1, 15)]
    texts = [f"Release {version}: 1 to 14 of {number % 15}, and 3." for number, version in enumerate(versions)]
    index = index_of(tmp_path, texts)
    with index.open(EMBEDDER.identity) as reader:
        for number in range(0, len(texts), 250):
            (found, _), *_ = reader.lexical(f"What does release {versions[number]} do?", 3)
            assert reader.hits([(found, 1.0, {})])[0].chunk.text == texts[number]


def test_an_identifier_in_the_name_of_a_file_counts(tmp_path: Path) -> None:
    names = ["rel_2_1_3.md", "rel_3_1_2.md", "rel_1_2_3.md", "other.md"]
    texts = ["The end of it.", "The repair of it.", "The name of it.", "Nothing."]
    assert best(index_of(tmp_path, texts, names), "What is in 3.1.2?", "lexical")[0].source == "rel_3_1_2.md"


def test_scores_agree_with_one_another_and_none_exceeds_the_bound(tmp_path: Path) -> None:
    texts = ["Release 5.4.1 of QX-77/810.", "Release 5.1.4 for 8,400.", "On 07/11/2023, or 2023-11-07."]
    question = "What does 5.4.1 of QX-77/810 do on 2023-11-07 for 8400?"
    with index_of(tmp_path, texts).open(EMBEDDER.identity) as reader:
        found = dict(reader.lexical(question, 9))
        np.testing.assert_allclose(reader.lexical_scores(question, list(found)), list(found.values()), rtol=1e-5)
        assert len(found) == 3 and max(found.values()) <= reader.lexical_bound(question) * (1 + 1e-6)


def test_an_identifier_that_no_text_has_changes_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question = "What does release 9.9.7 change?"
    index = index_of(tmp_path, ["Release 7.9.9 changes it.", "Nothing changes."])
    found = best(index, question)
    monkeypatch.setattr(identifiers, "asked", lambda text: ())
    assert best(index, question) == found


QUESTIONS = ["Which release changes the importer?", "What was in 1994?", "Who has room 12?", "the 90s, A1 and COVID-19"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_without_an_identifier_is_ranked_as_by_an_index_of_words_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    texts = [
        f"Release {n}.{n % 7}.2 of {1990 + n}: the importer in room {n} costs {n},250 since 2{n:03}-01-05."
        for n in range(40)
    ]
    found: list[Any] = []
    for name in ("with", "without"):
        index = index_of(tmp_path / name, texts)
        with index.open(EMBEDDER.identity) as reader:
            bounds = [reader.lexical_bound(question) for question in QUESTIONS]
        found.append((bounds, [best(index, question, kind) for question in QUESTIONS]))
        monkeypatch.setattr(identifiers, "terms", lambda text: [])
    assert found[0] == found[1] and all(found[0][1])


def test_an_index_without_identifiers_gets_them_by_the_next_run_and_embeds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    texts = ["Release 4.5.1 changes it.", "Release 5.4.1 changes it."]
    with monkeypatch.context() as older:
        older.setattr(identifiers, "terms", lambda text: [])
        older.setattr(text_analysis, "VERSION", "2, older")
        index = index_of(tmp_path, texts)
    found = best(index, "What does 5.4.1 change?", "lexical")
    assert {hit.chunk.text for hit in found} == set(texts) and "'2, older'" in caplog.text
    index.write(EMBEDDER.identity).close()
    hits = best(index, "What does 5.4.1 change?", "lexical")
    assert hits[0].chunk.text == texts[1] and hits[0].score > hits[1].score
    assert doctor.check(tmp_path / "index").faults == ()


def test_the_quoted_excerpt_is_one_with_the_identifier(tmp_path: Path) -> None:
    texts = [
        "Minutes of 17 November 2023: the board met and bought a boat.",
        "Minutes of 7 November 2023: the board met and sold a boat.",
    ]
    question = "What did the board decide in the minutes of 2023-11-07?"
    with index_of(tmp_path, texts).open(EMBEDDER.identity) as reader:
        hits = FusionRetriever(HybridRetrieve(kind="hybrid"), EMBEDDER).retrieve(question, reader)
        other = question.replace("2023-11-07", "2023-11-08")
        found = examine(question, question, question, hits[::-1], EMBEDDER, reader)
        absent = examine(other, other, other, hits, EMBEDDER, reader)
    assert "sold" in found.ranked[0].candidate.text
    assert absent.probability < found.probability
