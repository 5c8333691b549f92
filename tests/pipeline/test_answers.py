"""Answers: a span, a quote or written sentences, by question and generator; or none, with a reason and what is near."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest

from ragqa import Pipeline
from ragqa.cli import answers
from ragqa.config import GenerateSpec, Kind
from ragqa.evidence import support
from ragqa.evidence.support import facts
from ragqa.pipeline.answer.asking import Event
from ragqa.pipeline.answer.writing import CheckedText
from ragqa.records import Answer, AnswerSentence, Generation, Passages, Prompt
from tests.commands import ragqa
from tests.fakes import PIPELINE, WORDS, EchoGenerator

FERRY = """# Ferries of Tarnwick

MV Tern was built in 1998. She carries 12 cars. Captain Ilse Brandt commands her.

To go aboard with a bicycle you need:

- a ticket for the bicycle
- a strap
- ten minutes

Dogs travel free because the council pays for them.
"""
MUSEUM = "# Salt house museum\n\nThe museum is open from May to October. Salt was boiled here until 1871.\n"

WHO = "Who commands the ferry Tern?"
HOW = "How do I go aboard with a bicycle?"
WHY = "Why do dogs travel free?"


class Told(EchoGenerator):
    """Writes a text, with a verdict; notes what it is asked."""

    def __init__(self, text: str, verdict: float | None, finish: str = "stop") -> None:
        super().__init__(answer=text)
        self.log, self.finish, self._verdict = list[str](), finish, verdict

    def verdict(self, prompt: Prompt) -> float | None:
        self.log.append("verdict")
        return self._verdict

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.log.append("write")
        for piece in super().stream(prompt):
            yield piece if isinstance(piece, str) else Generation(piece.text, piece.n_tokens, self.finish)


class Tell(GenerateSpec):
    kind: Literal["told"]
    text: str = ""
    verdict: float | None = None
    finish: str = "stop"
    sentences: bool = True

    def writes(self) -> bool:
        return self.sentences


TOLD = Kind("generate", Tell, lambda spec, needs: Told(spec.text, spec.verdict, spec.finish))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "ferry.md").write_text(FERRY, encoding="utf-8")
    (tmp_path / "documents" / "museum.md").write_text(MUSEUM, encoding="utf-8")
    text = PIPELINE.replace("kind: echo", "kind: told").replace("answer: write", "answer: auto")
    (tmp_path / "pipeline.yaml").write_text(text.replace("chunk_size: 40", "chunk_size: 200"), encoding="utf-8")
    Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, TOLD]).index()
    return tmp_path


class Asked:
    """The answer to a question, with the events before it and what the generator was asked for."""

    def __init__(
        self, home: Path, question: str, text: str, *overrides: str, verdict: float | None = None, finish: str = "stop"
    ) -> None:
        pipe = Pipeline.from_file(home / "pipeline.yaml", overrides, kinds=[WORDS, TOLD])
        generator = Told(text, verdict, finish)
        pipe.components.replace(generator=generator)
        *self.events, last = pipe.stream(question)
        assert isinstance(last, Answer)
        self.answer, self.log = last, generator.log
        self.texts = [each.text for each in last.sentences]

    @property
    def cited(self) -> list[str]:
        return [each.text for each in self.answer.citations]


def exact(home: Path, answer: Answer) -> bool:
    files = {path.name: path.read_text(encoding="utf-8") for path in (home / "documents").iterdir()}
    return all(files[each.source][each.start : each.end] == each.text for each in (*answer.citations, *answer.nearest))


# Spans


def test_a_short_answer_to_a_fact_is_a_span_and_its_sentence_is_cited(home: Path) -> None:
    asked = Asked(home, WHO, "Ilse Brandt")
    assert (asked.answer.kind, asked.answer.text) == ("span", "Ilse Brandt")
    assert asked.cited == ["Captain Ilse Brandt commands her."] and exact(home, asked.answer)
    assert asked.answer.sentences == (AnswerSentence("Ilse Brandt", asked.answer.citations, 1.0),)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When was the Tern built?", "Ilse Brandt"),
        ("How many cars does the Tern carry?", "Brandt"),
        (WHO, "1998"),
        (WHO, "#"),
        (WHO, "# Ferries"),
        (WHO, "Ferries of Tarnwick"),
        (WHO, "…"),
    ],
)
def test_what_does_not_fit_the_question_word_or_is_a_heading_or_a_mark_is_no_span(
    home: Path, question: str, text: str
) -> None:
    asked = Asked(home, question, text)
    assert asked.answer.kind == "quote" and text not in asked.texts
    assert not any(each.startswith(("#", "Ferries of")) for each in asked.cited) and exact(home, asked.answer)
    alone = Asked(home, question, text, "prompt.answer=span").answer
    assert alone.abstained and alone.reason in ("low_confidence", "unsupported") and alone.text == ""


def test_a_part_of_a_word_or_number_is_no_span(home: Path) -> None:
    for question, text in (
        ("How many cars does the Tern carry?", "2"),
        ("When was the Tern built?", "199"),
        (WHO, "Ils"),
    ):
        assert Asked(home, question, text, "prompt.answer=span").answer.abstained


# Quotes


@pytest.mark.parametrize("choice", ["quote", "auto"])
def test_a_quote_calls_no_generator_and_is_word_for_word_in_order(home: Path, choice: str) -> None:
    asked = Asked(home, HOW, "Something else.", f"prompt.answer={choice}", "generate.sentences=false")
    assert asked.log == [] and asked.answer.kind == "quote" and asked.answer.prompt is None
    assert asked.texts == [
        "To go aboard with a bicycle you need:", "a ticket for the bicycle", "a strap", "ten minutes"
    ]  # fmt: skip
    assert asked.answer.text == "\n".join(asked.texts) and exact(home, asked.answer)
    assert all(each.support == 1 and each.citations for each in asked.answer.sentences)
    assert asked.events[1:] == [Passages(asked.answer.nearest), *asked.answer.sentences]


@pytest.mark.parametrize(
    ("question", "writes", "kind"),
    [(WHO, False, "span"), (WHO, True, "span"), (HOW, False, "quote"), (WHY, False, "quote"), (WHY, True, "write")],
)
def test_auto_chooses_by_the_question_and_by_what_the_generator_can_do(
    home: Path, question: str, writes: bool, kind: str
) -> None:
    text = "Ilse Brandt" if question == WHO else "Dogs travel free because the council always pays for all of them."
    asked = Asked(home, question, text, f"generate.sentences={str(writes).lower()}")
    assert (asked.answer.kind, bool(asked.log)) == (kind, kind != "quote")


# Choices


class Chooser(Told):
    """Prefers the sentences of a prompt that have a word."""

    def __init__(self, text: str, word: str) -> None:
        super().__init__(text, None)
        self.word, self.prompts, self.window = word, list[Prompt](), 4000

    def choice(self, prompt: Prompt) -> list[float] | None:
        self.log.append("choice")
        return [-0.1 if self.word in hit.chunk.text else -6.9 for hit in prompt.passages] if prompt.letter else None

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.prompts.append(prompt)
        yield from super().stream(prompt)


def chosen(home: Path, question: str, generator: Chooser, *overrides: str) -> Answer:
    asks = ["prompt.template=answerable", "prompt.max_context_tokens=300", *overrides]
    pipe = Pipeline.from_file(home / "pipeline.yaml", asks, kinds=[WORDS, TOLD])
    pipe.components.replace(generator=generator)
    return pipe.ask(question)


@pytest.mark.parametrize("word", ["council", "boiled"])
def test_a_generator_that_chooses_a_sentence_decides_what_is_quoted_and_writes_nothing(home: Path, word: str) -> None:
    generator = Chooser("Something else.", word)
    answer = chosen(home, "Why did it happen on the ferry or at the house?", generator)
    assert (answer.kind, generator.log) == ("quote", ["verdict", "choice"])
    assert word in answer.sentences[0].text and exact(home, answer)
    assert answer.prompt is not None and answer.prompt.text[slice(*answer.prompt.letter)] in "ABCDEFGHIJ"  # type: ignore[misc]


def test_a_fact_is_written_after_the_letter_of_the_chosen_sentence_which_is_cited(home: Path) -> None:
    for word, cited in (("built", "MV Tern was built in 1998."), ("carries", "She carries 12 cars.")):
        generator = Chooser("ca", word)
        generator._answer = "1998" if word == "built" else "12"
        answer = chosen(home, "How many of them are on the Tern?", generator)
        assert (answer.kind, [each.text for each in answer.citations]) == ("span", [cited])
        (prompt,) = generator.prompts
        assert prompt.letter is not None
        letter = prompt.text[slice(*prompt.letter)]
        assert f"\n({letter}) {cited}\n" in prompt.text and prompt.text.endswith(f"Sentences: {letter}\nShort answer:")


def test_a_template_without_letters_asks_for_no_choice(home: Path) -> None:
    generator = Chooser("Dogs travel free, since the good council pays for them.", "boiled")
    answer = chosen(home, WHY, generator, "prompt.template=qa")
    assert answer.kind == "write" and "choice" not in generator.log


# Written sentences


def test_written_sentences_come_one_by_one_each_with_what_it_rests_on(home: Path) -> None:
    text = "Dogs travel free, since the council pays. The Tern was built in 1998 and carries 12 cars."
    asked = Asked(home, WHY, text)
    _, nearest, first, second = asked.events
    assert isinstance(nearest, Passages) and (first, second) == asked.answer.sentences
    assert (asked.answer.kind, asked.answer.text) == ("write", text)
    assert [each.text for each in asked.answer.sentences[0].citations] == [
        "Dogs travel free because the council pays for them."
    ]
    assert [each.text for each in asked.answer.sentences[1].citations] == [
        "MV Tern was built in 1998. She carries 12 cars."
    ]
    assert all(0.5 <= each.support <= 1 for each in asked.answer.sentences) and exact(home, asked.answer)


def test_a_sentence_that_nothing_supports_is_left_out_of_all_that_is_shown(home: Path) -> None:
    text = "Dogs travel free because the council pays. The Tern carries 14 cars. Fabrikam pays for the council's dogs."
    asked = Asked(home, WHY, text)
    assert asked.texts == ["Dogs travel free because the council pays."] == [asked.answer.text]
    assert asked.answer.unsupported == 2
    assert "14" not in str(asked.events) and "Fabrikam" not in str(asked.events)
    shown = " ".join(asked.cited)
    assert all(fact in shown.lower() for each in asked.texts for fact in facts(each))


def test_one_sentence_that_was_written_is_shown_once_and_so_is_one_that_was_repeated(home: Path) -> None:
    text = "Dogs travel free because the good council pays for all of them."
    assert Asked(home, WHY, text).texts == [text]
    twice = Asked(home, WHY, f"{text} {text}")
    assert (twice.texts, twice.answer.unsupported) == ([text], 0), "what is repeated is supported"


@pytest.mark.parametrize("text", ["Unicorns sing in Atlantis.", "Fabrikam pays 400 for dogs."])
def test_where_nothing_that_was_written_is_supported_the_documents_are_quoted_or_nothing_is_said(
    home: Path, text: str
) -> None:
    quoted = Asked(home, WHY, text).answer
    assert quoted.kind == "quote" and quoted.text == "Dogs travel free because the council pays for them."
    silent = Asked(home, WHY, text, "prompt.answer=write").answer
    assert (silent.abstained, silent.reason, silent.text, silent.citations) == (True, "unsupported", "", ())
    assert text not in str(silent.to_dict()["sentences"]) and silent.nearest


def test_how_a_text_is_cut_into_pieces_changes_nothing(home: Path) -> None:
    text = (
        "You need:\n- a ticket for the bicycle\n- a strap\n\nDogs travel free. The Tern carries 12 cars. Dr. Who too."
    )
    whole = Asked(home, WHY, text).texts
    assert whole == [
        "You need:",
        "a ticket for the bicycle",
        "a strap",
        "Dogs travel free.",
        "The Tern carries 12 cars.",
    ]

    class Pieces(Told):
        size = 1

        def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
            yield from (text[at : at + self.size] for at in range(0, len(text), self.size))
            yield Generation(text, 9, "stop")

    pipe = Pipeline.from_file(home / "pipeline.yaml", kinds=[WORDS, TOLD])
    for size in (1, 2, 3, 5, 8, 13, 1000):
        generator = Pieces(text, None)
        generator.size = size
        pipe.components.replace(generator=generator)
        assert [each.text for each in pipe.ask(WHY).sentences] == whole


def test_a_generator_that_says_that_it_does_not_know_is_believed_but_not_in_the_middle(home: Path) -> None:
    for text in ("I do not know.", "I don’t know", "", "Not mentioned in the passages."):
        assert Asked(home, WHY, text).answer.reason == "not_in_passages"
    assert not Asked(home, WHY, "Dogs travel free. I do not know more.").answer.abstained


@pytest.mark.parametrize("finish", ["deadline", "length"])
def test_a_partial_answer_is_shown_and_marked(home: Path, finish: str) -> None:
    asked = Asked(home, WHY, "Dogs travel free because the council pays. The Tern carries", finish=finish)
    assert asked.texts[0] == "Dogs travel free because the council pays."
    assert (asked.answer.finish, asked.answer.abstained) == (finish, False)
    late = Asked(home, WHY, "", finish="deadline").answer
    assert (late.reason, late.finish, bool(late.nearest)) == ("deadline", "deadline", True)


# Abstention


def test_a_doubtful_verdict_abstains_before_anything_is_written(home: Path) -> None:
    doubted = Asked(home, WHO, "Ilse Brandt", "prompt.min_confidence=balanced", verdict=-9.0)
    assert doubted.log == ["verdict"] and doubted.answer.reason == "low_confidence"
    assert [type(event) for event in doubted.events] == [Passages, Passages]
    assert doubted.answer.confidence is not None and doubted.answer.confidence < 0.1
    sure = Asked(home, WHO, "Ilse Brandt", "prompt.min_confidence=balanced", verdict=9.0)
    assert sure.log == ["verdict", "write"] and sure.answer.text == "Ilse Brandt"


def test_without_a_verdict_the_passages_alone_may_be_too_doubtful_to_write(home: Path) -> None:
    doubted = Asked(home, "Which colours of hats may visitors wear?", "Red.", "prompt.min_confidence=strict")
    assert "write" not in doubted.log and doubted.answer.reason == "low_confidence"


REASONS = [
    ("Who commands the Lapwing?", "unknown_name", "no document names Lapwing: check how the name is written"),
    ("Who commands the ferry Ternn?", "unknown_name", "no document names Ternn (did you mean Tern?): check"),
    ("And then?", "nothing_asked", "name what the question is about"),
    ("What is it?", "nothing_asked", "name what the question is about"),
    ("zzz qqq", "no_evidence", "ask with words of the documents"),
    ("Which colours of hats may visitors wear?", "low_confidence", "read the nearest passages, or ask more precisely"),
]


@pytest.mark.parametrize(("question", "reason", "advice"), REASONS)
def test_each_reason_for_no_answer_has_advice_and_the_nearest_passages(
    home: Path, question: str, reason: str, advice: str
) -> None:
    asked = Asked(
        home,
        question,
        "Ilse Brandt",
        "prompt.min_confidence=strict",
        f"retrieve.min_score={int(reason == 'no_evidence')}",
    )
    answer = asked.answer
    assert (answer.abstained, answer.reason, answer.text, answer.kind) == (True, reason, "", "")
    assert (answer.citations, answer.sentences) == ((), ()) and advice in answer.advice
    assert asked.log in ([], ["verdict"])
    assert (
        (0 < len(answer.nearest) <= 3) == (reason != "nothing_asked") and exact(home, answer) and len(answer.hits) == 2
    )


def test_under_an_answer_stand_the_other_versions_of_its_documents_and_how_many_sentences_were_left_out(
    home: Path,
) -> None:
    answer = replace(Asked(home, WHY, "Dogs travel free because the council pays. Fabrikam pays too.").answer, hits=())
    with redirect_stdout(StringIO()) as out:
        answers.stream_answer(iter([answer]))
    assert "[sentences left out because no passage supports them: 1]" in out.getvalue().splitlines()

    for year, fee in ((2023, 4), (2024, 5)):
        (home / "documents" / f"fees-{year}.md").write_text(
            f"The fee for a mooring is {fee} crowns.\n", encoding="utf-8"
        )
    text = (home / "pipeline.yaml").read_text(encoding="utf-8").replace("kind: told", "kind: scripted")
    (home / "pipeline.yaml").write_text(text.replace("answer: auto", "answer: write"), encoding="utf-8")
    assert ragqa("index", "pipeline.yaml", cwd=home).code == 0
    lines = ragqa("ask", "pipeline.yaml", "How high is the fee for a mooring?", cwd=home).out.splitlines()
    assert "fees-2024.md has a version that is older: fees-2023.md" in lines
    assert not any("left out" in line for line in lines)
    assert any("fees-2024.md:0-" in line for line in lines)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "screen", "shown"), [(0.3, Terminal, True), (0, Terminal, False), (0.3, StringIO, False)]
)
def test_who_waits_for_an_answer_at_a_terminal_sees_the_nearest_passages_meanwhile(
    home: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, screen: type[StringIO], shown: bool
) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 0.1)
    asked = Asked(home, WHY, "Dogs travel free, since the council pays for all of them.")

    def events() -> Iterator[Event]:
        for each in asked.events:
            yield each
            if isinstance(each, Passages):
                time.sleep(seconds)
        yield asked.answer

    with redirect_stdout(screen()) as out:
        answers.stream_answer(events())
    lines = out.getvalue().splitlines()
    assert lines.count("Nearest passages:") == shown, "they are printed once"
    first = next(number for number, line in enumerate(lines) if "Dogs travel free, since" in line)
    assert not shown or lines.index("Nearest passages:") < first


def test_less_confidence_is_advised_only_where_it_would_be_enough(home: Path) -> None:
    for least, is_near in ((0.99, True), ("strict", False)):
        overrides = ("prompt.answer=quote", f"prompt.min_confidence={least}")
        question = WHY if is_near else "Which colours of hats may visitors wear?"
        answer = Asked(home, question, "", *overrides).answer
        assert answer.reason == "low_confidence" and answer.confidence is not None
        assert (answer.confidence >= 0.3) == is_near == ("eager" in answer.advice)


def test_a_refused_question_in_another_language_says_so(home: Path) -> None:
    answer = Asked(home, "Wer führt die Fähre Tern?", "Ilse", "prompt.min_confidence=strict").answer
    assert answer.reason == "low_confidence"
    assert answer.advice.startswith("the question looks German, and questions are understood in English: read the")


@pytest.mark.parametrize(("question", "reason", "advice"), REASONS[:1])
def test_a_refusal_is_printed_with_its_advice_and_passages_and_all_of_that_is_in_json(
    home: Path, question: str, reason: str, advice: str
) -> None:
    text = (home / "pipeline.yaml").read_text(encoding="utf-8").replace("kind: told", "kind: scripted")
    text = text.replace("min_confidence: 0", "min_confidence: 0.01")
    (home / "pipeline.yaml").write_text(text, encoding="utf-8")
    printed = ragqa("ask", "pipeline.yaml", question, cwd=home)
    lines = printed.out.splitlines()
    assert printed.code == 0 and printed.asked == []
    assert lines[0] == "No answer in these documents."
    assert lines[1].startswith("No document names Lapwing: check") and lines[2] == "Nearest passages:"
    assert [line[:4] for line in lines[3:]] == ["  - ", "    "] * 3
    said = ragqa("ask", "pipeline.yaml", question, "--json", cwd=home).said
    assert (said["abstained"], said["reason"], said["text"], said["citations"]) == (True, reason, "", [])
    assert advice in said["advice"] and len(said["nearest"]) == 3
    assert said["nearest"][0].keys() == {
        "source",
        "path",
        "page",
        "start",
        "end",
        "text",
        "stale",
        "place",
        "document_id",
    }


def test_many_questions_are_refused_and_quoted_as_each_alone(home: Path) -> None:
    pipe = Pipeline.from_file(home / "pipeline.yaml", ["generate.text=Ilse Brandt"], kinds=[WORDS, TOLD])
    questions: Sequence[str] = [WHO, HOW, *(question for question, _, _ in REASONS)]
    many = pipe.ask_many(questions)
    alone = [pipe.ask(question) for question in questions]
    assert [(each.kind, each.text, each.reason) for each in many] == [
        (each.kind, each.text, each.reason) for each in alone
    ]


def test_a_batch_writes_only_what_is_not_refused_before(home: Path) -> None:
    class Batch(Told):
        batch_size = 8

        def write_many(self, prompts: Sequence[Prompt]) -> list[Generation]:
            self.log += ["write"] * len(prompts)
            return [Generation("Ilse Brandt", 2, "stop") for _ in prompts]

    pipe = Pipeline.from_file(home / "pipeline.yaml", ["prompt.min_confidence=balanced"], kinds=[WORDS, TOLD])
    for verdict, wrote, text in ((-9.0, 0, ""), (9.0, 2, "Ilse Brandt")):
        generator = Batch("Ilse Brandt", verdict)
        pipe.components.replace(generator=generator)
        answers = pipe.ask_many([WHO, "Who commands the Lapwing?", WHO])
        assert generator.log.count("write") == wrote and generator.log.count("verdict") == 2
        assert [answer.text for answer in answers] == [text, "", text]
        assert answers[1].reason == "unknown_name"
        assert [answer.text for answer in map(pipe.ask, [WHO, WHO])] == [text, text]


PARTS = [
    "The ferry sails at 9. ", "Is it blue? ", "- a coat\n", "1. Pay\n", "\n\n", "\n", "Dr. Ahn ", "e.g. this ", "```\ncd /tmp\n```\n",
    "# Head\n", "and so on ", "渡船。", "Q: Who?\n", "A: Salt.\n", "**Bold** text. ", "No. 5 ", "a\tb\n", "Steps:\n", "Short line\nNext One. ",
]  # fmt: skip


def test_any_text_is_cut_into_the_same_sentences_however_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def cite(self, _: object) -> tuple[()]:
            return ()

    def sentences(pieces: Sequence[str]) -> list[str]:
        asked = Prompt("", {}, (), stop=("\nQ:",), labels=("A:",))
        checked = CheckedText(Nowhere(), asked, [], [])  # type: ignore[arg-type]
        for piece in pieces:
            list(checked.take(piece))
        list(checked.take("", last=True))
        return [each.text for each in checked.sentences]

    monkeypatch.setattr(support, "check", lambda *_: ([], 1.0))
    chance = random.Random(22)
    for _ in range(400):
        text = "".join(chance.choices(PARTS, k=chance.randint(1, 9)))
        assert sentences(list(text)) == sentences([text]), text
