"""Chunks of one table come in the order of their best rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ragqa.records import Chunk, Hit
from ragqa.retrieve.rows import best_rows_first
from ragqa.retrieve.state import RetrievalState, SearchQuery

CONTEXT = "Prices > Item\tType\tIn stock"


def hit(text: str, context: str = CONTEXT, document: str = "d") -> Hit:
    return Hit(Chunk(text, document, 0, len(text), text, context), "a.xlsx", "/a.xlsx", 1.0, {})


def ordered(question: str, *hits: Hit) -> list[Hit]:
    query = SearchQuery(question, None)
    nothing: Any = None
    return list(best_rows_first(RetrievalState(query, nothing, 5, 5, (query,), hits)).hits)


def test_the_chunk_comes_first_in_which_one_row_has_the_words_of_the_question() -> None:
    apart = hit("rowing boat\t12\t40\nsail\t33\t5")
    together = hit("oar\t3\t2\nrowing boat\t33\t4")
    assert ordered("What does a type 33 rowing boat cost?", apart, together) == [together, apart]


def test_a_number_counts_below_the_name_of_its_column() -> None:
    stock, type_ = hit("rowing boat\t12\t33"), hit("rowing boat\t33\t12")
    assert ordered("How many rowing boats of type 33?", stock, type_) == [type_, stock]


def test_hits_of_other_tables_and_of_prose_keep_their_places() -> None:
    prose, other = hit("A rowing boat of type 33.", "Guide"), hit("lamp\t1\t2", "Other > Item\tType\tIn stock")
    apart, together = hit("rowing boat\t12\t40"), hit("rowing boat\t33\t4")
    found = ordered("a type 33 rowing boat", prose, apart, other, together)
    assert found == [prose, together, other, apart]
    same = replace(together, chunk=replace(together.chunk, document_id="e"))
    assert ordered("a type 33 rowing boat", apart, same) == [apart, same]
