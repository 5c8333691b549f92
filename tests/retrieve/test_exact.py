"""Exact identifiers first: by words, by words and vectors, after a reranker; other questions are ranked as without them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ragqa import identifiers
from ragqa.config.retrieval import DenseRetrieve, EncoderRerank, HybridRetrieve, LexicalRetrieve
from ragqa.index.local import LocalIndex
from ragqa.pipeline.answer.by_words import ByWords
from ragqa.records import Hit
from ragqa.retrieve import exact
from ragqa.retrieve.retriever import FusionRetriever
from ragqa.testing.documents import entry
from tests.fakes import WordEmbedder

EMBEDDER = WordEmbedder()
LAST = "Notes are in the manual, and support is by ticket."


def index_of(folder: Path, texts: Sequence[str], names: Sequence[str] = ()) -> LocalIndex:
    index = LocalIndex(folder / "index")
    sources = names or [f"{number}.txt" for number in range(len(texts))]
    entries = [entry(source, text) for source, text in zip(sources, texts, strict=True)]
    with index.write(EMBEDDER.identity) as writer:
        vectors = dict(zip(texts, EMBEDDER.embed_passages(texts), strict=True))
        writer.commit(entries, vectors, {each.document.source: each.document.id for each in entries}, {})
    return index


def first(folder: Path, texts: Sequence[str], question: str, kind: str = "hybrid", **how: Any) -> str:
    """Return the text of the best hit."""
    specs = {"hybrid": HybridRetrieve, "lexical": LexicalRetrieve, "dense": DenseRetrieve}
    retriever = FusionRetriever(specs[kind](kind=kind, prefer="none", **how), EMBEDDER)
    with index_of(folder, texts).open(EMBEDDER.identity) as reader:
        return retriever.retrieve(question, reader)[0].chunk.text


CASES = {
    "versions": (["5.4.1", "4.5.1", "1.4.5", "1.5.4", "5.1.4", "4.1.5"], "What does release {} change?"),
    "addresses": (["10.0.2.1", "10.2.0.1", "2.10.0.1", "10.0.1.2"], "Which machine has {}?"),
    "parts": (["QX-77/810", "QX-810/77", "XQ-77/810"], "What is {}?"),
    "times": (["10:45", "45:10"], "What leaves at {}?"),
}


@pytest.mark.parametrize("kind", ["hybrid", "lexical", "dense"])
@pytest.mark.parametrize("name", CASES)
def test_the_text_with_the_identifier_comes_before_those_with_its_parts_in_another_order(
    tmp_path: Path, name: str, kind: str
) -> None:
    forms, question = CASES[name]
    texts = [f"{question.format(form)[:-1]} {'and more ' * number}{LAST}" for number, form in enumerate(forms)]
    wanted = f"The entry {forms[-1]}: this one is another text with few words of any question."
    assert first(tmp_path, [*texts[:-1], wanted], question.format(forms[-1]), kind) == wanted


@pytest.mark.parametrize(
    ("question", "text", "others"),
    [
        ("What was said on 2023-11-07?", "Minutes of 7 November 2023.", ["17 November 2023", "11 July 2023", "2023-07-11"]),
        ("What was said on November 7, 2023?", "Minutes of 2023-11-07.", ["2023-11-17", "2023-07-11", "November 11, 2023"]),
        ("Which berth costs 8,400?", "The berth costs 8400.", ["8, then 400", "840", "4,800"]),
        ("Which berth costs 8400?", "The berth costs 8,400.", ["4800", "400 and 8", "84,000"]),
    ],
)  # fmt: skip
def test_an_identifier_is_found_in_another_form(tmp_path: Path, question: str, text: str, others: list[str]) -> None:
    (asked,) = identifiers.asked(question)
    texts = [f"{question[:-1]}.".replace("2023-11-07", other).replace("November 7, 2023", other) for other in others]
    texts = [
        f"{text.replace('8,400', other).replace('8400', other)}" for text, other in zip(texts, others, strict=True)
    ]
    assert not any(f"={asked.exact}" in identifiers.terms(other) for other in texts)
    assert first(tmp_path, [*texts, text], question) == text


def test_an_identifier_in_the_name_of_a_file_counts(tmp_path: Path) -> None:
    names = ["rel_2_1_3.md", "rel_3_1_2.md", "rel_1_2_3.md"]
    texts = [f"The {word} of the importer." for word in ("end", "repair", "name")]
    with index_of(tmp_path, texts, names).open(EMBEDDER.identity) as reader:
        hits = FusionRetriever(HybridRetrieve(kind="hybrid"), EMBEDDER).retrieve("What does the release 3.1.2 do?", reader)
    assert hits[0].source == "rel_3_1_2.md" and hits[0].scores[exact.EXACT] == 1


def test_another_reading_counts_half(tmp_path: Path) -> None:
    texts = ["It is due on 07/11/2023.", "It is due on 7 November 2023.", "It is due on 8 November 2023."]
    index = index_of(tmp_path, texts)
    with index.open(EMBEDDER.identity) as reader:
        ids = [reader.chunks(id_)[0].id for _, id_ in sorted(reader.sources().items())]
        assert reader.identifier_shares("What is due on 2023-11-07?", ids) == [0.5, 1, 0]
        assert reader.identifier_shares("What is due on 07/11/2023?", ids) == [1, 0.5, 0]
        assert reader.identifier_shares("What is due?", ids) == [0, 0, 0]


def test_a_share_is_of_all_identifiers_of_the_question(tmp_path: Path) -> None:
    texts = ["Version 4.1.2 of QX-77/810.", "Version 4.1.2 of QX-77/811.", "Version 4.2.1."]
    with index_of(tmp_path, texts).open(EMBEDDER.identity) as reader:
        ids = [reader.chunks(id_)[0].id for _, id_ in sorted(reader.sources().items())]
        assert reader.identifier_shares("QX-77/810 with 4.1.2?", ids) == [1, 0.5, 0]
        assert ByWords(reader, EMBEDDER, "a question").identifier_shares("4.1.2", ids) == [1, 1, 0]


def test_an_identifier_that_no_text_has_changes_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question = "What does release 9.9.7 change?"
    with index_of(tmp_path, ["Release 7.9.9 changes it.", "Nothing changes."]).open(EMBEDDER.identity) as reader:
        retriever = FusionRetriever(HybridRetrieve(kind="hybrid"), EMBEDDER)
        before = retriever.retrieve(question, reader), reader.lexical_bound(question)
        monkeypatch.setattr(identifiers, "asked", lambda text: ())
        reader.lexical("another question", 1)  # drops the postings that are kept of the last question
        assert (retriever.retrieve(question, reader), reader.lexical_bound(question)) == before


QUESTIONS = [
    "Which release changes the importer?",
    "What happened in 1994?",
    "Who has room 12?",
    "the 90s, A1 and COVID-19",
]


@pytest.mark.parametrize("kind", ["hybrid", "lexical"])
def test_a_question_without_an_identifier_is_ranked_as_by_an_index_of_words_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    texts = [
        f"Release {n}.{n % 7}.2 of {1990 + n}: the importer in room {n} costs {n},250 since 2{n:03}-01-05."
        for n in range(40)
    ]
    spec: Any = {"hybrid": HybridRetrieve, "lexical": LexicalRetrieve}[kind]
    found: list[list[list[Hit]]] = []
    for name in ("with", "without"):
        with index_of(tmp_path / name, texts).open(EMBEDDER.identity) as reader:
            retriever = FusionRetriever(spec(kind=kind, top_k=40), EMBEDDER)
            found.append([retriever.retrieve(question, reader) for question in QUESTIONS])
        monkeypatch.setattr(identifiers, "terms", lambda text: [])
    assert found[0] == found[1] and all(found[0])
    assert not any(exact.EXACT in hit.scores for hits in found[0] for hit in hits)


class LikesTheFirst:
    """A reranker that likes one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(self.text in passage) + 0.9 for passage in passages]


def test_a_reranker_does_not_put_other_identifiers_first(tmp_path: Path) -> None:
    texts = ["Release 4.1.2 repairs it.", "Release 2.1.4 removes it.", "Release 1.4.2 renames it."]
    rerank = EncoderRerank(kind="encoder", model="any", weight=0.6)
    spec = HybridRetrieve(kind="hybrid", rerank=rerank, prefer="none")
    with index_of(tmp_path, texts).open(EMBEDDER.identity) as reader:
        hits = FusionRetriever(spec, EMBEDDER, LikesTheFirst("2.1.4")).retrieve("What does 4.1.2 do?", reader)
    assert hits[0].chunk.text == texts[0]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_text_that_merely_has_the_identifier_is_not_put_before_one_that_is_twice_as_good() -> None:
    assert exact.preferred({"a": 0.9, "b": 0.4}, {"a": 0.0, "b": 1.0}) == pytest.approx({"a": 0.45, "b": 0.4})
    assert exact.preferred({"a": -0.2, "b": -0.1}, {"a": 0.0, "b": 1.0}) == pytest.approx({"a": -0.3, "b": -0.1})
    assert exact.preferred({"a": 0.9, "b": 0.4}, {}) == {"a": 0.9, "b": 0.4}


def test_an_index_that_knows_no_identifiers_ranks_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ragqa.index.reader.LocalReader.identifier_shares", lambda self, question, ids: [0.0] * len(ids)
    )
    with index_of(tmp_path, ["Release 4.1.2.", "Release 2.1.4."]).open(EMBEDDER.identity) as reader:
        hits = FusionRetriever(HybridRetrieve(kind="hybrid"), EMBEDDER).retrieve("What is 4.1.2?", reader)
    assert hits and not any(exact.EXACT in hit.scores for hit in hits)
