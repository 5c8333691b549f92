"""Files with page numbers, PDFs above all, and questions whose answers cite file and page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets.jsonl import read_questions
from ragqa.evaluate.datasets.rows import Row, read_lines

LAYOUT = "a folder of PDFs with ground_truth.jsonl or questions.jsonl that cite pages"
"""The files that `read` finds at its path."""

_CITATION = re.compile(r"\s*\[([^\[\]#]+)#page=(\d+)\]")


def read(path: Path, name: str) -> Dataset:
    """Return the questions of a folder about its own files; all files with the suffix of a cited one are the corpus.

    They stand in questions.jsonl, where evidence needs `source` and `page` and may have a `text`, else in
    ground_truth.jsonl in the form of Microsoft's Azure search sample: a line is `{question, truth}`, the truth a long
    answer with citations `[file.pdf#page=N]`, N from 1, which are taken out of it; ids are numbers from 1.
    """
    file = path / "questions.jsonl"
    if file.exists():
        questions = [_paged(question) for question in read_questions(file, pages=True)]
    else:
        rows = read_lines(path / "ground_truth.jsonl")
        questions = [_cited(row, number) for number, row in enumerate(rows, start=1)]
    cited = {
        page.partition("#page=")[0]: number
        for number, question in reversed(list(enumerate(questions, start=1)))
        for page in question.relevant
    }
    _check_files(path, cited)
    include = tuple(sorted({f"**/*{PurePath(file).suffix}" for file in cited}))
    silent = sum(question.answerable and not question.relevant for question in questions)
    note = f"{silent:,} questions that cite no page, for which retrieval is not judged" if silent else ""
    return Dataset(name, tuple(questions), folder=path, include=include, unit="page", note=note)


def _cited(row: Row, number: int) -> Question:
    truth = row.text("truth")
    pages = _CITATION.findall(truth)
    answer = " ".join(_CITATION.sub("", truth).split())
    if not answer:
        raise row.fault("truth", "holds nothing but citations; must be an answer with its citations")
    return Question(
        str(number),
        row.text("question"),
        (answer,),
        relevant={f"{file}#page={page}": 1 for file, page in pages},
        group=pages[0][0] if pages else "",
    )


def _paged(question: Question) -> Question:
    """Return a question whose relevant units are the pages of its evidence; only evidence with a text is kept."""
    pages = [f"{evidence.source}#page={evidence.page}" for evidence in question.evidence if question.answerable]
    quoted = tuple(evidence for evidence in question.evidence if evidence.text)
    return replace(question, relevant=dict.fromkeys(pages, 1), evidence=quoted)


def _check_files(path: Path, cited: Mapping[str, int]) -> None:
    """Refuse files that are not there.

    :param cited: the number of a question that cites it, by file.
    """
    if not cited:
        raise UsageError(f"{path}: no question cites a page; evidence needs source and page, or [file.pdf#page=N]")
    if missing := [number for file, number in cited.items() if not (path / file).is_file()]:
        raise UsageError(
            f"{path}: {len(missing)} cited files are not there, the first in question {min(missing)}; add them"
        )
