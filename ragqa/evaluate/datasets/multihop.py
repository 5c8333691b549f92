"""HotpotQA and MuSiQue: questions that need several paragraphs, which are searched among those of all questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ragqa.evaluate.dataset import Dataset, Evidence, Question
from ragqa.evaluate.datasets.notes import sentence
from ragqa.evaluate.datasets.rows import Row, read_list, read_object
from ragqa.load import text_document
from ragqa.records import Document


class _Pool:
    """The paragraphs of all questions without duplicates; a source is `Title/NNN`, NNN from 000 within the title."""

    def __init__(self, corpus: Iterable[tuple[str, str]] = ()) -> None:
        self._sources: dict[tuple[str, str], str] = {}
        self._of_title: Counter[str] = Counter()
        for title, text in corpus:
            self.add(title, text)
        self._given = len(self._sources)

    def add(self, title: str, text: str) -> str:
        """Add a paragraph unless the pool has it; return its source."""
        if (title, text) not in self._sources:
            self._sources[title, text] = f"{title}/{self._of_title[title]:03}"
            self._of_title[title] += 1
        return self._sources[title, text]

    def documents(self) -> tuple[Document, ...]:
        return tuple(text_document(source, text, title) for (title, text), source in self._sources.items())

    @property
    def added(self) -> int:
        """Return the number of paragraphs that were not in the corpus; 0 without a corpus."""
        return len(self._sources) - self._given if self._given else 0


def read_hotpotqa(path: Path, name: str) -> Dataset:
    """Return the questions of an official file with `context` (Yang et al. 2018).

    The evidence is the supporting sentences, and their paragraphs are relevant. The corpus has the paragraphs of every
    question's context, and those of `NAME_corpus.json` beside `NAME.json`, if it exists (`{title: [sentence, ...]}`).
    Questions at odd positions, counted from 1, have the split `tune`, the others `report`.
    """
    pool, notes = _Pool(_hotpotqa_corpus(path)), Counter[str]()
    questions = [_hotpotqa(row, position, pool, notes) for position, row in enumerate(read_list(path), start=1)]
    return _dataset(name, questions, pool, notes)


def read_musique(path: Path, name: str) -> Dataset:
    """Return the questions of an official file (Trivedi et al. 2022); evidence is the supporting paragraphs.

    The corpus file beside it, if any, is `[{title, text}, ...]`; splits are as in `read_hotpotqa`. In the full set an
    unanswerable question has the id of an answerable one. Here `-unanswerable` is added to its id, and both are one
    group.
    """
    pool, notes = _Pool(_musique_corpus(path)), Counter[str]()
    questions = [_musique(row, position, pool) for position, row in enumerate(read_list(path), start=1)]
    doubtful = sum(not question.answerable for question in questions)
    notes["unanswerable questions, which paragraphs of other questions may answer"] = doubtful
    return _dataset(name, questions, pool, notes)


def _hotpotqa(row: Row, position: int, pool: _Pool, notes: Counter[str]) -> Question:
    paragraphs: dict[str, tuple[str, Sequence[str]]] = {}
    for title, sentences in row.pairs("context", list, "[title, [sentence, ...]]"):
        paragraphs[title] = pool.add(title, "".join(sentences)), sentences
    evidence: list[Evidence] = []
    relevant: dict[str, int] = {}
    facts = row.pairs("supporting_facts", int, "[title, number of the sentence]")
    for place, (title, number) in enumerate(facts):
        if title not in paragraphs:
            raise row.fault(f"supporting_facts[{place}]", "its title is not in `context`; take the distractor setting")
        source, sentences = paragraphs[title]
        relevant[source] = 1
        if 0 <= number < len(sentences) and sentences[number].strip():
            evidence.append(_quote(source, sentences, number))
        else:
            notes["supporting sentences that do not exist left out"] += 1
    extra = {key: row.values[key] for key in ("type", "level") if key in row.values}
    id, answers = row.text("_id"), (row.text("answer"),)
    metadata = {**extra, "split": _split(position)}
    return Question(id, row.text("question"), answers, True, tuple(evidence), relevant, group=id, metadata=metadata)


def _quote(source: str, sentences: Sequence[str], number: int) -> Evidence:
    """Return a sentence as evidence, without surrounding white space, with its offsets in the joined sentences."""
    sentence = sentences[number]
    start = sum(map(len, sentences[:number])) + len(sentence) - len(sentence.lstrip())
    return Evidence(source, sentence.strip(), start=start, end=start + len(sentence.strip()))


def _musique(row: Row, position: int, pool: _Pool) -> Question:
    id, answerable = row.text("id"), row.flag("answerable", default=True)
    evidence = []
    for paragraph in row.rows("paragraphs"):
        text = paragraph.text("paragraph_text")
        source = pool.add(paragraph.string("title"), text)
        if answerable and paragraph.flag("is_supporting", default=False):
            evidence.append(_quote(source, [text], 0))
    answers = (row.text("answer"), *row.strings("answer_aliases", default=())) if answerable else ()
    return Question(
        id if answerable else f"{id}-unanswerable",
        row.text("question"),
        tuple(dict.fromkeys(answer for answer in answers if answer.strip())),
        answerable,
        tuple(dict.fromkeys(evidence)),
        dict.fromkeys((quote.source for quote in evidence), 1),
        group=id,
        metadata={"split": _split(position)},
    )


def _hotpotqa_corpus(path: Path) -> Iterable[tuple[str, str]]:
    corpus = read_object(file) if (file := _corpus(path)).exists() else None
    items = corpus.items("sentences") if corpus else ()
    return ((title, "".join(item.strings("sentences"))) for title, item in items)


def _musique_corpus(path: Path) -> Iterable[tuple[str, str]]:
    rows = read_list(file) if (file := _corpus(path)).exists() else []
    return ((row.string("title"), row.text("text")) for row in rows)


def _corpus(path: Path) -> Path:
    return path.with_name(f"{path.stem}_corpus.json")


def _split(position: int) -> str:
    return "tune" if position % 2 else "report"


def _dataset(name: str, questions: Sequence[Question], pool: _Pool, notes: Counter[str]) -> Dataset:
    notes["paragraphs that the corpus lacks, added to it"] = pool.added
    return Dataset(name, tuple(questions), pool.documents(), unit="document", note=sentence(notes))
