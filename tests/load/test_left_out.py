"""Files that are left out of an index: named one a line while they are few, counted by reason when they are many."""

from __future__ import annotations

import time
from pathlib import Path

import click
import pytest
from tqdm import tqdm

from ragqa.cli.indexing import counted, left_out, progress_bar
from ragqa.records import FileStatus
from ragqa.records.unread import HIDDEN, NOT_IN_THE_TEXT, Unread
from tests.commands import fill, ragqa

ADVICE = "`ragqa index --verbose` lists them"


def statuses(status: str, reason: str, *names: str) -> list[FileStatus]:
    return [FileStatus(name, status, reason) for name in names]


def unsupported(*names: str) -> list[FileStatus]:
    return [FileStatus(name, "skipped", f"unsupported type {Path(name).suffix or '(no suffix)'}") for name in names]


def lost(things: dict[str, int]) -> Unread:
    return Unread.counted(NOT_IN_THE_TEXT, "not_read", things)


def empty(phrase: str) -> Unread:
    return Unread(phrase, "pages_without_text")


def test_many_files_of_types_that_are_not_read_are_one_line_by_type() -> None:
    names = (
        [f"src/{i}.py" for i in range(40)]
        + [f"{i}.JSON" for i in range(9)]
        + ["a.json", "LICENSE", "b/LICENSE", "Makefile"]
    )
    assert list(left_out(unsupported(*names), verbose=False)) == [
        f"skipped 53 files of types that are not read: .py 40, .json 10, LICENSE 2, Makefile 1; {ADVICE}"
    ]


def test_a_few_files_are_named_each() -> None:
    assert list(left_out(unsupported("a.py", "b.jpg"), verbose=False)) == [
        "skipped: a.py: unsupported type .py",
        "skipped: b.jpg: unsupported type .jpg",
    ]


def test_what_reads_some_of_the_types_is_on_the_line() -> None:
    advice = "`pip install 'ragqa[ocr]'` reads scans"
    pictures = [FileStatus(f"{i}.png", "skipped", f"unsupported type .png; {advice}") for i in range(30)]
    assert list(left_out([*pictures, *unsupported("a.mp4")], verbose=False)) == [
        f"skipped 31 files of types that are not read: .png 30, .mp4 1; {advice}; {ADVICE}"
    ]


def test_verbose_names_every_file() -> None:
    entries = [
        *unsupported(*(f"{i}.py" for i in range(53))),
        *statuses("rejected", "empty file", *map(str, range(500))),
    ]
    assert len(list(left_out(entries, verbose=True))) == 553


def test_there_are_never_more_than_ten_types_on_the_line() -> None:
    (line,) = left_out(unsupported(*(f"{i}.t{i:02}" for i in range(30))), verbose=False)
    assert line.endswith(f".t09 1, 20 other types; {ADVICE}")


def test_rejected_files_are_named_each_unless_many_have_the_same_reason() -> None:
    names = [f"{i:03}.txt" for i in range(500)]
    few = [*statuses("rejected", "empty file", *names[:5]), *statuses("rejected", "too large", "x.txt")]
    assert len(list(left_out(few, verbose=False))) == 6
    numbers = [FileStatus(name, "rejected", f"binary content: a NUL at byte {i:,}") for i, name in enumerate(names)]
    assert list(left_out([*numbers, *statuses("rejected", "empty file", "e.txt")], verbose=False)) == [
        "rejected: e.txt: empty file",
        "rejected 500 files, such as 000.txt: binary content: a NUL at byte 0 "
        f"(others: 001.txt, 002.txt, 003.txt, 004.txt, 005.txt, ...; {ADVICE})",
    ]


def test_reasons_that_differ_in_numbers_are_one_line_with_the_first_as_an_example() -> None:
    entries = [each for n in range(1, 8) for each in statuses("rejected", f"no text on {n} of {n} pages", f"{n}.pdf")]
    assert list(left_out(entries, verbose=False)) == [
        f"rejected 7 files, such as 1.pdf: no text on 1 of 1 pages (others: 2.pdf, 3.pdf, 4.pdf, 5.pdf, 6.pdf, ...; {ADVICE})"
    ]


def test_links_and_types_are_apart_and_what_is_indexed_is_not_named() -> None:
    entries = [
        *statuses("skipped", "symbolic link: not followed", *"abcd"),
        *unsupported("a.py", "b.py"),
        *statuses("indexed", "", "x.txt"),
        *statuses("unchanged", "", "y.txt"),
    ]
    assert list(left_out(entries, verbose=False)) == [
        "skipped: a.py: unsupported type .py",
        "skipped: b.py: unsupported type .py",
        f"skipped 4 files: symbolic link: not followed (a, b, c, d; {ADVICE})",
    ]


def test_what_was_read_in_part_is_named_by_file_and_by_fact_where_it_is_many() -> None:
    facts = [
        FileStatus(f"{n:02}.pdf", "indexed", unread=(empty(f"no text on 2 of {n + 3} pages ({n + 1}, {n + 2})"),))
        for n in range(21)
    ]
    other = FileStatus(
        "z.pdf",
        "indexed",
        unread=(
            empty("no text on 1 of 3 pages (2)"),
            Unread("7 characters have no text in the file's fonts", "undecodable"),
        ),
    )
    assert list(left_out([*facts[:2], other, FileStatus("sound.pdf", "indexed")], verbose=False)) == [
        "read in part: 00.pdf: no text on 2 of 3 pages (1, 2)",
        "read in part: 01.pdf: no text on 2 of 4 pages (2, 3)",
        "read in part: z.pdf: no text on 1 of 3 pages (2); 7 characters have no text in the file's fonts",
    ]
    (line,) = left_out(facts, verbose=False)
    assert line.startswith("read in part 21 files, such as 00.pdf: no text on 2 of 3 pages (1, 2) (others: 01.pdf, ")


def test_what_has_brackets_in_its_name_is_told_by_it() -> None:
    phrase = lost({"embedded objects (Excel.Sheet.12)": 2, "pictures": 3})
    entries = [FileStatus(f"{n}.docx", "indexed", unread=(phrase,)) for n in range(5)]
    objects, pictures = left_out(entries, verbose=False)
    assert (
        "not in the text: embedded objects (Excel.Sheet.12) (0.docx: 2," in objects
        and "pictures (0.docx: 3," in pictures
    )


def test_what_is_not_in_the_text_of_many_files_is_a_line_for_each_kind_the_most_frequent_first() -> None:
    def unread(name: str, *phrases: Unread) -> FileStatus:
        return FileStatus(name, "indexed", unread=phrases)

    entries = [
        unread("a.docx", lost({"charts": 1, "pictures": 1250})),
        unread("b.docx", lost({"pictures": 2, "fields, and other codes": 4})),
        unread("c.xlsx", Unread.counted(HIDDEN, "hidden", {"sheets": 1}), lost({"charts": 3})),
        *(unread(f"{n}.docx", lost({"pictures": n})) for n in range(4)),
    ]
    assert list(left_out(entries, verbose=False)) == [
        "read in part 6 files: not in the text: pictures (a.docx: 1,250, b.docx: 2, 0.docx: 0, 1.docx: 1, 2.docx: 2, "
        "...; `ragqa doctor` lists all)",
        "read in part 2 files: not in the text: charts (a.docx: 1, c.xlsx: 3; `ragqa doctor` lists all)",
        "read in part: b.docx: not in the text: fields, and other codes (4)",
        "read in part: c.xlsx: hidden in the file, and read: sheets (1)",
    ]
    assert len(list(left_out(entries, verbose=True))) == 7


def test_a_folder_in_which_much_is_read_in_part_is_told_in_a_few_lines_in_which_no_fact_is_missing() -> None:
    kinds = [f"things of kind {letter}" for letter in "abcdefghijkl"]
    entries = [FileStatus(f"{n}.docx", "indexed", unread=(lost(dict.fromkeys(kinds, 1)),)) for n in range(40)]
    lines = list(left_out(entries, verbose=False))
    assert len(lines) == 7 and all(kind in "".join(lines) for kind in kinds)
    assert "things of kind l (40)" in lines[-1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    fill(tmp_path)
    for i in range(40):
        (tmp_path / "documents" / f"{i:02}.xyz").write_text("pass\n", encoding="utf-8")
    for i in range(25):
        (tmp_path / "documents" / f"{i:02}.txt").write_bytes(b"")
    return tmp_path


def test_the_commands_print_one_line_and_with_verbose_all(home: Path) -> None:
    short = ragqa("index", "pipeline.yaml", cwd=home)
    assert short.code == 3
    assert short.err.splitlines() == [
        "skipped 40 files of types that are not read: .xyz 40; --verbose lists them",
        "rejected 25 files: empty file (00.txt, 01.txt, 02.txt, 03.txt, 04.txt, ...; --verbose lists them)",
    ]
    assert "68 files: 3 indexed, 25 rejected, 40 skipped." in short.out
    assert len(ragqa("index", "pipeline.yaml", "--verbose", cwd=home).err.splitlines()) == 65
    assert ragqa("index", "pipeline.yaml", "--json", cwd=home).said["skipped"] == 40
    planned = ragqa("plan", "pipeline.yaml", cwd=home).out
    assert "skipped 40 files of types that are not read: .xyz 40; --verbose lists them\n" in planned
    assert ragqa("plan", "pipeline.yaml", "--verbose", cwd=home).out.count("unsupported type .xyz") == 40


def test_commands_that_learn_from_documents_do_so_too(home: Path) -> None:
    learn = ("tokenizer", "train", "documents", "--vocab-size", "260", "--out", "tokenizer", "--force")
    done = ragqa(*learn, cwd=home)  # the first line says which profile it is
    assert (done.code, len(done.err.splitlines())) == (3, 3)
    assert len(ragqa(*learn, "--verbose", cwd=home).err.splitlines()) == 66


def test_no_name_forges_a_line(tmp_path: Path) -> None:
    fill(tmp_path)
    for i in range(30):
        (tmp_path / "documents" / f"a\nragqa: error: {i}.\x1b[2Jpy").write_text("x", encoding="utf-8")
    (line,) = ragqa("index", "pipeline.yaml", cwd=tmp_path).err.splitlines()
    assert line.isprintable() and line.startswith("skipped 30 files")


def test_the_time_left_is_told_by_the_time_since_embedding_began() -> None:
    begun = time.time()
    with progress_bar() as report:
        time.sleep(0.3)
        report(100, 1000)
        (bar,) = [bar for bar in tqdm._instances if bar.unit == " chunks"]  # type: ignore[attr-defined]
        assert bar.start_t >= begun + 0.3
        assert (bar.n, bar.total, bar.initial) == (100, 1000, 100)
        report(200, 900)
        assert (bar.n, bar.total) == (200, 900)


def test_a_command_that_can_list_them_names_its_own_option() -> None:
    entries = [FileStatus(f"{n}.x", "skipped", "unsupported type .x") for n in range(9)]
    with click.Context(click.Command("index"), obj=None) as ctx:
        ctx.params["verbose"] = False
        (line,) = left_out(entries, verbose=False)
    assert line.endswith("; --verbose lists them")


def test_what_is_attached_to_a_mail_is_counted_apart_from_the_files() -> None:
    assert counted(["a.eml", "a.eml/offer.pdf", "a.eml/b.eml/c.txt", "d.zip/e.txt"]) == "2 files and 2 attached to them"
    assert (counted(["a.eml", "a.eml/offer.pdf"]), counted(["a"])) == ("1 file and 1 attached to it", "1 file")
