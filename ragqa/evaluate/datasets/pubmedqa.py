"""PubMedQA: paper titles that are questions, answered by yes, no or maybe from the abstract without its conclusion."""

from __future__ import annotations

from pathlib import Path

from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets.rows import Row, read_object
from ragqa.load import text_document

_DECISIONS = ("yes", "no", "maybe")


def read(path: Path, name: str) -> Dataset:
    """Return the questions that experts labelled, ori_pqal.json (Jin et al. 2019), from the file or its folder.

    A document is an abstract, with a line for each of its sections; its source is its PubMed id. It has no title, since
    the title is the question. Questions in test_ground_truth.json beside the file have the split `test`, the others
    `train`.
    """
    file = path / "ori_pqal.json" if path.is_dir() else path
    listed = file.with_name("test_ground_truth.json")
    test = read_object(listed).values if listed.exists() else None
    abstracts = read_object(file)
    rows = {id: item.row("abstract") for id, item in abstracts.items("abstract")}
    documents = tuple(text_document(id, "\n".join(row.strings("CONTEXTS"))) for id, row in rows.items())
    splits = {id: {"split": "test" if id in test else "train"} for id in rows} if test is not None else {}
    questions = tuple(_question(id, row, splits.get(id, {})) for id, row in rows.items())
    note = "" if splits else f"no {listed.name} beside {file.name}: the questions have no split"
    return Dataset(name, questions, documents, unit="document", note=note)


def _question(id: str, row: Row, split: dict[str, str]) -> Question:
    decision = row.text("final_decision")
    if decision not in _DECISIONS:
        raise row.fault("final_decision", f"is another text; must be one of {', '.join(_DECISIONS)}")
    return Question(id, row.text("QUESTION"), (decision,), relevant={id: 1}, group=id, metadata=split)
