"""The retrieval benchmark: its scores, its test of difference, and how it reads each set."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import pytrec_eval

from benchmarks.retrieval.__main__ import ask
from benchmarks.retrieval.fidelity import bm25
from benchmarks.retrieval.product import Product
from benchmarks.retrieval.scores import MEASURES, as_run, compare, mean, pool, score
from benchmarks.retrieval.sets import (
    SETS,
    Collection,
    Query,
    Text,
    benefits_pdf,
    hotpotqa,
    musique,
    pubmedqa,
    scifact,
    squad,
    squad2,
)
from tests.fakes import ECHO, PIPELINE, WORDS

Run = dict[str, dict[str, float]]


def drawn(seed: int) -> tuple[dict[str, set[str]], Run]:
    """Questions with relevant documents, and a run that lacks some of them, with ties and some that found nothing."""
    rng = random.Random(seed)
    relevant, run = {}, {}
    for query in map(str, range(12)):
        ids = [str(i) for i in range(rng.choice([8, 150]))]
        relevant[query] = set(rng.sample(ids, rng.randint(1, 6)))
        if rng.random() < 0.8:
            found = rng.sample(ids, rng.randint(0, len(ids)))
            run[query] = {id: float(rng.randint(0, 5)) for id in found}
    return relevant, run


def naive_ndcg(relevant: set[str], scores: dict[str, float]) -> float:
    """nDCG@10 of Järvelin and Kekäläinen (2002), discounts by log2(rank + 1); ties by greater id first."""
    ranking = sorted(scores, key=lambda id: (scores[id], id), reverse=True)[:10]
    gained = sum(1 / math.log2(rank + 1) for rank, id in enumerate(ranking, start=1) if id in relevant)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(relevant)) + 1))


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_trec_eval_and_zero_where_nothing_was_found(seed: int) -> None:
    relevant, run = drawn(seed)
    qrels = {query: dict.fromkeys(ids, 1) for query, ids in relevant.items()}
    names = {"ndcg_cut_10", "recall_5", "recall_100", "recip_rank"}
    theirs: dict[str, dict[str, float]] = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
    ours = score(relevant, run)
    assert list(ours) == list(relevant)
    for query, values in ours.items():
        wanted = theirs.get(query) or dict.fromkeys(names, 0.0)
        rank = wanted["recip_rank"] if wanted["recip_rank"] >= 0.0999 else 0.0
        assert list(values.values()) == [wanted["ndcg_cut_10"], wanted["recall_5"], wanted["recall_100"], rank]
        assert values["nDCG@10"] == pytest.approx(naive_ndcg(relevant[query], run.get(query, {})), abs=1e-12)


def test_ndcg_counts_every_relevant_document_at_its_rank() -> None:
    ranking = as_run(["x", "a", "y", "b"])
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    wanted = (1 / math.log2(3) + 1 / math.log2(5)) / ideal
    assert score({"q": ["a", "b", "c"]}, {"q": ranking})["q"]["nDCG@10"] == pytest.approx(wanted)


@pytest.mark.parametrize(("rank", "value"), [(1, 1.0), (10, 0.1), (11, 0.0)])
def test_the_reciprocal_rank_ends_at_ten(rank: int, value: float) -> None:
    run = {"q": as_run([f"x{i}" for i in range(1, rank)] + ["a"])}
    assert score({"q": ["a"]}, run)["q"]["RR@10"] == value


def test_a_question_without_results_has_zeros() -> None:
    found = score({"asked": ["a"], "silent": ["a"], "empty": ["a"]}, {"asked": {"a": 1.0}, "empty": {}})
    assert found["asked"] == dict.fromkeys(MEASURES, 1.0)
    assert found["silent"] == found["empty"] == dict.fromkeys(MEASURES, 0.0)
    assert mean([one["nDCG@10"] for one in found.values()]).value == pytest.approx(1 / 3)


def test_a_document_ranks_where_its_best_chunk_does() -> None:
    assert pool(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]
    assert pool([]) == []


def test_a_run_keeps_the_order_whatever_the_ids() -> None:
    for ranking in (["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]):
        assert score({"q": [ranking[1]]}, {"q": as_run(ranking)})["q"]["RR@10"] == 0.5


def test_systems_are_compared_question_by_question() -> None:
    compared = compare({"a": 1.0, "b": 0.5}, {"b": 0.5, "a": 0.0})
    assert (compared.difference, compared.n) == (0.5, 2)
    with pytest.raises(KeyError):
        compare({"a": 1.0}, {})


# ---- the sets


def write(file: Path, data: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = data if isinstance(data, str) else json.dumps(data)
    file.write_text(text, encoding="utf-8")


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def asked(collection: Collection, split: str) -> dict[str, set[str]]:
    return {query.id: set(query.relevant) for query in collection.of(split)}


def test_scifact_has_titles_and_graded_pairs(tmp_path: Path) -> None:
    corpus = [{"_id": str(i), "title": f"T{i}", "text": f"text\u2028{i}"} for i in (7, 8, 9)]
    write(tmp_path / "scifact" / "corpus.jsonl", lines(*corpus))
    write(tmp_path / "scifact" / "queries.jsonl", lines(*({"_id": str(i), "text": f"claim {i}"} for i in (1, 2, 3))))
    write(tmp_path / "scifact" / "qrels" / "train.tsv", "query-id\tcorpus-id\tscore\n2\t7\t1\n")
    write(
        tmp_path / "scifact" / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n3\t8\t1\n3\t9\t1\n1\t7\t1\n1\t8\t0\n"
    )
    found = scifact(tmp_path)
    assert found.texts[0] == Text("7", "text\u20287", "T7")
    assert asked(found, "train") == {"2": {"7"}}
    assert asked(found, "test") == {"3": {"8", "9"}, "1": {"7"}}
    assert [query.text for query in found.of("test")] == ["claim 3", "claim 1"]


def article(title: str, n: int, impossible: int = 0) -> dict[str, Any]:
    """An article of two paragraphs; the first has all n questions, the last `impossible` of them unanswerable."""
    qas = [{"id": f"{title}-{i}", "question": f"{title} {i}?", "is_impossible": i >= n - impossible} for i in range(n)]
    return {"title": title, "paragraphs": [{"context": f"On {title}.", "qas": qas}, {"context": "More.", "qas": []}]}


def titles(n: int) -> list[str]:
    return [f"A{i:02}" for i in range(n)]


def test_squad_is_split_by_the_first_24_titles_and_sampled(tmp_path: Path) -> None:
    articles = [article(title, 60) for title in reversed(titles(50))]
    write(tmp_path / "squad" / "dev-v1.1.json", {"data": articles})
    found = squad(tmp_path)
    train, test = asked(found, "train"), asked(found, "test")
    assert (len(train), len(test), len(found.texts)) == (1000, 1500, 100)
    assert {id.split("-")[0] for id in train} == set(titles(24))
    assert {id.split("-")[0] for id in test} == set(titles(50)) - set(titles(24))
    assert all(ids == {f"{id.split('-')[0]}/0"} for id, ids in (train | test).items())
    assert squad(tmp_path) == found
    assert "2,500 of 3,000" in found.note


def test_squad2_has_answerable_questions_split_by_the_titles_of_the_first_version(tmp_path: Path) -> None:
    write(tmp_path / "squad" / "dev-v1.1.json", {"data": [article(title, 1) for title in titles(48)]})
    write(
        tmp_path / "squad" / "dev-v2.0-half.json",
        {"data": [article("A47", 3, 1), article("A23", 2), article("A24", 1)]},
    )
    found = squad2(tmp_path)
    assert asked(found, "train") == {"A23-0": {"A23/0"}, "A23-1": {"A23/0"}}
    assert set(asked(found, "test")) == {"A47-0", "A47-1", "A24-0"}
    assert "without 1 questions" in found.note


def test_pubmedqa_asks_for_its_own_abstract(tmp_path: Path) -> None:
    rows = {id: {"QUESTION": f"{id}?", "CONTEXTS": ["One.", "Two."], "LONG_ANSWER": "Yes."} for id in ("11", "12")}
    write(tmp_path / "pubmedqa" / "ori_pqal.json", rows)
    write(tmp_path / "pubmedqa" / "test_ground_truth.json", {"12": "yes"})
    found = pubmedqa(tmp_path)
    assert found.texts == (Text("11", "One.\nTwo."), Text("12", "One.\nTwo."))
    assert (asked(found, "train"), asked(found, "test")) == ({"11": {"11"}}, {"12": {"12"}})


def test_hotpotqa_asks_for_the_passages_of_its_facts_odd_positions_to_train(tmp_path: Path) -> None:
    write(
        tmp_path / "multihop" / "hotpotqa_train_corpus.json", {"Tide": ["It rises.", " It falls."], "Moon": ["Round."]}
    )
    rows = [
        {"_id": "a", "question": "?", "supporting_facts": [["Moon", 0], ["Tide", 0], ["Tide", 1]]},
        {"_id": "b", "question": "?", "supporting_facts": [["Tide", 1]]},
        {"_id": "c", "question": "?", "supporting_facts": [["Moon", 0]]},
    ]
    write(tmp_path / "multihop" / "hotpotqa_train.json", rows)
    found = hotpotqa(tmp_path)
    assert found.texts == (Text("0", "It rises. It falls.", "Tide"), Text("1", "Round.", "Moon"))
    assert asked(found, "train") == {"a": {"0", "1"}, "c": {"1"}}
    assert asked(found, "test") == {"b": {"0"}}


def test_musique_tells_paragraphs_of_one_title_apart(tmp_path: Path) -> None:
    write(
        tmp_path / "multihop" / "musique_train_corpus.json", [{"title": "T", "text": "x"}, {"title": "T", "text": "y"}]
    )
    paragraphs = [{"title": "T", "paragraph_text": text, "is_supporting": text == "y"} for text in "xy"]
    rows = [{"id": id, "question": "?", "paragraphs": paragraphs} for id in "ab"]
    write(tmp_path / "multihop" / "musique_train.json", rows)
    found = musique(tmp_path)
    assert (asked(found, "train"), asked(found, "test")) == ({"a": {"1"}}, {"b": {"1"}})


def benefits(place: Path) -> Collection:
    rows = [
        {"question": "One?", "truth": "Yes [a.pdf#page=3][b c.pdf#page=12]."},
        {"question": "None?", "truth": "No [a.pdf]."},
        {"question": "Two?", "truth": "Yes. [a.pdf#page=1]"},
    ]
    write(place / "benefits_pdf" / "ground_truth.jsonl", lines(*rows))
    for name in ("b c.pdf", "a.pdf"):
        write(place / "benefits_pdf" / name, "%PDF")
    return benefits_pdf(place)


def test_benefits_pdf_asks_for_pages_and_leaves_out_questions_without_one(tmp_path: Path) -> None:
    found = benefits(tmp_path)
    assert found.files == ("a.pdf", "b c.pdf")
    assert asked(found, "test") == {"1": {"a.pdf#page=3", "b c.pdf#page=12"}, "3": {"a.pdf#page=1"}}
    assert found.of("train") == []
    assert "without 1 questions" in found.note


def test_a_limit_keeps_the_questions_that_the_documents_suffice_for(tmp_path: Path) -> None:
    found = benefits(tmp_path).limited(1)
    assert (found.files, set(asked(found, "test"))) == (("a.pdf",), {"3"})
    texts = tuple(Text(id, id) for id in "abcd")
    queries = (Query("1", "?", frozenset("d"), "test"), Query("2", "?", frozenset("bd"), "test"))
    limited = Collection("x", queries, texts).limited(1)
    assert ([text.id for text in limited.texts], limited.queries) == (["b"], ())
    limited = Collection("x", queries, texts).limited(2)
    assert ([text.id for text in limited.texts], limited.queries) == (["b", "d"], queries)


def test_titles_can_be_left_out_and_nothing_else_is() -> None:
    titled = Collection("set", (), (Text("a", "text", "title"), Text("b", "other")), note="note")
    assert titled.untitled() == Collection("set", (), (Text("a", "text"), Text("b", "other")), note="note")


def test_every_set_has_its_name() -> None:
    assert list(SETS) == ["scifact", "squad", "squad2", "pubmedqa", "hotpotqa", "musique", "benefits_pdf"]


# ---- the product

TEXTS = (
    Text("1", "The ferry leaves at noon. " * 8 + "It carries cars and goats to the island.", "Ferry"),
    Text("2", "A heron eats fish and frogs."),
    Text("3", "A heron eats fish and frogs."),
    Text("4", "The harbour is deep.", "Tides"),
)
QUERIES = (
    Query("goats", "Which ferry carries cars and goats to the island at noon?", frozenset(["1"]), "test"),
    Query("herons", "What does a heron eat, fish and frogs?", frozenset(["2", "3"]), "test"),
    Query("title", "Tides?", frozenset(["4"]), "test"),
    Query("nothing", "Xylophones?", frozenset(["4"]), "test"),
)


def product(place: Path) -> Product:
    (place / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return Product(
        Collection("x", QUERIES, TEXTS), place, ["retrieve.weight=0.4"], place / "pipeline.yaml", [WORDS, ECHO]
    )


def test_the_product_is_indexed_once_and_asked_by_every_system(tmp_path: Path) -> None:
    bench = product(tmp_path)
    assert bench.report.count("indexed") == 4
    assert bench.report.chunks > 4
    found = {name: ask(bench, bench.system(name), QUERIES, 100)[0] for name in ("dense", "lexical", "hybrid", "rrf")}
    for name, scores in found.items():
        for query in ("goats", "herons", "title"):
            assert scores[query]["nDCG@10"] == 1, (name, query)
    assert found["lexical"]["nothing"] == dict.fromkeys(MEASURES, 0.0)
    assert bench.system("hybrid").config.resolved()["retrieve"]["weight"] == 0.4


def test_texts_of_two_documents_stay_two_and_chunks_of_one_are_one(tmp_path: Path) -> None:
    bench = product(tmp_path)
    ranking = bench.rank(bench.system("dense"), QUERIES[1], 100)
    assert len(ranking) == bench.report.chunks > 4
    assert set(ranking[:2]) == {"2", "3"}
    assert sorted(pool(ranking)) == ["1", "2", "3", "4"]


def test_a_depth_that_may_hide_documents_from_recall_is_counted(tmp_path: Path) -> None:
    bench = product(tmp_path)
    assert ask(bench, bench.system("dense"), QUERIES, 2)[1] == len(QUERIES)
    assert ask(bench, bench.system("dense"), QUERIES, 100)[1] == 0


def test_bm25_of_whole_texts_ranks_the_text_with_the_rarer_word_first() -> None:
    texts = {"a": "Enzymes and proteins", "b": "Proteins of the liver", "c": "Weather"}
    found = bm25(texts, [Query("q", "Do proteins need enzymes?", frozenset({"a"}), "test")])["q"]
    assert list(found) == ["a", "b"] and found["a"] > found["b"] > 0
