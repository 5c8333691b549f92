"""Tables in CSV files, and records in JSON files: what is found in them, and that nothing in them is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.errors import RejectedError
from ragqa.load import FolderLoader
from ragqa.load.json_records import RECORD_END, document, json_lines
from ragqa.load.table import comma_separated, separated
from ragqa.records.delimited import cells, rows, value, width
from tests.limits import no_hang


def headers(text: str) -> list[str]:
    """Return the header of each table of a CSV file."""
    places = comma_separated(text).metadata["tables"]
    return [text[header:body].strip() for _, header, body in places]


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "delimiter"), [("sep=;", ";"), ("SEP=,", ","), ("sep=\t", "\t"), ("sep=|", "|")])
def test_the_line_that_says_the_delimiter_is_no_header_and_no_row(line: str, delimiter: str) -> None:
    table = delimiter.join(["berth", "length"]) + "\r\n" + delimiter.join(["7", "12,5"]) + "\r\n"
    text = f"\ufeff{line}\r\n{table}"
    found = comma_separated(text).metadata
    assert (found["header"], found["delimiter"], found["rows"]) == (f"berth{delimiter}length".strip(), delimiter, 1)
    assert found["tables"][0][0] == text.index("berth")


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_the_delimiter_is_the_one_that_divides_the_rows(delimiter: str) -> None:
    lines = [["berth", "note"], ["7", '"a, b; c | d"'], ["8", '"two\n\nlines"']]
    found = comma_separated("\n".join(map(delimiter.join, lines))).metadata
    assert (found["delimiter"], found["columns"], found["rows"], len(found["tables"])) == (delimiter, 2, 2, 1)


def test_decimal_commas_do_not_divide_rows_of_a_table_with_semicolons() -> None:
    assert comma_separated("berth;fee\n7;1,5\n8;2,5\n9;3,5\n").metadata["delimiter"] == ";"


@pytest.mark.parametrize(
    "above",
    [
        "Berths in use\n",
        "Berths in use\n\n2031-04-02\n\n",
        "Printed,2031-04-02\n",
        "Berths,,\n,,\n",
        "Port, north, 3\n\n",
    ],
)
def test_lines_on_top_are_not_the_header(above: str) -> None:
    text = f"{above}berth,length,owner\n7,12,Ilse\n8,14,Marek\n"
    assert headers(text) == ["berth,length,owner"]
    found = comma_separated(text).metadata
    assert (found["rows"], "ragged_rows" in found) == (2, False)
    assert found["tables"][0][0] == 0


@pytest.mark.parametrize(
    ("second", "header"),
    [
        ("boat,captain,seats\nTern,Oda,12\n", "boat,captain,seats"),
        ("Fares\nage,fare\nchild,3\nadult,7\n", "age,fare"),
        ("crane,tons\nNorth,40\nSouth,60\n", "crane,tons"),
        ("berth,length\n9,20\n", "berth,length"),
    ],
)
def test_a_table_after_a_blank_line_has_its_own_header(second: str, header: str) -> None:
    text = f"berth,length\n7,12\n8,14\n\n{second}"
    assert headers(text) == ["berth,length", header]
    assert comma_separated(text).metadata["rows"] == 2 + second.count("\n") - 1 - ("Fares" in second)


@pytest.mark.parametrize(
    "text",
    [
        "name,fee\nOda,12\n\nPer,30\nAda,40\n",
        "name,town\nOda,Velm\n\nPer,Lund\nAda,Ystad\n",
        "name,fee\n\nOda,12\n\nPer,30\n",
        "name,fee\nOda,12\n\nTotal,12\n",
        "name,fee\nOda,12\n,\nPer,30\n",
    ],
)
def test_a_blank_line_between_rows_does_not_begin_a_table(text: str) -> None:
    assert headers(text) == ["name,fee" if "fee" in text else "name,town"]


def test_a_first_row_that_is_shorter_than_the_rows_is_still_the_header() -> None:
    assert headers("a,b\n1,2,3\n4,5,6\n") == ["a,b"]
    assert headers("a\n1\n2\n") == ["a"]


def test_many_blank_lines_and_unclosed_marks_are_read_in_time() -> None:
    with no_hang(60):
        for text in ("a,b\n\n" * 300_000, '"' * 500_000, ' "' * 300_000, "," * 1_000_000, 'x,"y\n' * 200_000):
            comma_separated(text)


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from('ab1;,|\t"\r\n =\u2028é'), max_size=120))
def test_rows_and_cells_cover_any_text_and_tables_are_in_order(text: str) -> None:
    for delimiter in ",;\t":
        spans = list(rows(text, delimiter, 0, len(text)))
        assert "".join(text[low:high] for low, high in spans) == text
        for low, high in spans:
            inside = list(cells(text, delimiter, low, high))
            assert len(inside) == width(text, delimiter, low, high) >= 1
            assert delimiter.join(text[a:b] for a, b in inside).rstrip("\r\n") == text[low:high].rstrip("\r\n")
    found = separated(text, ",;\t|").metadata
    flat = [offset for place in found["tables"] for offset in place]
    assert flat == sorted(flat) and flat[-1] <= len(text)


def test_marks_are_left_out_of_a_cell() -> None:
    assert [value(cell) for cell in ('"a ""b""\n c"', ' "x" ', '5" pipe', '"open', "")] == ['a "b" c', "x", '5" pipe', "open", ""]  # fmt: skip


# --- JSON ------------------------------------------------------------------------------------------------------------

NESTED: dict[str, Any] = {
    "lock": {"gate": {"name": "North", "open": False, "keeper": None}, "depths": [3.50, 4]},
    "log": [{"at": "06:10", "boats": ["Tern", "Ida"]}, {"at": "07:00", "boats": []}],
    "grid": [[1, 2], [3]],
    "note": "",
}
LINES = """lock.gate.name: North
lock.gate.open: false
lock.gate.keeper: null
lock.depths: 3.5, 4
log[0].at: 06:10
log[0].boats: Tern, Ida
log[1].at: 07:00
log[1].boats: []
grid[0]: 1, 2
grid[1]: 3
note: \"\""""


def test_every_leaf_of_a_row_is_a_line_with_its_path() -> None:
    assert json_lines(json.dumps(NESTED)).text == LINES
    assert json_lines("\n".join([json.dumps(NESTED)] * 2)).text == RECORD_END.join([LINES, LINES])


def test_numbers_are_as_they_are_written_and_names_that_come_twice_are_kept() -> None:
    assert json_lines('{"a": 1.500, "b": 1E3, "a": -0, "c": NaN}').text == "a: 1.500\nb: 1E3\na: -0\nc: NaN"


def test_the_title_and_the_other_fields_stand_before_the_text_of_their_row() -> None:
    made = [{"title": f"Winch {n}", "text": f"Turn it {n} times.", "year": 2000 + n} for n in range(3)]
    found = json_lines("\n".join(map(json.dumps, made)))
    assert found.text.split(RECORD_END)[1] == "# Winch 1\nyear: 2001\n\nTurn it 1 times."
    assert found.metadata == {"rows": 3, "text_field": "text"}


def test_where_a_row_has_no_title_no_title_is_a_heading_of_the_next_row() -> None:
    found = json_lines('{"title": "Winch", "text": "Turn it."}\n{"text": "Pull it.", "year": 1998}').text
    assert found == "title: Winch\ntext: Turn it.\n\n\ntext: Pull it.\nyear: 1998"


def test_a_field_that_is_named_comes_with_the_title_and_the_others_are_told() -> None:
    row = '{"id": 7, "title": "Winch", "body": "Turn it.", "vector": [0.1, 0.2]}'
    found = json_lines(row, "body")
    assert found.text == "# Winch\nTurn it."
    assert found.metadata["fields_left_out"] == ["id", "vector"]
    assert json_lines('{"id": 7, "body": "Turn it."}', "body").text == "Turn it."


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ('[{"n": "Lamp"}, {"n": "Rope"}]', ["n: Lamp", "n: Rope"]),
        ('{"n": "Lamp", "price": 2}', ["n: Lamp\nprice: 2"]),
        ('{"total": 2, "of": {"goods": [{"n": "Lamp"}, {"n": "Rope"}]}}', ["total: 2", "of.goods[0].n: Lamp", "of.goods[1].n: Rope"]),
        ('{"a": [{"n": 1}, {"n": 2}], "b": [{"n": 3}, {"n": 4}]}', ["a[0].n: 1", "a[1].n: 2", "b[0].n: 3", "b[1].n: 4"]),
        ('["Lamp", "Rope"]', ["Lamp, Rope"]),
        ('{"n": "Lamp"}\n{"n": "Rope"}', ["n: Lamp", "n: Rope"]),
        ('\ufeff "just a text" ', ["just a text"]),
    ],
)  # fmt: skip
def test_each_element_of_a_json_file_is_a_record(text: str, records: list[str]) -> None:
    assert document(text).text.split(RECORD_END) == records


def test_lines_of_arrays_and_a_jsonl_file_that_is_one_array_are_read() -> None:
    assert json_lines('["Oda", 12]\n["Per", 30]').text == "Oda, 12\n\n\nPer, 30"
    assert json_lines('[{"n": 1},\n {"n": 2}]').text == "n: 1\n\n\nn: 2"


def test_blank_lines_inside_a_value_do_not_end_its_record() -> None:
    made = document(json.dumps([{"n": "one\n\n\n\n two\r\n\r\n \r\nthree"}, {"n": "four"}])).text
    assert len(made.split(RECORD_END)) == 2


def test_a_json_document_of_one_record_has_its_title() -> None:
    assert document('{"id": 3, "title": "Gate  rules", "body": "It closes."}').title == "Gate rules"
    assert document('[{"title": "a"}, {"title": "b"}]').title == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":' * 60 + "1" + "}" * 60, "line 1: nested too deeply"),
        ("\n" + "[" * 100_000, "line 2: not JSON: nested too deeply"),
        ('{"a": 1,}', "line 1: not JSON: .* at column 9"),
        ('[\n{"a": 1}\n{"b": 2}]', "line 1: not JSON: .* of line 3"),
        (json.dumps({"x" * 900: [{"a": 1}] * 40_000 + [2]}), "line 1: more text than 20 times the file"),
        (json.dumps({"x" * 2000: {"a": 1}}), "line 1: nested too deeply, or with too long names"),
    ],
)
def test_json_that_cannot_be_read_is_rejected_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason):
        document(text)


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20).filter(str.isalnum)
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
    max_leaves=20,
)


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list) and value:
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for each in inner for leaf in _leaves(each)]
    return [value if isinstance(value, str) else json.dumps(value)]


@settings(max_examples=200, deadline=None)
@given(value=trees, lines=st.booleans())
def test_no_leaf_of_any_json_is_lost(value: Any, lines: bool) -> None:
    made = (json_lines if lines else document)(json.dumps(value)).text
    found = [part for line in made.split("\n") if line for part in line.split(": ", 1)[-1].split(", ")]
    assert sorted(found) == sorted(_leaves(value))


# --- as files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.jsonl", "A.JSON"])
def test_json_of_every_suffix_is_read_in_the_sandbox(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"boat": {"seats": 12}}', encoding="utf-8")
    loader = FolderLoader([tmp_path])
    (file,) = loader.scan().files
    assert loader.read(file).text == "boat.seats: 12"
    loader.close()


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 4711\n".format("0f" * 32)
ANNEX = "/annex/objects/SHA256E-s4711--{}.pdf\n".format("0f" * 32)


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.pdf", "a.docx", "a.csv", "a.json", "a.html"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LFS, "a Git LFS pointer and not the file itself: run `git lfs pull`"),
        (LFS.replace("\n", "\r\n"), "a Git LFS pointer"),
        (LFS.replace("oid", "ext-0-crypt sha256:ab\noid"), "a Git LFS pointer"),
        (ANNEX, "a git-annex pointer and not the file itself: run `git annex get`"),
    ],
)
def test_a_pointer_is_rejected_by_name_in_every_format(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    loader = FolderLoader([tmp_path])
    with pytest.raises(RejectedError, match=reason):
        loader.read(loader.scan().files[0])
    loader.close()


def test_a_pointer_in_place_of_an_archive_is_rejected_by_name(tmp_path: Path) -> None:
    for name in ("a.zip", "b.mbox"):
        (tmp_path / name).write_text(LFS, encoding="utf-8")
    reasons = [entry.reason for entry in FolderLoader([tmp_path]).scan().others]
    assert [reason[:51] for reason in reasons] == ["a Git LFS pointer and not the file itself: run `git"] * 2


def test_a_text_about_pointers_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        f"{LFS}\nSuch a file is a pointer, and git fetches the other one.\n", encoding="utf-8"
    )
    (tmp_path / "b.md").write_text("See /annex/objects/ in the folder.\n", encoding="utf-8")
    loader = FolderLoader([tmp_path])
    assert [loader.read(file).text[:5] for file in loader.scan().files] == ["versi", "See /"]
    loader.close()


def test_a_link_of_git_annex_says_how_to_get_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").symlink_to("../.git/annex/objects/x1/MD5-s1--a/MD5-s1--a")
    (tmp_path / "b.pdf").symlink_to("elsewhere.pdf")
    annex, plain = (entry.reason for entry in FolderLoader([tmp_path]).scan().others)
    assert annex.startswith("symbolic link of git-annex: not followed; run `git annex get`")
    assert plain == "symbolic link: not followed"


def test_a_named_file_of_an_unknown_type_that_is_no_text_says_its_type(tmp_path: Path) -> None:
    (tmp_path / "book.mobi").write_bytes(b"PK\x03\x04\0\0" * 20)
    (tmp_path / "note.xyz").write_text("The gate closes at ten.", encoding="utf-8")
    loader = FolderLoader([tmp_path / "book.mobi", tmp_path / "note.xyz"])
    book, note = loader.scan().files
    assert "gate closes" in loader.read(note).text
    with pytest.raises(RejectedError, match=r"^unsupported type \.mobi, and no text; ragqa reads \.txt \.text \.md "):
        loader.read(book)
    loader.close()
