"""What fewer bits cost the smallest model: its loss on real text, and the answers that it writes. Run by `make bench-int8`.

The text is paragraphs of SQuAD 1.1, as many of each article; int8 measures the sizes of channels on a text of its own.
Answers are written freely, after six examples and the gold paragraph, on articles that nothing was chosen on. What is
compared is compared with float32, question by question or token by token; intervals are clustered by article. Inputs of
7 bits are what int8 has on processors without AVX-512 VNNI; on others they are measured as well.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from benchmarks.answers.__main__ import STEPS, Step, run
from benchmarks.answers.data import questions, squad
from benchmarks.engine import GENERATOR, native
from benchmarks.run import table
from ragqa.evaluate import Result, read_dataset
from ragqa.evaluate.metrics.statistics import interval, sign_flip
from ragqa.experiments.compare import compare
from ragqa.generate import int8

CONTENDERS = ("float32", "bfloat16", "int8", "int8, inputs of 7 bits")
"""The first one is what the others are compared with."""


@contextmanager
def loaded_as(name: str) -> Iterator[str]:
    """Yield the dtype of a contender, whose weights are to be loaded meanwhile."""
    kept = int8.input_bits
    if "7 bits" in name:
        int8.input_bits = lambda: 7
    try:
        yield name.partition(",")[0]
    finally:
        int8.input_bits = kept


def paragraphs(each: int) -> list[tuple[str, str]]:
    """Return article and text of so many paragraphs of each article of SQuAD 1.1, evenly spread, the first left out."""
    articles: dict[str, list[str]] = {}
    for document in read_dataset(f"squad:{squad()}").documents:
        articles.setdefault(document.source.partition("/")[0], []).append(document.text)
    return [(name, own[len(own) * i // (each + 1)]) for name, own in articles.items() for i in range(1, each + 1)]


@torch.inference_mode()
def read(name: str, texts: Sequence[tuple[str, str]]) -> tuple[list[float], list[int], list[str]]:
    """Return the loss in nats, what was the likeliest token, and the article, at every token but the first of a text."""
    nats, likeliest, articles = list[float](), list[int](), list[str]()
    with loaded_as(name) as dtype:
        generator = native(dtype)
        for article, text in tqdm(texts, unit=" paragraphs", desc=name):
            tokens = torch.tensor(generator._ids([text])[0], device=generator._model.device)
            logits = generator._model(tokens[None, :-1])[0].float()
            nats += cross_entropy(logits, tokens[1:], reduction="none").tolist()
            likeliest += logits.argmax(-1).tolist()
            articles += [article] * len(logits)
    return nats, likeliest, articles


def losses(contenders: Sequence[str], texts: Sequence[tuple[str, str]]) -> None:
    """Print what each contender loses on texts, each given after its article."""
    print(table(["dtype", "nats a token", "perplexity", "more nats", "p", "another likeliest token", "tokens"], []))
    before: tuple[list[float], list[int]] | None = None
    for name in contenders:
        nats, likeliest, articles = read(name, texts)
        loss = statistics.fmean(nats)
        cells = [name, f"{loss:.3f}", f"{math.exp(loss):.2f}", "", "", "", f"{len(nats):,}"]
        if before:
            more = [b - a for a, b in zip(before[0], nats, strict=True)]
            other = [float(a != b) for a, b in zip(before[1], likeliest, strict=True)]
            low, high = interval(other, articles)
            cells[3:6] = [
                _change(statistics.fmean(more), *interval(more, articles, differences=True)),
                f"{sign_flip(more, articles):.4f}",
                f"{statistics.fmean(other):.1%} [{low:.1%}, {high:.1%}]",
            ]
        before = before or (nats, likeliest)
        print("| " + " | ".join(cells) + " |", flush=True)


def answers(contenders: Sequence[str], sample: int) -> None:
    """Print how well each contender answers questions freely."""
    asked, passages = questions("report", sample)
    print(table(["dtype", "exact match", "F1", "exact match gained", "F1 gained", "p of F1", "F1 that would show",
                 "equal answers", "ms, median", "n"], []))  # fmt: skip
    before: list[Result] = []
    for name in contenders:
        with loaded_as(name) as dtype:
            own = ("generate.engine=native", f"generate.dtype={dtype}")
            results = run(Step(name, (*STEPS[1].overrides, *own)), asked, passages)
        means = [statistics.fmean(result.scores[metric] for result in results) for metric in ("exact_match", "f1")]
        ms = statistics.median(result.ms["generate"] for result in results)
        cells = [name, *(f"{mean:.3f}" for mean in means), "", "", "", "", "", f"{ms:,.0f}", str(len(results))]
        if before:
            changes = compare(before, results).metrics
            exact, f1 = changes["exact_match"], changes["f1"]
            same = statistics.fmean(a.prediction == b.prediction for a, b in zip(before, results, strict=True))
            cells[3:8] = [
                *(_change(one.difference, one.low, one.high) for one in (exact, f1)),
                *("" if value is None else f"{value:.4f}" for value in (f1.p, f1.smallest_difference)),
                f"{same:.1%}",
            ]
        before = before or results
        print("| " + " | ".join(cells) + " |", flush=True)


def _change(mean: float | None, low: float | None, high: float | None) -> str:
    return "" if mean is None or low is None or high is None else f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.eight_bits")
    parser.add_argument("--sample", type=int, default=150, help="questions of the reporting articles")
    parser.add_argument("--paragraphs", type=int, default=2, help="of each of the 48 articles")
    arguments = parser.parse_args()
    bits = int8.input_bits()
    contenders = [name for name in CONTENDERS if bits == 8 or "7 bits" not in name]
    print(f"{GENERATOR}, native, {torch.get_num_threads()} threads; int8 has inputs of {bits} bits here\n")
    losses(contenders, paragraphs(arguments.paragraphs))
    print(flush=True)
    answers(contenders, arguments.sample)


if __name__ == "__main__":
    main()
