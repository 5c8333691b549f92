"""Asks 100 questions for one cell each of a list of 1,000 rows, written in six formats. Run by `make bench-tables`.

Then asks for types that are not in the list, which only a refusal answers. The list and the questions are made from a seed (`benchmarks.price_list`). A row is found first if it is in the best hit.
An answer is right if it says the number of the cell and no number of another row: the cell alone, or its row.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.price_list import SEED, SUBJECTS, CellQuestion, absent, price_list, questions, sheet
from benchmarks.run import QUICKSTART, table
from benchmarks.table_files import WRITERS
from benchmarks.table_trial import OUTCOMES, trial
from benchmarks.table_trial import judged as judged_in_trial
from ragqa import Pipeline
from ragqa.evaluate.metrics.statistics import interval
from ragqa.records import Answer, Hit

DEPTH = 20
"""The hits among which a row is looked for."""
_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The place of the row among the hits, from 1, or 0; what came of the answer, and the seconds that it took."""

    rank: int
    answer: str
    seconds: float


def rank(question: CellQuestion, hits: Sequence[Hit]) -> int:
    """Return the place of the first hit that has the row, from 1; 0 if none has it."""
    return next((n for n, hit in enumerate(hits, start=1) if question.row.code in hit.chunk.text), 0)


def judged(question: CellQuestion, answer: Answer) -> str:
    """Return `cell`, `row`, `wrong` or `refused`."""
    if answer.abstained:
        return "refused"
    said = numbers(answer.text)
    wanted = numbers(question.row.shown(question.column))
    if not said or not wanted <= said:
        return "wrong"
    of_the_row = {number for column in question.row.subject.header for number in numbers(question.row.shown(column))}
    asked = numbers(question.text)
    return "cell" if said <= wanted | asked else "row" if said <= of_the_row else "wrong"


def numbers(text: str) -> set[float]:
    """Return the numbers of a text, in any spelling with a point for decimals."""
    return {float(found.replace(",", "")) for found in _NUMBER.findall(text)}


def measure(pipeline: Pipeline, asked: Sequence[CellQuestion], show: bool) -> list[Outcome]:
    """Return the outcome of each question."""
    outcomes = []
    for question in asked:
        place = rank(question, pipeline.search(question.text, DEPTH))
        started = perf_counter()
        answer = pipeline.ask(question.text)
        outcome = Outcome(place, judged(question, answer), perf_counter() - started)
        outcomes.append(outcome)
        if show:
            wanted = question.row.shown(question.column)
            print(f"{place:2} {outcome.answer:8} {question.text} wanted {wanted}; {answer.kind or answer.reason}: {answer.text!r}", flush=True)  # fmt: skip
    return outcomes


def row(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the row of a format: shares with their 95% intervals, counts, and seconds."""
    counts = Counter(outcome.answer for outcome in outcomes)
    shares = (
        [outcome.rank == 1 for outcome in outcomes],
        [1 <= outcome.rank <= 5 for outcome in outcomes],
        [outcome.answer != "wrong" for outcome in outcomes],
    )
    counted = [str(counts[kind]) for kind in ("cell", "row", "wrong", "refused")]
    seconds = f"{median(outcome.seconds for outcome in outcomes):.1f}"
    return [name, *map(_share, shares), *counted, seconds, str(len(outcomes))]


def _share(values: Sequence[bool]) -> str:
    low, high = interval([float(value) for value in values], [str(number) for number in range(len(values))])
    return f"{sum(values) / len(values):.2f} [{low:.2f}, {high:.2f}]"


def ask_price_list(arguments: argparse.Namespace) -> None:
    """Print what came of the questions about the list of 1,000 rows, a format at a time."""
    subject = SUBJECTS[arguments.subject]
    rows = price_list(arguments.seed, subject)
    asked = questions(rows, arguments.questions, arguments.seed)
    not_there = absent(arguments.questions // 4, arguments.seed, subject)
    header = ["format", "row found first", "in the first 5", "right or refused", "the cell", "its row", "wrong", "refused", "s a question", "n", "not in the list: refused", "n"]  # fmt: skip
    print(table(header, []), flush=True)
    for name in arguments.formats:
        with _indexed(arguments, name, WRITERS[name](subject.title, [sheet(rows)])) as pipeline:
            cells = row(name, measure(pipeline, asked, arguments.show))
            refused = [pipeline.ask(question).abstained for question in not_there]
        print("| " + " | ".join([*cells, _share(refused), str(len(refused))]) + " |", flush=True)


def ask_trials(arguments: argparse.Namespace) -> None:
    """Print what came of the questions of trials, a table and a format at a time."""
    print(table(["table", "format", *OUTCOMES, "n"], []), flush=True)
    for of in arguments.trial:
        each = trial(of)
        for name in arguments.formats:
            counts: Counter[str] = Counter()
            with _indexed(arguments, name, WRITERS[name](each.title, each.sheets)) as pipeline:
                for asked in each.questions:
                    answer = pipeline.ask(asked.text)
                    outcome = judged_in_trial(asked, answer)
                    counts[outcome] += 1
                    if arguments.show:
                        print(f"{outcome:8} {asked.text} wanted {asked.cells}; {answer.kind or answer.reason}: {answer.text!r}", flush=True)  # fmt: skip
            cells = [of, name, *(str(counts[kind]) for kind in OUTCOMES), str(counts.total())]
            print("| " + " | ".join(cells) + " |", flush=True)


@contextmanager
def _indexed(arguments: argparse.Namespace, suffix: str, file: bytes) -> Iterator[Pipeline]:
    """Yield the pipeline with an index of one file."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / suffix
        folder.mkdir()
        (folder / f"prices.{suffix}").write_bytes(file)
        paths = [f"load.path={json.dumps(str(folder))}", f"index.path={json.dumps(str(folder.with_suffix('.index')))}"]
        pipeline = Pipeline.from_file(arguments.pipeline, [*paths, *arguments.set])
        pipeline.index()
        yield pipeline


def main() -> None:
    """Print the table, a format at a time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", default=str(QUICKSTART), help="the pipeline file")
    parser.add_argument("--formats", nargs="+", choices=WRITERS, default=list(WRITERS))
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--subject", choices=SUBJECTS, default="prices", help="what the list is about")
    parser.add_argument("--seed", type=int, default=SEED, help="of the list and the questions")
    parser.add_argument(
        "--trial", nargs="+", help="names of small tables in benchmarks/table_trial, instead of the list"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as --set of ragqa")
    parser.add_argument("--show", action="store_true", help="print each answer")
    arguments = parser.parse_args()
    (ask_trials if arguments.trial else ask_price_list)(arguments)


if __name__ == "__main__":
    main()
