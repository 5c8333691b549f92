"""The structure of Markdown: exact offsets on any text, and the rules of CommonMark where they are used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.markdown import front_matter, headings, open_fence, row_cells, tables, without_struck_out

LINES = st.lists(
    st.sampled_from(
        ["# A", "## B ##", "text", "===", "---", "```", "````sh", "~~~", "| a | b |", "|---|---|", "a | b", ":-: | -", "",
         "    # c", "- item", "> q", "<!--", "-->", "<pre>", "</pre>", "+++", "\\|", "|"]
    ),
    max_size=14,
)  # fmt: skip


@given(lines=LINES, line_end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_headings_and_tables_of_any_text_are_at_their_lines_and_in_order(lines: list[str], line_end: str) -> None:
    text = line_end.join(lines)
    found = list(headings(text))
    assert [each.start for each in found] == sorted({each.start for each in found})
    for heading in found:
        assert heading.start == 0 or text[heading.start - 1] in "\r\n"
        assert heading.title in " ".join(text[heading.start :].split()) and 1 <= heading.level <= 6
    end = 0
    for table in tables(text):
        assert end <= table.start < table.rows <= table.end <= len(text) and table.names
        end = table.rows
    front_matter(text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [("```\na", "```"), ("```\na\n```\n", ""), ("````\n```\n", "````"), ("~~~\n```\n", "~~~"), ("  ```py\n```x\n", "```"),
     ("```\na\n`````\n", ""), ("``` a ```\n", ""), ("~~~ a ~~~\n", "~~~"), ("``\n", "")],
)  # fmt: skip
def test_a_fence_is_closed_by_a_line_of_at_least_as_many_of_its_own_marks(text: str, mark: str) -> None:
    assert open_fence(text) == mark


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("| a | b |", ("a", "b")),
        ("a | b", ("a", "b")),
        ("| a |  |", ("a", "")),
        ("|  | b |", ("", "b")),
        ("| a \\| b | c |", ("a | b", "c")),
    ],
)
def test_the_cells_of_a_row_are_between_its_pipes(row: str, cells: tuple[str, ...]) -> None:
    assert row_cells(row) == cells


@pytest.mark.parametrize(
    "text", ["a\n---\nb", "| a | b |\n|---|\n| 1 | 2 |", "|---|---|\n| 1 | 2 |", "| a | b |\n| 1 | 2 |"]
)
def test_without_names_over_as_many_dashes_there_is_no_table(text: str) -> None:
    assert list(tables(text)) == []


def test_a_table_ends_at_the_first_line_without_a_pipe() -> None:
    text = "Fees:\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n3 | 4\nover\n| 5 | 6 |\n"
    (table,) = tables(text)
    assert text[table.start : table.end] == "| a | b |\n|---|:-:|\n| 1 | 2 |\n3 | 4\n"
    assert text[table.rows :].startswith("| 1")


def test_what_is_struck_out_is_blank_and_offsets_stay() -> None:
    assert without_struck_out("~~40~~ 55, ~~ no ~~ ~~a\nb~~") == "       55, ~~ no ~~ ~~a\nb~~"
