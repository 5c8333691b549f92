"""The Python API as a user meets it: public names, records at a prompt and as JSON, errors that say what to pass."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ragqa
from ragqa import Pipeline, errors, records
from ragqa.errors import UsageError, UsageTypeError
from ragqa.evaluate import read_dataset, read_questions
from ragqa.kinds import load_combinations, load_config
from ragqa.load import FolderLoader, MemoryLoader, text_document
from ragqa.pipeline.ingest.maintenance import Maintenance
from ragqa.records import Answer, Chunk, Citation, Dropped, Generation, Hit, Prompt
from tests.fakes import ECHO, WORDS, Echo, document, hit, write_project

QUESTION = "Who is the master of the quay?"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder (`~`) with documents, a pipeline file and its index."""
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    write_project(tmp_path, ["ferry", "quay"])
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])


# Public names


def test_every_public_name_is_what_its_room_defines_and_none_loads_a_model_library() -> None:
    elsewhere = {"__version__", "PUBLIC_MODULES", "Pipeline", "Maintenance", "Config", "Kind", "Problem", "load_config"}
    public = set(ragqa.__all__) - elsewhere
    assert public >= {name for name, one in vars(errors).items() if isinstance(one, type) and name.endswith("Error")}
    for name in public:
        home = errors if name.endswith("Error") else records
        assert getattr(ragqa, name) is getattr(home, name)
    assert set(ragqa.__all__) <= set(dir(ragqa))
    script = "from ragqa import *; import sys; print({'torch', 'faiss', 'transformers', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_type_checkers_see_the_names_that_can_be_imported() -> None:
    source = Path(ragqa.__file__).read_text(encoding="utf-8")
    block = source.partition("if TYPE_CHECKING:\n")[2].partition("\n__version__")[0]
    seen = set(block.replace("(", " ").replace(")", " ").replace(",", " ").split()) & set(ragqa.__all__)
    assert seen == set(ragqa.__all__) - {"__version__", "PUBLIC_MODULES"}


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Pipelines'"):
        ragqa.Pipelines  # noqa: B018  # an attribute that is not there


# Records


def an_answer(home: Path) -> Answer:
    return pipeline(home).ask(QUESTION)


def test_an_answer_as_a_dict_has_what_the_command_prints_and_as_json_it_is_one_line(home: Path) -> None:
    answer = an_answer(home)
    fields = answer.to_dict()
    assert json.loads(answer.to_json()) == fields and "\n" not in answer.to_json()
    assert list(fields) == [
        "question", "searched", "text", "citations", "abstained", "reason", "finish", "confidence", "kind", "sentences", "unsupported", "unanswered",
        "nearest", "advice", "read", "hits", "prompt", "dropped", "usage", "index_version", "coverage",
    ]  # fmt: skip
    (citation,) = fields["citations"]
    assert citation == {
        "source": "quay.txt", "path": str(home / "documents" / "quay.txt"), "page": None, "start": 0, "end": 37,
        "text": "The quay has a master called Quayson.", "stale": False, "place": "",
        "document_id": answer.hits[0].chunk.document_id,
    }  # fmt: skip
    assert list(fields["hits"][0]) == [
        "source", "path", "page", "start", "end", "text", "score", "scores", "fields", "versions", "place",
        "document_id",
    ]  # fmt: skip
    assert fields["prompt"] == answer.prompt.text if answer.prompt else False


def test_what_was_dropped_stands_in_the_dict_and_without_a_prompt_there_is_none() -> None:
    prompt = Prompt("x", {"question": 1}, (), dropped=(Dropped("passage 2", "too long"),))
    answer = Answer("q", "", (), (), prompt, {}, 1)
    assert answer.to_dict()["dropped"] == [{"what": "passage 2", "reason": "too long"}]
    without = replace(answer, prompt=None).to_dict()
    assert (without["prompt"], without["dropped"]) == (None, [])


def test_json_of_any_text_can_be_written_as_utf_8() -> None:
    answer = Answer("q", "half \ud83d of a pair, Grüße", (), (), None, {}, 1)
    assert json.loads(answer.to_json().encode("utf-8"))["text"] == answer.text
    assert "Grüße" in answer.to_json(), "what can be read stays readable"


LONG = "One two three four five.\n\n" * 400


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (document(LONG, "notes.txt"), "Document('notes.txt', 10,400 characters, 'One two three"),
        (Chunk("id", "doc", 5, 9, "text"), "Chunk(5-9, 'text')"),
        (hit(LONG, "notes.txt", score=0.5), "Hit(notes.txt:0-10400, score=0.500, 'One two three"),
        (Prompt(LONG + "Who?", {"a": 7}, (hit(LONG),), question=(len(LONG), len(LONG) + 4)), "Prompt('Who?', 7 tokens, 1 passages)"),
        (Generation(LONG, 5, "stop", (0.1,) * 999), "Generation('One two three"),
        (Citation("notes.txt", "/x/notes.txt", 2, 5, 9, LONG), "Citation(notes.txt:5-9, 'One two three"),
        (Citation("n.txt", "/n.txt", None, 5, 9, "", stale=True), "Citation(n.txt:5-9 (stale), '')"),
        (Answer("Who?", "", (), (), None, {}, 1, abstained=True, reason="no_evidence"), "Answer(abstained='no_evidence', question='Who?')"),
        (Answer("Who?", LONG, (Citation("n.txt", "", None, 5, 9, LONG),) * 2, (hit(LONG),), None, {}, 1), "citations=[n.txt:5-9, n.txt:5-9])"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)  # fmt: skip
def test_a_repr_is_one_short_line(record: object, shown: str) -> None:
    assert shown in repr(record)
    assert len(repr(record)) < 160 and repr(record).isprintable()


def test_no_repr_of_a_name_or_a_text_moves_the_cursor_or_breaks_the_line() -> None:
    nasty = "a\x1b[2J\nb\u202e\x85\ud800"
    records = [document(nasty, nasty), hit(nasty, nasty), Citation(nasty, nasty, None, 0, 1, nasty)]
    records += [Answer(nasty, nasty, (records[2],), (), None, {}, 1), Chunk(nasty, nasty, 0, 1, nasty)]  # type: ignore[arg-type]
    assert all(repr(record).isprintable() for record in records)


# Documents in memory


def test_documents_are_strings_pairs_or_records_mixed(home: Path) -> None:
    given: list[Any] = [
        "The heron eats fish.",
        ("birds/gull", "The gull eats bread."),
        text_document("owl", "The owl eats mice."),
    ]
    pipe = pipeline(home).with_documents(given)
    pipe.index()
    assert sorted(pipe.documents()) == ["birds/gull", "owl", "text-1"]
    assert pipe.ask("What does the heron eat?").citations[0].source == "text-1"
    names = pipeline(home).with_documents({"a": "The tern dives.", "b": "The crake hides."}.items())
    assert {file.source for file in names.components.loader.scan().files} == {"a", "b"}
    named = pipeline(home).with_documents(one for one in ("x", "y", ("z", "z")))
    assert {file.source for file in named.components.loader.scan().files} == {"text-1", "text-2", "z"}


# Paths


def test_paths_are_strings_or_paths_and_a_tilde_is_the_home_folder(home: Path) -> None:
    (home / "questions.jsonl").write_text('{"id": "1", "question": "Who?", "answers": ["x"]}\n', encoding="utf-8")
    for form in (str, Path, pathlib.PurePath):
        file, folder, questions = (form(f"~/{name}") for name in ("pipeline.yaml", "documents", "questions.jsonl"))
        specs: Any = [WORDS, ECHO]
        assert Pipeline.from_file(file, kinds=specs).search("ferry")
        assert load_config(file, kinds=specs).file == home / "pipeline.yaml"
        assert len(load_combinations(file, kinds=specs)) == 1
        assert Pipeline.from_folder(folder).components.roots == [home / "documents"]
        assert pipeline(home).with_folder(folder).index().chunks == 2
        assert len(FolderLoader([folder]).scan().files) == 2
        assert Maintenance(form("~/index")).check().documents == 2
        assert len(read_questions(questions)) == 1
        assert len(read_dataset(form("jsonl:~/questions.jsonl")).questions) == 1


def test_one_document_can_be_asked_where_a_folder_is_expected(home: Path) -> None:
    assert len(Pipeline.from_folder(home / "documents" / "quay.txt").components.loader.scan().files) == 1


# Errors of wrong types and values

Call = Callable[[Any, Path], object]
api: Any = SimpleNamespace(
    Pipeline=Pipeline, Maintenance=Maintenance, FolderLoader=FolderLoader, MemoryLoader=MemoryLoader,
    load_config=load_config, read_dataset=read_dataset,
)  # fmt: skip
"""The calls that are tried with arguments of any type."""
FOREIGN = Hit(Chunk("x", "no such document", 0, 3, "abc"), "a.txt", "/a.txt", 1.0, {})

WRONG: dict[str, tuple[Call, str]] = {
    "ask None": (lambda p, _: p.ask(None), "question: got None; pass one string"),
    "ask a list": (lambda p, _: p.ask(["a", "b"]), "question: got list; pass one string; ask_many takes a list of them"),
    "ask bytes": (lambda p, _: p.ask(b"Who?"), "question: got bytes; pass one string"),
    "ask a path": (lambda p, _: p.ask(Path("x")), "question: got PosixPath; pass one string"),
    "search a number": (lambda p, _: p.search(3), "question: got int; pass one string"),
    "prompt None": (lambda p, _: p.prompt(None), "question: got None"),
    "stream None": (lambda p, _: p.stream(None), "question: got None"),
    "astream None": (lambda p, _: p.astream(None), "question: got None"),
    "ask_many a string": (lambda p, _: p.ask_many("one string"), "questions: got str; pass a list of strings; ask takes one"),
    "ask_many None": (lambda p, _: p.ask_many(None), "questions: got None; pass a list of strings"),
    "ask_many a number inside": (lambda p, _: p.ask_many(["a", 1]), r"questions\[1\]: got int; pass a string"),
    "ask_many a set": (lambda p, _: p.ask_many({"a"}), "questions: got set; pass a list"),
    "k as text": (lambda p, _: p.search("q", k="3"), "k: got str; pass a whole number, 1 or more"),
    "k as bool": (lambda p, _: p.search("q", k=True), "k: got bool; pass a whole number"),
    "k as float": (lambda p, _: p.search("q", k=1.0), "k: got float; pass a whole number"),
    "history of strings": (lambda p, _: p.stream("q", history=["ab"]), r"history\[0\]: got str; pass a pair \(question, answer\)"),
    "history of messages": (lambda p, _: p.stream("q", history=[{"role": "user"}]), r"history\[0\]: got dict; pass a pair"),
    "history of triples": (lambda p, _: p.stream("q", history=[("a", "b", "c")]), r"history\[0\]: got tuple; pass .*holds str, str, str"),
    "history None": (lambda p, _: p.stream("q", history=None), "history: got None; pass a list"),
    "passages as text": (lambda p, _: p.ask("q", passages="text"), "passages: got str; pass a list of hits, as search returns"),
    "passages of texts": (lambda p, _: p.ask("q", passages=["text"]), r"passages\[0\]: got str; pass a Hit"),
    "one hit": (lambda p, _: p.prompt("q", passages=p.search("q")[0]), "passages: got Hit; pass a list of hits"),
    "from_file None": (lambda p, _: api.Pipeline.from_file(None), "path: got None; pass a str or a Path"),
    "from_file a dict": (lambda p, _: api.Pipeline.from_file({"version": 1}), "path: got dict; pass a str or a Path"),
    "from_folder None": (lambda p, _: api.Pipeline.from_folder(None), "folder: got None; pass a str or a Path"),
    "overrides as text": (lambda p, home: api.Pipeline.from_file(home / "pipeline.yaml", "a.b=c"), r"overrides: got str; pass a list of strings such as \['retrieve.top_k=3'\]"),
    "overrides of a folder": (lambda p, home: api.Pipeline.from_folder(home, "a.b=c"), "overrides: got str; pass a list"),
    "overrides as a dict": (lambda p, home: api.load_config(home / "pipeline.yaml", {"retrieve.top_k": 3}), "overrides: got dict; pass a list"),
    "overrides of maintenance": (lambda p, home: api.Maintenance(home / "pipeline.yaml", "a.b=c"), "overrides: got str; pass a list"),
    "kinds that are none": (lambda p, home: api.load_config(home / "pipeline.yaml", [], [int]), r"kinds\[0\]: got type; pass a Kind"),
    "a spec for a kind": (lambda p, home: api.load_config(home / "pipeline.yaml", [], [Echo(kind="echo")]), r"kinds\[0\]: got Echo"),
    "Pipeline None": (lambda p, _: api.Pipeline(None), r"config: got None; pass what load_config returns, or use Pipeline\.from_file"),
    "Pipeline of a path": (lambda p, _: api.Pipeline("pipeline.yaml"), "config: got str; pass what load_config returns"),
    "documents as text": (lambda p, _: p.with_documents("x"), "documents: got str; pass a list, each item a string"),
    "a number among documents": (lambda p, _: p.with_documents(["a", "b", 3]), r"documents\[2\]: got int; pass a string, a pair \(name, text\) or a Document"),
    "a pair of a number": (lambda p, _: p.with_documents([("a", 1)]), r"documents\[0\]: got tuple; .*\(it holds str, int\)"),
    "a dict of documents": (lambda p, _: p.with_documents({"a": "b"}), "documents: got dict; pass a list"),
    "with_folder None": (lambda p, _: p.with_folder(None), "folder: got None; pass a str or a Path"),
    "globs as text": (lambda p, home: p.with_folder(home, "*.md"), "include: got str; pass a list of globs"),
    "Maintenance None": (lambda p, _: api.Maintenance(None), "target: got None; pass a str or a Path"),
    "purge of one source": (lambda p, home: api.Maintenance(home / "index").purge("ferry.txt"), "sources: got str; pass a list"),
    "documents of one source": (lambda p, _: p.documents("ferry.txt"), "sources: got str; pass a list"),
    "chunks of nothing": (lambda p, _: p.chunks(None), "document_id: got None; pass a string"),
    "a loader of one path": (lambda p, home: api.FolderLoader(home), "paths: got PosixPath; pass a list of paths"),
    "a loader of letters": (lambda p, home: api.FolderLoader(str(home)), "paths: got str; pass a list of paths"),
    "texts as records": (lambda p, _: api.MemoryLoader(["text"]), r"documents\[0\]: got str; pass a Document"),
    "a prompt as text": (lambda p, _: p.score("text", "a"), "prompt: got str; pass a Prompt"),
    "wait as text": (lambda p, _: p.index(wait="3"), "wait: got str; pass a number of seconds"),
    "progress as a number": (lambda p, _: p.index(progress=3), "progress: got int; pass a function"),
    "a dataset None": (lambda p, _: api.read_dataset(None), "dataset: got None; pass a string KIND:PATH"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_an_argument_of_the_wrong_type_says_what_to_pass(name: str, home: Path) -> None:
    call, message = WRONG[name]
    with pytest.raises(UsageTypeError, match=message) as caught:
        call(pipeline(home), home)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


VALUES: dict[str, tuple[Call, str]] = {
    "k of 0": (lambda p, _: p.search("q", k=0), "k: got 0; pass a whole number, 1 or more"),
    "k below 0": (lambda p, _: p.search("q", -1), "k: got -1; pass"),
    "no path": (lambda p, _: api.Pipeline.from_file(""), "path: got ''; pass the path of a file or a folder"),
    "a NUL in a path": (lambda p, _: api.Pipeline.from_folder("a\0b"), r"folder: got 'a\\x00b'; pass the path"),
    "a folder as a file": (lambda p, home: api.Pipeline.from_file(home), r"is a folder; pass a pipeline file, or use Pipeline\.from_folder"),
    "a file as a folder": (lambda p, home: api.Pipeline.from_folder(home / "pipeline.yaml"), r"is a pipeline file; .*use Pipeline\.from_file"),
    "a folder of nobody": (lambda p, _: api.Pipeline.from_folder("~nobody-at-all/x"), "folder not found"),
    "a name that is empty": (lambda p, _: p.with_documents([("", "x")]), r"documents\[0\]: its name is empty"),
    "two of one name": (lambda p, _: p.with_documents([("text-2", "a"), "b"]), "2 documents have the source 'text-2'"),
    "half a pair": (lambda p, _: p.with_documents([replace(text_document("a", "b"), text="x\ud800")]), "half of a surrogate pair"),
    "wait below 0": (lambda p, _: p.index(wait=-1), "wait: got -1; pass a number of seconds, 0 or more"),
    "one blank question": (lambda p, _: p.ask_many(["Who?", " "]), "the question is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_is_out_of_range_says_what_to_pass(name: str, home: Path) -> None:
    call, message = VALUES[name]
    with pytest.raises(UsageError, match=message) as caught:
        call(pipeline(home), home)
    assert not isinstance(caught.value, TypeError)


def changed(one: Hit, **fields: Any) -> Hit:
    return replace(one, chunk=replace(one.chunk, **fields))


def test_passages_that_are_not_in_the_index_are_refused_before_anything_is_written(home: Path) -> None:
    pipe = pipeline(home)
    (found, *_) = pipe.search(QUESTION)
    wrong = [FOREIGN, changed(found, end=5), changed(found, text="other"), changed(found, end=0, text="")]
    for one in wrong:
        with pytest.raises(UsageError, match=r"passages\[1\]: the index has no such text at .*with_documents"):
            pipe.ask(QUESTION, passages=[found, one])
        with pytest.raises(UsageError, match="the index has no such text"):
            next(iter(pipe.stream(QUESTION, passages=[found, one])))
    assert pipe.ask(QUESTION, passages=(found,)).citations[0].source == "quay.txt"
    with pytest.raises(UsageError, match="the index has no such text"):
        pipe.prompt(QUESTION, passages=[FOREIGN])


def test_a_document_of_the_index_may_be_gone_before_its_passage_is_used(home: Path) -> None:
    pipe = pipeline(home)
    (found, *_) = pipe.search(QUESTION)
    (home / "documents" / "quay.txt").write_text("The quay was rebuilt.\n", encoding="utf-8")
    pipe.index()
    with pytest.raises(UsageError, match=r"no such text at quay\.txt:0-37; pass hits as search returns them now"):
        pipe.ask(QUESTION, passages=[found])


def test_numbers_of_other_libraries_and_generators_are_taken(home: Path) -> None:
    import numpy as np

    pipe = pipeline(home)
    assert len(pipe.search("master", np.int64(1))) == 1  # type: ignore[arg-type]
    assert len(pipe.search("master", 10**30)) == 2
    assert len(pipe.ask_many(question for question in [QUESTION, QUESTION])) == 2
