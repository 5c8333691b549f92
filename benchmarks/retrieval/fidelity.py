"""The product's encoder and its BM25 on SciFact's test questions in the protocol of BEIR, beside published figures.

Protocol (Thakur et al. 2021, "BEIR", and the package of that name): a document is its title, a space and its text;
depth 1,000; equal scores as trec_eval ranks them. The encoder reads the first 256 tokens, as sentence-transformers sets
all-MiniLM-L6-v2. The product never truncates; here the benchmark does, and says how many documents.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.retrieval.scores import Mean, mean, score
from benchmarks.retrieval.sets import Collection, Query
from ragqa import text_analysis
from ragqa.config.specs import MeanPoolEmbed
from ragqa.embed.encoder import EncoderEmbedder
from ragqa.index import lexical
from ragqa.index.bm25 import Lexicon

MODEL = "all-minilm-l6-v2"
DEPTH = 1000
PUBLISHED_DENSE = 0.6451
"""all-MiniLM-L6-v2 in float32, MTEB leaderboard."""
PUBLISHED_BM25 = 0.687
"""BM25 over title and text as one field, stop words left out, stems, k1 = 1.5, b = 0.75: README of bm25-benchmarks (Lù 2024)."""

Run = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One system beside what is published of it; `truncated` documents were cut."""

    system: str
    truncated: int
    ndcg: Mean
    published: float


def rows(collection: Collection) -> Iterator[Row]:
    """Yield the rows of the encoder in float32 and in bfloat16, and of BM25."""
    queries = collection.of("test")
    texts = {text.id: f"{text.title} {text.text}".strip() for text in collection.texts}
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    for dtype in dtypes:
        embedder = EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=MODEL, dtype=dtype))
        truncated = truncate(embedder, list(texts.values()))
        yield Row(f"{MODEL}, {dtype}", truncated, _ndcg(queries, dense(embedder, texts, queries)), PUBLISHED_DENSE)
    yield Row("BM25", 0, _ndcg(queries, bm25(texts, queries)), PUBLISHED_BM25)


def truncate(embedder: EncoderEmbedder, texts: Sequence[str]) -> int:
    """Have the embedder read the first tokens of a text alone; return how many of these texts that cuts."""
    lengths = [len(encoding.ids) for encoding in embedder.tokenizer.encode_batch(list(texts))]
    embedder.tokenizer.enable_truncation(embedder.window)
    return sum(length > embedder.window for length in lengths)


def dense(embedder: EncoderEmbedder, texts: Mapping[str, str], queries: Sequence[Query]) -> Run:
    """Rank texts by exact inner products."""
    ids, vectors = list(texts), embedder.embed_passages(list(texts.values()))
    run: Run = {}
    for query in queries:
        products = vectors @ embedder.embed_question(query.text)
        best = np.argsort(-products, kind="stable")[:DEPTH]
        run[query.id] = {ids[i]: float(products[i]) for i in best}
    return run


def bm25(texts: Mapping[str, str], queries: Sequence[Query]) -> Run:
    """Rank texts by the product's BM25, each as one text; a question is its content words, as in the product."""
    ids = list(texts)
    db = sqlite3.connect(":memory:")
    db.executescript(lexical.SCHEMA)
    lexical.add(db, 0, list(texts.values()))
    everything = np.ones(len(ids), dtype=np.bool_)
    lexicon = Lexicon.load(db, 0, everything)
    run: Run = {}
    for query in queries:
        terms = dict.fromkeys(map(text_analysis.term, text_analysis.query_words(query.text)), 1.0)
        run[query.id] = {ids[row]: value for row, value in lexicon.look_up(db, terms).best(DEPTH, everything)}
    db.close()
    return run


def _ndcg(queries: Sequence[Query], run: Run) -> Mean:
    scores = score({query.id: query.relevant for query in queries}, run)
    return mean([one["nDCG@10"] for one in scores.values()])
