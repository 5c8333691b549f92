"""What a retriever does besides one search: other wordings, an imagined passage, feedback, a reranker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragqa import Pipeline
from ragqa.config.retrieval import (
    CrossEncoderRerank,
    DenseRetrieve,
    HybridRetrieve,
    HydeRewrite,
    LexicalRetrieve,
    MultiQueryRewrite,
)
from ragqa.errors import UsageError
from ragqa.index.reader import LocalReader
from ragqa.records import Generation, Hit, Prompt, SearchTexts
from ragqa.retrieve.first_stage import first_stage
from ragqa.retrieve.retriever import FusionRetriever, steps_after, steps_before
from ragqa.retrieve.rewrite import (
    FEEDBACK_WEIGHT,
    HydeRewriter,
    MultiQueryRewriter,
    hypothetical_passage,
    paraphrases,
)
from ragqa.stages import Generator, Rewriter, Scorer
from tests.fakes import ECHO, PIPELINE, WORDS
from tests.index.test_index import entry
from tests.index.test_index import write as publish
from tests.torture.world import EMBEDDER, write

MULTI_QUERY = MultiQueryRewrite(kind="multi_query")
HYDE = HydeRewrite(kind="hyde")
SPECS: dict[str, Callable[..., Any]] = {
    "dense": lambda **fields: DenseRetrieve(kind="dense", **fields),
    "lexical": lambda **fields: LexicalRetrieve(kind="lexical", **fields),
    "hybrid": lambda **fields: HybridRetrieve(kind="hybrid", **fields),
    "rrf": lambda **fields: HybridRetrieve(kind="hybrid", fusion="rrf", **fields),
}
ALL = 1000


class Writer:
    """Writes the same text after every prompt, and keeps the prompts."""

    window = 1000

    def __init__(self, text: str, finish: str = "stop") -> None:
        self.text = text
        self.finish = finish
        self.prompts: list[Prompt] = []

    def count(self, text: str) -> int:
        return len(text.split())

    def chat(self, system: str, user: str) -> str:
        return f"<user>{user}</user>"

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.prompts.append(prompt)
        yield from self.text
        yield Generation(self.text, self.count(self.text), self.finish)


class Ranking:
    """Scores a passage by its position in a list; unlisted passages come last. It records its calls."""

    def __init__(self, *best_first: str) -> None:
        self.best_first = best_first
        self.asked: list[tuple[str, list[str]]] = []

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        self.asked.append((question, list(passages)))
        places = {text: float(-place) for place, text in enumerate(self.best_first)}
        return [places.get(text, -100.0) for text in passages]


def wordings(text: str, n: int = 3, question: str = "When does the ferry sail?") -> list[str]:
    writer: Generator = Writer(text)
    return paraphrases(question, n, writer)


def test_the_generator_is_asked_for_so_many_questions_about_this_one() -> None:
    writer = Writer("At what hour does the ferry leave?")
    assert paraphrases("What is {n} in {question}?", 3, writer) == ["At what hour does the ferry leave?"]
    (prompt,) = writer.prompts
    assert prompt.text.startswith("<user>Write 3 other questions")
    assert prompt.text.endswith("\n\nQuestion: What is {n} in {question}?</user>")
    assert (prompt.n_tokens, prompt.passages) == (writer.count(prompt.text), ())


@pytest.mark.parametrize(
    "text",
    [
        "Ferry when?\nWhat hour?\nWhich time?",
        "1. Ferry when?\n2. What hour?\n3. Which time?",
        "1) Ferry when?\n\n2) What hour?\n\n3) Which time?\n",
        "(1) Ferry when?\n(2) What hour?\n(3) Which time?",
        "1.Ferry when?\n2.What hour?\n3.Which time?",
        "10: Ferry when?\n11: What hour?\n12: Which time?",
        "- Ferry when?\n* What hour?\n  • Which time?",
        "– Ferry when?  \r\n– What hour?\r\n-   Which time?",
        "Ferry when?\nWhat hour?\nWhich time?\nA fourth?\nA fifth?",
        "---\nFerry when?\n1.\n-\nWhat hour?\n...\nWhich time?",
    ],
)
def test_a_list_in_any_form_is_read_without_its_marks(text: str) -> None:
    assert wordings(text) == ["Ferry when?", "What hour?", "Which time?"]


@pytest.mark.parametrize(
    "line", ["2024 fares?", "1.5 megawatts from what?", "12:30 ferry?", "3 ferries when?", "-5 degrees: does it sail?"]
)
def test_a_number_that_a_question_begins_with_is_part_of_it(line: str) -> None:
    assert wordings(line) == [line]
    assert wordings(f"1. {line}\n- What hour?") == [line, "What hour?"]


def test_repeated_wordings_and_the_question_itself_are_left_out_and_fewer_are_no_mistake() -> None:
    assert wordings("1. What hour?\n2. When does the ferry sail?\n3. What hour?") == ["What hour?"]
    assert wordings("When does it sail?", question=" When does it sail?\n") == []
    assert wordings("") == wordings(" \n\n") == []
    assert wordings("a b\nc d\ne f", n=1) == ["a b"]


def test_an_imagined_passage_is_taken_whole_and_an_empty_one_is_an_error() -> None:
    writer = Writer("\n It sails at nine.\nOn Sundays at ten. ")
    assert hypothetical_passage("When does it sail?", writer) == "It sails at nine.\nOn Sundays at ten."
    assert writer.prompts[0].text.startswith("<user>Write a short passage")
    assert writer.prompts[0].text.endswith("Question: When does it sail?</user>")
    with pytest.raises(UsageError, match=r"retrieve\.rewrite: the generator wrote no passage .* leave the key out"):
        hypothetical_passage("When does it sail?", Writer(" \n"))


def test_what_a_deadline_cut_is_not_searched_by() -> None:
    for written in (lambda writer: paraphrases("q", 2, writer), lambda writer: hypothetical_passage("q", writer)):
        with pytest.raises(UsageError, match=r"ran out of time: raise generate\.deadline"):
            written(Writer("half a sen", finish="deadline"))


TEXTS = {
    "a.txt": "ferry sails harbour\nharbour lantern keeper",
    "b.txt": "turbine makes power\npower costs crowns",
    "c.txt": "boat departs nine\nnine crowns fare",
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalReader]:
    path = tmp_path_factory.mktemp("index")
    write(path, TEXTS)
    with LocalReader(path, {}) as reader:
        yield reader


def rewriter_of(spec: Any, generator: Generator) -> Rewriter:
    return HydeRewriter(generator) if spec == HYDE else MultiQueryRewriter(generator, spec.n)


def found(
    reader: LocalReader,
    spec: Any,
    question: str = "ferry sails",
    k: int = ALL,
    scorer: Scorer | None = None,
    generator: Generator | None = None,
) -> list[Hit]:
    rewriter = None if generator is None else rewriter_of(spec.rewrite, generator)
    return FusionRetriever(spec, EMBEDDER, scorer, rewriter).retrieve(question, reader, k)


def texts(hits: Sequence[Hit]) -> list[str]:
    return [h.chunk.text for h in hits]


def scores(hits: Sequence[Hit]) -> dict[str, float]:
    return {h.chunk.text: h.score for h in hits}


@pytest.mark.parametrize("kind", SPECS)
def test_the_scores_of_all_wordings_are_averaged(reader: LocalReader, kind: str) -> None:
    questions = ["ferry sails", "boat departs", "power"]
    alone = [scores(found(reader, SPECS[kind](), question)) for question in questions]
    everything = {text for each in alone for text in each}
    expected = {text: sum(each.get(text, 0.0) for each in alone) / 3 for text in everything}
    writer = Writer("1. boat departs\n2. power")
    hits = found(reader, SPECS[kind](rewrite=MULTI_QUERY), generator=writer)
    assert scores(hits) == pytest.approx(expected)
    assert [-h.score for h in hits] == sorted(-h.score for h in hits)
    assert len(writer.prompts) == 1
    assert "boat departs nine" in texts(hits[:3])


def test_a_model_that_writes_no_other_wording_changes_nothing(reader: LocalReader) -> None:
    hits = found(reader, SPECS["hybrid"](rewrite=MULTI_QUERY), generator=Writer("ferry sails"))
    assert hits == found(reader, SPECS["hybrid"]())


def test_no_more_wordings_are_asked_than_the_file_says(reader: LocalReader) -> None:
    spec = SPECS["lexical"](rewrite=MultiQueryRewrite(kind="multi_query", n=1))
    assert set(texts(found(reader, spec, generator=Writer("boat\npower")))) == {
        "ferry sails harbour",
        "boat departs nine",
    }


@pytest.mark.parametrize("kind", ["dense", "hybrid", "rrf"])
def test_an_imagined_passage_leads_to_passages_in_its_words(reader: LocalReader, kind: str) -> None:
    question, imagined = "leaving time", "the boat departs nine nine"
    assert "boat departs nine" not in texts(found(reader, SPECS[kind](), question, k=1))
    hits = found(reader, SPECS[kind](rewrite=HYDE), question, k=1, generator=Writer(imagined))
    assert texts(hits) == ["boat departs nine"]
    own = float(EMBEDDER.embed_passages(["boat departs nine"])[0] @ EMBEDDER.embed_question(question))
    assert hits[0].scores["dense"] == pytest.approx(own, abs=1e-6)  # of the question as it was asked


def test_the_words_of_an_imagined_passage_are_not_searched_as_words(reader: LocalReader) -> None:
    spec = SPECS["hybrid"](rewrite=HYDE, weight=0.0)
    hits = found(reader, spec, "ferry", generator=Writer("boat boat boat"))
    assert [h.chunk.text for h in hits if "lexical" in h.scores] == ["ferry sails harbour"]


def test_a_generator_that_imagines_nothing_ends_the_search(reader: LocalReader) -> None:
    with pytest.raises(UsageError, match="wrote no passage"):
        found(reader, SPECS["dense"](rewrite=HYDE), generator=Writer(""))


def test_nothing_is_written_for_a_question_that_cannot_be_asked(reader: LocalReader) -> None:
    writer = Writer("a passage")
    for rewrite in (MULTI_QUERY, HYDE):
        with pytest.raises(UsageError, match="the question is empty"):
            found(reader, SPECS["dense"](rewrite=rewrite), " ", generator=writer)
    assert writer.prompts == []


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_feedback_finds_a_passage_that_shares_words_with_the_best_one_alone(reader: LocalReader, kind: str) -> None:
    question, near = "ferry sails", "harbour lantern keeper"
    before, after = (scores(found(reader, SPECS[kind](feedback=n), question)) for n in (0, 1))
    assert before[near] == pytest.approx(before["turbine makes power"], abs=0.01), "no word is shared"
    assert texts(found(reader, SPECS[kind](feedback=1), question, k=2)) == ["ferry sails harbour", near]
    assert after[near] > before[near] + 0.02
    assert after["turbine makes power"] == pytest.approx(before["turbine makes power"], abs=0.01)


def test_feedback_moves_the_vector_by_its_weight_towards_the_mean_of_the_best(reader: LocalReader) -> None:
    question = EMBEDDER.embed_question("ferry sails")
    best = EMBEDDER.embed_passages(texts(found(reader, SPECS["dense"](), k=2))).mean(axis=0)
    moved = (1 - FEEDBACK_WEIGHT) * question + FEEDBACK_WEIGHT * best
    hits = found(reader, SPECS["dense"](feedback=2))
    expected = EMBEDDER.embed_passages(texts(hits)) @ (moved / np.linalg.norm(moved))
    assert [h.score for h in hits] == pytest.approx(expected.tolist(), abs=1e-6)


def test_feedback_moves_every_wording(reader: LocalReader) -> None:
    moved = [scores(found(reader, SPECS["dense"](feedback=1), question)) for question in ("ferry sails", "boat")]
    spec = SPECS["dense"](feedback=1, rewrite=MULTI_QUERY)
    expected = {text: (moved[0][text] + moved[1][text]) / 2 for text in moved[0]}
    assert scores(found(reader, spec, generator=Writer("boat"))) == pytest.approx(expected)


def rerank(**fields: Any) -> CrossEncoderRerank:
    return CrossEncoderRerank(kind="cross_encoder", model="any", **fields)


def test_the_best_chunks_are_read_again_and_ranked_by_what_the_reranker_says(reader: LocalReader) -> None:
    first = found(reader, SPECS["dense"]())
    scorer = Ranking(first[2].chunk.text, first[0].chunk.text, first[1].chunk.text)
    hits = found(reader, SPECS["dense"](rerank=rerank(depth=3, weight=1.0)), k=2, scorer=scorer)
    assert scorer.asked == [("ferry sails", texts(first[:3]))]
    assert texts(hits) == texts([first[2], first[0]])
    assert [h.scores["rerank"] for h in hits] == [0.0, -1.0]
    assert [h.scores["dense"] for h in hits] == [h.score for h in (first[2], first[0])]


@pytest.mark.parametrize("kind", SPECS)
def test_a_light_reranker_changes_scores_and_not_a_clear_first(reader: LocalReader, kind: str) -> None:
    first = found(reader, SPECS[kind](), k=2, question="ferry sails harbour")
    hits = found(
        reader,
        SPECS[kind](rerank=rerank(weight=0.01)),
        "ferry sails harbour",
        2,
        Ranking("power costs crowns", "harbour lantern keeper", "ferry sails harbour"),
    )
    assert texts(hits[:1]) == texts(first[:1])
    assert all({"rerank"} < set(h.scores) for h in hits)


def test_more_hits_than_the_depth_are_all_read_again(reader: LocalReader) -> None:
    scorer = Ranking()
    hits = found(reader, SPECS["hybrid"](rerank=rerank(depth=1)), k=4, scorer=scorer)
    assert len(hits) == 4 and [len(passages) for _, passages in scorer.asked] == [4]
    assert all("rerank" in h.scores for h in hits)


def test_the_reranker_reads_a_passage_with_its_title_and_headings(tmp_path: Path) -> None:
    publish(tmp_path / "index", entry("departs at nine", source="a.txt", title="Winter ferry"))
    scorer = Ranking()
    with LocalReader(tmp_path / "index", {}) as reader:
        hits = found(reader, SPECS["lexical"](rerank=rerank()), "ferry", scorer=scorer)
    assert scorer.asked == [("ferry", ["Winter ferry\ndeparts at nine"])]
    assert texts(hits) == ["departs at nine"]


def test_a_question_that_finds_nothing_gives_the_reranker_nothing(reader: LocalReader) -> None:
    assert found(reader, SPECS["lexical"](rerank=rerank()), "xyzzy", scorer=Ranking()) == []


def test_hits_of_one_document_are_capped_after_reranking(reader: LocalReader) -> None:
    scorer = Ranking("harbour lantern keeper", "power costs crowns")
    spec = SPECS["dense"](rerank=rerank(weight=1.0), per_document=1)
    hits = found(reader, spec, k=2, scorer=scorer)
    assert texts(hits) == ["harbour lantern keeper", "power costs crowns"]


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("fields", [{}, {"mmr": 0.5, "per_document": 1}, {"feedback": 2}, {"neighbours": 1}])
def test_no_hits_are_found_where_none_are_wanted(reader: LocalReader, kind: str, fields: dict[str, Any]) -> None:
    if kind == "lexical":
        fields = {name: value for name, value in fields.items() if name != "feedback"}
    assert found(reader, SPECS[kind](**fields), "ferry sails harbour", k=0) == []


@pytest.mark.parametrize("kind", SPECS)
def test_a_filter_holds_for_other_wordings_feedback_and_reranking(tmp_path: Path, kind: str) -> None:
    kept = entry("ferry departs\nferry lantern", source="kept.txt", media_type="text/html")
    publish(tmp_path / "index", kept, *(entry(text, source=source) for source, text in TEXTS.items()))
    spec = SPECS[kind](rewrite=MULTI_QUERY, feedback=0 if kind == "lexical" else 2, rerank=rerank(weight=1.0))
    scorer = Ranking("boat departs nine", "ferry lantern")
    with LocalReader(tmp_path / "index", {}, where={"media_type": "text/html"}) as reader:
        hits = found(reader, spec, "ferry", scorer=scorer, generator=Writer("boat\nturbine power"))
    assert texts(hits) == ["ferry lantern", "ferry departs"]
    assert scorer.asked and set(scorer.asked[0][1]) == set(texts(hits))


def pipeline(folder: Path, **sections: str) -> Pipeline:
    """Return a pipeline over three files, its index built; sections are replaced as given."""
    (folder / "documents").mkdir()
    for source, text in TEXTS.items():
        (folder / "documents" / source).write_text(text, encoding="utf-8")
    lines = [line for line in PIPELINE.splitlines() if line.split(":")[0] not in sections]
    lines += [f"{name}: {value}" for name, value in sections.items()]
    (folder / "p.yaml").write_text("\n".join(lines), encoding="utf-8")
    made = Pipeline.from_file(folder / "p.yaml", kinds=[WORDS, ECHO])
    made.index()
    return made


def test_a_pipeline_searches_by_what_its_own_generator_writes(tmp_path: Path) -> None:
    made = pipeline(
        tmp_path,
        retrieve="{kind: dense, top_k: 1, rewrite: {kind: hyde}}",
        generate="{kind: echo, answer: turbine makes power}",
    )
    assert made.search("leaving time")[0].source == "b.txt"


def test_likelihood_by_a_generator_that_gives_none_is_an_error_of_the_file(tmp_path: Path) -> None:
    made = pipeline(tmp_path, retrieve="{kind: dense, rerank: {kind: likelihood}}")
    with pytest.raises(UsageError, match=r"retrieve\.rerank: likelihood needs generate of kind causal_lm, got echo"):
        made.search("leaving time")


class Both:
    """A rewriter of a user's own: another wording and a passage."""

    def rewrite(self, question: str) -> SearchTexts:
        return SearchTexts(questions=("power",), passages=("boat departs nine",))


def test_a_rewriter_may_give_wordings_and_passages_together(reader: LocalReader) -> None:
    rewriter: Rewriter = Both()
    hits = FusionRetriever(SPECS["dense"](rewrite=HYDE), EMBEDDER, None, rewriter).retrieve("ferry sails", reader, ALL)
    moved = EMBEDDER.embed_question("ferry sails") + EMBEDDER.embed_passages(["boat departs nine"])[0]
    queries = [moved / np.linalg.norm(moved), EMBEDDER.embed_question("power")]
    expected = [
        float(np.mean([vector @ query for query in queries])) for vector in EMBEDDER.embed_passages(texts(hits))
    ]
    assert [h.score for h in hits] == pytest.approx(expected, abs=1e-6)


def test_passages_are_refused_where_no_vector_is_searched(reader: LocalReader) -> None:
    retriever = FusionRetriever(SPECS["lexical"](rewrite=MULTI_QUERY), EMBEDDER, None, Both())
    with pytest.raises(UsageError, match=r"retrieve\.rewrite: .* kind lexical searches no vectors"):
        retriever.retrieve("ferry", reader)


def test_what_a_section_does_not_ask_for_is_no_step() -> None:
    def names(**fields: Any) -> list[str]:
        spec = SPECS["hybrid"](prefer="none", **fields)
        scorer = Ranking() if spec.rerank else None
        rewriter = Both() if spec.rewrite else None
        line = [*steps_before(spec, first_stage(spec), EMBEDDER, rewriter), *steps_after(spec, scorer)]
        return [getattr(step, "func", step).__name__ for step in line]

    assert names() == ["best_rows_first", "_best_k"]
    assert names(rewrite=HYDE, feedback=1, rerank=rerank(), mmr=0.5, section=True) == [
        "rewrite_question",
        "feed_back",
        "best_rows_first",
        "rerank",
        "diversify",
        "expand_hits",
    ]
