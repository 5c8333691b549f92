"""Hits and what surrounds them: spans joined without loss, neighbours, sections, and the very text of the document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.records import Chunk, Hit
from ragqa.retrieve.passages import expand, joined
from ragqa.stages import CANARIES, Entry
from tests.fakes import document, hit
from tests.torture.world import EMBEDDER, IDENTITY, make_text, write

SPANS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60), st.integers(1, 12)), max_size=14)


@given(SPANS)
def test_joined_spans_stand_apart_and_cover_the_same_characters_of_the_same_documents(
    ranked: list[tuple[str, int, int]],
) -> None:
    hits = [hit("x" * length, source, start) for source, start, length in ranked]
    spans = [(start, start + length) for _, start, length in ranked]
    left = joined(hits, spans)
    covered: dict[str, set[int]] = {}
    for (source, *_), span in zip(ranked, spans, strict=True):
        covered.setdefault(source, set()).update(range(*span))
    kept: dict[str, set[int]] = {}
    for number, span in left.items():
        mine = kept.setdefault(ranked[number][0], set())
        assert not mine & set(range(span[0] - 1, span[1] + 1)), "two spans of one document overlap or touch"
        mine.update(range(*span))
    assert kept == covered
    assert list(left) == sorted(left)
    for number, (low, high) in left.items():
        inside = [
            i
            for i, (start, end) in enumerate(spans)
            if ranked[i][0] == ranked[number][0] and low <= start and end <= high
        ]
        assert number == min(inside), "a passage has the rank of the best hit in it"


def test_a_span_between_two_others_joins_all_three_under_the_best() -> None:
    hits = [hit("x", start=start) for start in (20, 0, 9)]
    assert joined(hits, [(20, 30), (0, 10), (9, 20)]) == {0: (0, 30)}
    assert joined(hits, [(20, 30), (0, 10), (11, 19)]) == {0: (20, 30), 1: (0, 10), 2: (11, 19)}
    assert joined([], []) == {}


def entry(source: str, pieces: Sequence[tuple[str, str]], overlap: int = 0, **fields: object) -> Entry:
    """Return a document of `(context, piece)`, each piece a chunk that begins `overlap` characters early."""
    doc = document("".join(piece for _, piece in pieces), source, **fields)  # type: ignore[arg-type]
    chunks, at = [], 0
    for number, (context, piece) in enumerate(pieces):
        start, end = max(0, at - overlap), at + len(piece)
        chunks.append(Chunk(f"{source}-{number}", doc.id, start, end, doc.text[start:end], context, doc.page_of(start)))
        at = end
    return Entry(doc, chunks)


@contextmanager
def index(path: Path, *entries: Entry) -> Iterator[LocalReader]:
    with LocalWriter(path, IDENTITY, recorded=EMBEDDER.recorded) as writer:
        texts = writer.missing([chunk for each in entries for chunk in each.chunks])
        writer.check_embedder(EMBEDDER.embed_passages(CANARIES))
        sources: dict[str, str | None] = {each.document.source: each.document.id for each in entries}
        writer.commit(entries, dict(zip(texts, EMBEDDER.embed_passages(texts), strict=True)), sources)
    with LocalReader(path, {}) as reader:
        yield reader


def hits_of(reader: LocalReader, *chunk_ids: str) -> list[Hit]:
    """Return the hits of chunks, the first the best."""
    return reader.hits([(chunk_id, 1 / (i + 1), {"dense": 1 / (i + 1)}) for i, chunk_id in enumerate(chunk_ids)])


PLAIN = [("", f"line {number} of the log.\n") for number in range(6)]
"""Chunks that touch, without headings."""


def lines(*numbers: int) -> str:
    return "".join(PLAIN[number][1] for number in numbers)


@pytest.mark.parametrize(
    ("chunk", "neighbours", "wanted"),
    [
        (0, 0, (0,)),
        (0, 1, (0, 1)),
        (5, 1, (4, 5)),
        (2, 1, (1, 2, 3)),
        (1, 2, (0, 1, 2, 3)),
        (3, 10, (0, 1, 2, 3, 4, 5)),
    ],
)
def test_neighbours_are_joined_up_to_the_ends_of_the_document(
    tmp_path: Path, chunk: int, neighbours: int, wanted: tuple[int, ...]
) -> None:
    with index(tmp_path / "index", entry("a.txt", PLAIN), entry("b.txt", [("", "another file")])) as reader:
        hits = hits_of(reader, f"a.txt-{chunk}")
        (wide,) = expand(hits, reader, neighbours=neighbours, section=False)
        assert wide.chunk.text == lines(*wanted)
        assert wide.chunk.text == reader.document(wide.chunk.document_id).text[wide.chunk.start : wide.chunk.end]
        assert (wide.chunk.id, wide.source, wide.score, wide.scores) == (f"a.txt-{chunk}", "a.txt", 1.0, {"dense": 1.0})


def test_hits_whose_passages_touch_become_one_with_the_better_score_and_others_stay(tmp_path: Path) -> None:
    with index(tmp_path / "index", entry("a.txt", PLAIN), entry("b.txt", [*PLAIN[:5], ("", "The end.")])) as reader:
        ranked = ("a.txt-4", "b.txt-0", "a.txt-1", "b.txt-4")
        wide = expand(hits_of(reader, *ranked), reader, neighbours=1, section=False)
        assert [(h.chunk.id, h.score) for h in wide] == [("a.txt-4", 1.0), ("b.txt-0", 0.5), ("b.txt-4", 0.25)]
        assert [h.chunk.text for h in wide] == [lines(0, 1, 2, 3, 4, 5), lines(0, 1), lines(3, 4) + "The end."]


def test_overlapping_chunks_give_each_character_once(tmp_path: Path) -> None:
    with index(tmp_path / "index", entry("a.txt", PLAIN, overlap=8)) as reader:
        (wide,) = expand(hits_of(reader, "a.txt-2"), reader, neighbours=1, section=False)
        assert wide.chunk.text == lines(0)[-8:] + lines(1, 2, 3)


def test_lines_between_chunks_come_with_them(tmp_path: Path) -> None:
    text = make_text(3)
    write(tmp_path / "index", {"a.txt": text, "b.txt": make_text(4)})
    with LocalReader(tmp_path / "index", {}) as reader:
        chunks = reader.chunks(reader.sources()["a.txt"])
        (wide,) = expand(hits_of(reader, chunks[2].id), reader, neighbours=1, section=False)
        assert wide.chunk.text == "\n".join(text.splitlines()[1:4])
        (whole,) = expand(hits_of(reader, chunks[4].id, chunks[0].id), reader, neighbours=0, section=True)
        assert (whole.chunk.text, whole.score) == (text, 1.0)


GUIDE = [
    ("Guide > Ferries", "The ferry sails. "),
    ("Guide > Ferries", "It costs four crowns. "),
    ("Guide > Ferries > Winter", "It sails at nine. "),
    ("Guide > Ferries > Winter", "It does not sail in ice. "),
    ("Guide > Ferries", "Dogs are welcome."),
]


@pytest.mark.parametrize(
    ("chunk", "wanted"), [(0, (0, 1)), (1, (0, 1)), (2, (2, 3)), (3, (2, 3)), (4, (4,))], ids=lambda value: str(value)
)
def test_a_section_ends_where_the_headings_change_even_if_they_come_again(
    tmp_path: Path, chunk: int, wanted: tuple[int, ...]
) -> None:
    with index(tmp_path / "index", entry("guide.md", GUIDE)) as reader:
        (wide,) = expand(hits_of(reader, f"guide.md-{chunk}"), reader, neighbours=0, section=True)
        assert wide.chunk.text == "".join(GUIDE[number][1] for number in wanted)
        assert wide.chunk.context == GUIDE[chunk][0]


def test_a_document_without_headings_is_one_section_and_its_hits_one_passage(tmp_path: Path) -> None:
    with index(tmp_path / "index", entry("a.txt", PLAIN), entry("guide.md", GUIDE)) as reader:
        hits = hits_of(reader, "guide.md-4", "a.txt-5", "a.txt-0")
        wide = expand(hits, reader, neighbours=0, section=True)
        assert [(h.chunk.text, h.score) for h in wide] == [(GUIDE[4][1], 1.0), (lines(0, 1, 2, 3, 4, 5), 0.5)]


def test_a_section_and_its_neighbours_are_both_taken(tmp_path: Path) -> None:
    with index(tmp_path / "index", entry("guide.md", GUIDE)) as reader:
        (wide,) = expand(hits_of(reader, "guide.md-1"), reader, neighbours=1, section=True)
        assert wide.chunk.text == "".join(GUIDE[number][1] for number in (0, 1, 2))


def test_the_page_is_that_on_which_the_passage_begins(tmp_path: Path) -> None:
    pages = (0, len(lines(0, 1)), len(lines(0, 1, 2, 3)))
    with index(tmp_path / "index", entry("a.pdf", PLAIN, page_starts=pages)) as reader:
        (narrow,) = hits_of(reader, "a.pdf-2")
        (wide,) = expand([narrow], reader, neighbours=1, section=False)
        assert (narrow.chunk.page, wide.chunk.page) == (2, 1)


def test_no_hits_give_no_passages(tmp_path: Path) -> None:
    with index(tmp_path / "index", entry("a.txt", PLAIN)) as reader:
        assert expand([], reader, neighbours=1, section=True) == []
