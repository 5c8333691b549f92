"""Asks questions that people ask, and counts the answers: right, wrong, refused. Run by `make bench-people`.

The questions are those of `corpora/tarnwick/people.jsonl`, split `test`, and of `questions.jsonl`, split `test`. An
answer counts as right if one of its citations overlaps the gold evidence, and, where it is a span or written, if it
also says what a gold answer says: a short one in its words, a long one by half of its words. Of a question that the
documents do not answer, only a refusal is right. Judging by words is stricter than a reader in some cases, and laxer
in others; `--show` prints every answer for reading.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.run import QUICKSTART, ROOT, table
from ragqa import Pipeline
from ragqa.evaluate import Question, metrics, read_dataset, select
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.metrics.statistics import interval
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.records import Answer
from ragqa.text_analysis import content_words, term

SETS = ("people", "questions")
SHARE = 0.5
"""The least share of a reference answer's words in a written answer that says the same."""


def outcome(question: Question, answer: Answer, gold: Sequence[Span], ids: Mapping[str, str]) -> str:
    """Return `right`, `wrong` or `refused`.

    :param ids: the document's id by source.
    """
    if answer.abstained:
        return "refused"
    if not question.answerable:
        return "wrong"
    cited = any(
        ids.get(each.source) == span.document_id and min(each.end, span.end) > max(each.start, span.start)
        for each in answer.citations
        for span in gold
    )
    return "right" if cited and (answer.kind == "quote" or says(answer.text, question.answers)) else "wrong"


def says(text: str, answers: Sequence[str]) -> bool:
    """Tell whether a text says what one of the answers says."""
    words = {term(word) for word in content_words(text)}
    for answer in answers:
        wanted = {term(word) for word in content_words(answer)}
        if metrics.contains(text, [answer]) or (wanted and len(words & wanted) >= SHARE * len(wanted)):
            return True
    return False


def ask(pipeline: Pipeline, questions: Sequence[Question], show: bool) -> list[tuple[Question, str, float]]:
    """Return the outcome of each question, and its seconds."""
    documents = pipeline.documents()
    gold, _ = locate_evidence(questions, documents)
    ids = {source: document.id for source, document in documents.items()}
    results = []
    for question in questions:
        started = time.perf_counter()
        answer = pipeline.ask(question.question, history=question.history)
        seconds = time.perf_counter() - started
        came = outcome(question, answer, gold[question.id], ids)
        results.append((question, came, seconds))
        if show:
            print(
                f"{came:8} {answer.kind or answer.reason}: {question.question}\n         {answer.text!r}\n         gold: {question.answers[:1]}"
            )
    return results


def report(name: str, results: Sequence[tuple[Question, str, float]]) -> None:
    """Print the shares of right, wrong and refused answers, by type of question."""
    groups: dict[str, list[str]] = {}
    for question, came, _ in results:
        kind = "answerable" if question.answerable else "not answerable"
        for label in (*question.types, kind):
            groups.setdefault(label, []).append(came)
    rows = []
    for label, outcomes in groups.items():
        counts = Counter(outcomes)
        scores = [float(each == "right") for each in outcomes]
        low, high = interval(scores, [str(n) for n in range(len(scores))])
        right = f"{sum(scores) / len(scores):.2f} [{low:.2f}, {high:.2f}]"
        rows.append([label, right, *(str(counts[each]) for each in ("right", "wrong", "refused")), str(len(outcomes))])
    print(f"\n{name}: {median(seconds for *_, seconds in results):.1f} s a question (median)\n")
    print(table(["questions", "right", "right", "wrong", "refused", "n"], rows))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.people")
    parser.add_argument("--pipeline", default=str(QUICKSTART), help="the pipeline file")
    parser.add_argument("--only", choices=SETS, help="the questions of one file")
    parser.add_argument("--split", default="test", help="dev or test")
    parser.add_argument("--sample", type=int, help="so many questions of each set")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as --set of ragqa")
    parser.add_argument("--show", action="store_true", help="print each answer")
    arguments = parser.parse_args()
    pipeline = Pipeline.from_file(arguments.pipeline, arguments.set)
    pipeline.index()
    pipeline.load_models()
    for name in [arguments.only] if arguments.only else SETS:
        dataset = read_dataset(f"jsonl:{ROOT / 'corpora' / 'tarnwick' / f'{name}.jsonl'}")
        questions = select(dataset.questions, arguments.split, sample=arguments.sample)
        report(f"{name}.jsonl, {arguments.split}", ask(pipeline, questions, arguments.show))


if __name__ == "__main__":
    main()
