"""Passages: the excerpts of hits, each once and whole, with its heading and what introduces it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragqa.evidence.passages import candidates
from ragqa.evidence.selection import spans
from tests.evidence.making import of_texts
from tests.fakes import document, passage

TEXT = "# Ferries\n\nTern was built in 1998. She carries 12 cars.\n\n## Fares\n\nThe fares are:\n\n- child: £2\n- adult: £4\n"
DOC = document(TEXT, "ferry.md")


def texts(*places: tuple[int, int]) -> list[str]:
    hits = [passage(DOC, start, end) for start, end in places]
    return [each.text for each in candidates(hits, lambda _: DOC)]


def test_headings_are_no_candidates_but_stand_with_those_below_them() -> None:
    found = of_texts(TEXT)
    assert [(each.heading, each.text) for each in found] == [
        ("Ferries", "Tern was built in 1998."),
        ("Ferries", "She carries 12 cars."),
        ("Fares", "The fares are:"),
        ("Fares", "child: £2"),
        ("Fares", "adult: £4"),
    ]


def test_an_item_has_the_sentence_that_introduces_it_and_a_sentence_the_one_before_it() -> None:
    before = {each.text: each.before for each in of_texts(TEXT)}
    assert before["adult: £4"] == before["child: £2"] == "The fares are:"
    assert before["She carries 12 cars."] == "Tern was built in 1998."
    assert before["Tern was built in 1998."] == ""


def test_hits_that_overlap_give_each_excerpt_once_and_the_best_hit_is_its_own() -> None:
    middle = TEXT.index("She")
    hits = [passage(DOC, middle, len(TEXT)), passage(DOC, 0, middle + 10)]
    found = candidates(hits, lambda _: DOC)
    assert [each.text for each in found] == [each.text for each in of_texts(TEXT)]
    assert [each.rank for each in found] == [1, 0, 0, 0, 0]
    assert all(each.hit is hits[each.rank] for each in found)


def test_a_sentence_that_a_chunk_cuts_is_whole_where_most_of_it_was_found_and_left_out_elsewhere() -> None:
    start = TEXT.index("Tern")
    assert texts((start + 5, start + 23)) == ["Tern was built in 1998."]
    assert texts((start, start + 30)) == ["Tern was built in 1998."]


def test_a_passage_that_begins_within_a_block_of_code_is_code_up_to_its_fence_and_prose_after_it() -> None:
    lines = "\n".join(f"client.run({number:03})" for number in range(40))
    text = f"Run it:\n\n```python\n{lines}\n```\n\n## Timeouts\n\nIt stops after a minute. Set it to 0 for none.\n"
    doc = document(text, "manual.md", "text/markdown")
    found = candidates([passage(doc, text.index("client.run(035)"), len(text))], lambda _: doc)
    assert [(each.kind, each.text) for each in found[-3:]] == [
        ("code", "client.run(039)"),
        ("sentence", "It stops after a minute."),
        ("sentence", "Set it to 0 for none."),
    ]
    assert found[-1].heading == "Timeouts"


def test_lines_that_only_look_like_fences_do_not_turn_what_follows_into_code() -> None:
    filler = "The pump is tested on Mondays. " * 40
    for text, kind in (
        (f"Install\n~~~~~~~\n\n{filler}\n\nIt stops after a minute.", "notes.rst"),
        (f"Run it:\n\n```pip install pump```\n\n{filler}\n\nIt stops after a minute.", "notes.md"),
        (f"Quoted ```\n```\nfrom a mail.\n\n{filler}\n\nIt stops after a minute.", "notes.txt"),
    ):
        doc = document(text, kind, "text/markdown" if kind.endswith("md") else "text/plain")
        found = candidates([passage(doc, len(text) - 100, len(text))], {doc.id: doc}.__getitem__)
        assert {each.kind for each in found} == {"sentence"}, kind


def test_documents_come_in_the_order_of_their_best_hits() -> None:
    other = document("Lapwing was ordered in June.", "new.md")
    hits = [passage(other, 0, 28), passage(DOC, 0, 40)]
    found = candidates(hits, {DOC.id: DOC, other.id: other}.__getitem__)
    assert [each.hit.source for each in found] == ["new.md", "ferry.md"]
    assert candidates([], lambda _: DOC) == []


@given(
    text=st.lists(st.sampled_from(["The quay burned. ", "Why?\n", "\n\n", "- a coat\n", "| a | b |\n", "Dr. Ahn ", "12 "])).map("".join),
    places=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 60)), max_size=4),
)  # fmt: skip
def test_candidates_of_any_hits_are_exact_spans_that_overlap_their_hit_and_occur_once(
    text: str, places: list[tuple[int, int]]
) -> None:
    doc = document(text)
    hits = [passage(doc, start, min(len(text), start + size)) for start, size in places if start < len(text)]
    found = candidates(hits, lambda _: doc)
    assert all(text[each.start : each.end] == each.text for each in found)
    # an item or a line of code below a hit is of the list or the code that begins in the hit
    assert all(each.start < each.hit.chunk.end or each.kind in ("item", "code") for each in found)
    assert all(each.end > each.hit.chunk.start for each in found)
    assert len({(each.start, each.end) for each in found}) == len(found)
    assert all(one.end <= other.start for one, other in pairwise(found))


PAGES = [
    "The harbour guide\nContents of this guide",
    "The fee of quay 2 is 6 crowns. It is",
    "due in May. Quay 3 is free.",
]
STARTS = (0, len(PAGES[0]) + 1, len(PAGES[0]) + len(PAGES[1]) + 2)
PAGED = document("\f".join(PAGES), "guide.pdf", "application/pdf", page_starts=STARTS)


def test_a_sentence_ends_with_its_page() -> None:
    whole = candidates([passage(PAGED, 0, len(PAGED.text))], lambda _: PAGED)
    found = [(each.text, each.page) for each in whole]
    assert found[-4:] == [
        ("The fee of quay 2 is 6 crowns.", 2),
        ("It is", 2),
        ("due in May.", 3),
        ("Quay 3 is free.", 3),
    ]
    assert all(PAGED.page_of(each.start) == PAGED.page_of(each.end - 1) == each.page for each in whole)


def test_a_hit_is_not_widened_beyond_its_page() -> None:
    hits = [passage(PAGED, STARTS[1], STARTS[2] - 1)]
    assert [each.text for each in candidates(hits, lambda _: PAGED)] == ["The fee of quay 2 is 6 crowns.", "It is"]


def test_hits_on_neighbouring_pages_are_not_joined_where_pages_have_no_mark_between_them() -> None:
    text = "The fee is 6 crowns and it is due in May. Quay 3 is free."
    slides = document(text, "fees.pptx", "application/x", page_starts=(0, text.index("due")))
    hits = [passage(slides, 0, text.index("due") - 1), passage(slides, text.index("due"), len(text))]
    assert [each.text for each in candidates(hits, lambda _: slides)] == [
        "The fee is 6 crowns and it is", "due in May.", "Quay 3 is free.",
    ]  # fmt: skip


def test_sentences_that_follow_one_another_on_two_pages_are_two_spans() -> None:
    found = candidates([passage(PAGED, STARTS[1], len(PAGED.text))], lambda _: PAGED)
    assert [(PAGED.page_of(start), PAGED.text[start:end]) for _, start, end in spans(found)] == [
        (2, PAGES[1]), (3, PAGES[2]),
    ]  # fmt: skip


def test_a_sentence_of_which_two_hits_have_a_part_is_one_candidate() -> None:
    doc = document("The quay burned in the winter of 1912.")
    for places in ([(0, 24), (30, 33)], [(0, 3), (9, 38)]):
        (only,) = candidates([passage(doc, *place) for place in places], lambda _: doc)
        assert only.text == doc.text


def test_a_list_that_begins_in_a_hit_is_read_to_its_end() -> None:
    text = (
        "Some examples include:\n\n- panic-abort\n- panic-halt\n- panic-itm\n\nOther crates are on the index of crates."
    )
    doc = document(text)
    found = candidates([passage(doc, 0, text.index("- panic-halt"))], {doc.id: doc}.__getitem__)
    assert [each.text for each in found] == ["Some examples include:", "panic-abort", "panic-halt", "panic-itm"]


def test_a_list_that_goes_on_on_the_next_page_is_read_to_its_end() -> None:
    first, second = "Our values are:\n\n1. Quality\n2. Respect\n", "3. Openness\n4. Care\n\nReviews are yearly."
    doc = document(f"{first}\f{second}", "book.pdf", "application/pdf", page_starts=(0, len(first) + 1))
    items = [each for each in candidates([passage(doc, 0, len(first))], lambda _: doc) if each.kind == "item"]
    assert [(each.text, each.page) for each in items] == [("Quality", 1), ("Respect", 1), ("Openness", 2), ("Care", 2)]
    assert len({each.block for each in items}) == 1


def test_an_item_at_the_top_of_a_page_comes_with_the_introduction_of_its_list_on_the_page_before() -> None:
    first, second = "Clubs are paid for. These are not:\n\n- travel\n- medicine\n", "- food\n\nAsk us."
    doc = document(f"{first}\f{second}", "plan.pdf", "application/pdf", page_starts=(0, len(first) + 1))
    found = candidates([passage(doc, len(first) + 1, len(first) + 7)], lambda _: doc)
    assert [(each.text, each.page) for each in found] == [
        ("Clubs are paid for.", 1), ("These are not:", 1), ("travel", 1), ("medicine", 1), ("food", 2),
    ]  # fmt: skip
    assert {each.before for each in found if each.kind == "item"} == {"These are not:"}
    assert len({each.block for each in found}) == 1
    alone = document(f"It is late.\f{second}", "plan.pdf", "application/pdf", page_starts=(0, 12))
    assert [each.text for each in candidates([passage(alone, 12, 18)], lambda _: alone)] == ["food"]


def test_a_list_on_the_page_after_the_line_that_announces_it_is_read_too() -> None:
    first, second = "You need:", "- a ticket\n- a coat\n\nThe ferry leaves at noon."
    doc = document(f"{first}\f{second}", "fees.pdf", "application/pdf", page_starts=(0, len(first) + 1))
    found = candidates([passage(doc, 0, len(first))], lambda _: doc)
    assert [(each.text, each.page) for each in found] == [(first, 1), ("a ticket", 2), ("a coat", 2)]
    whole = candidates([passage(doc, 0, len(doc.text))], lambda _: doc)
    assert [each.text for each in whole] == [first, "a ticket", "a coat", "The ferry leaves at noon."]


def test_lines_that_are_code_in_one_hit_and_prose_in_another_give_candidates_that_do_not_overlap() -> None:
    lines = "".join(f"    dists/{number:02}/main\n" for number in range(26))
    end = "    dists/stable/main\n    dists/stable/contrib\n    dists/stable/non-free\n"
    doc = document(f"The archive has:\n\n{lines}\n{end}", "archive.txt")
    hits = [passage(doc, 0, 200), passage(doc, len(doc.text) - len(end), len(doc.text))]
    found = candidates(hits, lambda _: doc)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert len({each.start for each in found}) == len(found)
