"""BM25 against a naive loop, whatever the history of the index; postings derived, moved and checked."""

from __future__ import annotations

import math
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa import text_analysis
from ragqa.index import doctor, lexical, upkeep
from ragqa.index.bm25 import K1, NAME_WEIGHT, B, Lexicon
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from tests.torture.world import EMBEDDER, write

WORDS = ("ferry", "ferries", "noon", "the", "wind", "turbine", "harbour", "rope", "tide", "lamp")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=30)
QUERY = st.sets(st.sampled_from(WORDS), min_size=1, max_size=6)


def naive_bm25(texts: Sequence[str], query: Sequence[str]) -> list[float]:
    counts = [Counter(text_analysis.terms(text)) for text in texts]
    mean = max(1.0, sum(c.total() for c in counts) / len(counts))
    frequencies = {term: sum(term in each for each in counts) for term in query}
    scores = []
    for mine in counts:
        score = 0.0
        for term, df in frequencies.items():
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            score += idf * mine[term] * (K1 + 1) / (mine[term] + K1 * (1 - B + B * mine.total() / mean))
        scores.append(score)
    return scores


def database(blocks: Sequence[Sequence[str]]) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(lexical.SCHEMA)
    first = 1
    for texts in blocks:
        lexical.add(db, first, texts)
        first += len(texts)
    return db


def load(db: sqlite3.Connection, n: int, living: Sequence[int] | None = None, first_row: int = 1) -> Lexicon:
    mask = np.ones(n, dtype=np.bool_) if living is None else np.isin(np.arange(n), living)
    return Lexicon.load(db, first_row, mask)


def check(found: list[tuple[int, float]], wanted: dict[int, float], k: int) -> None:
    """The best k scores, best first, each belonging to its position."""
    scores = [score for _, score in found]
    assert scores[:k] == pytest.approx(sorted(wanted.values(), reverse=True)[:k], rel=1e-4)
    assert set(scores[k:]) <= set(scores[k - 1 : k])  # all that tie with the k-th
    for position, score in found:
        assert score == pytest.approx(wanted[position], rel=1e-4)


@given(texts=TEXTS, query=QUERY, k=st.integers(1, 8), cut=st.integers(0, 30))
@settings(deadline=None)
def test_scores_are_those_of_a_naive_loop_however_the_texts_came(
    texts: list[str], query: set[str], k: int, cut: int
) -> None:
    terms = sorted({text_analysis.term(word) for word in query})
    naive = naive_bm25(texts, terms)
    wanted = {i: score for i, score in enumerate(naive) if score > 0}
    lexicon_db = database([texts[:cut], texts[cut:]] if 0 < cut < len(texts) else [texts])
    found = (
        load(lexicon_db, len(texts))
        .look_up(lexicon_db, dict.fromkeys(terms, 1.0))
        .best(k, np.ones(len(texts), dtype=np.bool_))
    )
    check(found, wanted, k)
    query_found = load(lexicon_db, len(texts)).look_up(lexicon_db, dict.fromkeys(terms, 1.0))
    everywhere = np.arange(len(texts))[::-1]
    np.testing.assert_allclose(query_found.scores(everywhere), np.array(naive)[::-1], rtol=1e-4, atol=1e-6)
    assert max(naive) <= query_found.bound


@given(texts=TEXTS, query=QUERY, dead=st.sets(st.integers(0, 29)), allowed=st.sets(st.integers(0, 29)))
@settings(deadline=None)
def test_the_dead_count_in_no_statistic_and_a_filter_hides_without_changing_scores(
    texts: list[str], query: set[str], dead: set[int], allowed: set[int]
) -> None:
    living = [i for i in range(len(texts)) if i not in dead]
    if not living:
        return
    terms = sorted({text_analysis.term(word) for word in query})
    naive = dict(zip(living, naive_bm25([texts[i] for i in living], terms), strict=True))
    wanted = {i: score for i, score in naive.items() if score > 0 and i in allowed}
    db = database([texts])
    seen = np.isin(np.arange(len(texts)), [i for i in living if i in allowed])
    check(load(db, len(texts), living).look_up(db, dict.fromkeys(terms, 1.0)).best(5, seen), wanted, 5)


@given(texts=TEXTS, cut=st.integers(1, 29), kept=st.sets(st.integers(0, 29)))
@settings(deadline=None)
def test_moved_postings_equal_those_of_the_texts_that_are_kept(texts: list[str], cut: int, kept: set[int]) -> None:
    rows = sorted(i for i in kept if i < len(texts))
    moved = database([texts[:cut], texts[cut:]] if cut < len(texts) else [texts])
    lexical.move(moved, np.array(rows, dtype=np.int64) + 1, 101)
    fresh = sqlite3.connect(":memory:")
    fresh.executescript(lexical.SCHEMA)
    lexical.add(fresh, 101, [texts[i] for i in rows])
    for table in ("lexicon", "posting"):
        statement = f"SELECT * FROM {table} ORDER BY 1, 2"
        assert moved.execute(statement).fetchall() == fresh.execute(statement).fetchall()


def test_pruning_changes_no_answer_among_many_texts() -> None:
    random = np.random.default_rng(0)
    vocabulary = [f"w{i}" for i in range(300)]
    weights = 1 / np.arange(1, 301)
    texts = [" ".join(random.choice(vocabulary, 30, p=weights / weights.sum())) for _ in range(3000)]
    db = database([texts[:1000], texts[1000:]])
    lexicon, everything = load(db, 3000), np.ones(3000, dtype=np.bool_)
    for query in (["w0", "w1", "w250"], ["w2", "w40", "w199", "w298"], ["w0"], ["w299", "w0", "w1", "w2", "w3"]):
        terms = [text_analysis.term(word) for word in query]
        wanted = {i: score for i, score in enumerate(naive_bm25(texts, terms)) if score > 0}
        check(lexicon.look_up(db, dict.fromkeys(terms, 1.0)).best(10, everything), wanted, 10)


def test_more_than_255_of_a_term_count_as_255() -> None:
    texts = ["ferry " * 1000, "ferry noon"]
    db = database([texts])
    ((first, score), _) = load(db, 2).look_up(db, {"ferri": 1.0}).best(2, np.ones(2, dtype=np.bool_))
    assert first in (0, 1) and score > 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path, {"a.txt": "The ferry leaves at noon.\nIt comes back at four.", "b.txt": "The turbine turns."})
    return tmp_path


def best(path: Path, question: str) -> list[tuple[str, float]]:
    with LocalReader(path, EMBEDDER.identity) as reader:
        ranked: list[tuple[str, float, dict[str, float]]] = [
            (chunk_id, score, {}) for chunk_id, score in reader.lexical(question, 5)
        ]
        return [(hit.chunk.text, round(hit.score, 5)) for hit in reader.hits(ranked)]


def test_an_index_built_in_steps_answers_like_one_built_at_once(
    path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write(path, {"c.txt": "A ferry and a rope."})
    write(path, {}, ["b.txt"])
    fresh = tmp_path_factory.mktemp("fresh")
    write(fresh, {"a.txt": "The ferry leaves at noon.\nIt comes back at four.", "c.txt": "A ferry and a rope."})
    for question in ("ferry", "ferry rope noon", "turbine"):
        assert best(path, question) == best(fresh, question)


def test_a_text_that_comes_back_after_a_repair_is_found_again(path: Path) -> None:
    write(path, {}, ["b.txt"])
    with sqlite3.connect(path / "ragqa.db") as db:
        db.execute("DELETE FROM posting WHERE term = 'ferri'")
    db.close()
    found = doctor.check(path)
    assert found.repairable and any("full text" in fault.what for fault in found.faults)
    doctor.repair(path, found, lambda recorded: EMBEDDER)
    assert doctor.check(path).faults == ()
    write(path, {"b.txt": "The turbine turns."})
    assert [text for text, _ in best(path, "turbine")] == ["The turbine turns."]
    assert [text for text, _ in best(path, "ferry")] == ["The ferry leaves at noon."]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM posting WHERE term = 'noon'",
        "UPDATE posting SET texts = x'0000000002' WHERE term = 'noon'",
        "UPDATE posting SET texts = x'00000000' WHERE term = 'noon'",
        "INSERT INTO posting VALUES ((SELECT min(first_row) FROM lexicon), 'zebra', x'0000000001')",
        "UPDATE lexicon SET lengths = zeroblob(length(lengths))",
        "DELETE FROM lexicon",
    ],
)
def test_every_damage_to_what_is_derived_is_seen_and_mended(path: Path, damage: str) -> None:
    before = best(path, "ferry noon")
    with sqlite3.connect(path / "ragqa.db") as db:
        db.execute(damage)
    db.close()
    found = doctor.check(path)
    assert found.repairable and any("full text" in fault.what for fault in found.faults)
    doctor.repair(path, found, lambda recorded: EMBEDDER)
    assert best(path, "ferry noon") == before


def test_what_was_purged_stands_in_no_posting(path: Path) -> None:
    with LocalWriter(path, EMBEDDER.identity) as writer:
        writer.purge(["b.txt"])
        terms = {term for (term,) in writer.db.execute("SELECT term FROM posting")}
    assert "ferri" in terms and "turbin" not in terms


def test_equal_scores_go_by_chunk_id_whatever_the_history(tmp_path: Path) -> None:
    texts = {f"{number}.txt": f"ferry no{number}" for number in range(8)}
    found = []
    for name, order in (("forwards", list(texts)), ("backwards", list(texts)[::-1])):
        for source in order:
            write(tmp_path / name, {source: texts[source]})
        with LocalReader(tmp_path / name, EMBEDDER.identity) as reader:
            found.append(reader.lexical("ferry", 3))
    assert found[0] == found[1] and len(found[0]) == 3


def test_terms_of_another_version_are_warned_of_and_made_anew_by_the_next_writer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, {}, ["b.txt"])  # leaves a dead vector, whose text cannot be read any more
    with sqlite3.connect(path / "ragqa.db") as db:
        db.execute("UPDATE analysis SET version = 'another'")
        db.execute("UPDATE posting SET term = 'fery' WHERE term = 'ferri'")
    db.close()
    (path / "SEAL").unlink()
    assert best(path, "ferry") == []
    assert "the terms of" in caplog.text and "'another'" in caplog.text
    write(path, {"b.txt": "The turbine turns."})
    assert [text for text, _ in best(path, "ferry")] == ["The ferry leaves at noon."]
    assert [text for text, _ in best(path, "turbine")] == ["The turbine turns."]
    assert doctor.check(path).faults == ()


def test_a_reader_that_is_kept_over_a_repair_loses_no_hit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "_BLOCK_ROWS", 2)
    write(path, {f"{number}.txt": f"ferry {number}" for number in range(5)})
    with LocalReader(path, EMBEDDER.identity) as reader:
        before, snapshot = reader.lexical("ferry", 9), reader.snapshot
    with sqlite3.connect(path / "ragqa.db") as db:
        db.execute("DELETE FROM posting WHERE term = 'noon'")
    db.close()
    doctor.repair(path, doctor.check(path), lambda recorded: EMBEDDER)
    with LocalReader(path, EMBEDDER.identity, snapshot=snapshot) as reader:
        assert reader.lexical("ferry", 9) == before


def test_what_a_repair_forgot_is_dropped_by_a_compaction(path: Path) -> None:
    write(path, {}, ["b.txt"])
    with sqlite3.connect(path / "ragqa.db") as db:
        db.execute("DELETE FROM posting WHERE term = 'noon'")
    db.close()
    doctor.repair(path, doctor.check(path), lambda recorded: EMBEDDER)
    with LocalWriter(path, EMBEDDER.identity) as writer:
        assert upkeep.compact(writer) == 1
        assert writer.db.execute("SELECT sum(n) FROM segment").fetchone() == (2,)


def test_terms_are_stems_without_accents_and_characters_of_scripts_without_spaces() -> None:
    assert text_analysis.terms("Café ferries, RUNNING") == ["cafe", "ferri", "run"]
    assert text_analysis.terms("_ferry_ **bold** max_new") == ["ferri", "bold", "max", "new"]
    assert text_analysis.terms("Zu\u0308rich Zürich İstanbul") == ["zurich", "zurich", "istanbul"]
    assert text_analysis.terms("渡し船は") == ["渡", "し", "船", "は"]
    assert text_analysis.query_words("Who runs the ferry?") == ["runs", "ferry"]
    assert text_analysis.query_words("Who is it?") == ["who", "is", "it"]


def naive_with_names(
    texts: Sequence[str], named: Sequence[set[str]], query: Sequence[str], weight: float
) -> list[float]:
    """BM25 of each text, where a term in a name counts as up to `weight` occurrences more: times the share of the
    question's terms in names that these names have.
    """
    naming = {term for term in query if any(term in names for names in named)}
    counts = [Counter(text_analysis.terms(text)) for text in texts]
    mean = max(1.0, sum(c.total() for c in counts) / len(counts))
    scores = [0.0] * len(texts)
    for term in query:
        df = sum(term in mine or term in names for mine, names in zip(counts, named, strict=True))
        idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
        for i, (mine, names) in enumerate(zip(counts, named, strict=True)):
            share = len(naming & names) / max(1, len(naming))
            tf = mine[term] + weight * share * (term in names)
            scores[i] += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * mine.total() / mean))
    return scores


@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join), min_size=3, max_size=12),
    folders=st.lists(st.sets(st.sampled_from(WORDS), max_size=3), min_size=12, max_size=12),
    query=QUERY,
    k=st.integers(1, 6),
)
@settings(deadline=None, max_examples=25)
def test_scores_with_names_are_those_of_a_naive_loop(
    texts: list[str], folders: list[set[str]], query: set[str], k: int
) -> None:
    texts = [f"{text} n{i}" for i, text in enumerate(texts)]  # each is another text
    sources = {f"{'/'.join(sorted(folders[i]))}/f{i}.txt": text for i, text in enumerate(texts)}
    of = {source: text_analysis.name_terms(source) for source in sources}
    common = {t for terms in of.values() for t in terms if sum(t in each for each in of.values()) > len(texts) / 2}
    terms = sorted({text_analysis.term(word) for word in query})
    named = [terms - common for terms in of.values()]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), sources)
        with LocalReader(Path(folder), EMBEDDER.identity) as reader:
            question = " ".join(sorted(query))
            asked = [t for t in terms if t != "the"] or terms
            naive = naive_with_names(list(sources.values()), named, asked, NAME_WEIGHT)
            by_source = dict(zip(sources, naive, strict=True))
            ids = {chunk.id: source for source, id_ in reader.sources().items() for chunk in reader.chunks(id_)}
            wanted = sorted(((-by_source[s], id_) for id_, s in ids.items() if by_source[s] > 0))[:k]
            found = reader.lexical(question, k)
            assert [score for _, score in found] == pytest.approx([-score for score, _ in wanted], rel=1e-4)
            scores = reader.lexical_scores(question, list(ids))
            assert scores == pytest.approx([by_source[source] for source in ids.values()], rel=1e-4)
            assert max(naive) <= reader.lexical_bound(question) * (1 + 1e-6)


def test_stored_names_are_checked_and_an_old_index_gets_them(tmp_path: Path) -> None:
    write(tmp_path, {"port/ferry.txt": "One line."})
    with sqlite3.connect(tmp_path / "ragqa.db") as db:
        assert lexical.problems(db) == []
        db.execute("DELETE FROM name WHERE term = 'port'")
        assert lexical.problems(db) == ["names: not those of the documents"]
        db.execute("UPDATE analysis SET version = 'older'")
    write(tmp_path, {"b.txt": "Another line."})
    with LocalReader(tmp_path, EMBEDDER.identity) as reader:
        assert len(reader.lexical("port", 5)) == 1
