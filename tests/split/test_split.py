"""Splitters: exact offsets on any text, bounded chunks, nothing lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa import text_analysis
from ragqa.config.slots import BYTES_PER_TOKEN, CONTEXT_TOKENS
from ragqa.config.specs import CodeSplit, MarkdownSplit, RecursiveSplit, SentenceSplit, TokenSplit
from ragqa.errors import RejectedError, UsageError
from ragqa.load.json_records import json_lines
from ragqa.load.table import comma_separated
from ragqa.records import Chunk, Document
from ragqa.split import (
    CONTEXT_BYTES,
    CodeSplitter,
    MarkdownSplitter,
    RecursiveSplitter,
    SentenceSplitter,
    TextSplitter,
    TokenSplitter,
)
from ragqa.split import splitter as splitter_module
from ragqa.split.cutter import Cutter
from tests.fakes import WordEmbedder, document

KINDS: dict[str, tuple[Any, Any]] = {
    "recursive": (RecursiveSplit, RecursiveSplitter),
    "token": (TokenSplit, TokenSplitter),
    "markdown": (MarkdownSplit, MarkdownSplitter),
    "sentence": (SentenceSplit, SentenceSplitter),
    "code": (CodeSplit, CodeSplitter),
}
"""Spec and splitter of each kind."""
COUNTER = WordEmbedder()

wild = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("\r\n\t .,!?#`\"'\u200b\u2028\u0085\ufeff\U0001f600e\u0301"),
        st.sampled_from("abcdefgh   \n"),
    ),
    max_size=400,
)
repeated = st.builds(lambda part, n: part * n, wild.filter(lambda text: len(text) < 60), st.integers(1, 12))


def splitter(kind: str, size: int = 20, overlap: int = 5, unit: str = "token") -> TextSplitter:
    return build(kind, COUNTER, chunk_size=size, overlap=overlap, unit=unit)


def build(kind: str, counter: WordEmbedder, **fields: Any) -> TextSplitter:
    spec, splitter_class = KINDS[kind]
    made: TextSplitter = splitter_class(spec(kind=kind, **fields), counter)
    return made


def assert_exact(text: str, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text.strip()
    covered = {i for chunk in chunks for i in range(chunk.start, chunk.end)}
    lost = [i for i, c in enumerate(text) if not c.isspace() and i not in covered]
    assert lost == []
    assert [c.start for c in chunks] == sorted(c.start for c in chunks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", ["token", "character"])
@settings(max_examples=150, deadline=None)
@given(text=st.one_of(wild, repeated))
def test_every_chunk_is_its_span_and_no_visible_character_is_lost(kind: str, unit: str, text: str) -> None:
    chunks = splitter(kind, unit=unit).split(document(text))
    assert_exact(text, chunks)
    for chunk in chunks:
        length = COUNTER.count(chunk.text) if unit == "token" else len(chunk.text)
        assert length <= 20 or chunk.end - chunk.start == 1
        if unit == "token" and chunk.end - chunk.start > 1:
            assert len(chunk.text.encode("utf-8", "surrogatepass")) <= 20 * BYTES_PER_TOKEN


@pytest.mark.parametrize("media_type", ["text/csv", "text/markdown"])
@settings(max_examples=150, deadline=None)
@given(text=wild)
def test_rows_and_headings_keep_offsets_exact_too(media_type: str, text: str) -> None:
    assert_exact(text, splitter("markdown").split(document(text, media_type=media_type)))


@pytest.mark.parametrize("kind", KINDS)
def test_crlf_and_repeated_passages_keep_their_own_offsets(kind: str) -> None:
    text = ("The same line, again.\r\n\r\n" * 40) + "and a last one"
    chunks = splitter(kind).split(document(text))
    assert_exact(text, chunks)
    assert len({(chunk.start, chunk.end) for chunk in chunks}) == len(chunks) > 5


def test_a_blank_document_has_no_chunks() -> None:
    assert splitter("recursive").split(document(" \r\n\t\u2028 ")) == []


def test_ten_megabytes_without_a_space_are_cut_within_the_bound() -> None:
    text = "x" * 1_000_000
    chunks = splitter("recursive", size=200, overlap=0).split(document(text))
    assert sum(len(chunk.text) for chunk in chunks) == len(text)
    assert max(len(chunk.text) for chunk in chunks) <= 200 * BYTES_PER_TOKEN


def test_neighbouring_chunks_overlap_by_at_most_what_was_asked() -> None:
    text = " ".join(f"word{i}" for i in range(200))
    chunks = splitter("recursive", size=20, overlap=5).split(document(text))
    shared = [text[b.start : a.end] for a, b in pairwise(chunks)]
    assert any(shared)
    assert all(COUNTER.count(part) <= 5 for part in shared)


def test_a_markdown_chunk_carries_its_heading_path_and_never_crosses_a_heading() -> None:
    text = "# Ferries\n\nIntro.\n\n## Tern\n\nBuilt in 1998.\n\n```\n# not a heading\n```\n\n# Sites\n\nRaces.\n"
    chunks = splitter("markdown", size=60).split(document(text, media_type="text/markdown", title="Handbook"))
    contexts = {chunk.context for chunk in chunks}
    assert contexts == {"Handbook > Ferries", "Handbook > Ferries > Tern", "Handbook > Sites"}
    tern = next(chunk for chunk in chunks if "1998" in chunk.text)
    assert "# not a heading" in tern.text and "Races" not in tern.text


def test_a_csv_row_is_never_cut_and_carries_the_header() -> None:
    rows = [f'{i},"Quay ""{i}"", north\nside",{i * 7}' for i in range(30)]
    text = "id,name,depth\n" + "\n".join(rows) + "\n"
    chunks = splitter("recursive", size=40).split(
        document(text, media_type="text/csv", metadata={"header": "id,name,depth"})
    )
    assert all(any(row in chunk.text for chunk in chunks) for row in rows)
    assert all("id | name | depth" in chunk.context for chunk in chunks)


def table(text: str) -> Document:
    """Return a CSV file as the loader reads it."""
    return document(text, media_type="text/csv", metadata=dict(comma_separated(text).metadata))


def names(chunk: Chunk) -> list[str]:
    """Return the column names in the context of a chunk."""
    return chunk.context.rpartition(" > ")[2].split(",")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", ["token", "character"])
@pytest.mark.parametrize("columns", [3, 12, 60, 300])
def test_every_cell_of_a_table_stands_in_a_chunk_with_the_name_of_its_column(
    kind: str, unit: str, columns: int
) -> None:
    head = ",".join(f"size{n}" for n in range(columns))
    text = "\n".join([head, *(",".join(f"v{row}c{n}" for n in range(columns)) for row in range(5))])
    size = 60 if unit == "token" else 240
    chunks = splitter(kind, size=size, unit=unit).split(table(text))
    assert_exact(text, chunks)
    for row in range(5):
        for n in (0, 1, columns // 2, columns - 1):
            chunk = next(c for c in chunks if f"v{row}c{n}" in c.text.replace("\n", ",").split(","))
            assert f"size{n}" in names(chunk), chunk
            assert f"v{row}c0" in chunk.text or f"size0: v{row}c0 > " in chunk.context
    bound = (size + CONTEXT_TOKENS) if unit == "token" else size + CONTEXT_BYTES
    assert all((COUNTER.count(c.indexed_text) if unit == "token" else len(c.indexed_text)) <= bound for c in chunks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [30, 60])
def test_every_cell_of_a_wide_table_with_pipes_stands_in_a_chunk_with_the_name_of_its_column(
    kind: str, columns: int
) -> None:
    table_rows = [[f"size{n}" for n in range(columns)], ["---"] * columns]
    table_rows += [[f"v{row}c{n}\\|x" for n in range(columns)] for row in range(4)]
    text = "# Boats\n\nAll of them.\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in table_rows) + "\nThe end."
    chunks = splitter(kind, size=60).split(replace(document(text), media_type="text/markdown"))
    assert_exact(text, chunks)
    for row in range(4):
        for n in (0, 1, columns // 2, columns - 1):
            chunk = next(c for c in chunks if f"v{row}c{n}\\" in c.text)
            assert f"size{n}" in re.split(r" \| | > ", chunk.context), chunk
            assert f"v{row}c0\\" in chunk.text or f"size0: v{row}c0" in chunk.context
    assert "The end." in chunks[-1].text and "size" not in chunks[-1].text


def test_a_long_header_does_not_make_a_chunk_of_each_row() -> None:
    head = ",".join(f"How content are you with the {n} of the harbour" for n in ("quay", "crane", "office"))
    text = head + "\n" + "4,5,2\n" * 300
    chunks = splitter("recursive", size=200, overlap=40).split(table(text))
    assert len(chunks) < 60 and all("the crane of" in chunk.context for chunk in chunks)


def test_a_long_cell_is_cut_and_every_part_has_its_name_and_row() -> None:
    note = " ".join(f"Remark {n} about the boat." for n in range(30))
    chunks = splitter("recursive").split(table(f'boat,note,berth\nTern,"{note}",7\nIda,none,9\n'))
    parts = [chunk for chunk in chunks if "Remark" in chunk.text]
    assert len(parts) > 5 and {chunk.context for chunk in parts} == {"boat: Tern > note"}
    assert next(c for c in chunks if "Ida" in c.text).context == "boat,note,berth"


def test_a_name_without_end_is_cut_to_fit() -> None:
    chunks = splitter("recursive", size=20, overlap=0).split(table("é" * 5000 + ",b\n1,2\n"))
    row = [chunk for chunk in chunks if "1" in chunk.text]
    assert row and all(chunk.context.startswith("é") and len(chunk.context) < 100 for chunk in row)


def test_each_table_of_a_file_has_its_own_header_and_title() -> None:
    text = "Berths\n\nberth,length\n7,12\n8,14\n\nBoats\nboat,captain,seats\nTern,Oda,12\n"
    chunks = splitter("recursive", size=60).split(table(text))
    assert_exact(text, chunks)
    assert [chunk.context for chunk in chunks] == ["Berths > berth,length", "Boats > boat,captain,seats"]


def test_a_line_that_says_the_delimiter_is_in_no_chunk() -> None:
    (chunk,) = splitter("recursive", size=60).split(table("sep=;\nberth;length\n7;12\n"))
    assert (chunk.context, chunk.text) == ("berth;length", "berth;length\n7;12")


def test_rows_are_not_joined_by_an_overlap_or_by_a_mark_inside_a_cell() -> None:
    text = "pipe,metres\n" + "".join(f'{n}" steel,{n}\n' for n in range(60))
    chunks = splitter("recursive", size=40, overlap=15).split(table(text))
    assert all(chunk.start == 0 or text[chunk.start - 1] == "\n" for chunk in chunks)
    assert sum(len(chunk.text.splitlines()) for chunk in chunks) == 61


@pytest.mark.parametrize("metadata", [{"tables": 7}, {"tables": [[5, 2, 9]]}, {"tables": [["a"]]}, {"delimiter": ""}])
def test_wrong_places_of_tables_are_not_believed(metadata: dict[str, Any]) -> None:
    text = "a,b\n" + "1,2\n" * 40
    chunks = splitter("recursive").split(document(text, media_type="text/csv", metadata={"header": "a,b"} | metadata))
    assert_exact(text, chunks)
    assert all(chunk.context == "a | b" for chunk in chunks)


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from('ab1é;,|"\r\n '), max_size=200))
def test_chunks_of_any_table_are_exact_and_bounded(text: str) -> None:
    for chunk in splitter("recursive", size=16, overlap=3).split(table(text)):
        assert text[chunk.start : chunk.end] == chunk.text and chunk.text.strip()
        assert COUNTER.count(chunk.text) <= 16 or chunk.end - chunk.start == 1


def test_a_record_that_fits_is_not_cut_and_parts_of_a_long_one_have_its_title() -> None:
    long = " ".join(f"Step {n} of the work." for n in range(40))
    rows = [f'{{"title": "Winch {n}", "text": "{long if n == 1 else "Turn it."}"}}' for n in range(4)]
    text = json_lines("\n".join(rows)).text
    chunks = splitter("recursive", size=40, overlap=8).split(document(text, media_type="application/jsonl"))
    assert_exact(text, chunks)
    parts = [chunk for chunk in chunks if "Step" in chunk.text]
    assert len(parts) > 4 and all("Winch 1" in chunk.context for chunk in parts)
    assert not any("Winch 0" in chunk.text or "Winch 2" in chunk.text for chunk in parts)
    assert "# Winch 2\nTurn it.\n\n\n# Winch 3\nTurn it." in [chunk.text for chunk in chunks]


def test_sentences_are_kept_whole_where_they_fit() -> None:
    sentences = [f"Sentence number {i} ends here." for i in range(20)]
    chunks = splitter("sentence", size=14, overlap=0).split(document(" ".join(sentences)))
    assert all(chunk.text.endswith("here.") for chunk in chunks)


def test_code_is_cut_at_functions() -> None:
    text = "\n\n".join(f"def f{i}(x):\n    y = x + {i}\n    return y" for i in range(8))
    chunks = splitter("code", size=24, overlap=0).split(document(text))
    assert all(chunk.text.startswith("def f") for chunk in chunks)


def test_context_is_bounded_and_outer_headings_give_way_first() -> None:
    long = " ".join(["word"] * 60)
    chunk = splitter("markdown").split(document(f"# {long}\n\n## Inner\n\nText.", media_type="text/markdown"))[-1]
    assert chunk.context == "Inner"
    assert COUNTER.count(chunk.context) <= CONTEXT_TOKENS


def test_an_unknown_code_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"split\.language: unknown 'klingon'.*python"):
        CodeSplitter(CodeSplit(kind="code", language="klingon"), COUNTER)


def test_ids_are_the_same_in_every_run_and_pages_follow_the_start() -> None:
    doc = document("one two three\ffour five six", page_starts=(0, 14))
    first, again = splitter("token", size=8, overlap=0).split(doc), splitter("token", size=8, overlap=0).split(doc)
    assert [c.id for c in first] == [c.id for c in again]
    assert {c.page for c in first} <= {1, 2}


def test_the_fingerprint_follows_the_settings() -> None:
    assert splitter("recursive", 20).fingerprint == splitter("recursive", 20).fingerprint
    assert splitter("recursive", 20).fingerprint != splitter("recursive", 21).fingerprint


class Watched(WordEmbedder):
    """Notes the longest text that it was given."""

    longest = 0

    def offsets(self, text: str) -> list[tuple[int, int]]:
        self.longest = max(self.longest, len(text.encode()))
        return super().offsets(text)


@pytest.mark.parametrize("kind", ["recursive", "markdown", "sentence", "code"])
@pytest.mark.parametrize(
    "text",
    ["x" * 100_000, "# " + "h" * 100_000 + "\n\ntext", "a,b\n" * 20_000, '"' + "open quote, " * 9_000, "中" * 30_000],
    ids=["blankless", "heading", "rows", "open quote", "chinese"],
)
@pytest.mark.parametrize(
    "media_type", ["text/plain", "text/markdown", "text/csv", "application/jsonl", "application/json"]
)
def test_no_text_is_given_to_the_tokenizer_whole(kind: str, text: str, media_type: str) -> None:
    counter = Watched()
    chunks = build(kind, counter, chunk_size=200, overlap=40).split(
        document(text, media_type=media_type, title=text[:5000], metadata={"header": text[:9000]})
    )
    assert chunks and counter.longest <= 200 * BYTES_PER_TOKEN
    assert all(len(chunk.context.encode()) <= CONTEXT_BYTES for chunk in chunks)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(wild, repeated), size=st.integers(8, 30), overlap=st.integers(0, 7), code=st.booleans())
def test_pieces_without_separators_are_those_of_the_library(text: str, size: int, overlap: int, code: bool) -> None:
    """The library cuts text without separators character by character, which is slow; its cuts are cached."""

    class Library(Cutter):
        def recurse(self, text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
            start = low
            for piece in self.library.split_text(text[low:high]):
                yield from self.bounded(text, start, start + len(piece))
                start += len(piece)

    own, library = (splitter("code" if code else "recursive", size, overlap) for _ in range(2))
    library.cutter = Library(own.cutter.separators, own.cutter.bound, own.cutter.measure)
    library.cutter.library._separators = [*library.cutter.library._separators, ""]
    assert own.split(document(text)) == library.split(document(text))


def test_a_document_that_takes_too_long_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitter_module, "SECONDS", -1.0)
    with pytest.raises(RejectedError, match=r"splitting took more than -1 s, at character \d+"):
        splitter("recursive").split(document("word " * 500))


@pytest.mark.parametrize("kind", KINDS)
def test_front_matter_is_in_no_chunk_and_offsets_are_those_of_the_file(kind: str) -> None:
    text = (
        "---\ntitle: Harbour\n# reviewed by the board\n---\nThe fee is 12 crowns.\n\n# Prices\n\nA berth costs more.\n"
    )
    body = text.index("\nThe fee")
    page = replace(document(text), metadata={"front_matter": body})
    chunks = splitter(kind).split(page)
    assert all(chunk.start >= body and text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    joined = " ".join(chunk.text for chunk in chunks)
    assert "fee is 12" in joined and "berth" in joined
    assert "reviewed" not in "".join(chunk.context + chunk.text for chunk in chunks)
    for wrong in (-1, len(text) + 1, "7", None):  # a loader of one's own may record anything
        assert splitter(kind).split(replace(page, metadata={"front_matter": wrong}))[0].start == 0
    assert splitter(kind).split(replace(page, metadata={"front_matter": len(text)})) == []


@given(
    st.lists(st.text(alphabet="ab .\n#é漢", max_size=60), min_size=1, max_size=8),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(["text/plain", "text/markdown", "text/csv", "application/jsonl"]),
    st.integers(0, 6),
)
@settings(deadline=None)
def test_no_chunk_crosses_a_page_and_no_word_is_lost(
    pages: list[str], kind: str, media_type: str, overlap: int
) -> None:
    starts = [sum(len(page) + 1 for page in pages[:number]) for number in range(len(pages))]
    doc = document("\f".join(pages), media_type=media_type, page_starts=tuple(starts))
    chunks = splitter(kind, size=12, overlap=overlap).split(doc)
    covered = {offset for chunk in chunks for offset in range(chunk.start, chunk.end)}
    assert all(doc.page_of(chunk.start) == doc.page_of(chunk.end - 1) == chunk.page for chunk in chunks)
    assert covered >= {offset for offset, character in enumerate(doc.text) if not character.isspace()}


def test_the_headings_of_a_section_stay_with_its_part_on_the_next_page() -> None:
    first = "# Fees\n\nThe mooring fee is 6 crowns and it is"
    doc = document(f"{first}\fdue in May.", media_type="text/markdown", page_starts=(0, len(first) + 1))
    assert [(c.text[:3], c.page, c.context) for c in splitter("markdown").split(doc)] == [
        ("# F", 1, "Fees"), ("due", 2, "Fees"),
    ]  # fmt: skip


# --- Structure of Markdown and the names of columns -------------------------------------------------------------------


def contexts(text: str, kind: str = "markdown", media_type: str = "text/markdown", **options: Any) -> list[str]:
    return [
        c.context for c in splitter(kind, **options).split(replace(document(text), media_type=media_type, title="T"))
    ]


@pytest.mark.parametrize(
    "block",
    [
        "````\n```sh\n# inside\n```\n# inside\n````",
        "~~~\n```\n# inside\n~~~",
        "```\n# inside\n~~~\n# inside\n```",
        "- item\n\n      ```\n# inside\n      ```",
        "<!--\n# inside\n-->",
        "<pre>\n# inside\n\n# inside\n</pre>",
        "`````py\n# inside\n```\n# inside\n`````   ",
    ],
)
def test_what_looks_like_a_heading_in_a_block_of_code_or_html_is_none(block: str) -> None:
    found = contexts(f"# Guide\n\n{block}\n\n## After\n\nThe end.", size=60)
    assert found == ["T > Guide", "T > Guide > After"]


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("Guide\n=====\n\nText.\n\nPart\n---\n\nMore.", ["T > Guide", "T > Guide > Part"]),
        ("# C#\n\nText.\n\n## Part ##\n\nMore.", ["T > C#", "T > C# > Part"]),
        ("Text.\n\n---\n\nMore.", ["T"]),
        ("- item\n---\nMore.", ["T"]),
        (f"{'A long paragraph of prose that goes on. ' * 8}\n---\nMore.", ["T"]),
        ("   ### Guide\n\n    # code\n", ["T > Guide"]),
    ],
)
def test_headings_are_those_of_markdown(text: str, titles: list[str]) -> None:
    assert contexts(text, size=150) == titles


@pytest.mark.parametrize("kind", ["recursive", "markdown", "sentence"])
def test_every_chunk_of_a_table_with_pipes_carries_the_names_of_its_columns(kind: str) -> None:
    rows = "".join(f"| Loft {n} | {n} | {3 * n} |\n" for n in range(60))
    text = f"# Rooms\n\nThe fees.\n\n| Room  | Day | Week |\n|:--|--:|---|\n{rows}\nThey are paid ahead.\n"
    chunks = splitter(kind, overlap=0).split(replace(document(text), media_type="text/html"))
    of_rows = [chunk for chunk in chunks if chunk.text.startswith("|")]
    assert len(of_rows) > 5
    assert all(chunk.context.endswith("Room | Day | Week") for chunk in of_rows)
    assert all("Day" not in chunk.context for chunk in chunks if chunk not in of_rows)


@pytest.mark.parametrize("header", [",".join(f"name_{n}" for n in range(99)), [f"name_{n}" for n in range(99)]])
def test_of_a_long_header_as_many_names_are_kept_as_fit(header: Any) -> None:
    text = "\n".join(",".join(str(n) for n in range(9)) for _ in range(20))
    rows = replace(document(text), media_type="text/csv", title="Rooms", metadata={"header": header})
    for chunk in splitter("recursive", overlap=0).split(rows):
        assert chunk.context.startswith("name_0") and "name_5" in chunk.context
        assert COUNTER.count(chunk.context) <= CONTEXT_TOKENS


def test_headings_that_a_format_marks_are_sections_too() -> None:
    page = replace(
        document("Rooms\nAll of them.\nFees\nNone."), media_type="text/html", metadata={"headings": [[0, 1], [19, 2]]}
    )
    chunks = splitter("markdown").split(page)
    assert [(chunk.text, chunk.context) for chunk in chunks] == [
        ("Rooms\nAll of them.", "Rooms"),
        ("Fees\nNone.", "Rooms > Fees"),
    ]


SPACELESS = {
    "chinese": "码头从周一到周五开放。船票在售票处购买，也可以在船上付款！行李要提前交给船员；自行车免费吗？免费。" * 6,
    "japanese": "船着場は毎日開いています。切符は窓口で買い、船の上でも払えます。荷物は早めに船員に渡してください。"
    * 6,
    "thai": "ท่าเรือเปิดทุกวันตั้งแต่เช้าถึงเย็น ซื้อตั๋วได้ที่ช่องขายตั๋วหรือบนเรือ " * 6,
    "thai without a space": "ท่าเรือเปิดทุกวันตั้งแต่เช้าถึงเย็นซื้อตั๋วได้ที่ช่องขายตั๋วหรือบนเรือ" * 6,
}


class CharacterCounter(WordEmbedder):
    """Each letter is a token, as in a BERT vocabulary for Chinese."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at, character in enumerate(text) if not character.isspace()]


@pytest.mark.parametrize("unit", ["token", "character"])
@pytest.mark.parametrize("kind", ["recursive", "sentence", "token"])
@pytest.mark.parametrize("name", SPACELESS)
def test_chunks_of_scripts_without_spaces_overlap(name: str, kind: str, unit: str) -> None:
    counter = CharacterCounter()
    text = SPACELESS[name]
    chunks = build(kind, counter, chunk_size=60, overlap=20, unit=unit).split(document(text))
    assert_exact(text, chunks)
    assert all(counter.count(chunk.text) <= 60 for chunk in chunks)
    shared = [text[b.start : a.end] for a, b in pairwise(chunks)]
    assert len(shared) > 3 and all(10 <= counter.count(part) <= 20 for part in shared)


@pytest.mark.parametrize("name", ["thai", "thai without a space"])
def test_an_overlap_begins_with_no_vowel_or_tone_of_the_letter_before_it(name: str) -> None:
    chunks = build("recursive", CharacterCounter(), chunk_size=60, overlap=20, unit="token").split(
        document(SPACELESS[name])
    )
    for chunk in chunks[1:]:
        assert not re.match("[\u0e30-\u0e3a\u0e45-\u0e4e]", chunk.text)
        assert not re.match("[เแโใไ]", SPACELESS[name][chunk.start - 1 : chunk.start])


@pytest.mark.parametrize("name", ["chinese", "japanese"])
def test_a_text_without_spaces_is_cut_after_a_mark(name: str) -> None:
    chunks = build("recursive", CharacterCounter(), chunk_size=40, overlap=10, unit="token").split(
        document(SPACELESS[name])
    )
    assert all(chunk.text[-1] in "。！？；，、" for chunk in chunks)


@pytest.mark.parametrize(
    "text",
    ["码头开放。", "船が出る？", "هل الميناء مفتوح؟ ", "बंदरगाह खुला है। ", "ဆိပ်ကမ်းဖွင့်သည်။ ", "កំពង់ផែបើក។ ", "ወደቡ ክፍት ነው። ", "بندرگاہ کھلی ہے۔ "],
)  # fmt: skip
def test_a_sentence_ends_in_every_script(text: str) -> None:
    said = text * 8
    chunks = build("sentence", CharacterCounter(), chunk_size=30, overlap=0, unit="token").split(document(said))
    assert len(chunks) > 1 and all(chunk.text[-1] == text.strip()[-1] for chunk in chunks)
    assert [said[start:end] for start, end in text_analysis.sentences(said)] == [text.strip()] * 8


def test_a_closing_quotation_mark_belongs_to_its_sentence() -> None:
    text = "「船は出ますか？」「出ます。」と船員は言った。"
    assert [text[start:end] for start, end in text_analysis.sentences(text)] == [
        "「船は出ますか？」",
        "「出ます。」",
        "と船員は言った。",
    ]
