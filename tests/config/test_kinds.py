"""Kinds of a user's own: they work wherever a built-in kind does, and what cannot be built is told with its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from ragqa import Maintenance, Pipeline, load_config
from ragqa.config import (
    EvaluateSpec,
    FormatSpec,
    GenerateSpec,
    IndexSpec,
    Kind,
    Kinds,
    LoadSpec,
    ObjectiveSpec,
    PromptSpec,
    RerankSpec,
    RetrieveSpec,
    RewriteSpec,
    SplitSpec,
)
from ragqa.config.base import PathRule
from ragqa.config.schema import json_schema
from ragqa.config.slots import SLOTS
from ragqa.errors import ConfigError, UsageError, UsageTypeError
from ragqa.evaluate import Dataset, Protocol, Question
from ragqa.experiments import TuningGrid, evaluate_pipeline, replay
from ragqa.kinds import BUILTIN
from ragqa.load import MemoryLoader, text_document
from ragqa.pipeline.assemble.check import check_file
from ragqa.records import Chunk, Document, Extracted, Hit, Prompt, SearchTexts
from ragqa.stages import Needs, Searcher
from tests.fakes import ECHO, PIPELINE, WORDS, EchoGenerator

MORWEN = "The ferry Morwen is commanded by Captain Ilse Brandt."


class Shout(RerankSpec):
    kind: Literal["shout"]
    letter: str = "e"


class Shouter:
    def __init__(self, letter: str) -> None:
        self.letter = letter

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(passage.count(self.letter)) for passage in passages]


class Again(RewriteSpec):
    kind: Literal["again"]


class Repeater:
    def rewrite(self, question: str) -> SearchTexts:
        return SearchTexts(questions=("captain",))


class Logs(FormatSpec):
    kind: Literal["logs"]
    prefix: str = ""


class LogFormat:
    media_type, suffixes, extractor = "text/x-log", (".log",), "log/1"

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def read(self, data: bytes) -> Extracted:
        return Extracted(self._prefix + data.decode())


class Whole(SplitSpec):
    kind: Literal["whole"]

    def max_bytes(self) -> int:
        return 1000


class WholeSplitter:
    fingerprint = "whole"

    def split(self, document: Document) -> list[Chunk]:
        return [Chunk(document.id, document.id, 0, len(document.text), document.text)] if document.text.strip() else []


class Notes(LoadSpec):
    kind: Literal["notes"]


class First(RetrieveSpec):
    kind: Literal["first"]


class FirstRetriever:
    def retrieve(
        self, question: str, searcher: Searcher, k: int | None = None, *, also: Sequence[str] = ()
    ) -> list[Hit]:
        return searcher.hits([(chunk_id, score, {}) for chunk_id, score in searcher.lexical("ferry", k or 1)])


class Bare(PromptSpec):
    kind: Literal["bare"]


class BarePrompter:
    def build(self, question: str, hits: Sequence[Hit], history: Sequence[tuple[str, str]] = ()) -> Prompt:
        return Prompt(question, {"question": 1}, tuple(hits))


class Asked(EvaluateSpec):
    kind: Literal["asked"]


OWN: dict[str, tuple[Kind[Any], str, str]] = {
    "load": (
        Kind("load", Notes, lambda spec, needs: MemoryLoader([text_document("a.txt", MORWEN)])),
        "load:     {kind: folder, path: documents}",
        "load: {kind: notes}",
    ),
    "format": (
        Kind("format", Logs, lambda spec, needs: LogFormat(spec.prefix)),
        "path: documents}",
        "path: documents, formats: [{kind: logs, prefix: 'Log. '}]}",
    ),
    "split": (
        Kind("split", Whole, lambda spec, needs: WholeSplitter()),
        "split:    {kind: recursive, chunk_size: 40, overlap: 8}",
        "split: {kind: whole}",
    ),
    "retrieve": (
        Kind("retrieve", First, lambda spec, needs: FirstRetriever()),
        "retrieve: {kind: hybrid, top_k: 2}",
        "retrieve: {kind: first}",
    ),
    "rerank": (
        Kind("rerank", Shout, lambda spec, needs: Shouter(spec.letter)),
        "top_k: 2}",
        "top_k: 2, rerank: {kind: shout}}",
    ),
    "rewrite": (
        Kind("rewrite", Again, lambda spec, needs: Repeater()),
        "top_k: 2}",
        "top_k: 2, rewrite: {kind: again}}",
    ),
    "prompt": (
        Kind("prompt", Bare, lambda spec, needs: BarePrompter()),
        "prompt:   {kind: in_context, template: qa, answer: write, min_confidence: 0}",
        "prompt: {kind: bare, answer: write, min_confidence: 0}",
    ),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text(MORWEN, encoding="utf-8")
    (tmp_path / "documents" / "b.log").write_text("the quay burned.", encoding="utf-8")
    (tmp_path / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def written(place: Path, old: str, new: str) -> Path:
    assert old in PIPELINE
    (place / "p.yaml").write_text(PIPELINE.replace(old, new), encoding="utf-8")
    return place / "p.yaml"


@pytest.mark.parametrize("slot", OWN)
def test_a_kind_of_ones_own_answers_a_question_of_a_pipeline_file(place: Path, slot: str) -> None:
    own, old, new = OWN[slot]
    pipeline = Pipeline.from_file(written(place, old, new), kinds=[WORDS, ECHO, own])
    assert pipeline.check().problems == ()
    preview = pipeline.plan()
    assert preview.chunks >= 1 and preview.to_embed >= 1
    pipeline.index()
    answer = pipeline.ask("Who commands the ferry Morwen?")
    assert answer.text == MORWEN and answer.citations[0].text == MORWEN
    assert pipeline.fingerprint()["pipeline"]["version"] == 1


@pytest.mark.parametrize("slot", OWN)
def test_without_the_table_the_kind_is_a_mistake_at_its_place_and_with_it_a_typo_is_told(
    place: Path, slot: str
) -> None:
    own, old, new = OWN[slot]
    file = written(place, old, new)
    with pytest.raises(ConfigError, match=rf"p\.yaml:\d+:\d+: .*kind: unknown kind '{own.name}'"):
        load_config(file, (), [WORDS, ECHO])
    typo = own.name[:-1] + own.name[-1] * 2
    file.write_text(file.read_text("utf-8").replace(f"kind: {own.name}", f"kind: {typo}"), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"unknown kind '{typo}'; did you mean '{own.name}'"):
        load_config(file, (), [WORDS, ECHO, own])


@pytest.mark.parametrize("slot", OWN)
def test_the_schema_of_a_table_knows_its_kinds(place: Path, slot: str) -> None:
    own, old, new = OWN[slot]
    data = yaml.safe_load(written(place, old, new).read_text("utf-8"))
    table = BUILTIN.and_own([WORDS, ECHO, own])
    Draft202012Validator.check_schema(json_schema(table))
    Draft202012Validator(json_schema(table)).validate(data)
    with pytest.raises(ValidationError):
        Draft202012Validator(json_schema(BUILTIN.and_own([WORDS, ECHO]))).validate(data)


def test_a_key_of_a_kind_of_ones_own_is_set_checked_and_tuned_like_any_other(place: Path) -> None:
    file = written(place, *OWN["rerank"][1:])
    kinds: list[Kind[Any]] = [WORDS, ECHO, OWN["rerank"][0]]
    config = load_config(file, ["retrieve.rerank={kind: shout, letter: r}"], kinds)
    assert config.resolved()["retrieve"]["rerank"] == {"depth": 50, "weight": 0.5, "kind": "shout", "letter": "r"}
    with pytest.raises(ConfigError, match=r"retrieve\.rerank\.lettre: unknown key .*did you mean 'letter'"):
        load_config(file, ["retrieve.rerank={kind: shout, lettre: r}"], kinds)
    with pytest.raises(ConfigError, match=r"retrieve\.rerank\.letter: must be a valid string, got 3"):
        load_config(file, ["retrieve.rerank={kind: shout, letter: 3}"], kinds)


def test_a_scorer_of_ones_own_reorders_the_hits(place: Path) -> None:
    own = OWN["rerank"][0]
    pipeline = Pipeline.from_file(written(place, *OWN["rerank"][1:]), kinds=[WORDS, ECHO, own])
    pipeline.index()
    (hit,) = pipeline.search("Who commands the ferry Morwen?", k=1)
    assert hit.scores["rerank"] == MORWEN.count("e")


def test_pipelines_that_share_their_models_build_a_reranker_once(place: Path) -> None:
    built: list[str] = []

    def build(spec: Shout, needs: Needs) -> Shouter:
        built.append(spec.letter)
        return Shouter(spec.letter)

    file = written(place, *OWN["rerank"][1:])
    kinds: list[Kind[Any]] = [WORDS, ECHO, Kind("rerank", Shout, build)]
    first = Pipeline.from_file(file, kinds=kinds)
    deeper = Pipeline.from_file(file, ["retrieve.top_k=1"], kinds)
    other = Pipeline.from_file(file, ["retrieve.rerank={kind: shout, letter: r}"], kinds)
    for pipeline in (deeper, other):
        pipeline.components.share(first.components)
    for pipeline in (first, deeper, other, first.with_documents([MORWEN])):
        pipeline.index()
        pipeline.search("Who commands the ferry?")
    assert built == ["e", "r"]


def test_a_model_that_is_replaced_is_used_by_this_pipeline_alone(place: Path) -> None:
    first, second = (Pipeline.from_file(place / "p.yaml", kinds=[WORDS, ECHO]) for _ in range(2))
    second.components.share(first.components)
    embedder = second.components.embedder
    mine = EchoGenerator(answer="mine")
    second.components.replace(generator=mine)
    assert second.components.generator is mine and first.components.generator is not mine
    assert first.components.embedder is embedder is second.components.embedder


def test_a_format_of_ones_own_is_read_without_being_listed_and_with_its_settings_where_it_is(place: Path) -> None:
    own = OWN["format"][0]
    plain = Pipeline.from_file(place / "p.yaml", kinds=[WORDS, ECHO, own])
    plain.index()
    assert plain.documents(["b.log"])["b.log"].text == "the quay burned."
    listed = Pipeline.from_file(written(place, *OWN["format"][1:]), kinds=[WORDS, ECHO, own])
    listed.index(rebuild=True)
    assert listed.documents(["b.log"])["b.log"].text == "Log. the quay burned."


class Filed(GenerateSpec):
    kind: Literal["filed"]
    file: Annotated[str, PathRule()]


def test_a_path_of_a_kind_of_ones_own_is_taken_from_the_folder_of_the_file_and_hashed(place: Path) -> None:
    filed = Kind("generate", Filed, lambda spec, needs: ECHO.build(ECHO.spec(kind="echo"), needs))
    (place / "weights").write_text("1", encoding="utf-8")
    file = written(place, "{kind: echo}", "{kind: filed, file: weights}")
    config = load_config(file, (), [WORDS, filed])
    assert config.resolved()["generate"]["file"] == str(place / "weights")
    pipeline = Pipeline(config)
    pipeline.index()
    before = pipeline.fingerprint()["pipeline"]["generate"]["file"]
    (place / "weights").write_text("2", encoding="utf-8")
    assert len(before) == 64 and pipeline.fingerprint()["pipeline"]["generate"]["file"] != before


class Bounded(GenerateSpec):
    bounded_tokens: ClassVar[bool] = True
    kind: Literal["bounded"]
    window: int = 4000

    def window_limit(self) -> int:
        return self.window


def test_the_budget_is_proved_with_what_a_kind_declares_and_says_what_is_not_known(place: Path) -> None:
    bounded = Kind("generate", Bounded, lambda spec, needs: EchoGenerator())
    file = written(place, "{kind: echo}", "{kind: bounded}")
    proved = check_file(file, (), [WORDS, bounded]).budget
    assert proved is not None and proved.verdict == "PASS"
    short = check_file(file, ["generate.window=300"], [WORDS, bounded]).budget
    assert short is not None and short.verdict == "FAIL"
    for slot, why in (("retrieve", "because retrieve is"), ("prompt", "because prompt is")):
        own, old, new = OWN[slot]
        file.write_text(PIPELINE.replace("{kind: echo}", "{kind: bounded}").replace(old, new), encoding="utf-8")
        budget = check_file(file, (), [WORDS, bounded, own]).budget
        assert budget is not None and (budget.verdict, budget.reason[: len(why)]) == ("not provable", why)


def test_a_dataset_of_ones_own_is_named_by_the_section_alone_where_it_has_no_path(place: Path) -> None:
    questions = (Question("q", "Who commands the ferry Morwen?", (MORWEN,)),)
    asked = Kind("evaluate", Asked, lambda spec, needs: Dataset("asked", questions))
    (place / "p.yaml").write_text(PIPELINE + "evaluate: {kind: asked}\n", encoding="utf-8")
    pipeline = Pipeline.from_file(place / "p.yaml", kinds=[WORDS, ECHO, asked])
    run = evaluate_pipeline(pipeline, protocol=Protocol(trace=False), folder=place / "run")
    assert run.report.metrics["exact_match"].value == 1.0
    again = replay(place / "run", kinds=[WORDS, ECHO, asked])
    assert (again.equal, again.questions) == (1, 1)
    grid = TuningGrid.of(place / "p.yaml", ["retrieve.top_k={grid: [1, 2]}"], [WORDS, ECHO, asked])
    assert [combination.config.retrieve.top_k for combination in grid.combinations] == [1, 2]
    assert Maintenance(place / "p.yaml", (), [WORDS, ECHO, asked]).check().faults == ()
    with pytest.raises(UsageError, match="kind asked is not named by KIND:PATH"):
        evaluate_pipeline(pipeline, "asked:here", folder=place / "other")


class Quiet(ObjectiveSpec):
    kind: Literal["quiet"]
    weight: float = 0.5


class Loud(ObjectiveSpec):
    kind: Literal["loud"]
    weight: float


def test_an_objective_of_ones_own_is_made_by_its_name_with_its_defaults(place: Path) -> None:
    kinds: list[Kind[Any]] = [
        WORDS,
        ECHO,
        Kind("objective", Quiet, lambda spec, needs: spec.weight),
        Kind("objective", Loud, lambda spec, needs: spec.weight),
    ]
    components = Pipeline.from_file(place / "p.yaml", kinds=kinds).components
    made: Any = components.train_objective("quiet")
    assert made == 0.5
    for name in ("loud", "none"):
        with pytest.raises(
            UsageError, match=f"objective '{name}' is none that can be made; valid: next_token, quiet, loud"
        ):
            components.train_objective(name)


class Milvus(IndexSpec):
    kind: Literal["milvus"]


def fail(spec: Any, needs: Needs) -> Any:
    raise NotImplementedError("no server")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (fail, "kind milvus cannot be built: NotImplementedError: no server"),
        (lambda spec, needs: None, "kind milvus cannot be built: it builds NoneType, which lacks .*exists"),
        (lambda spec, needs: object(), "cannot be built: it builds object, which lacks .* of ragqa.stages.Index"),
        (lambda spec, needs: needs.nothing, "cannot be built: AttributeError"),
    ],
)
def test_an_index_that_cannot_be_built_is_an_error_at_its_place_and_nothing_is_written(
    place: Path, build: Callable[[Any, Any], Any], message: str
) -> None:
    file = written(place, "{kind: faiss, path: index}", "{kind: milvus}")
    pipeline = Pipeline.from_file(file, kinds=[WORDS, ECHO, Kind("index", Milvus, build)])
    before = sorted(place.rglob("*"))
    for call in (pipeline.index, pipeline.has_index, pipeline.plan, lambda: pipeline.ask("Who?")):
        with pytest.raises(ConfigError, match=rf"p\.yaml:6:12: index\.kind: .*{message}"):
            call()
    assert sorted(place.rglob("*")) == before


def test_a_builder_that_cannot_be_called_is_found_by_check(place: Path) -> None:
    without_parameters: Any = lambda: None  # noqa: E731  # the mistake that is tried
    own = Kind("index", Milvus, without_parameters)
    report = check_file(written(place, "{kind: faiss, path: index}", "{kind: milvus}"), (), [WORDS, ECHO, own])
    assert [(p.line, p.column, p.key) for p in report.problems] == [(6, 12, "index.kind")]
    assert "cannot be called with (spec, needs)" in report.problems[0].message


class NoKind(RerankSpec):
    name: str = "x"


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: Kind("reranks", Shout, fail), "slot is 'reranks'; must be one of load, split"),
    (lambda: Kind("rewrite", Shout, fail), "got .*Shout.*pass a class that inherits from ragqa.config.RewriteSpec"),
    (lambda: Kind("rerank", NoKind, fail), 'NoKind must have a field `kind: Literal\\["name"\\]`'),
    (lambda: Kind("rerank", Shout, None), "build: got None; pass a function of \\(spec, needs\\)"),  # type: ignore[arg-type]
    (lambda: BUILTIN.and_own([OWN["rerank"][0]] * 2), "rerank: there are two kinds with the name 'shout'"),
    (lambda: Kinds([Shout]), "kinds\\[0\\]: got "),  # type: ignore[list-item]
    (lambda: BUILTIN.of(Shout(kind="shout")), "Shout is no kind of this table"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_a_kind_that_is_none_is_refused_where_it_is_made(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((UsageError, UsageTypeError), match=message):
        make()


@pytest.mark.parametrize("kind", list(BUILTIN), ids=lambda kind: f"{kind.slot}-{kind.name}")
def test_every_built_in_kind_can_be_called_and_says_what_it_is(kind: Kind[Any]) -> None:
    assert kind.fault() == ""
    assert issubclass(kind.spec, SLOTS[kind.slot]) and (kind.spec.__doc__ or "").strip().endswith(".")


def test_every_slot_but_none_has_a_built_in_kind() -> None:
    assert [slot for slot in SLOTS if not BUILTIN.names(slot)] == []
