"""Fits the ranking of excerpts and the confidence of answers. Run by `make fit-evidence`; prints what
`ragqa/evidence/ranking.py` and `ragqa/evidence/confidence.py` hold.

Questions of several styles are used, of the splits to tune on only: facts of encyclopaedia articles (SQuAD 1.1, also
about articles that are not indexed, and the unanswerable ones of SQuAD 2.0), turns of conversations (MTRAG-UN, odd
lines), long questions with spans as answers (Chroma's chunking evaluation), and both sets of the sample corpus.

An excerpt is relevant if it overlaps the gold evidence. MTRAG has gold passages only: there, an excerpt of one is
relevant if most of its words are in the reference answer. Each set has the same weight.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.run import QUICKSTART, ROOT
from ragqa import Pipeline, evidence
from ragqa.evaluate import Question, metrics, read_dataset, select
from ragqa.evaluate.dataset import Evidence, Span
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.evidence import confidence, ranking
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.evidence.selection import quote
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.question_analysis import analyse
from ragqa.records import Document, Hit, TokenScores
from ragqa.retrieve.versions import without_superseded
from ragqa.text_analysis import content_words

DATA = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
SAMPLE = 300
SHARE = 0.55
"""The least share of an excerpt's words that are in the reference answer, for an excerpt without gold spans."""

LEAST_F1 = 0.35
"""The token F1 from which a short answer is right."""
PENALTY = 0.1
"""On the squares of the weights."""

Floats = NDArray[np.float64]
Relevant = Callable[[Candidate], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its evidence; `relevant` tells whether an excerpt answers it.

    `hits` are the passages of the evidence, and `terms` the weights of the question's terms. `read` is what a reader found.
    """

    name: str
    question: Question
    found: evidence.Evidence
    relevant: Relevant
    hits: Sequence[Hit]
    terms: Mapping[str, float]
    read: Sequence[TokenScores]

    @property
    def answerable(self) -> bool:
        """Whether the documents answer the question."""
        return self.question.answerable

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the features of the confidence."""
        return confidence.features(self.found.question, self.hits, self.found.ranked, self.terms)

    def ranked_by(self, weights: Floats) -> Case:
        """Return the case with its excerpts ranked by other weights, the constant first."""
        scored = [
            replace(each, score=float(weights[0] + np.dot(weights[1:], each.features))) for each in self.found.ranked
        ]
        ranked = tuple(sorted(scored, key=lambda each: -each.score))
        span = ranking.best_span(ranked[0].candidate, self.read)
        return replace(self, found=replace(self.found, ranked=ranked, span=span))


def sets(
    pipeline: Pipeline, sample: int | None = SAMPLE, learned: bool = False
) -> Iterator[tuple[str, Pipeline, Sequence[Question], Sequence[Document]]]:
    """Yield the name, the pipeline over the documents, the questions and the documents of each set.

    The reader of `make bench-reader` learns from most of these questions. What uses its scores is fitted on the others:
    every sixth article of SQuAD, every third question of the conversations and of the chunking evaluation, and all about
    the sample corpus.

    :param pipeline: the pipeline over the sample corpus; the others have its settings.
    :param sample: how many questions of SQuAD; None for all.
    :param learned: give the questions from which the reader learned instead of the others.
    """
    squad = read_dataset(f"squad:{DATA / 'squad' / 'dev-v1.1.json'}")
    tune = [question for question in squad.questions if question.split == "tune"]
    articles = sorted({_article(question) for question in tune})
    apart = articles[2::6]
    of = {name: [d for d in squad.documents if d.source.partition("/")[0] == name] for name in articles}
    every = [document for name in articles for document in of[name]]
    own = [question for question in tune if (_article(question) in apart) is not learned]
    yield "squad", pipeline.with_documents(every), select(own, sample=sample), every
    others = [document for name in articles if name not in apart for document in of[name]]
    absent = [_unanswerable(question) for question in select(own, sample=sample and sample // 2)]
    if not learned:
        yield "absent", pipeline.with_documents(others), absent, others
    adversarial = read_dataset(f"squad:{DATA / 'squad' / 'dev-v2.0-half.json'}")
    there = [d for d in adversarial.documents if d.source.partition("/")[0] in articles]
    hard = [q for q in adversarial.questions if not q.answerable and q.group.partition("/")[0] in articles]
    hard = [q for q in hard if (q.group.partition("/")[0] in apart) is not learned]
    yield "adversarial", pipeline.with_documents(there), select(hard, sample=sample and sample // 2), there
    mtrag = read_dataset(f"mtrag:{DATA / 'mtrag_un' / 'reference.jsonl'}")
    turns = _third(select(mtrag.questions, "tune"), learned=learned)
    yield "mtrag", pipeline.with_documents(mtrag.documents), turns, mtrag.documents
    over, questions, documents = _chunking(pipeline)
    yield "chunking", over, _third(questions, learned=learned), documents
    for name in () if learned else ("questions", "people"):
        dataset = read_dataset(f"jsonl:{ROOT / 'corpora' / 'tarnwick' / f'{name}.jsonl'}")
        pipeline.index()
        yield name, pipeline, select(dataset.questions, "dev"), list(pipeline.documents().values())


def _third(questions: Sequence[Question], *, learned: bool) -> list[Question]:
    """Return every third question; the others where `learned`."""
    return [question for number, question in enumerate(questions) if (number % 3 == 0) is not learned]


def _article(question: Question) -> str:
    return question.evidence[0].source.partition("/")[0] if question.evidence else question.group


def _unanswerable(question: Question) -> Question:
    return Question(question.id, question.question, (), answerable=False, group=question.group)


def _chunking(pipeline: Pipeline) -> tuple[Pipeline, Sequence[Question], Sequence[Document]]:
    folder = DATA / "chunking" / "corpora"
    over = pipeline.with_documents([(path.stem, path.read_text()) for path in sorted(folder.iterdir())])
    over.index()
    questions = []
    for number, line in enumerate((DATA / "chunking" / "questions.jsonl").read_text().splitlines()):
        row = json.loads(line)
        quotes = tuple(
            Evidence(row["corpus"], each["content"], start=each["start_index"], end=each["end_index"])
            for each in row["references"]
        )
        questions.append(Question(f"c{number}", row["question"], (), evidence=quotes))
    return over, questions, list(over.documents().values())


def cases(
    name: str, pipeline: Pipeline, questions: Sequence[Question], documents: Sequence[Document]
) -> Iterator[Case]:
    """Yield each question with the evidence that is found for it."""
    pipeline.index()
    by_source = {document.source: document for document in documents}
    gold, _ = locate_evidence(questions, by_source)
    with pipeline.open_index() as reader:
        for question in tqdm(questions, desc=name):
            asked = AskedQuestion(question.question, question.history)
            hits = pipeline.search(question.question, history=question.history)
            read = without_superseded(hits, asked.searched)
            texts = (asked.text, asked.asked, asked.searched)
            components = pipeline.components
            found = evidence.examine(*texts, read, components.embedder, reader, components.passage_reader)
            if not found.ranked:
                continue
            weights = ranking.term_weights(found.question.terms, reader.document_counts(found.question.terms))
            weights = ranking.only(weights, analyse(question.question).terms)
            best = hits[: evidence.MOST_HITS]
            scores = components.passage_reader.read(asked.asked, best) if components.passage_reader else []
            relevant = relevance(question, gold[question.id], by_source)
            yield Case(name, question, found, relevant, best, weights, scores)


def relevance(question: Question, gold: Sequence[Span], documents: Mapping[str, Document]) -> Relevant:
    """Return a function that tells whether an excerpt answers a question, by its gold spans or reference answers.

    :param documents: by source.
    """
    ids = {documents[source].id for source in question.relevant if source in documents}
    spans = [(span.document_id, span.start, span.end) for span in gold]
    return _overlaps(spans) if spans else _says(ids, question.answers)


def _overlaps(spans: Sequence[tuple[str, int, int]]) -> Relevant:
    def relevant(each: Candidate) -> bool:
        for id_, start, end in spans:
            shared = min(end, each.end) - max(start, each.start)
            if id_ == each.hit.chunk.document_id and shared >= 0.5 * min(end - start, each.end - each.start) > 0:
                return True
        return False

    return relevant


def _says(ids: set[str], answers: Sequence[str]) -> Relevant:
    wanted = set().union(*map(content_words, answers)) if answers else set()

    def relevant(each: Candidate) -> bool:
        words = content_words(each.text)
        return each.hit.chunk.document_id in ids and len(words) > 2 and len(words & wanted) >= SHARE * len(words)

    return relevant


def fit_ranking(found: Sequence[Case]) -> Floats:
    """Return the weights of the ranking, the constant first; print them, and how often a relevant excerpt is first and
    among three, by set."""
    kept = [case for case in found if case.answerable and any(case.relevant(r.candidate) for r in case.found.ranked)]
    rows, labels, shares = [], [], []
    sizes = Counter(case.name for case in kept)
    for case in kept:
        for each in case.found.ranked:
            rows.append([1.0, *each.features])
            labels.append(float(case.relevant(each.candidate)))
            shares.append(1 / sizes[case.name] / len(case.found.ranked))
    weights = weighted_fit(np.array(rows), np.array(labels), np.array(shares))
    print(f"ranking: CONSTANT = {weights[0]:.2f}, WEIGHTS = {tuple(round(float(w), 2) for w in weights[1:])}")
    for name in sizes:
        places = [_place(case, weights) for case in kept if case.name == name]
        first, three = np.mean([p == 0 for p in places]), np.mean([p < 3 for p in places])
        print(f"  {name}: first {first:.3f}, among three {three:.3f}, n {len(places)}")
    return weights


def weighted_fit(rows: Floats, labels: Floats, shares: Floats) -> Floats:
    """Return the weights of a logistic regression, float64[features], by Newton's method.

    :param shares: how much each row counts, float64[rows].
    """
    shares = shares / shares.mean()
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-rows @ weights))
        curvature = (rows * (shares * p * (1 - p))[:, None]).T @ rows + PENALTY * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, rows.T @ (shares * (p - labels)) + PENALTY * weights)
    return weights


def _place(case: Case, weights: Floats) -> int:
    order = sorted(case.found.ranked, key=lambda each: -float(np.dot(weights[1:], each.features)))
    return next(n for n, each in enumerate(order) if case.relevant(each.candidate))


def fit_confidence(found: Sequence[Case]) -> None:
    """Print the weights of the confidence, and what its thresholds answer and refuse, by set."""
    right = np.array([_is_right(case.found.ranked, case) for case in found], dtype=float)
    rows = np.array([[1.0, *case.values] for case in found])
    sizes = Counter(case.name for case in found)
    weights = weighted_fit(rows, right, np.array([1 / sizes[case.name] for case in found]))
    print(f"confidence: WEIGHTS = {tuple(round(float(w), 2) for w in weights)}")
    p = 1 / (1 + np.exp(-rows @ weights))
    names = np.array([case.name for case in found])
    for choice, least in confidence.LEAST.items():
        for name in sizes:
            here = names == name
            answered = here & (p >= least)
            precise = right[answered].mean() if answered.any() else float("nan")
            print(
                f"  {choice} {name}: answered {answered.sum() / here.sum():.2f}, right of them {precise:.2f}, n {here.sum()}"
            )


def fit_spans(found: Sequence[Case]) -> None:
    """Print the weights of the confidence in a reader's span, and how often it is right, by set."""
    rows, right, names = [], [], []
    for case in found:
        if case.found.span is None or case.found.question.kind != "fact":
            continue
        start, end, score = case.found.span
        place = case.found.ranked[0].candidate
        text = place.text[start - place.start : end - place.start]
        rows.append([1.0, confidence.log_odds(case.found.probability), score])
        right.append(float(case.answerable and metrics.f1(text, case.question.answers) >= LEAST_F1))
        names.append(case.name)
    if rows:
        weights = weighted_fit(np.array(rows), np.array(right), np.array([1 / names.count(name) for name in names]))
        print(f"spans: READER_SPAN_WEIGHTS = {tuple(round(float(w), 2) for w in weights)}")
        for name in dict.fromkeys(names):
            own = [is_right for each, is_right in zip(names, right, strict=True) if each == name]
            print(f"  {name}: right {np.mean(own):.2f}, n {len(own)}")


def _is_right(ranked: Sequence[RankedExcerpt], case: Case) -> bool:
    return case.answerable and any(case.relevant(each) for each in quote(case.found.question, ranked))


def main() -> None:
    """Print the weights."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.evidence")
    parser.add_argument("--reader", metavar="DIR", help="a folder that `make bench-reader` wrote: fit with its scores")
    folder = parser.parse_args().reader
    reader = [f"prompt.reader={{kind: extractive, path: '{folder}'}}"] if folder else []
    found = [case for one in sets(Pipeline.from_file(QUICKSTART, reader)) for case in cases(*one)]
    weights = fit_ranking(found)
    ranked = [case.ranked_by(weights) for case in found]
    fit_confidence(ranked)
    fit_spans(ranked)


if __name__ == "__main__":
    main()
