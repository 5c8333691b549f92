"""Measures what is found for the follow-up questions of conversations. Run by `make bench-follow-ups`.

Questions of MTRAG-UN that have earlier turns and gold passages are searched among the passages of all conversations.
Every conversation is searched from its first question on. What is remembered of a turn is its question and a sentence:
that of the best passage that shares most words with the question, in place of what a generator would cite. Each way of
searching is also tried after the turns of another conversation, as where a user changes the subject. Everything was
chosen on odd lines (`--split tune`); even ones are reported.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.run import QUICKSTART, ROOT, table
from ragqa import Pipeline, text_analysis
from ragqa.evaluate import Question, read_dataset, select
from ragqa.evaluate.dataset import Turn
from ragqa.evaluate.metrics import ranking
from ragqa.evaluate.metrics.statistics import interval
from ragqa.records import Hit
from ragqa.retrieve import follow_up
from ragqa.stages import IndexReader

DEPTH = 100
WINDOW_WORDS = 120
"""Words of a whole turn that fit into the window of the encoder."""

Turns = Sequence[Turn]


class Searches:
    """The ways to search for a question with the turns before it, each a method; all by one index."""

    def __init__(self, pipeline: Pipeline, reader: IndexReader) -> None:
        self._pipeline, self._reader = pipeline, reader

    def _search(self, text: str, *also: str) -> list[Hit]:
        return self._pipeline.components.retriever.retrieve(text, self._reader, DEPTH, also=also)

    def alone(self, question: str, turns: Turns) -> list[Hit]:
        """Search for the question alone."""
        return self._search(question)

    def joined(self, question: str, turns: Turns) -> list[Hit]:
        """Search for the last question and this one, as one text."""
        return self._search(f"{turns[-1][0]}\n{question}")

    def carried(self, question: str, turns: Turns) -> list[Hit]:
        """Search as the product does."""
        return self._pipeline.search(question, DEPTH, history=turns)

    def always(self, question: str, turns: Turns) -> list[Hit]:
        """Carry words over to every question, those that stand alone too."""
        text = follow_up.with_words_of(question, turns[-1])
        return self._search(text, *([question] if text != question else []))

    def better(self, question: str, turns: Turns) -> list[Hit]:
        """Keep the list with the nearest vector, instead of the mean of both scores."""
        lists = [self._search(question), self._search(follow_up.search_text(question, turns))]
        return max(lists, key=lambda hits: max(hit.scores["dense"] for hit in hits[:5]))

    def whole(self, question: str, turns: Turns) -> list[Hit]:
        """Search for the last turn whole, as far as it fits, and for the question."""
        words = " ".join(turns[-1]).split()[:WINDOW_WORDS]
        return self._search(f"{' '.join(words)}\n{question}", question)


def remembered(question: Question, search: Callable[[str, Turns], list[Hit]]) -> list[Turn]:
    """Return the turns before a question, each with the sentence that would be cited for it."""
    turns: list[Turn] = []
    for asked, _ in question.history:
        hits = search(asked, turns)
        turns.append((asked, cited(asked, hits[0].chunk.text) if hits else ""))
    return turns


def cited(question: str, passage: str) -> str:
    """Return the sentence of a passage that shares most words with a question, the first of several."""
    wanted = {text_analysis.term(word) for word in text_analysis.query_words(question)}
    sentences = [passage[start:end] for start, end in text_analysis.sentences(passage)]
    return max(sentences, key=lambda sentence: len(wanted & set(text_analysis.terms(sentence))), default="")


def recall(question: Question, hits: Sequence[Hit]) -> float:
    """Return the share of the gold passages among the first five documents."""
    return ranking.scores(question.relevant, ranking.ranked_units(question, (), hits))["recall@5"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.follow_ups")
    parser.add_argument("--split", choices=("tune", "report"), default="report")
    arguments = parser.parse_args()
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
    dataset = read_dataset(f"mtrag:{data / 'mtrag_un' / 'reference.jsonl'}")
    asked = [one for one in select(dataset.questions, arguments.split) if one.answerable and one.history]
    pipeline = Pipeline.from_file(QUICKSTART, ["embed.model=all-minilm-l6-v2"]).with_documents(dataset.documents)
    pipeline.index()
    with pipeline.open_index() as reader:
        report(Searches(pipeline, reader), asked)


def report(searches: Searches, asked: Sequence[Question]) -> None:
    """Print recall@5 of each way to search, and what it differs from searching for the question alone."""
    memory = [remembered(one, searches.carried) for one in tqdm(asked, desc="conversations")]
    others = memory[len(memory) // 2 :] + memory[: len(memory) // 2]
    alone = sum(follow_up.stands_alone(one.question) for one in asked)
    print(f"{len(asked)} follow-up questions, {alone} of them taken to stand alone")
    print(table(["searched for", "recall@5", "- question alone", "after another subject"], []), flush=True)
    ways = {
        "the question alone": (searches.alone, memory),
        "the last question and this one, joined (0.2.0)": (searches.joined, memory),
        "words of the last turn, mean of both scores (the default)": (searches.carried, memory),
        "the same, for questions that stand alone too": (searches.always, memory),
        "words of the last turn, the list with the nearest vector": (searches.better, memory),
        "the last turn whole": (searches.whole, memory),
        "words of the last question and its reference answer": (searches.carried, [one.history for one in asked]),
        "the last question and its reference answer whole": (searches.whole, [one.history for one in asked]),
    }
    base: list[float] = []
    for name, (search, turns) in ways.items():
        found = [recall(one, search(one.question, given)) for one, given in zip(asked, turns, strict=True)]
        base = base or found
        gains = [value - before for value, before in zip(found, base, strict=True)]
        changed = [recall(one, search(one.question, given)) for one, given in zip(asked, others, strict=True)]
        cells = [name, mean(found), mean(gains, sign="+"), mean(changed) if turns is memory else ""]
        print("| " + " | ".join(cells) + " |", flush=True)


def mean(values: Sequence[float], sign: str = "") -> str:
    """Return a mean with its interval."""
    low, high = interval(values, differences=bool(sign))
    return f"{sum(values) / len(values):{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


if __name__ == "__main__":
    main()
