"""Prints the tables. Run by `make bench-retrieval`; the data are in the folder that `RAGQA_DATA` names."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.retrieval import rerank
from benchmarks.retrieval.product import SINGLE, SYSTEMS, Product
from benchmarks.retrieval.scores import MEASURES, Comparison, Mean, Scores, as_run, compare, mean, pool, score
from benchmarks.retrieval.sets import SETS, SPLITS, Collection, Query
from benchmarks.run import ROOT, table
from ragqa import Pipeline

HEADER = ["set", "split", "system", *MEASURES, "n"]
_CHOSEN = ("retrieve.kind", "retrieve.fusion", "retrieve.rerank")
_UNITS = 100

Results = dict[str, Any]


def main() -> None:
    """Do what is asked for, a table each, and write the figures to a file if one is named."""
    parser = _parser()
    arguments = parser.parse_args()
    _check(parser, arguments)
    results: Results = {}
    if arguments.fidelity:
        results["fidelity"] = beside_published(_read("scifact", arguments.limit))
    if arguments.rerank:
        results["rerank"] = reranked(arguments)
    if arguments.sets or not results:
        results["sets"] = systems(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description="What retrieval finds.")
    parser.add_argument("--sets", nargs="+", choices=SETS, help="all, unless --fidelity or --rerank is given")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--limit", type=int, metavar="N", help="documents of each set, for a trial of the benchmark")
    parser.add_argument("--without-titles", action="store_true", help="of --sets: index no title of a document")
    parser.add_argument("--depth", type=int, default=300, help="chunks retrieved for each question")
    parser.add_argument("--fidelity", action="store_true", help="BEIR's protocol on SciFact, beside published figures")
    parser.add_argument("--rerank", choices=("likelihood", "encoder"), help="hybrid with and without, SciFact test")
    parser.add_argument("--rerank-model", default="all-mpnet-base-v2", help="of --rerank encoder")
    parser.add_argument("--rerank-depth", type=int, default=50, help="chunks that are read again")
    parser.add_argument("--rerank-weight", type=float, default=0.5)
    parser.add_argument("--queries", type=int, metavar="N", help="the first N questions, for --rerank")
    parser.add_argument("--set", nargs="+", default=[], action="extend", metavar="KEY=VALUE",
                        help="for every system; what only fusion has, for those that fuse")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, those of each question too")
    return parser


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    for name in ("limit", "depth", "rerank_depth", "queries"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} is {value}; must be at least 1")
    for override in arguments.set:
        if override.startswith(_CHOSEN):
            parser.error(f"--set {override}: --systems and --rerank choose that")


def _read(name: str, limit: int | None) -> Collection:
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
    collection = SETS[name](data)
    return collection if limit is None else collection.limited(limit)


@contextmanager
def _indexed(collection: Collection, overrides: Sequence[str]) -> Iterator[Product]:
    with tempfile.TemporaryDirectory() as place:
        product = Product(collection, Path(place), overrides)
        report = product.report
        documents = f"{report.count('indexed'):,} documents ({report.count('rejected')} rejected)"
        notes = "; ".join(filter(None, [f"{documents}, {report.chunks:,} chunks", collection.note]))
        print(f"{collection.name}: {notes}\n", flush=True)
        yield product


def systems(arguments: argparse.Namespace) -> Results:
    """Print a table of the systems and one of comparisons for each set; return the figures."""
    results: Results = {}
    for name in arguments.sets or SETS:
        collection = _read(name, arguments.limit)
        collection = collection.untitled() if arguments.without_titles else collection
        with _indexed(collection, arguments.set) as product:
            _print(HEADER)
            found = {system: _system(product, system, arguments.depth) for system in arguments.systems}
            _print_short(found, arguments.depth)
        results[name] = {"depth": arguments.depth, "systems": found, "hybrid": _compared(name, found)}
    return results


def _system(product: Product, system: str, depth: int) -> Results:
    """Print the rows of one system; return its scores by split."""
    pipeline, found = product.system(system), {}
    for split in SPLITS:
        if queries := product.collection.of(split):
            scores, short = ask(product, pipeline, queries, depth)
            means = {measure: mean([one[measure] for one in scores.values()]) for measure in MEASURES}
            ndcg, *others = means.values()
            values = [_interval(ndcg), *(f"{one.value:.3f}" for one in others)]
            _row([product.collection.name, split, system, *values, f"{ndcg.n:,}"])
            figures = {m: _figures(one) for m, one in means.items()}
            found[split] = {"means": figures, "short": short, "questions": scores}
    return found


def _print_short(found: Results, depth: int) -> None:
    """Print for how many questions R@100 saw less than it should."""
    print()
    for system, splits in found.items():
        if short := sum(split["short"] for split in splits.values()):
            print(f"{system}: {depth} chunks hold fewer than {_UNITS} documents or pages for {short:,} questions\n")


def ask(product: Product, pipeline: Pipeline, queries: Sequence[Query], depth: int) -> tuple[Scores, int]:
    """Return the scores of the questions, and for how many `depth` hid documents from R@100."""
    run, short = {}, 0
    for query in queries:
        ranked = product.rank(pipeline, query, depth)
        ranking = pool(ranked)
        run[query.id] = as_run(ranking)
        short += len(ranked) == depth < product.report.chunks and len(ranking) < _UNITS
    return score({query.id: query.relevant for query in queries}, run), short


def _compared(name: str, found: Results) -> Results:
    """Print how hybrid compares with the better single system, by split; return the figures."""
    single = [system for system in SINGLE if system in found]
    if "hybrid" not in found or not single:
        return {}
    _print(["set", "split", "hybrid against", "difference in nDCG@10", "p", "n"])
    results: Results = {}
    for split, hybrid in found["hybrid"].items():
        best = max(single, key=lambda system: found[system][split]["means"]["nDCG@10"]["value"])
        compared = compare(_ndcg(hybrid["questions"]), _ndcg(found[best][split]["questions"]))
        _row([name, split, best, *_difference(compared)])
        results[split] = {"against": best, "difference": compared.difference, "p": compared.p, "n": compared.n}
    print()
    return results


def beside_published(collection: Collection) -> Results:
    """Print the table of `fidelity`; return the figures."""
    from benchmarks.retrieval import fidelity  # loads model libraries

    print(f"SciFact test in BEIR's protocol; {collection.note or f'{len(collection.texts):,} documents'}\n")
    _print(["system", "truncated by the benchmark", "nDCG@10", "published", "difference", "n"])
    results: Results = {}
    for row in fidelity.rows(collection):
        difference = row.ndcg.value - row.published
        _row([row.system, f"{row.truncated:,}", f"{row.ndcg.value:.4f} [{row.ndcg.low:.4f}, {row.ndcg.high:.4f}]",
              f"{row.published:.4f}", f"{difference:+.4f}", str(row.ndcg.n)])  # fmt: skip
        results[row.system] = {**_figures(row.ndcg), "published": row.published, "truncated": row.truncated}
    print()
    return results


def reranked(arguments: argparse.Namespace) -> Results:
    """Print the table of `rerank`; return the figures."""
    collection = _read("scifact", arguments.limit)
    queries = collection.of("test")[: arguments.queries]
    section = {"kind": arguments.rerank, "depth": arguments.rerank_depth, "weight": arguments.rerank_weight}
    if arguments.rerank == "encoder":
        section["model"] = arguments.rerank_model
    with _indexed(collection, arguments.set) as product:
        rows, gain = rerank.measure(product, queries, json.dumps(section), arguments.rerank_depth)
    _print(["system", *rows[0].means, "ms a question, median", "n"])
    for row in rows:
        values = [_interval(row.means["nDCG@10"]), *(f"{row.means[m].value:.3f}" for m in list(row.means)[1:])]
        _row([row.system, *values, f"{row.ms:.0f}", str(len(queries))])
    print()
    _print(["gain in nDCG@10 over hybrid", "p", "n"])
    _row(_difference(gain))
    print()
    figures = [{"system": r.system, "ms": r.ms, **{m: _figures(v) for m, v in r.means.items()}} for r in rows]
    return {"systems": figures, "gain": gain.difference, "p": gain.p, "n": gain.n}


def _ndcg(scores: Scores) -> dict[str, float]:
    return {query: one["nDCG@10"] for query, one in scores.items()}


def _interval(mean: Mean) -> str:
    return f"{mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def _difference(compared: Comparison) -> list[str]:
    return [f"{compared.difference:+.4f}", f"{compared.p:.4f}", f"{compared.n:,}"]


def _figures(mean: Mean) -> Results:
    return {"value": mean.value, "low": mean.low, "high": mean.high, "n": mean.n}


def _print(header: list[str]) -> None:
    print(table(header, []), flush=True)


def _row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
