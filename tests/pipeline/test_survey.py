"""The survey of a folder before it is indexed: every fault is reported with its file, and sound files are not."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from ragqa.config.specs import MarkdownSplit, RecursiveSplit
from ragqa.errors import RejectedError
from ragqa.load import FolderLoader
from ragqa.pipeline.ingest.survey import BANDS, Finding, Survey, _candidates, _tables, near_duplicates, shingles, survey
from ragqa.records import Document, SourceFile
from ragqa.split import MarkdownSplitter, RecursiveSplitter
from tests import ROOT
from tests.fakes import WordEmbedder
from tests.limits import no_hang
from tests.load.word_files import paragraph, word

PROSE = "The observatory opens at nine in the morning and closes at six in the evening on every weekday. "
FRENCH = "Le café de la gare était fermé depuis l’été dernier ; les élèves préféraient déjeuner à la bibliothèque. " * 3
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def look(
    folder: Path, files: Mapping[str, str | bytes], size: int = 40, window: int | None = None, **how: Any
) -> Survey:
    """Write files and survey their folder: chunks of `size` words without overlap, unless `how` says otherwise."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    counter = WordEmbedder()
    loader = FolderLoader([folder])
    spec = RecursiveSplit(kind="recursive", chunk_size=size, overlap=how.pop("overlap", 0), unit="token")
    try:
        return survey(loader, how.pop("splitter", RecursiveSplitter(spec, counter)), counter, window, **how)
    finally:
        loader.close()


def of_kind(found: Survey, kind: str) -> list[Finding]:
    assert all(f.hint and f.what and "\n" not in f.what + f.hint for f in found.findings)
    return [finding for finding in found.findings if finding.kind == kind]


def kinds(found: Survey) -> set[str]:
    return {finding.kind for finding in found.findings}


def pdf(*pages: list[str]) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(72, 800 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def docx_table(rows: list[list[str]]) -> bytes:
    document = docx.Document()
    table = document.add_table(rows=len(rows), cols=len(rows[0]))
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def pipe_table(rows: int) -> str:
    body = "".join(f"| Tern {i} | 19{i + 10} | {i * 7} seats |\n" for i in range(rows))
    return f"| Vessel | Built | Room |\n| --- | :---: | ---: |\n{body}"


def words(seed: int, count: int = 250) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(LETTERS, k=chance.randint(3, 9))) for _ in range(count)]


def test_an_empty_folder_gives_zeros_and_no_error(tmp_path: Path) -> None:
    assert look(tmp_path, {}, window=256) == Survey(0, 0, 0, 0, 0, 0, 0, 0, {}, 0.0, ())


def test_a_sound_folder_has_counts_and_no_findings(tmp_path: Path) -> None:
    prose = {
        "a.txt": "One two three. " * 30,
        "b.md": f"# Tides\n\n{PROSE}",
        "c.csv": "a,b\n1,2\n",
        "d.jsonl": '{"a": "b"}\n',
    }
    found = look(tmp_path, prose, window=256)
    assert found.findings == ()
    assert (found.files, found.usable, found.rejected, found.skipped, found.documents) == (4, 4, 0, 0, 4)
    assert found.characters == sum(map(len, prose.values())) - len('{"a": "b"}\n') + len("a: b")
    assert (found.tokens, found.chunks) == (120 + 21 + 6 + 3, 3 + 1 + 1 + 1)
    assert found.encodings == {"utf-8": 4}


def test_the_sample_corpus_has_hardly_a_finding() -> None:
    loader = FolderLoader([ROOT / "corpora" / "tarnwick" / "documents"])
    counter = WordEmbedder()
    spec = RecursiveSplit(kind="recursive", chunk_size=200, overlap=40, unit="token")
    found = survey(loader, RecursiveSplitter(spec, counter), counter, 256)
    loader.close()
    assert {finding.kind for finding in found.findings} <= {"table_fragments"}
    assert found.files == found.usable == found.documents


def test_files_of_no_use_are_named_with_the_loaders_reason_and_a_remedy_for_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "good.txt": PROSE, "bad.txt": b"\x7fELF\0\0\0\x01" * 50, "empty.txt": b"", "scan.pdf": pdf([], []),
        "unclear.txt": "Später gäbe es mehr über Öl.".encode("cp037") * 3, "film.mp4": b"x",
    }  # fmt: skip
    os.symlink(tmp_path / "good.txt", tmp_path / "link.txt")
    found = look(tmp_path, files)
    assert (found.files, found.usable, found.rejected, found.skipped, found.documents) == (7, 1, 4, 2, 1)
    rejected = {f.source: (f.what, f.hint) for f in of_kind(found, "rejected")}
    assert rejected.keys() == {"bad.txt", "empty.txt", "scan.pdf", "unclear.txt"}
    assert rejected["empty.txt"][0] == "empty file" and "load.exclude" in rejected["empty.txt"][1]
    assert rejected["scan.pdf"][0].startswith("no text on 2 of 2 pages") and rejected["scan.pdf"][1]
    skipped = {f.source: f.hint for f in of_kind(found, "skipped")}
    assert "load.as_text" in skipped["film.mp4"] and "points to" in skipped["link.txt"]
    assert [f.source for f in found.findings] == sorted(f.source for f in found.findings)


def test_a_reason_of_several_lines_becomes_one(tmp_path: Path) -> None:
    class Failing(FolderLoader):
        def read(self, file: SourceFile) -> Document:
            raise RejectedError("damaged: page 1:\n  at byte 3")

    (tmp_path / "a.txt").write_text(PROSE, encoding="utf-8")
    counter = WordEmbedder()
    spec = RecursiveSplit(kind="recursive", chunk_size=40, overlap=0, unit="token")
    (finding,) = survey(Failing([tmp_path]), RecursiveSplitter(spec, counter), counter, None).findings
    assert finding.what == "damaged: page 1: at byte 3"


def test_every_text_file_that_is_not_utf8_is_found_and_all_are_counted(tmp_path: Path) -> None:
    latin, page = FRENCH.encode("cp1252"), f"<meta charset=cp1252><p>{FRENCH}</p>".encode("cp1252")
    files: dict[str, str | bytes] = {"a.txt": PROSE, "b.txt": latin, "b2.txt": latin, "c.txt": FRENCH.encode("utf-16"), "d.html": page,
             "e.pdf": pdf([PROSE])}  # fmt: skip
    found = look(tmp_path, files)
    assert found.encodings == {"cp1252": 3, "utf-16-le": 1, "utf-8": 1}
    assert [f.source for f in of_kind(found, "encoding")] == ["b.txt", "b2.txt", "c.txt", "d.html"]
    assert "read as cp1252" in of_kind(found, "encoding")[0].what


def test_what_the_loaders_recorded_is_shown(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "pages.pdf": pdf([PROSE], [], ["Three"], []),
        "shell.html": "<footer>One <b>two</b><div>three</div></footer>",
        "ragged.csv": "a,b\n1,2\n3\n4,5,6\n",
        "note.md": "---\ntitle: [\n---\n\nText.\n",
        "pictures.docx": word(paragraph("Text.", "<w:r><w:drawing><a:blip/><a:blip/></w:drawing></w:r>")),
    }
    found = look(tmp_path, files)
    assert {(f.kind, f.source) for f in found.findings} == {
        ("pages_without_text", "pages.pdf"), ("no_main_text", "shell.html"),
        ("ragged_rows", "ragged.csv"), ("front_matter", "note.md"), ("not_read", "pictures.docx"),
    }  # fmt: skip
    assert of_kind(found, "pages_without_text")[0].what.startswith("no text on 2 of 4 pages (2, 4)")
    assert of_kind(found, "not_read")[0].what == "not in the text: pictures (2)"
    assert of_kind(found, "ragged_rows")[0].what.startswith("2 of 3 rows")
    assert "line " in of_kind(found, "front_matter")[0].what


def test_front_matter_cannot_pass_for_what_a_loader_recorded(tmp_path: Path) -> None:
    claims = "---\nundecodable: 5\npages_without_text: [1]\nextraction: all_text\nragged_rows: 3\n---\n\nText.\n"
    assert look(tmp_path, {"a.md": claims}).findings == ()


def test_characters_that_a_pdf_cannot_map_are_counted(tmp_path: Path) -> None:
    # An embedded map from glyphs to text that gives a NUL for A, as faulty generators write it.
    cmap = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n1 beginbfchar <41> <0000> endbfchar\nendcmap end end"
    )
    content = b"BT /F 12 Tf 72 700 Td (ABCA) Tj ET"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(cmap), cmap),
    ]  # fmt: skip
    data, starts = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        starts.append(len(data))
        data += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    trailer = b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(data)
    (finding,) = look(tmp_path, {"a.pdf": data + b"xref\n0 7\n0000000000 65535 f \n" + table + trailer}).findings
    assert (finding.kind, finding.what) == ("undecodable", "2 characters have no text in the file's fonts")


def test_copies_are_named_with_the_first_and_counted_once(tmp_path: Path) -> None:
    found = look(tmp_path, {"b.txt": PROSE, "a/z.txt": PROSE, "c.txt": PROSE, "other.txt": "Something else."})
    assert [(f.source, f.what) for f in of_kind(found, "duplicate")] == [
        ("b.txt", "the same content as a/z.txt"), ("c.txt", "the same content as a/z.txt"),
    ]  # fmt: skip
    assert (found.files, found.usable, found.documents, found.chunks) == (4, 4, 2, 2)
    assert of_kind(found, "near_duplicate") == []


def test_an_edited_copy_is_found_and_named_with_its_origin(tmp_path: Path) -> None:
    text = words(1)
    files = {
        "a.txt": " ".join(text),
        "b.md": " ".join([*text[:100], "edited", *text[101:]]),
        "c.txt": " ".join(words(2)),
    }
    (finding,) = look(tmp_path, files).findings
    assert (finding.kind, finding.source, finding.what) == ("near_duplicate", "b.md", "96% the same as a.txt")


def test_another_case_or_layout_is_a_near_duplicate_in_a_short_text_too(tmp_path: Path) -> None:
    files = {
        "a.txt": PROSE,
        "b.txt": PROSE.upper().replace(" ", "\r\n"),
        "c.txt": "Yes, indeed.",
        "d.txt": "yes indeed",
    }
    assert [(f.kind, f.source, f.what) for f in look(tmp_path, files).findings] == [
        ("near_duplicate", "b.txt", "100% the same as a.txt"), ("near_duplicate", "d.txt", "100% the same as c.txt"),
    ]  # fmt: skip


def test_texts_without_words_are_like_none(tmp_path: Path) -> None:
    assert look(tmp_path, {"a.txt": "...", "b.txt": "---", "c.txt": "Yes.", "d.txt": "No."}).findings == ()


def test_versions_of_one_text_are_named_with_the_first(tmp_path: Path) -> None:
    text = words(5)
    files = {f"{i}.txt": " ".join([*text[: 50 * i], f"edited{i}", *text[50 * i :]]) for i in range(4)}
    found = of_kind(look(tmp_path, files), "near_duplicate")
    assert [(f.source, f.what.split()[-1]) for f in found] == [(f"{i}.txt", "0.txt") for i in (1, 2, 3)]


def test_scripts_without_spaces_are_compared_by_character() -> None:
    text = "吾輩は猫である名前はまだ無いどこで生れたかとんと見当がつかぬ何でも薄暗いじめじめした所で泣いていた事だけは記憶している"
    sets = [shingles(text), shingles(text[::-1]), shingles(text + "終")]
    assert [(earlier, later) for earlier, later, _ in near_duplicates(sets)] == [(0, 2)]


@settings(deadline=None)
@given(st.integers(), st.lists(st.integers(0, 249), max_size=5))
def test_a_long_text_is_found_after_a_few_edits_and_unrelated_texts_never_are(seed: int, edits: list[int]) -> None:
    text = words(seed)
    edited = ["edited" if place in edits else word for place, word in enumerate(text)]
    one, other, unrelated = (shingles(" ".join(each)) for each in (text, edited, words(seed + 1)))
    shared = np.intersect1d(one, other).size
    ((earlier, later, similarity),) = near_duplicates([unrelated, one, other])
    assert (earlier, later) == (1, 2)
    assert similarity == shared / (one.size + other.size - shared) >= 0.8


def test_near_duplicates_below_the_threshold_are_not_reported() -> None:
    text = words(3)
    edited = ["edited" if place % 20 == 0 else word for place, word in enumerate(text)]
    assert near_duplicates([shingles(" ".join(text)), shingles(" ".join(edited))]) == []


def test_of_many_alike_documents_few_pairs_are_compared_and_no_copy_is_lost() -> None:
    form = words(4, 200)  # the same form filled in by everyone: every pair is alike, by less than the threshold
    filled = [[*form, *words(seed, 60)] for seed in range(3000)]
    copies = [[*text[:-1], "x"] for text in filled[::300]]
    sets = [shingles(" ".join(text)) for text in [*filled, *copies]]
    assert len(list(_candidates(sets))) <= BANDS * len(sets)
    found = near_duplicates(sets)
    assert [(earlier, later) for earlier, later, _ in found] == [(300 * i, 3000 + i) for i in range(10)]


def test_tokens_beyond_the_window_are_those_that_embedding_whole_documents_would_cut(tmp_path: Path) -> None:
    files = {"long.txt": "word " * 300, "short.txt": "word " * 60}
    assert look(tmp_path, files, window=102).beyond_window == pytest.approx(200 / 360)  # two are special tokens
    assert look(tmp_path, files, window=1000).beyond_window == 0.0
    unknown = look(tmp_path, files, size=100, window=None)
    assert (unknown.beyond_window, of_kind(unknown, "beyond_window")) == (0.0, [])


def test_a_chunk_that_exceeds_the_window_with_its_context_is_found(tmp_path: Path) -> None:
    heading = "An exceedingly long heading of ten words in all"
    files = {"a.md": f"# {heading}\n\n{'word ' * 100}", "b.txt": "word " * 100}
    assert of_kind(look(tmp_path, files, size=40, window=52), "beyond_window") == []
    (finding,) = of_kind(look(tmp_path, files, size=40, window=49), "beyond_window")
    assert finding.source == "a.md" and "exceed the embedder's 47 tokens; the longest has 49" in finding.what


def wide_table(rows: int) -> str:
    names = [f"the_name_{n}" for n in range(40)]
    lines = [names, ["---"] * 40, *([str(row)] * 40 for row in range(rows))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_rows_of_a_markdown_table_carry_its_header_unless_it_is_too_long_for_the_context(tmp_path: Path) -> None:
    files = {"a.md": f"{PROSE}\n\n{pipe_table(30)}\n{PROSE}", "wide.md": f"{PROSE}\n\n{wide_table(30)}\n{PROSE}"}
    (finding,) = of_kind(look(tmp_path, files, size=100), "table_fragments")
    assert finding.source == "wide.md" and "chunks hold rows without a table's header" in finding.what


def test_a_table_that_is_indented_or_ends_at_a_blank_line_is_told_exactly(tmp_path: Path) -> None:
    indented = "".join(f"  {line}\n" for line in pipe_table(3).splitlines())
    other = "| Not | a | row |\n" * 30
    files = {"a.md": f"\n{indented}\n{PROSE}", "b.md": f"| A | B |\n|---|---|  \r\n\n\n{other}"}
    assert look(tmp_path, files, size=60).findings == ()


def test_rows_that_another_chunk_holds_with_their_header_are_no_fragment(tmp_path: Path) -> None:
    text = f"{pipe_table(3)}\n{PROSE * 5}"
    assert "table_fragments" not in kinds(look(tmp_path, {"a.md": text}, size=100, overlap=30))


def test_a_header_that_the_context_carries_is_not_missing(tmp_path: Path) -> None:
    splitter = MarkdownSplitter(MarkdownSplit(kind="markdown", chunk_size=60, overlap=0, unit="token"), WordEmbedder())
    text = f"# Vessel | Built | Room\n\n{pipe_table(30)}"
    assert of_kind(look(tmp_path, {"a.md": text}, splitter=splitter), "table_fragments") == []


def test_rows_of_csv_always_carry_the_names_of_their_columns(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i},{i}\n" for i in range(50))
    wide = ",".join(f"the_column_number_{i}" for i in range(40))
    files = {"a.csv": f"vessel,built,seats\n{rows}", "b.tsv": "a\tb\n" + "1\t2\n" * 50, "wide.csv": f"{wide}\n{rows}"}
    assert of_kind(look(tmp_path, files, size=100), "table_fragments") == []


def test_columns_without_a_name_and_fields_that_are_not_read_are_told(tmp_path: Path) -> None:
    many = ",".join(map(str, range(10_007)))
    found = look(tmp_path, {"a.csv": f"{many}\n{many}\n"})
    assert of_kind(found, "unnamed_columns")[0].what == "the names of 7 columns are with no part of a row"
    (tmp_path / "b.jsonl").write_text('{"body": "The quay.", "title": "Quay", "id": 1}', encoding="utf-8")
    loader = FolderLoader([tmp_path / "b.jsonl"], text_field="body")
    spec = RecursiveSplit(kind="recursive", chunk_size=40, overlap=0, unit="token")
    (finding,) = survey(loader, RecursiveSplitter(spec, WordEmbedder()), WordEmbedder(), None).findings
    assert (finding.kind, finding.what) == ("fields_left_out", "load.text_field leaves out the fields id")


def test_rows_of_html_and_docx_carry_their_header(tmp_path: Path) -> None:
    rows = [[f"Tern {i}", f"19{i + 10}", f"{i * 7} seats"] for i in range(30)]
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    page = f"<article><p>{PROSE * 4}</p><table><tr><th>Vessel<th>Built<th>Room</tr>{cells}</table></article>"
    files: dict[str, str | bytes] = {"a.html": page, "b.docx": docx_table([["Vessel", "Built", "Room"], *rows])}
    assert [f.source for f in of_kind(look(tmp_path, files, size=60), "table_fragments")] == []


def test_a_page_of_which_much_was_left_out_is_told(tmp_path: Path) -> None:
    menu = "".join(f"<a href=/{n}>Part {n} of it</a> " for n in range(200))
    files: dict[str, str | bytes] = {
        "much.html": f"<nav>{menu}</nav><main><p>{PROSE * 4}</p></main>",
        "little.html": f"<nav>Home</nav><main><p>{PROSE * 4}</p></main>",
    }
    (finding,) = of_kind(look(tmp_path, files), "left_out")
    assert (finding.source, finding.what) == ("much.html", "800 words of menus, page headers and footers left out")


def test_a_table_in_a_pdf_is_told_by_its_short_lines_of_numbers(tmp_path: Path) -> None:
    cells = [cell for i in range(12) for cell in (f"Berth {'abcdefghijkl'[i]}", f"{i}.4", f"{i}.1")]
    rows = [f"Berth {letter} 3.4 {i}.1 12,000" for i, letter in enumerate("abcdefghijkl")]
    notes = [
        "Ilse Tarry",
        "Harbour office",
        "Quay 4",
        "Port Ennery",
        "Open on weekdays",
        "Closed in May",
        "Ask",
        "Write",
    ]
    files = {
        "cells.pdf": pdf([PROSE, "Berth", "Depth", "Wanted", *cells, PROSE]),
        "rows.pdf": pdf([PROSE, "Berth Depth Wanted Silt", *rows, PROSE]),
        "second.pdf": pdf([PROSE], ["Berth Depth Wanted Silt", *rows[:7]]),
        "whole.pdf": pdf([" Berth 3.4"] * 8),
        "prose.pdf": pdf([PROSE] * 20),
        "address.pdf": pdf([PROSE, *notes * 3]),
    }
    fragments = of_kind(look(tmp_path, files), "table_fragments")
    assert [f.source for f in fragments] == ["cells.pdf", "rows.pdf", "second.pdf"]
    assert of_kind(look(tmp_path, {}, size=900), "table_fragments") == []


@pytest.mark.parametrize("text", ["| " * 500_000, "|\n" + " " * 1_000_000, "-|" * 500_000, "a\t" * 500_000 + "\n|\n|-"])
def test_no_text_makes_the_search_for_tables_slow(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_text(text + "\nEnd.", encoding="utf-8")
    loader = FolderLoader([tmp_path])
    document = loader.read(loader.scan().files[0])
    with no_hang():  # in quadratic time, it would take hours
        list(_tables(document))


def test_progress_counts_chunks_and_ends_with_all_of_them(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    files = {f"{i}.txt": " ".join(words(i, 200)) for i in range(4)} | {"copy.txt": " ".join(words(0, 200))}
    found = look(tmp_path, files, progress=lambda done, expected: calls.append((done, expected)))
    assert len(calls) == 5 and all(done <= expected for done, expected in calls)
    assert calls[-1] == (found.chunks, found.chunks) and found.chunks == 32


def test_nothing_is_written_and_the_findings_are_the_same_every_time(tmp_path: Path) -> None:
    files = {f"{i:02}.txt": " ".join(words(i // 3, 100)) + f" {i}" for i in range(30)}
    first = look(tmp_path, files)
    assert len(of_kind(first, "near_duplicate")) == 20
    assert look(tmp_path, {}) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
