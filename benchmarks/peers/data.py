"""The articles, their chunks and the questions that every system gets, and which chunks hold the answers."""

from __future__ import annotations

import json
import os
import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from langchain_text_splitters import RecursiveCharacterTextSplitter

from ragqa.split import SEPARATORS

ROOT = Path(__file__).parent.parent.parent
CHUNK_SIZE = 800
"""Most characters of a chunk; neighbours share none."""
WARM_UP = 5
"""Questions that are asked before the measured ones and are none of them."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the texts of the chunks that hold a gold answer where it was annotated."""

    text: str
    gold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """`articles` holds text by name; `chunks` is what they are cut into, in order."""

    name: str
    articles: dict[str, str]
    chunks: list[str]
    warm_up: list[Question]
    questions: list[Question]

    def write(self, place: Path) -> None:
        """Write what the workers read: a folder of articles; chunks and questions as JSON Lines."""
        (place / "articles").mkdir(parents=True)
        for name, text in self.articles.items():
            (place / "articles" / name).write_bytes(text.encode())
        lists = {"chunks": self.chunks}
        lists |= {"warm_up": [q.text for q in self.warm_up], "questions": [q.text for q in self.questions]}
        for name, texts in lists.items():
            lines = [json.dumps({"text": text}) + "\n" for text in texts]
            (place / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def prepare(chunks: int, questions: int) -> Work:
    """Return whole articles, in order of their names, until there are `chunks` chunks, and questions on them.

    The articles of SQuAD 1.1 and its dev questions where the data folder is there, else the sample corpus. Questions
    whose answer no single chunk holds are left out.
    """
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data")) / "squad"
    is_there = (data / "articles.zip").is_file() and (data / "dev-v1.1.json").is_file()
    texts = dict(_squad_articles(data) if is_there else _sample_documents())
    articles: dict[str, str] = {}
    cut: dict[str, list[tuple[int, str]]] = {}
    for name in sorted(texts):
        if sum(map(len, cut.values())) >= chunks:
            break
        articles[name] = texts[name]
        cut[name] = split(texts[name])
    asked = list(_squad_questions(data, articles, cut) if is_there else _sample_questions(articles, cut))
    asked = [question for question in asked if question.gold]
    warm_up, asked = asked[:WARM_UP], asked[WARM_UP:]
    step = max(1.0, len(asked) / questions)  # spread over all of them
    chosen = [asked[int(i * step)] for i in range(min(questions, len(asked)))]
    name = "SQuAD 1.1 articles" if is_there else "sample corpus"
    return Work(name, articles, [text for pieces in cut.values() for _, text in pieces], warm_up, chosen)


def split(text: str) -> list[tuple[int, str]]:
    """Return the offset and text of each chunk; at the separators that ragqa uses, so that its own are the same."""
    splitter = RecursiveCharacterTextSplitter(
        separators=SEPARATORS, keep_separator="end", strip_whitespace=False, chunk_size=CHUNK_SIZE, chunk_overlap=0
    )
    found, start = [], 0
    for piece in splitter.split_text(text):
        if piece.strip():
            found.append((start + len(piece) - len(piece.lstrip()), piece.strip()))
        start += len(piece)
    return found


def _holding(pieces: list[tuple[int, str]], start: int, length: int) -> Iterator[str]:
    """Yield the chunk that holds the whole of a span, if there is one."""
    at = bisect_right(pieces, start, key=lambda piece: piece[0]) - 1
    if at >= 0 and start + length <= pieces[at][0] + len(pieces[at][1]):
        yield pieces[at][1]


def _squad_articles(data: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(data / "articles.zip") as archive:
        for name in archive.namelist():
            yield name, archive.read(name).decode()


def _squad_questions(data: Path, articles: dict[str, str], cut: dict[str, list[tuple[int, str]]]) -> Iterator[Question]:
    for article in json.loads((data / "dev-v1.1.json").read_text(encoding="utf-8"))["data"]:
        name = article["title"] + ".txt"
        for paragraph in article["paragraphs"] if name in articles else ():
            base = articles[name].index(paragraph["context"])
            for question in paragraph["qas"]:
                spans = {(base + a["answer_start"], len(a["text"])) for a in question["answers"]}
                found = (text for start, length in sorted(spans) for text in _holding(cut[name], start, length))
                gold = dict.fromkeys(found)
                yield Question(question["question"].strip(), tuple(gold))


def _sample_documents() -> Iterator[tuple[str, str]]:
    folder = ROOT / "corpora" / "tarnwick" / "documents"
    for file in folder.rglob("*"):
        if file.suffix in (".md", ".txt"):  # as plain text, so that each system reads the same
            yield file.relative_to(folder).as_posix().replace("/", "-") + ".txt", file.read_bytes().decode()


def _sample_questions(articles: dict[str, str], cut: dict[str, list[tuple[int, str]]]) -> Iterator[Question]:
    lines = (ROOT / "corpora" / "tarnwick" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    for entry in map(json.loads, lines):
        gold: dict[str, None] = {}
        for evidence in entry.get("evidence", ()):
            name = evidence["source"].replace("/", "-") + ".txt"
            start = articles.get(name, "").find(evidence["text"])
            if start >= 0:
                gold |= dict.fromkeys(_holding(cut[name], start, len(evidence["text"])))
        yield Question(entry["question"], tuple(gold))
