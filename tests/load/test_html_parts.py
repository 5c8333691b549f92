"""HTML in Markdown: what is not shown is blank, tables have pipes, and offsets are those of the file."""

from __future__ import annotations

import json
import time

import pytest

from ragqa.errors import RejectedError
from ragqa.load.notebook import extract as notebook
from ragqa.load.text import markdown
from ragqa.markdown import tables

ROWS = (
    "<tr>\n  <th>Boat</th>\n  <th>Fee</th>\n</tr>\n<tr>\n  <td>Yawl</td>\n  <td>17</td>\n</tr>\n<tr>\n"
    "  <td>Ketch</td>\n  <td>23</td>\n</tr>\n"
)


def test_comments_and_struck_out_text_are_blank_and_later_offsets_stay() -> None:
    text = "# Fees <!-- draft -->\n\n<!-- It was 40.\n\n# Old -->\n[//]: # (It was 41.)\nIt is <del>42</del> <s>43</s> 55.\n"
    found = markdown(text)
    assert found.title == "Fees" and found.text.split() == ["#", "Fees", "It", "is", "55."]
    assert found.text.index("55") == text.index("55")


@pytest.mark.parametrize(
    "text",
    [
        "```html\n<!-- a -->\n<table><tr><td>b</td></tr></table>\n```\n",
        "~~~\n<!-- a -->\n",
        "Write `<!-- a -->` and ``x ` <del>b</del>`` there.\n",
        "No end: <!-- a\n\n<table><tr><td>b\n\n<del>c\n",
        "So:\n\n    <!-- a -->\n\n\t<s>b</s>\n",
        "1. ```html\n   <!-- a -->\n   ```\n- ~~~\n  <s>b</s>\n",
        "<table><tr><td>`Vec<S>`</td><td><code>Map<K></code></td></tr></table>",
        "<table><tr><td><code>Map<K></code></td></tr></table>",
        "Write \\<!-- and --> or <s> and `</s>` there.\n",
    ],
)
def test_code_and_what_has_no_end_stay(text: str) -> None:
    assert markdown(text).text == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Old <s>İİİ</s> Pay 50 EUR by Friday.", "Old Pay 50 EUR by Friday."),
        ("Pay <!--> 50 <S>40</s> <!-- later -->EUR.", "Pay 50 EUR."),
        ("- Pay\n\n    50 <s>40</s>\n\nEUR.", "- Pay 50 EUR."),
    ],
)
def test_only_what_is_struck_out_or_a_comment_is_blank(text: str, shown: str) -> None:
    found = markdown(text).text
    assert " ".join(found.split()) == shown and len(found) == len(text)


def test_a_table_in_html_has_pipes_and_the_names_of_its_columns() -> None:
    text = f"# Tariff\n\nAll fees: <table>\n{ROWS}</table> in crowns.\n\nSee the office.\n"
    found = markdown(text)
    (table,) = tables(found.text)
    assert table.names == ("Boat", "Fee") and "| Ketch | 23 |" in found.text and "<" not in found.text
    assert len(found.text) == len(text) and found.text.endswith("in crowns.\n\nSee the office.\n")


def test_a_text_of_comments_alone_is_none() -> None:
    with pytest.raises(RejectedError, match="only comments"):
        markdown("---\ntitle: Fees\n---\n<!-- later -->\n")
    assert markdown("").text == ""


def test_a_data_frame_of_a_notebook_is_a_table() -> None:
    frame = {
        "text/html": f"<style>td {{color: red}}</style><table>{ROWS}</table>",
        "text/plain": "  Boat Fee\n0 Yawl 17",
    }
    cell = {"cell_type": "code", "source": "fees", "outputs": [{"output_type": "execute_result", "data": frame}]}
    text = notebook(json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell]})).text
    assert [table.names for table in tables(text)] == [("Boat", "Fee")] and "color" not in text


@pytest.mark.parametrize(
    "part",
    ["<!-- ", "<table>", "<del>", "` ``", "<!-- a --> ", "[//]: # a\n", "    <s>\n\n", "- ```a\n", "<table><code "],
)
def test_hostile_html_takes_time_in_proportion_to_the_text(part: str) -> None:
    begun = time.process_time()
    markdown(part * (300_000 // len(part)) + "\nx")
    assert time.process_time() - begun < 5
