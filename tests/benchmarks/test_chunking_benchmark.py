"""The scores of the chunking benchmark: cases counted by hand, and sets of characters."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chunking import Outcome, Question, iou, measure, precision, precision_omega, recall, rows, union
from ragqa import Pipeline
from ragqa.evaluate.dataset import Span
from tests.fakes import ECHO, PIPELINE, WORDS


def spans(*ranges: tuple[int, int], document_id: str = "d") -> list[Span]:
    return [Span(document_id, start, end) for start, end in ranges]


def test_a_reference_cut_by_a_chunk_is_found_in_part() -> None:
    references, retrieved = spans((10, 30)), spans((0, 20))
    assert recall(references, retrieved) == 10 / 20
    assert precision(references, retrieved) == 10 / 20
    assert iou(references, retrieved) == 10 / 30


def test_several_references_are_weighed_by_their_length() -> None:
    references, retrieved = spans((0, 10), (50, 80)), spans((50, 100), (200, 210))
    assert recall(references, retrieved) == 30 / 40
    assert precision(references, retrieved) == 30 / 60
    assert iou(references, retrieved) == 30 / 70


def test_what_overlapping_chunks_share_is_found_once_and_paid_for_twice() -> None:
    references, retrieved = spans((10, 20)), spans((0, 20), (10, 30))
    assert recall(references, retrieved) == 1
    assert precision(references, retrieved) == 10 / 40
    assert iou(references, retrieved) == 10 / 40


def test_the_same_chunk_twice_finds_no_more() -> None:
    references, retrieved = spans((0, 20)), spans((0, 10), (0, 10))
    assert recall(references, retrieved) == 10 / 20
    assert precision(references, retrieved) == 10 / 20
    assert iou(references, retrieved) == 10 / 30


def test_a_chunk_of_another_document_finds_nothing_and_counts_as_retrieved() -> None:
    references, retrieved = spans((0, 10)), [*spans((0, 10)), *spans((0, 30), document_id="other")]
    assert recall(references, retrieved) == 1
    assert precision(references, retrieved) == 10 / 40
    assert iou(references, retrieved) == 10 / 40


def test_nothing_retrieved_scores_zero() -> None:
    assert recall(spans((0, 10)), []) == precision(spans((0, 10)), []) == iou(spans((0, 10)), []) == 0


def test_overlapping_references_are_found_once_and_sought_twice() -> None:
    references = spans((0, 20), (10, 30))
    assert recall(references, spans((0, 30))) == 30 / 40
    assert iou(references, spans((0, 15))) == 15 / (15 + 5 + 15)


def test_omega_is_the_precision_of_the_chunks_that_hold_references() -> None:
    chunks = spans((0, 20), (21, 40), (41, 60), (61, 80))
    assert precision_omega(spans((5, 10)), chunks) == 5 / 20
    assert precision_omega(spans((5, 10), (65, 70)), chunks) == 10 / 39
    assert precision_omega(spans((30, 50)), chunks) == 19 / 39  # the character between two chunks is not found


def test_omega_counts_what_chunks_share_once() -> None:
    assert precision_omega(spans((12, 18)), spans((0, 20), (10, 30))) == 6 / 30


def test_omega_counts_a_chunk_that_only_touches_a_reference() -> None:
    assert precision_omega(spans((20, 30)), spans((0, 20), (20, 40))) == 10 / 40
    assert precision_omega(spans((20, 30)), spans((0, 19), (20, 40))) == 10 / 20


def test_omega_is_zero_where_no_chunk_holds_a_reference() -> None:
    assert precision_omega(spans((0, 10)), spans((20, 30))) == 0


def test_a_union_joins_what_overlaps_or_touches_in_one_document() -> None:
    assert union(spans((5, 9), (0, 3), (3, 4), (6, 7))) == spans((0, 4), (5, 9))
    mixed = [*spans((2, 9), document_id="e"), *spans((0, 5))]
    assert union(mixed) == [*spans((0, 5)), *spans((2, 9), document_id="e")]


@st.composite
def apart(draw: st.DrawFn) -> list[Span]:
    """Spans in two documents that never overlap, but may touch."""
    drawn: list[Span] = []
    for document_id in "de":
        ends = sorted(draw(st.sets(st.integers(0, 40), max_size=8)))
        drawn += spans(
            *draw(st.permutations(list(pairwise(ends))[:: draw(st.integers(1, 2))])), document_id=document_id
        )
    return drawn


def characters(some: list[Span]) -> set[tuple[str, int]]:
    return {(span.document_id, i) for span in some for i in range(span.start, span.end)}


@given(apart(), apart())
def test_scores_are_those_of_sets_of_characters_where_nothing_overlaps(
    references: list[Span], retrieved: list[Span]
) -> None:
    wanted, got = characters(references), characters(retrieved)
    shared = len(wanted & got)
    assert recall(references, retrieved) == (shared / len(wanted) if wanted else 0)
    assert precision(references, retrieved) == (shared / len(got) if got else 0)
    assert iou(references, retrieved) == (shared / len(wanted | got) if wanted | got else 0)


@given(apart(), apart())
def test_omega_is_that_of_sets_of_characters(references: list[Span], chunks: list[Span]) -> None:
    edges = {(one.document_id, i) for one in references for i in range(one.start, one.end + 1)}
    near = [c for c in chunks if any((c.document_id, i) in edges for i in range(c.start, c.end + 1))]
    wanted, got = characters(references), characters(near)
    assert precision_omega(references, chunks) == (len(wanted & got) / len(wanted | got) if wanted | got else 0)


def pipeline(place: Path, *overrides: str) -> Pipeline:
    documents = place / "documents"
    documents.mkdir()
    (documents / "tides.md").write_text("The ferry leaves at noon.\n\nThe harbour is deep.", encoding="utf-8")
    (documents / "birds.md").write_text("A heron eats fish.", encoding="utf-8")
    (place / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    paths = [f"load.path={documents}", f"index.path={place / 'index'}"]
    sizes = ["split.chunk_size=8", "split.overlap=0"]
    return Pipeline.from_file(place / "pipeline.yaml", [*paths, *sizes, *overrides], [WORDS, ECHO])


FERRY = Question("When does the ferry leave at noon?", "tides", ((0, 25, "The ferry leaves at noon."),))
HERON = Question("What does a heron eat, fish?", "birds", ((2, 7, "heron"),))


def test_a_setting_is_indexed_asked_and_scored(tmp_path: Path) -> None:
    outcome = measure(pipeline(tmp_path), [FERRY, HERON], k=1)
    assert outcome.chunks == {"tides": 2, "birds": 1}
    share = 5 / len("A heron eats fish.")
    assert outcome.scores == (
        ("tides", {"recall": 1, "precision": 1, "precision-Omega": 1, "IoU": 1}),
        ("birds", {"recall": 1, "precision": share, "precision-Omega": share, "IoU": share}),
    )


def test_a_widened_hit_counts_with_all_that_it_holds_and_omega_stays(tmp_path: Path) -> None:
    outcome = measure(pipeline(tmp_path, "retrieve.neighbours=1"), [FERRY], k=1)
    share = 25 / len("The ferry leaves at noon.\n\nThe harbour is deep.")
    assert outcome.scores == (("tides", {"recall": 1, "precision": share, "precision-Omega": 1, "IoU": share}),)


def test_a_reference_that_does_not_stand_in_the_document_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="birds, 1 to 6"):
        measure(pipeline(tmp_path), [Question("What eats fish?", "birds", ((1, 6, "heron"),))], k=1)


def test_a_row_has_means_intervals_and_n_and_one_more_for_each_corpus() -> None:
    perfect = dict.fromkeys(("recall", "precision", "precision-Omega", "IoU"), 1.0)
    outcome = Outcome(chunks=Counter(a=1000, b=234), scores=(("a", perfect), ("b", perfect)))
    both, single = ["1.000 [0.158, 1.000]"] * 4, ["1.000 [0.025, 1.000]"] * 4  # Clopper and Pearson, 2 of 2, 1 of 1
    assert list(rows("x", outcome, by_corpus=False)) == [["x", "1,234", *both, "2"]]
    assert list(rows("x", outcome, by_corpus=True)) == [
        ["x", "all", "1,234", *both, "2"],
        ["x", "a", "1,000", *single, "1"],
        ["x", "b", "234", *single, "1"],
    ]
