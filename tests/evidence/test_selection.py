"""Selection: the quote that answers a question, and the part of the passages that a generator reads."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from ragqa.evidence.compaction import compact
from ragqa.evidence.passages import Candidate, candidates
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.evidence.selection import LONGEST, MOST_CHARACTERS, MOST_ITEMS, quote, spans
from ragqa.question_analysis import analyse
from tests.evidence.making import of_texts, ranked
from tests.fakes import document, passage

BOARDING = (
    "# Going aboard\n\nThe crew helps you. To go aboard you need:\n\n- a ticket\n- a coat\n- a life jacket\n\n"
    "Boats leave from the quay.\n"
)
FARES = "# Fares\n\n| Age | Fare |\n| --- | --- |\n| child | £2 |\n| adult | £4 |\n\nPay at the kiosk.\n"
TERN = "Tern was built in 1998. It carries 12 cars. The crew is three."
LAPWING = "Lapwing was ordered in June. It has room for 8 lorries."


def quoted(question: str, found: list[Candidate], *best: str) -> list[str]:
    return [each.text for each in quote(analyse(question), ranked(found, *best))]


def words(text: str) -> int:
    return len(text.split())


# Quotes


def test_a_quote_for_why_goes_on_to_the_reason_where_the_best_sentence_gives_none() -> None:
    text = "Menus guard the files. They are not enough. The reason is that many programs go around menus. Lamps glow."
    assert quoted("Why are menus not enough?", of_texts(text), "Menus")[1:] == [
        "They are not enough.", "The reason is that many programs go around menus."
    ]  # fmt: skip
    assert quoted("What guards the files?", of_texts(text), "Menus") == ["Menus guard the files."]
    told = of_texts("It closed because of floods. Nobody came. So it was caused by rain.")
    assert quoted("Why did it close?", told, "It closed") == ["It closed because of floods."]


def test_code_is_no_answer_where_words_are_asked_for() -> None:
    found = of_texts("The parts are these:\n\n    main/main\n    contrib/main\n\nThe part main holds what is free.")
    assert quoted("What is the difference between main and contrib?", found, "contrib/", "holds what") == [
        "The part main holds what is free."
    ]
    assert "contrib/main" in quoted("How do I name the parts?", found, "contrib/", "holds what")


def test_the_sentence_after_the_best_one_is_quoted_too_unless_it_is_far_less_likely() -> None:
    found = of_texts("The plan has a deductible. You pay 500 crowns of it. Lamps glow.\n\nThe plan is old.")
    near = [
        RankedExcerpt(each.candidate, max(each.score, -3.0), each.features) for each in ranked(found, "The plan has")
    ]
    assert [each.text for each in quote(analyse("Describe the deductible"), near)] == [
        "The plan has a deductible.", "You pay 500 crowns of it."
    ]  # fmt: skip
    assert quoted("Describe the deductible", found, "The plan has") == ["The plan has a deductible."]


def test_a_sentence_that_says_no_more_than_the_question_states_no_fact() -> None:
    text = "By Sarah Purvis. Poems from York."
    assert quoted("Where was Sarah Purvis?", of_texts(text), "By Sarah", "Poems") == ["Poems from York."]


def test_a_quote_begins_with_a_year_or_a_number_where_one_is_asked_for_by_name_and_there_is_none_without() -> None:
    text = "The Tern was built by Holm and Sons. The yard delivered her in 1998."
    question = "In what year was the Tern built?"
    assert quoted(question, of_texts(text), "The Tern") == []
    best = ranked(of_texts(text), "The Tern", "The yard")
    assert [each.text for each in quote(analyse(question), best)] == ["The yard delivered her in 1998."]
    assert quoted(question, of_texts("The Tern was built by Holm. Her crew likes her."), "The Tern") == []
    assert quoted("How many cars are there?", of_texts("Cars are parked on the quay."), "Cars") == []


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What should I do when the alarm rings?", "Leave the building at once when the alarm rings."),
        ("When is the deposit refunded?", "The deposit is refunded if the flat is left clean."),
        ("How late is the bar open?", "The bar is open until midnight."),
        ("How many dogs are allowed?", "No dogs are allowed."),
        ("Who may use the pool?", "All may use the pool."),
    ],
)
def test_an_answer_without_a_date_or_a_number_is_quoted_where_it_may_be_one(question: str, sentence: str) -> None:
    assert quoted(question, of_texts(f"{sentence} Lamps glow."), sentence[:12])[0] == sentence


def test_words_that_are_carried_over_from_the_turn_before_do_not_count_as_the_question() -> None:
    sentence = "The Tern is moored in Oslo, and Ilse Brandt commands it."
    asked = replace(analyse("And who commands it?"), core="tern moored oslo ilse brandt\nAnd who commands it?")
    found = ranked(of_texts(f"{sentence} Lamps glow red."), "The Tern", "Lamps")
    assert quote(asked, found)[0].text == sentence


def test_without_excerpts_there_is_no_quote() -> None:
    assert quote(analyse("Why?"), []) == []


def test_a_list_is_quoted_whole_with_its_introduction_in_its_order() -> None:
    assert quoted("What do I need to go aboard?", of_texts(BOARDING), "a coat") == [
        "To go aboard you need:", "a ticket", "a coat", "a life jacket"
    ]  # fmt: skip


def test_the_sentence_that_introduces_a_list_brings_the_list() -> None:
    assert quoted("How do I go aboard?", of_texts(BOARDING), "To go aboard")[1:] == [
        "a ticket",
        "a coat",
        "a life jacket",
    ]


def test_a_sentence_brings_the_list_that_the_next_sentence_introduces_by_pointing_back_to_it() -> None:
    text = "Some things are not free. These include:\n\n- bicycles\n- dogs\n\nPay at the kiosk. It takes cards."
    whole = ["Some things are not free.", "These include:", "bicycles", "dogs"]
    assert quoted("Which things are not free?", of_texts(text), "Some things") == whole
    assert quoted("Is everything free?", of_texts(text), "Some things") == whole[:1]
    assert quoted("Which kiosk takes cards?", of_texts(text), "Pay at") == ["Pay at the kiosk."]


def test_a_line_that_ends_with_a_colon_brings_what_stands_below_it_in_a_block_of_its_own() -> None:
    text = "Notice of rights:\n\nIt says who may vote. Read it. Keep it. Burn it.\n\nTo vote you need:\n\n- a card\n- a pen"
    assert quoted("What is the notice of rights?", of_texts(text), "Notice")[:3] == [
        "Notice of rights:", "It says who may vote.", "Read it.",
    ]  # fmt: skip
    assert quoted("What do I need to vote?", of_texts(text), "To vote") == ["To vote you need:", "a card", "a pen"]


def test_the_sentence_after_the_best_one_brings_the_list_that_it_introduces() -> None:
    text = "Report what is illegal. You can do this by:\n\n1. Calling us.\n\n2. Writing to us.\n\nThe office is closed."
    chosen = quote(analyse("Who do I tell of something illegal?"), ranked(of_texts(text), "Report", rest=-3.0))
    assert [each.text for each in chosen] == [
        "Report what is illegal.", "You can do this by:", "Calling us.", "Writing to us.",
    ]  # fmt: skip


def test_things_that_are_compared_need_no_capital_letters() -> None:
    found = of_texts("The tern is fast. Both are red. The lapwing is slow.")
    assert quoted("tern or lapwing, which is faster?", found, "Both", "tern", "lapwing") == [
        "The tern is fast.", "Both are red.", "The lapwing is slow.",
    ]  # fmt: skip


def test_a_fact_of_a_list_comes_with_the_introduction_and_without_the_other_items() -> None:
    assert quoted("Who needs a coat?", of_texts(BOARDING), "a coat") == ["To go aboard you need:", "a coat"]


def test_a_row_comes_with_the_header_of_its_table() -> None:
    assert quoted("How much is it for an adult?", of_texts(FARES), "adult") == ["| Age | Fare |", "| adult | £4 |"]


def test_lists_of_two_passages_of_one_document_stay_apart() -> None:
    text = f"Boats:\n\n- Tern\n- Lapwing\n\n{'Nothing is said here. ' * 60}\n\nIslands:\n\n- Mellock\n- Vashay\n"
    doc = document(text)
    hits = [passage(doc, 0, 24), passage(doc, text.index("Islands"), len(text))]
    assert quoted("List them", candidates(hits, lambda _: doc), "Mellock") == ["Islands:", "Mellock", "Vashay"]


def test_a_header_alone_is_no_answer() -> None:
    assert quoted("What do visitors do?", of_texts(FARES), "Age", "kiosk") == ["Pay at the kiosk."]


def test_code_is_quoted_whole() -> None:
    text = "Unpack it:\n\n```\ncd /tmp\ntar -xf a.tar\n```\n\nIt is quick."
    assert quoted("How do I unpack it?", of_texts(text), "tar") == ["Unpack it:", "cd /tmp", "tar -xf a.tar"]


def test_a_sentence_that_points_back_comes_with_the_one_before_it() -> None:
    assert quoted("How many cars?", of_texts(TERN), "12 cars") == ["Tern was built in 1998.", "It carries 12 cars."]
    assert quoted("How large is the crew?", of_texts(TERN), "three") == ["The crew is three."]


def test_a_comparison_has_what_says_something_about_each_thing_alone_before_what_names_both() -> None:
    both = "We hope that this helps to see how Tern and Lapwing differ."
    found = of_texts(f"{both} {TERN}", LAPWING)
    assert quoted("What is the difference between Tern and Lapwing?", found, "We hope", "Tern was", "Lapwing was") == [
        both, "Tern was built in 1998.", "Lapwing was ordered in June."
    ]  # fmt: skip
    assert quoted("What is the difference between Tern and Lapwing?", found, "We hope")[1:] == [
        "Tern was built in 1998.", "Lapwing was ordered in June."
    ]  # fmt: skip


def test_a_line_of_a_title_page_is_not_quoted_beside_a_sentence_but_alone_it_is() -> None:
    found = of_texts("Reimbursement of fares for", "The fare is refunded within a week.")
    assert quoted("Is the fare refunded?", found, "Reimbursement", "The fare") == [
        "The fare is refunded within a week."
    ]
    assert quoted("Is the fare refunded?", found[:1], "Reimbursement") == ["Reimbursement of fares for"]
    hours = of_texts("Opening hours: 9 to 17", "The office is by the quay.")
    assert quoted("What are the opening hours?", hours, "Opening", "The office")[0] == "Opening hours: 9 to 17"


def test_words_that_many_names_have_do_not_keep_an_excerpt_from_a_comparison() -> None:
    found = of_texts("Corrie is a bank of the islands.", "The Bank of Skerrow lends to boatyards.")
    assert (
        len(quoted("What is the difference between Corrie and the Bank of Skerrow?", found, "Corrie", "The Bank")) == 2
    )


def test_a_comparison_has_an_excerpt_of_each_thing_however_far_below_the_other_it_is() -> None:
    found = of_texts(TERN, LAPWING)
    assert quoted("What is the difference between Tern and Lapwing?", found, "Tern was") == [
        "Tern was built in 1998.", "Lapwing was ordered in June."
    ]  # fmt: skip
    assert quoted("What about Tern?", found, "Tern was") == ["Tern was built in 1998."]


def test_names_that_share_a_word_are_told_apart_by_the_other() -> None:
    found = of_texts("Kestrel 250 turns slowly. The Kestrel is loud.", "Kestrel 400 turns fast.")
    assert quoted("How does Kestrel 250 differ from Kestrel 400?", found, "250 turns") == [
        "Kestrel 250 turns slowly.", "Kestrel 400 turns fast."
    ]  # fmt: skip


def test_what_was_quoted_is_not_quoted_again_in_nearly_the_same_words() -> None:
    found = of_texts("Dogs travel free on all boats.", "All dogs travel free on the boats.", "Cats pay half.")
    assert quoted("What about dogs and cats aboard, describe it", found, "Dogs", "All dogs", "Cats") == [
        "Dogs travel free on all boats.", "Cats pay half."
    ]  # fmt: skip


def test_two_documents_may_say_nearly_the_same_of_two_things() -> None:
    found = of_texts("The Standard plan covers acupuncture at no cost.", "The Plus plan covers acupuncture at no cost.")
    assert len(quoted("Is acupuncture covered?", found, "Standard", "Plus")) == 2
    same = of_texts("The plan covers acupuncture at no cost.", "The plan covers acupuncture at no cost!")
    assert len(quoted("Is acupuncture covered?", same, "cost.", "cost!")) == 1


def test_a_quote_begins_with_the_document_of_the_best_sentence_and_follows_the_places_in_each() -> None:
    found = of_texts("One is red. Two is blue. Three is pale.", "Four is dark. Five is dim.")
    assert quoted("Describe the lamps", found, "Five", "Three", "Four", "One") == [
        "Four is dark.", "Five is dim.", "One is red.", "Three is pale."
    ]  # fmt: skip


@pytest.mark.parametrize(("question", "most"), [("Who?", 3), ("Why?", 3), ("Describe it", LONGEST), ("Is it?", 4)])
def test_a_quote_is_as_long_as_the_kind_of_question_asks_for(question: str, most: int) -> None:
    subjects = ["ferry sails", "quay burns", "lamp glows", "crane lifts", "pump runs", "bell rings", "door shuts"]
    found = of_texts(" ".join(f"Every {each}." for each in subjects))
    assert len(quoted(question, found, *subjects)) == most


def test_a_question_of_the_text_comes_with_its_answer() -> None:
    found = of_texts("Does the ferry take dogs?\n\nYes! They stay on the lower deck. Cats do too.")
    assert quoted("Does the ferry take dogs?", found, "Does the ferry") == [
        "Does the ferry take dogs?", "Yes!", "They stay on the lower deck."
    ]  # fmt: skip


def test_what_is_far_less_likely_than_the_best_is_left_out() -> None:
    found = of_texts("One is red. Two is blue.")
    assert quoted("Describe the lamps", found, "Two") == ["Two is blue."]


def test_a_long_list_or_a_long_quote_is_bounded() -> None:
    items = "".join(f"- item number {number}\n" for number in range(60))
    whole = quoted("List all items", of_texts(f"These are all:\n\n{items}"), "number 30")
    assert len(whole) <= MOST_ITEMS + 1 and "item number 30" in whole
    long = of_texts(" ".join(f"Very {'very ' * 90}long {name}." for name in "abcdef"))
    assert sum(len(each.text) for each in quote(analyse("Describe it"), ranked(long, "Very"))) <= MOST_CHARACTERS


def test_every_quote_of_any_scores_is_in_order_and_apart_and_of_one_piece_each() -> None:
    chance = random.Random(22)
    found = of_texts(BOARDING, FARES, TERN, LAPWING)
    for question in (
        "List it",
        "What is the difference between Tern and Lapwing?",
        "Who?",
        "Why?",
        "Describe it",
        "fare",
    ):
        for _ in range(40):
            scored = [RankedExcerpt(each, chance.uniform(-4, 2), (0.0,) * 8) for each in found]
            scored.sort(key=lambda each: -each.score)
            chosen = quote(analyse(question), scored)
            assert chosen and len({id(each) for each in chosen}) == len(chosen)
            assert all(each in found for each in chosen)
            for one, other in pairwise(chosen):
                same = one.hit.chunk.document_id == other.hit.chunk.document_id
                assert one.end <= other.start if same else True
            documents = [each.hit.source for each in chosen]
            assert documents == sorted(documents, key=documents.index), "a document is quoted in one go"


# Compaction


def test_what_is_read_is_the_best_that_fits_with_the_document_of_the_best_first() -> None:
    found = of_texts(TERN, LAPWING)
    read = compact(ranked(found, "8 lorries", "12 cars", "1998"), 16, words)
    assert [each.text for each in read] == ["It has room for 8 lorries.", "It carries 12 cars."]


def test_what_is_read_never_has_more_tokens_than_it_may() -> None:
    chance = random.Random(22)
    found = of_texts(BOARDING, FARES, TERN, LAPWING, "A " + "very " * 60 + "long sentence.")
    for most in (3, 4, 5, 8, 13, 21, 34, 55, 89, 144, 1000):
        for _ in range(20):
            scored = [RankedExcerpt(each, chance.uniform(-4, 2), (0.0,) * 8) for each in found]
            scored.sort(key=lambda each: -each.score)
            read = compact(scored, most, words)
            assert sum(words(each.text) for each in read) <= most
            assert read, "the best is read, if only its beginning"
    assert {each.text for each in compact(ranked(found), 1000, words)} == {each.text for each in found}
    assert compact([], 10, words) == []


def test_where_the_best_does_not_fit_its_beginning_is_read_as_an_exact_span() -> None:
    text = "Every boat that leaves the quay in winter carries a lamp."
    (only,) = compact(ranked(of_texts(text)), 6, words)
    assert only.text == "Every boat that leaves" == text[only.start : only.end]


def test_excerpts_that_follow_one_another_are_one_span() -> None:
    found = of_texts(TERN, LAPWING)
    joined = [(hit.source, start, end) for hit, start, end in spans(found)]
    assert joined == [("0.txt", 0, len(TERN)), ("1.txt", 0, len(LAPWING))]
    apart = [found[0], found[2]]
    assert [TERN[start:end] for _, start, end in spans(apart)] == ["Tern was built in 1998.", "The crew is three."]
    assert spans([]) == []
