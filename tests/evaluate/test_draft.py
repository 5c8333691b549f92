"""Drafted questions: answers are chosen by rules, and what a generator writes is kept only where it passes the checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ragqa import wire
from ragqa.cli import ragqa
from ragqa.evaluate import Question, read_questions
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.experiments.drafts import DEPTH, TRIES_PER_DRAFT, Passage, candidates, draft, sample
from ragqa.experiments.questions import question_writer
from ragqa.pipeline import Pipeline
from ragqa.records import Answer, Chunk, Document, Dropped, Generation, Hit, Prompt
from ragqa.stages import Generator, Needs
from tests.fakes import ECHO, PIPELINE, WORDS, EchoGenerator, document, replace_generators

TEXT = "The old harbour is quiet.\n\nThe ferry Morwen was launched at the old yard in Brackhaven by the mayor."
GOOD = "Where was the ferry Morwen launched by the mayor?"


class Writer(EchoGenerator):
    """Writes what it is given, line by line of its asked prompts."""

    def __init__(self, *written: str) -> None:
        super().__init__()
        self.written = list(written)
        self.prompts: list[str] = []

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.prompts.append(prompt.text)
        text = self.written[min(len(self.prompts), len(self.written)) - 1]
        yield Generation(text, 1, "stop")


class Finder:
    """A system that finds the same hits for every question."""

    def __init__(self, *hits: Hit) -> None:
        self.hits = list(hits)

    def with_documents(self, documents: Sequence[Document]) -> Finder:
        raise NotImplementedError

    def search(self, question: str, k: int, *, history: Sequence[tuple[str, str]] = ()) -> list[Hit]:
        return self.hits[:k]

    def ask(
        self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        raise NotImplementedError

    def prompt(
        self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[tuple[str, str]] = ()
    ) -> Prompt:
        raise NotImplementedError

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        raise NotImplementedError


def passage(text: str = TEXT, source: str = "a.txt", start: int = 0, title: str = "") -> Passage:
    return Passage(source, Chunk(f"{source}:{start}", source, start, start + len(text), text, title))


def hit(found: Passage) -> Hit:
    return Hit(found.chunk, found.source, "/x", 1.0, {})


def drafted(written: str, hits: Sequence[Hit] | None = None, text: str = TEXT, title: str = "") -> Question | Dropped:
    one = passage(text, title=title)
    return next(draft([one], Writer(written), Finder(*([hit(one)] if hits is None else hits)), n=1))


# Answers


@pytest.mark.parametrize(
    ("sentence", "answer", "opening"),
    [
        ("The old ferry was launched on 3 May 1998 by the mayor.", "3 May 1998", "When"),
        ("The old ferry was launched on 1998-05-03 by the mayor.", "1998-05-03", "When"),
        ("The old ferry carries about 1,250 passengers in summer.", "1,250 passengers", "How many passengers"),
        ("The old ferry was sold to the islanders for € 12.50 in all.", "€ 12.50", ""),
        ("The old ferry runs with a load of 85 % in summer.", "85 %", ""),
        ("The old ferry was painted by Ilse Brandt in the spring.", "Ilse Brandt", ""),
        ("The old ferry bears the words “steady as the tide” on the bow.", "steady as the tide", ""),
    ],
)
def test_dates_counts_names_and_quoted_terms_can_be_asked_for(sentence: str, answer: str, opening: str) -> None:
    text = f"What came before. {sentence} What comes after."
    (found,) = candidates(text)
    assert (found.answer, found.opening, found.sentence) == (answer, opening, sentence)
    assert text[found.start : found.end] == sentence
    assert text[found.offset :].startswith(answer)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The old ferry crosses the wide sound at night.",
        "Ilse Brandt steers the old ferry across the sound.",  # a name that begins the sentence
        "was launched at the yard of the island on 3 May 1998.",  # cut off at the edge of the passage
        "The ferry was launched at the yard of the island on 3 May 1998",
        "It was launched at the yard of the island on 3 May 1998.",  # of what, the sentence before says
        "The ferry is from 1998.",  # nothing to ask with
        "The old ferry carries the Brandt engine across the sound.",  # a part of a longer phrase
        "Ferry\nYear\nOld ferry of the island at the yard 3 May 1998.",  # a table
    ],
)
def test_what_makes_no_good_question_is_not_asked_for(text: str) -> None:
    assert candidates(text) == []


def test_what_the_title_names_is_not_asked_for() -> None:
    text = "The oldest ferry of the whole fleet is the Morwen."
    assert [found.answer for found in candidates(text, "The fleet")] == ["Morwen"]
    assert candidates(text, "MV Morwen") == []


# Drafts


def test_a_draft_is_a_line_that_reads_back_and_whose_evidence_resolves(tmp_path: Path) -> None:
    whole = document("Some words before. " + TEXT)
    one = passage(start=whole.text.index(TEXT))
    (made,) = draft([one], Writer(f" {GOOD}\nText: more"), Finder(hit(one)), n=1)
    assert isinstance(made, Question)
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(wire.question(made)) + "\n", encoding="utf-8")
    (read,) = read_questions(path)
    assert read == made
    assert read.question == GOOD
    assert (read.metadata["split"], read.metadata["status"], read.metadata["context"]) == ("draft", "draft", TEXT)
    spans, notes = locate_evidence([read], {"a.txt": whole})
    (span,) = spans[read.id]
    sentence = whole.text[span.start : span.end]
    assert sentence == TEXT.split("\n\n")[1]
    assert read.answers[0] in sentence
    assert notes == []


def test_the_generator_is_shown_title_sentence_answer_and_opening() -> None:
    text = "The ferry was launched at the small yard of the\nisland on 3 May 1998."
    writer = Writer("was the ferry launched at the yard?")
    one = passage(text, title="MV {answer}")
    (made,) = draft([one], writer, Finder(hit(one)), n=1)
    assert isinstance(made, Question)
    assert made.question == "When was the ferry launched at the yard?"
    (prompt,) = writer.prompts
    sentence = "The ferry was launched at the small yard of the island on 3 May 1998."
    assert prompt.endswith(f"Title: MV {{answer}}\nText: {sentence}\nAnswer: 3 May 1998\nQuestion: When")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("The ferry Morwen was launched by the mayor.", "question mark"),
        ("", "question mark"),
        ("Was the ferry Morwen launched in Brackhaven by the mayor?", "holds its answer"),
        ("Where was the ferry?", "fewer than 2 content words"),
        ("Which crater of the moon is the deepest of all?", "something else"),
        ("Where was the ferry Morwen painted, sunk, salvaged and sold?", "something else"),
    ],
)
def test_a_bad_question_is_dropped_with_its_reason(written: str, reason: str) -> None:
    made = drafted(written)
    assert isinstance(made, Dropped)
    assert reason in made.reason
    assert made.what == f"a.txt:0-{len(TEXT)}"


def test_a_question_about_the_title_alone_is_dropped() -> None:
    assert isinstance(drafted(GOOD, title="Ports"), Question)
    made = drafted(GOOD, title="The ferry Morwen and the mayor")
    assert isinstance(made, Dropped)
    assert "something else" in made.reason


def test_a_question_that_does_not_find_its_sentence_again_is_dropped() -> None:
    others = [hit(passage(source=f"other{number}.txt")) for number in range(DEPTH)]
    found = hit(passage())
    assert isinstance(drafted(GOOD, [*others[1:], found]), Question)
    made = drafted(GOOD, [*others, found])
    assert isinstance(made, Dropped)
    assert "does not find its sentence" in made.reason
    head = passage(TEXT[:30])  # the right document, and not the sentence
    assert isinstance(drafted(GOOD, [hit(head)]), Dropped)


def test_a_question_is_asked_once() -> None:
    text = "The ferry was launched at the small yard by the mayor of Brackhaven."
    ones = [passage(text, source) for source in ("a.txt", "b.txt")]
    writer = Writer("Where is the mayor of the ferry from?", "where is mayor of the ferry from ?")
    first, second = draft(ones, writer, Finder(*map(hit, ones)), n=2)
    assert isinstance(first, Question)
    assert isinstance(second, Dropped)
    assert "asked already" in second.reason


def test_drafting_ends_with_enough_drafts_and_with_a_generator_that_writes_none() -> None:
    ones = [passage(source=f"{number}.txt") for number in range(2 * TRIES_PER_DRAFT)]
    written = Writer(*(f"Where was the ferry Morwen launched by mayor {number}?" for number in range(9)))
    made = list(draft(ones, written, Finder(*map(hit, ones)), n=2))
    assert [type(one) for one in made] == [Question, Question]
    assert len(list(draft(ones, Writer(""), Finder(), n=1))) == TRIES_PER_DRAFT
    assert list(draft([], Writer(""), Finder(), n=1)) == []


def test_of_few_passages_each_is_tried_for_all_that_can_be_asked_of_it_once_all_were_tried() -> None:
    ones = [passage(source=f"{number}.txt") for number in range(2)]
    written = Writer("no", "no", "no", "Who launched the ferry at the old yard by the mayor?")
    made = list(draft(ones, written, Finder(*map(hit, ones)), n=1))
    assert [type(one) for one in made] == [Dropped, Dropped, Dropped, Question]
    assert len({prompt.rpartition("Text: ")[2] for prompt in written.prompts}) == 2  # two answers, in both passages
    assert len(list(draft(ones, Writer(""), Finder(), n=5))) == 4


def test_a_passage_without_an_answer_is_dropped_and_not_asked_about() -> None:
    writer = Writer(GOOD)
    (made,) = draft([passage("Nothing to see here.")], writer, Finder(), n=1)
    assert isinstance(made, Dropped)
    assert writer.prompts == []


# Sampling


def chunks_of(document_id: str) -> list[Chunk]:
    count = {"empty": 0, "short": 1, "long": 5}[document_id]
    return [Chunk(f"{document_id}{n}", document_id, n, n + 1, "x") for n in range(count)]


def test_every_document_gives_a_passage_before_any_gives_two() -> None:
    sources = {"c.txt": "empty", "a.txt": "short", "b.txt": "long", "copy of a.txt": "short"}
    sampled = list(sample(sources, chunks_of, seed=1))
    assert {one.source for one in sampled[:2]} == {"a.txt", "b.txt"}
    assert sorted(one.chunk.id for one in sampled) == ["long0", "long1", "long2", "long3", "long4", "short0"]
    assert list(sample({}, chunks_of, seed=1)) == []


def test_the_seed_decides_the_passages() -> None:
    def ids(seed: int) -> list[str]:
        return [one.chunk.id for one in sample({"b.txt": "long", "a.txt": "short"}, chunks_of, seed)]

    assert ids(1) == ids(1)
    assert len({tuple(ids(seed)) for seed in range(8)}) > 1


# The command

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that drafts from a folder of two documents by a set question, with no model."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "ferry.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "documents" / "other.txt").write_text("Nothing to see here.", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("kind: echo", f"kind: echo, answer: '{GOOD}'"), "utf-8")
    from_file = Pipeline.from_file
    monkeypatch.setattr(
        "ragqa.pipeline.Pipeline.from_file", lambda path, overrides: from_file(path, overrides, [WORDS, ECHO])
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(ragqa, ["questions", "draft", "pipeline.yaml", *arguments])
        return (
            getattr(result.exception, "exit_code", result.exit_code),
            result.stdout,
            f"{result.stderr}{result.exception}",
        )

    return run


def test_the_command_writes_drafts_says_what_was_dropped_and_what_comes_next(run: Run) -> None:
    code, out, err = run()
    assert code == 0, err
    (question,) = read_questions(Path("questions.draft.jsonl"))
    assert question.evidence[0].source == "ferry.txt"
    assert question.question in out
    assert "1 of 20 drafts to questions.draft.jsonl" in out
    assert "ragqa eval pipeline.yaml --dataset jsonl:questions.draft.jsonl" in out
    assert "dropped: 1 of 3 tries: no whole sentence holds what looks like an answer" in err


def test_the_command_gives_one_json_object(run: Run) -> None:
    code, out, err = run("--json", "--out", "my.jsonl")
    assert code == 0, err
    found = json.loads(out)
    assert found["questions"] == [wire.question(question) for question in read_questions(Path("my.jsonl"))]
    assert found["dropped"] == {
        "no whole sentence holds what looks like an answer": 1,
        "the question is asked already": 1,  # the fake asks the same of whatever is left of the passage
    }


def test_reviewed_questions_are_not_overwritten_unasked(run: Run) -> None:
    Path("questions.draft.jsonl").write_text("reviewed", encoding="utf-8")
    code, _, err = run()
    assert code == 2
    assert "--force" in err
    assert Path("questions.draft.jsonl").read_text(encoding="utf-8") == "reviewed"
    assert run("--force")[0] == 0
    assert len(read_questions(Path("questions.draft.jsonl"))) == 1


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])
@pytest.mark.parametrize("target", ["mine.jsonl", "missing.jsonl"])
def test_no_draft_is_written_through_a_link(run: Run, target: str, force: tuple[str, ...]) -> None:
    Path("mine.jsonl").write_text("mine", encoding="utf-8")
    Path("questions.draft.jsonl").symlink_to(target)
    code, _, err = run(*force)
    assert code == (9 if force else 2)
    assert ("is a link" if force else "exists and may hold reviewed questions") in err
    assert Path("mine.jsonl").read_text(encoding="utf-8") == "mine"
    assert Path("questions.draft.jsonl").is_symlink() and not Path("missing.jsonl").exists()
    assert not Path("index").exists()


def test_a_folder_in_the_place_of_the_drafts_is_refused(run: Run) -> None:
    Path("questions.draft.jsonl").mkdir()
    assert run()[0] == 2
    code, _, err = run("--force")
    assert (code, "is no regular file" in err) == (2, True)


def test_a_folder_that_is_not_there_is_said_before_anything_is_done(run: Run) -> None:
    code, _, err = run("--out", "missing/my.jsonl")
    assert code == 2
    assert "folder not found: missing" in err
    assert not Path("index").exists()


def test_no_draft_at_all_is_an_error_and_writes_nothing(run: Run) -> None:
    code, _, err = run("--set", "generate.answer=no question")
    assert code == 4
    assert "stronger generator" in err
    assert not Path("questions.draft.jsonl").exists()


def test_questions_are_written_freely_whatever_the_pipeline_answers_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Any] = []

    def build(spec: object, needs: Needs) -> Generator:
        built.append(spec)
        return EchoGenerator()

    replace_generators(monkeypatch, build)
    file = tmp_path / "pipeline.yaml"
    spans = "kind: causal_lm, model: smollm2-135m-instruct, decode: span, stop: ['.'], max_new_tokens: 5"
    servers = "kind: openai, base_url: 'http://localhost/v1', model: any"
    for section in (spans, servers):
        file.write_text(PIPELINE.replace("kind: echo", section).replace("template: qa", "template: span"), "utf-8")
        question_writer(Pipeline.from_file(file, (), [WORDS]))
    causal, endpoint = built
    assert (causal.decode.kind, causal.stop, causal.max_new_tokens) == ("free", ["\n"], 48)
    assert endpoint.stop == ["\n"]
    assert not hasattr(endpoint, "decode")
