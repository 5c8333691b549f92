"""The analysis of questions by rules: kind, type of a short answer, names, numbers, terms."""

from __future__ import annotations

import pytest

from ragqa.question_analysis import analyse, defines, fits, proper_names

KINDS = {
    "fact": [
        "Who runs the ferry to Gull Holm?", "Who was the first keeper of the lighthouse?", "When was the harbour dug?",
        "How many cars does Tern carry?", "How much is a return ticket for a child?", "Where does the night boat land?",
        "What is the price of a season ticket?", "In which year did the mill burn down?", "How old is the pilot cutter?",
        "Which company built the turbine?", "Whose signature is needed for a refund?", "What time does the office close?",
        "How often are the pumps tested?", "To whom do I send the receipts?", "which river runs through the town",
        "What percentage of members voted?",
    ],
    "yes_no": [
        "Is there a ferry on Sundays?", "Can I take a dog aboard?", "Does the warranty cover salt damage?",
        "Are children under five free?", "The boat is free for residents, right?", "Hasn't the crane been repaired?",
        "Do I need a permit to dive?", "Should I wear a life jacket?",
    ],
    "how": [
        "How do I apply for a grant?", "How does the battery charge itself?", "How can I get to the museum?",
        "What should I do if the alarm goes off?", "how to reset the meter", "In what way is the slip hauled?",
        "Could you tell me how to renew my permit?", "What should I do when the alarm rings?",
    ],
    "why": [
        "Why was the vote repeated?", "why does the pump stall", "What was the reason for the delay?", "How come the light is red?",
        "What causes the cable to fray?", "Can you explain to me why the ramp is closed?", "What is the purpose of the reserve?",
    ],
    "list": [
        "List the members of the board.", "Name all islands with a school.", "What are the opening hours of the shops?",
        "Which documents must an applicant hand in?", "What types of boat may land?", "What does the fare include?",
        "Give me examples of repairs.", "What are the steps of the winter lay-up?", "Which islands have a school?",
    ],
    "compare": [
        "What is the difference between Kestrel 250 and Kestrel 400?", "Compare the fares of 2023 and 2024.",
        "Is the M3 faster than the M2?", "How does the old permit differ from the new one?", "Tern vs. Lapwing",
        "Which is larger, Vashay or Mellock?",
    ],
    "summary": [
        "Summarise the report on dredging.", "What is this document about?", "Give me a short overview of the strategy.",
        "Describe the festival.", "Tell me about the salt house.", "What is the handbook about?", "Explain the bonus scheme.",
    ],
    "definition": [
        "What is a groyne?", "What does CQC stand for?", "Who is Isolde Brannoch?", "Define slack water.",
        "What is the meaning of the yellow flag?", "What's a lay-up?", "Who was \"the Admiral\"?",
    ],
    "other": ["ferry timetable winter", "What happens when the pump stops?", "", "???", "Wer fährt die Fähre?", "渡船几点开"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "question"), [(kind, each) for kind, questions in KINDS.items() for each in questions]
)
def test_the_kind_of_a_question(kind: str, question: str) -> None:
    assert analyse(question).kind == kind


@pytest.mark.parametrize(
    "before", ["Please, ", "Hi! ", "So, ", "I would like to know, ", "Can you tell me ", "OK, please tell me: "]
)
@pytest.mark.parametrize(
    ("question", "kind"),
    [("when does the boat leave?", "fact"), ("why is the ramp shut?", "why"), ("how do I apply?", "how")],
)  # fmt: skip
def test_polite_words_change_nothing(before: str, question: str, kind: str) -> None:
    asked = analyse(before + question)
    assert (asked.kind, asked.core, asked.terms) == (kind, question, analyse(question).terms)


@pytest.mark.parametrize(
    ("question", "answer_type"),
    [
        ("When was the harbour dug?", "date"),
        ("What year did it open?", "date"),
        ("Since when has she been the clerk?", "date"),
        ("What is the deadline for grants?", "date"),
        ("How many islands are there?", "number"),
        ("How long is the pier?", "number"),
        ("What is the average speed of the boat?", "number"),
        ("What is the price?", "number"),
        ("Who commands the ferry?", "person"),
        ("Which company made the crane?", "person"),
        ("Whose boat is it?", "person"),
        ("Where is the museum?", "place"),
        ("Which town has the bank?", "place"),
        ("What colour is the flag?", "thing"),
        ("ferry colour", "thing"),
    ],
)
def test_the_type_of_a_short_answer(question: str, answer_type: str) -> None:
    assert analyse(question).answer_type == answer_type


@pytest.mark.parametrize(
    ("answer_type", "good", "bad"),
    [
        ("date", ["1998", "in May", "on Monday", "the 19th century", "last winter", "at noon", "within 30 days", "14th", "5/3/2024", "10:30", "at 5pm", "two o'clock", "Mon-Fri", "in 476"], ["Ilse Brandt", "often", "#", "60", "cr 4,500", "I am here", "the second door", "€12.50", "in 500 cases"]),
        ("number", ["12", "£4.20", "twelve cars", "none", "half of them", "monthly"], ["Ilse Brandt", "many", "#"]),
        ("person", ["Ilse Brandt", "the harbour office", "NASA", "élise"], ["1998", "12 cars", "#", "of", "without interest"]),
        ("place", ["Port Ennery", "on the quay", "Berth 4"], ["1998", "12", "#"]),
        ("thing", ["red", "12", "a lamp"], ["#", "…", ""]),
    ],
)  # fmt: skip
def test_a_short_answer_fits_its_question_word_or_does_not(answer_type: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not fits(answer_type, text)] == []  # type: ignore[arg-type]
    assert [text for text in bad if fits(answer_type, text)] == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who is Isolde Brannoch?", ("Isolde Brannoch",)),
        ("What does Contoso's PerksPlus pay for?", ("Contoso", "PerksPlus")),
        ("Does the Bank of Mellock lend to clubs?", ("Bank of Mellock",)),
        ("What is the range of the Kestrel 250?", ("Kestrel 250",)),
        ("Was Dr. Ahn at the meeting in Sandrigg?", ("Ahn", "Sandrigg")),
        ("PerksPlus covers what?", ("PerksPlus",)),
        ("Is the iPhone paid for?", ("iPhone",)),
        ("Tell me about Élise's boat", ("Élise",)),
        ("who runs the ferry", ()),
        ("Ferries leave when?", ()),
        ("I wonder: Is it, Please, open?", ()),
        ("What Is The Price Of A Ticket?", ()),
        ("WHERE IS THE MUSEUM?", ()),
    ],
)
def test_names_are_words_with_a_capital_letter_where_others_have_none(question: str, names: tuple[str, ...]) -> None:
    assert proper_names(question) == analyse(question).names == names


def test_numbers_are_found_as_they_are_written_and_once() -> None:
    asked = analyse("Did 1,200 of 1,200 members pay cr 4.20 in 2024, or 3rd-class fares of Kestrel 250?")
    assert asked.numbers == ("1,200", "4.20", "2024", "3rd", "250")


def test_terms_are_the_stems_of_the_words_that_show_the_topic_each_once() -> None:
    assert analyse("How do the ferries and the ferry's crews run?").terms == ("ferri", "s", "crew", "run")
    assert analyse("What is it about?").terms == ()
    assert analyse("").terms == analyse("  \n").terms == ()


@pytest.mark.parametrize("question", ["hi", "please", "  ok, so ", "what?", "\x00", "?" * 5000, "é" * 300])
def test_any_text_is_analysed(question: str) -> None:
    assert analyse(question).core.strip() or not question.strip()


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie viel kostet die Fähre?", "German"),
        ("Wer fährt die Fähre und wann?", "German"),
        ("Quand est le départ de la navette ?", "French"),
        ("¿Cuándo se fundó el museo?", "Spanish"),
        ("Chi è il capitano della nave?", "Italian"),
        ("Quem é o capitão do navio?", "Portuguese"),
        ("Hoeveel kost het veer?", "Dutch"),
        ("¿Dónde está la oficina?", "Spanish"),
        ("Où est la capitainerie ?", "French"),
        ("Los Angeles vs Las Vegas", ""),
        ("MIT license Pro version", ""),
        ("La La Land cast", ""),
        ("What is Die Zeit?", ""),
        ("how do i die in das boot", ""),
        ("Who is la Marquise de Pompadour?", ""),
        ("ferry timetable winter", ""),
        ("", ""),
    ],
)
def test_a_question_in_another_language_is_known_by_its_function_words_and_has_no_names(
    question: str, language: str
) -> None:
    asked = analyse(question)
    assert asked.language == language
    if language:
        assert asked.names == ()


def test_the_words_that_ask_for_a_comparison_are_no_terms_of_it() -> None:
    assert analyse("What is the difference between barge and skiff?").terms == analyse("barge skiff").terms
    assert len(analyse("Why is there a difference?").terms) == 1, "another question asks about it"


def test_a_subject_may_be_named_by_the_title_around_a_definition() -> None:
    question, text = analyse("What is ownership in Rust?"), "Ownership is a set of rules."
    assert defines(question, text, "rust/book.html") and not defines(question, text)
    assert not defines(question, "Rust is a language.", "ownership.html"), "the first word is the subject"
    assert defines(analyse("What does CQC stand for?"), "the Care Quality Commission (CQC)")
    assert not defines(analyse("What does CQC stand for?"), "The CQC visits each home.")
    assert not defines(analyse("What is the boiling point of mercury?"), "Mercury is a metal.", "Boiling point")
