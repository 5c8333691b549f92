"""Excerpts: exact spans of sentences, items, rows, code and headings, whatever the layout of a text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evidence.excerpts import Excerpt, excerpts, with_values


def found(text: str) -> list[tuple[str, str]]:
    """Return the kind and the text of each excerpt."""
    return [(each.kind, text[each.start : each.end]) for each in excerpts(text)]


def fields(text: str) -> list[str]:
    return [text[each.start : each.end] for each in with_values(excerpts(text), text)]


def sentences(text: str) -> list[str]:
    assert {kind for kind, _ in found(text)} <= {"sentence"}
    return [part for _, part in found(text)]


def blocks(text: str) -> list[int]:
    return [each.block for each in excerpts(text)]


# Layouts at random

WORDS = [
    "ferry",
    "Morwen",
    "12",
    "3.5",
    "e.g.",
    "Dr.",
    "sails.",
    "Why?",
    "£4",
    "naïve",
    "港。",
    "(see",
    "p.",
    "end).",
    "#",
    "|",
    "-",
    "*",
]
LINES = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    st.sampled_from(
        [
            "", "   ", "# Fares", "## ", "- a ferry", "* ", "1. Go aboard", "(a) Pay", "| Age | Fare |", "| --- | --- |", "|---|",
            "```", "~~~", "```sh", "a\tb", "---", "====", "\f", "The fares are:", "•", "o nothing", "\ufeff", "tar -xf a.tar",
        ]
    ),
    st.text(max_size=20),
)  # fmt: skip
LAYOUTS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\n\n", "\r\n", "\f", " "])), max_size=25).map(
    lambda lines: "".join(text + end for text, end in lines)
)


@given(text=LAYOUTS)
def test_excerpts_of_any_layout_are_exact_ordered_and_apart_and_each_says_something(text: str) -> None:
    end = 0
    block = 0
    for each in excerpts(text):
        part = text[each.start : each.end]
        assert end <= each.start < each.end <= len(text)
        assert part == part.strip() and any(c.isalnum() for c in part)
        assert each.block >= block
        end, block = each.end, each.block


@given(text=LAYOUTS)
def test_no_letter_outside_marks_is_lost(text: str) -> None:
    kept = set().union(*(range(each.start, each.end) for each in excerpts(text)))
    lost = [line for line in _lines_of(text) if not kept.intersection(range(line[0], line[1])) and _says(line[2])]
    assert lost == []


def _lines_of(text: str) -> list[tuple[int, int, str]]:
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append((start, start + len(line), line))
        start += len(line) + 1
    return lines


def _says(line: str) -> bool:
    """Tell whether a line has a word of two letters and none of the marks that begin a fence, an item or a heading."""
    return line.strip("# ").isalpha() and len(line.strip()) > 1 and line.isascii() and line.lstrip()[:1] != "#"


# Sentences


def test_sentences_end_at_their_marks_and_not_at_abbreviations_or_numbers() -> None:
    text = "Dr. Brandt paid £4.20 to J. Doe, e.g. for No. 5. She left at 9 a.m. on foot! Did she? Yes."
    assert sentences(text) == [
        "Dr. Brandt paid £4.20 to J. Doe, e.g. for No. 5.",
        "She left at 9 a.m. on foot!",
        "Did she?",
        "Yes.",
    ]


def test_marks_of_references_stay_with_their_sentence_and_a_numbered_table_is_no_end() -> None:
    text = "It was renamed in 1924.[23] Having done so, he left.[25][note 1] See Table. 2 and Figure. 3 of it. It ends."
    assert sentences(text) == [
        "It was renamed in 1924.[23]", "Having done so, he left.[25][note 1]", "See Table. 2 and Figure. 3 of it.", "It ends."
    ]  # fmt: skip


@pytest.mark.parametrize(
    "field",
    [
        "Number of guests\n5", "Due\n2026-03-16", "Weight\n12 kg", "Licence number:\nLX-2291", "Price\n€40", "Trial\n3 months",
        "Resident:\nYes", "Opening time:\n9 a.m",
    ],
)  # fmt: skip
def test_the_value_of_a_field_stays_with_its_label(field: str) -> None:
    assert field in fields(f"Receipt\n{field}\nServer\nEva Lind\n")


@pytest.mark.parametrize(
    "lines",
    [
        "Leave policy\n3",
        "Bring with you:\nPassport",
        "Safety rules:\nOpening hours",
        "Steps:\nOpen 2 gates.",
        "Eva Lind\nMarket Street 5",
    ],
)
def test_a_title_above_a_page_number_and_an_introduction_are_no_labels(lines: str) -> None:
    assert lines not in fields(f"{lines}\nTicket\n")


def test_a_sentence_with_a_mark_of_a_reference_is_no_heading() -> None:
    text = "He left the firm.[citation needed]\nThe firm went on for thirty years without him, and then it was sold.\n"
    assert found(text)[0] == ("sentence", "He left the firm.[citation needed]")


def test_an_item_ends_where_the_next_line_would_have_had_room_in_it() -> None:
    item = "- Virtual programs (such as online yoga and classes)"
    prose = "In addition to the wide range of activities, the plan also covers lessons\nthat promote health."
    assert found(f"{item}\n{prose}") == [
        ("item", item[2:]), ("sentence", prose),
    ]  # fmt: skip
    wrapped = "- Ask for the form that the office of the treasurer of the\nCooperative keeps, and that is sent by post to every home\nof a member."
    assert found(wrapped) == [("item", wrapped[2:])]


def test_a_table_of_contents_has_no_excerpts_and_bills_and_menus_do() -> None:
    line = ". . . . . . 20 3.4 Rules and masks . . . . . . . 21 3.5 Inserts with rules. . . . . . . . . 22 3.6 More . . . . . 22"
    assert found(line) == []
    pages = "Introduction ........ 3\nThe sea ....... 12\nThe land ....... 40\nIndex ....... 55\n"
    assert found(f"{pages}\nThe sea is blue.") == [("sentence", "The sea is blue.")]
    for kept in (
        "Opening ........ 1250\nClosing ........ 900",
        "Soup .... 5\nFish ...... 22\nCake ..... 4\nTea ..... 3",
    ):
        assert len(found(kept)) > 1


@pytest.mark.parametrize(
    "line",
    ["-" * 5000 + " End", "-" * 60 + "Original Message" + "-" * 60, "| " + "- " * 3000 + "x", "a" + "." * 20000 + "x"],
)
def test_long_runs_of_marks_take_no_time(line: str) -> None:
    started = time.perf_counter()
    excerpts(f"{line}\nHi\n")
    assert time.perf_counter() - started < 2


def test_quotation_marks_and_brackets_stay_with_their_sentence() -> None:
    assert sentences('He said "Go." (They went.) Then it rained.') == [
        'He said "Go."',
        "(They went.)",
        "Then it rained.",
    ]


def test_scripts_without_spaces_have_sentences_too() -> None:
    assert sentences("それは北にある。彼は東京に住む。本当？はい！") == [
        "それは北にある。",
        "彼は東京に住む。",
        "本当？",
        "はい！",
    ]


def test_lines_that_a_margin_wrapped_are_one_sentence() -> None:
    text = (
        "The harbour of Tarnwick was dug between the years 1929 and 1931 by the\n"
        "workers of the old quarry, who were paid in kind. It was deepened once\n"
        "more in 1954.\n"
        "Opening hours\n"
        "The office is open from nine to five on every working day of the year."
    )
    assert [part.replace("\n", " ") for _, part in found(text)] == [
        "The harbour of Tarnwick was dug between the years 1929 and 1931 by the workers of the old quarry, who were paid in kind.",
        "It was deepened once more in 1954.",
        "Opening hours",
        "The office is open from nine to five on every working day of the year.",
    ]
    assert [kind for kind, _ in found(text)] == ["sentence", "sentence", "heading", "sentence"]


def test_a_page_break_ends_a_paragraph_line() -> None:
    assert found("Page one ends here.\fPage two begins.") == [
        ("sentence", "Page one ends here."),
        ("sentence", "Page two begins."),
    ]


# Headings


@pytest.mark.parametrize("text", ["# Fares", "### Fares ###", "  ## Fares"])
def test_a_heading_is_one_without_its_mark(text: str) -> None:
    (only,) = found(f"{text}\n\nThey are low.")[:1]
    assert only[0] == "heading" and only[1].startswith("Fares")


def test_a_short_line_of_its_own_is_a_heading_and_a_sentence_is_not() -> None:
    assert found("Fares and tickets\n\nA ticket costs £4.\n\nNotes:\n\nNone.") == [
        ("heading", "Fares and tickets"),
        ("sentence", "A ticket costs £4."),
        ("sentence", "Notes:"),
        ("sentence", "None."),
    ]


@pytest.mark.parametrize("text", ["", " \n\n", "#", "---\n***", "```\n```", "- \n* ", "| - | - |", "…"])
def test_marks_alone_are_no_excerpts(text: str) -> None:
    assert excerpts(text) == []


# Lists


LIST = "# Going aboard\n\nYou need:\n\n- a ticket,\n  printed or not\n- a coat\n\nThe crew helps you."


def test_items_are_excerpts_without_their_bullets_and_belong_to_the_sentence_before_them() -> None:
    assert found(LIST) == [
        ("heading", "Going aboard"),
        ("sentence", "You need:"),
        ("item", "a ticket,\n  printed or not"),
        ("item", "a coat"),
        ("sentence", "The crew helps you."),
    ]
    heading, intro, one, two, after = blocks(LIST)
    assert heading != intro == one == two != after


@pytest.mark.parametrize("mark", ["-", "*", "+", "•", "1.", "2)", "(3)", "a)", "–"])
def test_bullets_of_many_kinds_are_known(mark: str) -> None:
    assert found(f"{mark} Pay the fare\n{mark} Go aboard") == [("item", "Pay the fare"), ("item", "Go aboard")]


def test_a_list_without_an_introduction_is_a_block_of_its_own() -> None:
    sentence, one, two = blocks("The crew helps you.\n\n- a ticket\n- a coat")
    assert sentence != one == two


def test_a_long_item_is_cut_into_sentences() -> None:
    text = f"- {'The fare is paid aboard by each of the passengers. ' * 8}"
    assert len(found(text)) == 8 and {kind for kind, _ in found(text)} == {"item"}


# Tables and code


def test_rows_of_a_table_stand_in_one_block_with_the_header_and_the_rule_is_left_out() -> None:
    text = "| Age | Fare |\n| --- | ---: |\n| child | £2 |\n| adult | £4 |\n\nPay aboard."
    assert found(text) == [
        ("header", "| Age | Fare |"),
        ("row", "| child | £2 |"),
        ("row", "| adult | £4 |"),
        ("sentence", "Pay aboard."),
    ]
    header, child, adult, after = blocks(text)
    assert header == child == adult != after


def test_cells_that_tabs_part_are_rows() -> None:
    assert found("Age\tFare\nchild\t£2\n") == [("row", "Age\tFare"), ("row", "child\t£2")]


@pytest.mark.parametrize("fence", ["```", "~~~", "```sh"])
def test_lines_between_fences_are_code_and_what_looks_like_a_heading_there_is_none(fence: str) -> None:
    text = f"Run:\n\n{fence}\n# unpack\ntar -xf a.tar\n{fence[:3]}\n\nIt is quick."
    assert found(text) == [
        ("sentence", "Run:"),
        ("code", "# unpack"),
        ("code", "tar -xf a.tar"),
        ("sentence", "It is quick."),
    ]
    intro, first, second, after = blocks(text)
    assert intro == first == second != after


def test_a_fence_that_is_never_closed_is_code_to_the_end() -> None:
    assert found("```\nls\n\ncd /") == [("code", "ls"), ("code", "cd /")]


def test_an_excerpt_is_a_value() -> None:
    assert excerpts("Go.") == [Excerpt(0, 3, "sentence", 1)]


def test_a_form_feed_ends_a_sentence_an_item_and_a_row() -> None:
    assert sentences("The 7 members of\fthe board sit.") == ["The 7 members of", "the board sit."]
    assert found("- one part\fand another") == [("item", "one part"), ("sentence", "and another")]
    assert found("| a | 1 |\f| b | 2 |") == [("row", "| a | 1 |"), ("row", "| b | 2 |")]


def test_an_indented_block_below_its_introduction_is_code_and_directives_are_no_text() -> None:
    text = (
        "Packages are removed like so:\n\n.. tab:: Unix\n\n   .. code-block:: shell\n\n      python -m pip uninstall SomePackage\n\n"
        ".. tab:: Windows\n\n   .. code-block:: shell\n\n      py -m pip uninstall SomePackage\n\nAn upgrade removes the old one."
    )
    found = excerpts(text)
    assert [(text[each.start : each.end], each.kind) for each in found] == [
        ("Packages are removed like so:", "sentence"),
        ("python -m pip uninstall SomePackage", "code"),
        ("py -m pip uninstall SomePackage", "code"),
        ("An upgrade removes the old one.", "sentence"),
    ]
    assert len({each.block for each in found[:3]}) == 1


def test_indented_prose_and_items_below_an_introduction_are_no_code() -> None:
    prose = "She said:\n\n    When I was young I often went to the sea and swam there all day long.\n"
    short = "The following applies:\n\n   Members pay 40 crowns.\n   Guests pay 60 crowns.\n"
    assert [each.kind for each in excerpts(short)] == ["sentence"] * 3
    items = "Bring:\n\n    - a map\n    - a lamp\n"
    assert [each.kind for each in excerpts(prose)] == ["sentence", "sentence"]
    assert [each.kind for each in excerpts(items)] == ["sentence", "item", "item"]
