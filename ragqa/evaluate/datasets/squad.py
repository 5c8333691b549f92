"""SQuAD 1.1 and 2.0: questions about paragraphs of Wikipedia, answered by spans of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ragqa.evaluate.dataset import Dataset, Evidence, Question
from ragqa.evaluate.datasets.notes import sentence
from ragqa.evaluate.datasets.rows import Row, read_object
from ragqa.load import text_document
from ragqa.records import Document

_BESIDE = "answers that stand one character beside their offset, moved there"


def read(path: Path, name: str) -> Dataset:
    """Return the questions of an official file (Rajpurkar et al. 2016; Rajpurkar, Jia and Liang 2018).

    A paragraph is a document `Title/NNN` (NNN from 000 within its article) with the article's title. The evidence is
    each distinct gold answer with its offsets. The paragraph of an unanswerable question is relevant too: it is the
    gold passage, which does not answer the question. Questions are grouped by article. The first half of the articles,
    in the order of their titles, has the split `tune`, the rest `report`.
    """
    articles = read_object(path).rows("data")
    titles = sorted(article.text("title") for article in articles)
    tune = set(titles[: len(titles) // 2])
    documents: list[Document] = []
    questions: list[Question] = []
    notes: Counter[str] = Counter()
    for article in articles:
        title = article.text("title")
        split = "tune" if title in tune else "report"
        for number, paragraph in enumerate(article.rows("paragraphs")):
            source = f"{title}/{number:03}"
            document = text_document(source, paragraph.text("context"), title.replace("_", " "))
            metadata = {"title": title, "paragraph": source, "split": split}
            documents.append(document)
            questions += [_question(qa, document, metadata, notes) for qa in paragraph.rows("qas")]
    return Dataset(name, tuple(questions), tuple(documents), unit="document", note=sentence(notes))


def _question(qa: Row, paragraph: Document, metadata: dict[str, str], notes: Counter[str]) -> Question:
    answerable = not qa.flag("is_impossible", default=False)
    golds = [_evidence(answer, paragraph, notes) for answer in qa.rows("answers")]
    if answerable != bool(golds):
        wanted = "give at least one" if answerable else "leave it empty where is_impossible is true"
        raise qa.fault("answers", f"got {len(golds)}; {wanted}")
    return Question(
        qa.text("id"),
        qa.text("question"),
        tuple(dict.fromkeys(gold.text for gold in golds)),
        answerable,
        tuple(dict.fromkeys(golds)),
        relevant={paragraph.source: 1},
        group=metadata["title"],
        metadata=metadata,
    )


def _evidence(answer: Row, paragraph: Document, notes: Counter[str]) -> Evidence:
    """Return the evidence for an answer, without surrounding white space, with its offsets.

    A few offsets in SQuAD 1.1 are off by one; they are corrected.
    """
    text, given = answer.text("text"), answer.number("answer_start")
    near = (given, given + 1, given - 1)
    start = next((at for at in near if at >= 0 and paragraph.text.startswith(text, at)), None)
    if start is None:
        message = f"`text` does not stand at {given}; give its offset in code points of `context`"
        raise answer.fault("answer_start", message)
    if start != given:
        notes[_BESIDE] += 1
    start += len(text) - len(text.lstrip())
    text = text.strip()
    return Evidence(paragraph.source, text, start=start, end=start + len(text))
