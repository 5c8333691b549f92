"""How much a name should weigh: rankings with several values of `bm25.NAME_WEIGHT`, on training questions only.

    python -m benchmarks.retrieval.names --sets squad scifact hotpotqa [--weights 1 2 4] [--queries 500]

The sources of SQuAD are `ARTICLE/NUMBER` and its paragraphs have no titles, so that the names say what the article is
about; the sources of the other sets are numbers, which should help nobody. Weight 0 is a ranking without names.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from benchmarks.retrieval.product import Product
from benchmarks.retrieval.scores import MEASURES, as_run, compare, mean, pool, score
from benchmarks.retrieval.sets import SETS, Collection
from benchmarks.run import ROOT, table
from ragqa.index import bm25

DEPTH = 100


def main() -> None:
    """Print a table for each set: a row for each system and weight, with the difference to no names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval.names", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["squad"])
    parser.add_argument("--systems", nargs="+", choices=("lexical", "hybrid"), default=["lexical", "hybrid"])
    parser.add_argument("--weights", nargs="+", type=float, default=[1.0, 2.0, 4.0])
    parser.add_argument("--queries", type=int, default=500, help="the first N training questions")
    arguments = parser.parse_args()
    for name in arguments.sets:
        collection = _training(SETS[name](Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))))
        collection = replace(collection, queries=collection.queries[: arguments.queries])
        with tempfile.TemporaryDirectory() as place:
            product = Product(collection, Path(place))
            print(f"{name}: {len(collection.texts):,} documents, {product.report.chunks:,} chunks\n", flush=True)
            print(table(["system", "weight", *MEASURES, "nDCG@10 - without", "p", "n"], []), flush=True)
            for system in arguments.systems:
                _weigh(product, system, arguments.weights)
        print()


def _weigh(product: Product, system: str, weights: list[float]) -> None:
    """Print a row for each weight, the first without names."""
    pipeline, without = product.system(system), {}
    relevant = {query.id: query.relevant for query in product.collection.queries}
    for weight in (0.0, *weights):
        # without names at all: weight 0 alone would still count them in df
        common = patch("ragqa.index.names.MOST_DOCUMENTS", 0.5 if weight else -1.0)
        with common, patch.object(bm25, "NAME_WEIGHT", weight):
            run = {q.id: as_run(pool(product.rank(pipeline, q, DEPTH))) for q in product.collection.queries}
        scores = score(relevant, run)
        means = [f"{mean([each[measure] for each in scores.values()]).value:.4f}" for measure in MEASURES]
        ndcg = {query: each["nDCG@10"] for query, each in scores.items()}
        without = without or ndcg
        gain = compare(ndcg, without)
        cells = [system, f"{weight:g}", *means, f"{gain.difference:+.4f}", f"{gain.p:.4f}", str(gain.n)]
        print("| " + " | ".join(cells) + " |", flush=True)


def _training(collection: Collection) -> Collection:
    """Return the training questions; of SQuAD, the training articles alone."""
    queries = tuple(collection.of("train"))
    texts = collection.texts
    if collection.name.startswith("squad"):
        articles = {article for query in queries for article in (id_.split("/")[0] for id_ in query.relevant)}
        texts = tuple(text for text in texts if text.id.split("/")[0] in articles)
    return replace(collection, queries=queries, texts=texts)


if __name__ == "__main__":
    main()
