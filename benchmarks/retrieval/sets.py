"""The sets of questions in the data folder, each read into the same form.

What is for tuning (`train`) and what for reporting (`test`) is fixed for each set, so that figures stay comparable.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SPLITS = ("train", "test")
SQUAD_SAMPLE = {"train": 1000, "test": 1500}
_TRAIN_ARTICLES = 24
_SEED = 20240229
_CITATION = re.compile(r"\[([^\[\]#]+)#page=(\d+)\]")


@dataclass(frozen=True, slots=True)
class Text:
    """A document; its title is indexed with every chunk of it."""

    id: str
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the ids of what it should find: documents, or pages of files (`file#page=N`, N from 1)."""

    id: str
    text: str
    relevant: frozenset[str]
    split: str


@dataclass(frozen=True, slots=True)
class Collection:
    """Questions over documents in memory, or over files of a folder; those are found page by page.

    `note` says what was left out.
    """

    name: str
    queries: tuple[Query, ...]
    texts: tuple[Text, ...] = ()
    folder: Path | None = None
    files: tuple[str, ...] = ()
    note: str = ""

    def of(self, split: str) -> list[Query]:
        """Return the questions of a split, in order."""
        return [query for query in self.queries if query.split == split]

    def untitled(self) -> Collection:
        """Return the same without the titles of documents, to measure what indexing them gains."""
        return replace(self, texts=tuple(replace(text, title="") for text in self.texts))

    def limited(self, n: int) -> Collection:
        """Return n documents (files, where there is a folder) and the questions that they suffice for.

        Documents that some question needs come first, else those in front.
        """
        needed = {_document(one) if self.folder else one for query in self.queries for one in query.relevant}
        texts = sorted(self.texts, key=lambda text: text.id not in needed)[:n]
        files = sorted(self.files, key=lambda file: file not in needed)[:n]
        kept = {text.id for text in texts} | set(files)
        queries = [
            query
            for query in self.queries
            if all((_document(one) if self.folder else one) in kept for one in query.relevant)
        ]
        note = f"limited to {n} documents and the {len(queries)} questions about them alone"
        return replace(self, queries=tuple(queries), texts=tuple(texts), files=tuple(files), note=note)


def scifact(data: Path) -> Collection:
    """Read SciFact as BEIR gives it (Wadden et al. 2020; Thakur et al. 2021): claims, and abstracts with titles."""
    folder = data / "scifact"
    texts = tuple(Text(row["_id"], row["text"], row["title"]) for row in _lines(folder / "corpus.jsonl"))
    asked = {row["_id"]: row["text"] for row in _lines(folder / "queries.jsonl")}
    queries = []
    for split in SPLITS:
        relevant: dict[str, set[str]] = {}
        for line in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            query, document, grade = line.split("\t")
            if int(grade) > 0:
                relevant.setdefault(query, set()).add(document)
        queries += [Query(query, asked[query], frozenset(ids), split) for query, ids in relevant.items()]
    return Collection("scifact", tuple(queries), texts)


def squad(data: Path) -> Collection:
    """Read SQuAD 1.1 dev (Rajpurkar et al. 2016), a sample of its questions; paragraphs are documents, without titles.

    The first 24 articles by title are for training.
    """
    articles = _json(data / "squad" / "dev-v1.1.json")["data"]
    texts, queries = _squad(articles, _train_titles(articles))
    sampled: list[Query] = []
    for split, size in SQUAD_SAMPLE.items():
        own = [query for query in queries if query.split == split]
        chosen = random.Random(_SEED).sample(range(len(own)), min(size, len(own)))
        sampled += [own[i] for i in sorted(chosen)]
    note = f"a sample of {len(sampled):,} of {len(queries):,} questions"
    return Collection("squad", tuple(sampled), tuple(texts), note=note)


def squad2(data: Path) -> Collection:
    """Read half of SQuAD 2.0 dev (Rajpurkar et al. 2018): the answerable questions, split by the articles of 1.1."""
    articles = _json(data / "squad" / "dev-v2.0-half.json")["data"]
    texts, queries = _squad(articles, _train_titles(_json(data / "squad" / "dev-v1.1.json")["data"]))
    asked = sum(len(paragraph["qas"]) for article in articles for paragraph in article["paragraphs"])
    note = f"without {asked - len(queries):,} questions that have no answer"
    return Collection("squad2", tuple(queries), tuple(texts), note=note)


def _train_titles(articles: Sequence[dict[str, Any]]) -> set[str]:
    return set(sorted(article["title"] for article in articles)[:_TRAIN_ARTICLES])


def _squad(articles: Iterable[dict[str, Any]], train: set[str]) -> tuple[list[Text], list[Query]]:
    texts, queries = [], []
    for article in articles:
        split = "train" if article["title"] in train else "test"
        for number, paragraph in enumerate(article["paragraphs"]):
            texts.append(Text(f"{article['title']}/{number}", paragraph["context"]))
            queries += [
                Query(qa["id"], qa["question"], frozenset([texts[-1].id]), split)
                for qa in paragraph["qas"]
                if not qa.get("is_impossible")
            ]
    return texts, queries


def pubmedqa(data: Path) -> Collection:
    """Read PubMedQA (Jin et al. 2019): titles of papers that ask, to find the abstract without its conclusion."""
    rows = _json(data / "pubmedqa" / "ori_pqal.json")
    test = _json(data / "pubmedqa" / "test_ground_truth.json")
    texts = tuple(Text(id, "\n".join(row["CONTEXTS"])) for id, row in rows.items())
    queries = tuple(
        Query(id, row["QUESTION"], frozenset([id]), "test" if id in test else "train") for id, row in rows.items()
    )
    return Collection("pubmedqa", queries, texts)


def hotpotqa(data: Path) -> Collection:
    """Read 100 questions of HotpotQA (Yang et al. 2018), to find the passages with supporting facts in all passages.

    Questions at odd positions, counted from 1, are for training; so in MuSiQue.
    """
    corpus = _json(data / "multihop" / "hotpotqa_train_corpus.json")
    ids = {title: str(number) for number, title in enumerate(corpus)}
    texts = tuple(Text(ids[title], "".join(sentences), title) for title, sentences in corpus.items())
    queries = tuple(
        Query(row["_id"], row["question"], frozenset(ids[title] for title, _ in row["supporting_facts"]), split)
        for split, row in _alternating(_json(data / "multihop" / "hotpotqa_train.json"))
    )
    return Collection("hotpotqa", queries, texts)


def musique(data: Path) -> Collection:
    """Read 100 questions of MuSiQue (Trivedi et al. 2022), to find the supporting paragraphs in all paragraphs."""
    corpus = _json(data / "multihop" / "musique_train_corpus.json")
    ids = {(row["title"], row["text"]): str(number) for number, row in enumerate(corpus)}
    texts = tuple(Text(id, text, title) for (title, text), id in ids.items())
    queries = []
    for split, row in _alternating(_json(data / "multihop" / "musique_train.json")):
        supporting = [(one["title"], one["paragraph_text"]) for one in row["paragraphs"] if one["is_supporting"]]
        queries.append(Query(row["id"], row["question"], frozenset(ids[one] for one in supporting), split))
    return Collection("musique", tuple(queries), texts)


def benefits_pdf(data: Path) -> Collection:
    """Name the PDFs of the Azure search sample, and read its questions with the pages that their answers cite."""
    folder = data / "benefits_pdf"
    rows = list(_lines(folder / "ground_truth.jsonl"))
    pages = [frozenset(f"{file}#page={page}" for file, page in _CITATION.findall(row["truth"])) for row in rows]
    queries = tuple(
        Query(str(number), row["question"], cited, "test")
        for number, (row, cited) in enumerate(zip(rows, pages, strict=True), start=1)
        if cited
    )
    files = tuple(sorted(path.name for path in folder.glob("*.pdf")))
    silent = len(rows) - len(queries)
    note = f"without {silent} questions that cite no page" if silent else ""
    return Collection("benefits_pdf", queries, folder=folder, files=files, note=note)


SETS: dict[str, Callable[[Path], Collection]] = {
    one.__name__: one for one in (scifact, squad, squad2, pubmedqa, hotpotqa, musique, benefits_pdf)
}


def _document(page: str) -> str:
    """Return the file of a page."""
    return page.partition("#page=")[0]


def _alternating(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield rows with their split: odd positions, counted from 1, train, even ones test."""
    for position, row in enumerate(rows, start=1):
        yield "train" if position % 2 else "test", row


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            yield json.loads(line)
