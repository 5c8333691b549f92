"""BEIR: questions and claims with graded documents and no answers. TREC collections can be given in this form too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from pathlib import Path

from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets.notes import sentence
from ragqa.evaluate.datasets.rows import Row, read_lines, read_text
from ragqa.load import text_document
from ragqa.records import Document

Judgements = dict[str, dict[str, int]]
"""Grades by question id and document source."""


def read(path: Path, name: str) -> Dataset:
    """Return the judged queries of a folder with corpus.jsonl, queries.jsonl and qrels/*.tsv (Thakur et al. 2021).

    A document's text is its title, a space and its text, as in the reference implementation; its title field is empty.
    The split of a query is the name of its file of judgements; queries of test.tsv come first. A grade below 1 means
    that a document is not relevant. A relevant document that is not in the corpus counts as not found, as in trec_eval.
    """
    documents = tuple(_document(row) for row in read_lines(path / "corpus.jsonl"))
    sources = {document.source for document in documents}
    queries = {row.text("_id"): row.text("text") for row in read_lines(path / "queries.jsonl")}
    questions: dict[str, Question] = {}
    notes: Counter[str] = Counter()
    judged: set[str] = set()
    for file in _judgement_files(path):
        for query, grades in _judgements(file, queries).items():
            judged.add(query)
            relevant = {document: grade for document, grade in grades.items() if grade > 0}
            notes["judgements of grade 0 or less left out"] += len(grades) - len(relevant)
            notes["relevant documents that are not in the corpus"] += sum(source not in sources for source in relevant)
            if query in questions:
                notes["queries judged in several files, taken from the first"] += 1
            elif relevant:
                group, split = next(iter(relevant)), {"split": file.stem}
                questions[query] = Question(query, queries[query], (), relevant=relevant, group=group, metadata=split)
    notes["queries without a relevant document left out"] = len(judged - questions.keys())
    notes["queries without judgements left out"] = len(queries.keys() - judged)
    notes["blank documents, which cannot be indexed"] = sum(not document.text for document in documents)
    return Dataset(name, tuple(questions.values()), documents, unit="document", note=sentence(notes))


def _document(row: Row) -> Document:
    return text_document(row.text("_id"), f"{row.string('title', default='')} {row.string('text')}".strip())


def _judgement_files(path: Path) -> list[Path]:
    files = sorted((path / "qrels").glob("*.tsv"), key=lambda file: (file.stem != "test", file.stem))
    if not files:
        raise UsageError(f"{path / 'qrels'}: no judgements; put test.tsv there: query-id, corpus-id, score")
    return files


def _judgements(file: Path, queries: Container[str]) -> Judgements:
    judgements: Judgements = {}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip() or (number == 1 and line.startswith("query-id")):
            continue
        columns = line.split("\t")
        try:
            query, document, grade = columns[0], columns[1], int(columns[2])
        except (IndexError, ValueError):
            message = (
                f"got {len(columns)} columns; must be query-id, corpus-id and a whole number, with tabs between them"
            )
            raise UsageError(f"{file}:{number}: {message}") from None
        if query not in queries:
            raise UsageError(f"{file}:{number}: its query-id is not in queries.jsonl; add it there")
        judgements.setdefault(query, {})[document] = grade
    return judgements
