"""Files with page numbers, mostly PDFs, and questions whose answers cite file and page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets.jsonl import read_questions
from ragqa.evaluate.datasets.rows import Row, read_lines

_CITATION = re.compile(r"\s*\[([^\[\]#]+)#page=(\d+)\]")


def read(path: Path, name: str) -> Dataset:
    """Return the questions of a folder about its own files. All files with the suffix of a cited file are the corpus.

    The questions are in questions.jsonl, where evidence needs `source` and `page` and may have a `text`. Without that
    file they are in ground_truth.jsonl, in the format of Microsoft's Azure search sample: a line is `{question,
    truth}`, and the truth is a long answer with citations `[file.pdf#page=N]`, N from 1, which are removed from it; ids
    are numbers from 1.
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
    """Return a question with the pages of its evidence as relevant units; evidence without a text is removed."""
    pages = [f"{evidence.source}#page={evidence.page}" for evidence in question.evidence if question.answerable]
    quoted = tuple(evidence for evidence in question.evidence if evidence.text)
    return replace(question, relevant=dict.fromkeys(pages, 1), evidence=quoted)


def _check_files(path: Path, cited: Mapping[str, int]) -> None:
    """Check that all cited files exist.

    :param cited: the number of a citing question, by file.
    :raises UsageError: a file does not exist.
    """
    if not cited:
        raise UsageError(f"{path}: no question cites a page; evidence needs source and page, or [file.pdf#page=N]")
    if missing := [number for file, number in cited.items() if not (path / file).is_file()]:
        raise UsageError(
            f"{path}: {len(missing)} cited files are not there, the first in question {min(missing)}; add them"
        )
