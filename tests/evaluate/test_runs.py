"""A run is written result by result: no question is asked twice, and files of another run are not changed."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa import wire
from ragqa.errors import RagqaError, RefusedError, ResourceError, UsageError
from ragqa.evaluate import IndexedDocuments, Question, Result, evaluate
from ragqa.evaluate.runs.folder import (
    MANIFEST,
    REPORTS,
    RESULTS,
    RunFolder,
    check_folder,
    differences,
    fingerprint,
    read_run,
)
from ragqa.evaluate.runs.result import Location
from tests.fakes import ToldSystem
from tests.limits import no_file_above

IDENTITY = {"pipeline": {"retrieve": {"top_k": 2}}, "documents": "abc"}
QUESTIONS = [Question(f"q{i}", f"What is {i}?", ("é gold",)) for i in range(5)]


def ask(
    folder: Path, system: ToldSystem, questions: Sequence[Question] = QUESTIONS, identity: Any = IDENTITY
) -> RunFolder:
    run = RunFolder(folder, identity, {"started": "now"})
    for result in evaluate(system, questions, IndexedDocuments({}), known=run.known):
        run.append(result)
    return run


def telling(**changed: str | Exception) -> ToldSystem:
    return ToldSystem({question.question: changed.get(question.id, "é gold") for question in QUESTIONS})


def asked(system: ToldSystem) -> list[str]:
    return [question.removeprefix("What is ").removesuffix("?") for question, _ in system.asked]


def ids(folder: Path) -> list[str]:
    return [result.id for result in read_run(folder).results]


# Going on


def test_each_result_is_in_the_file_before_the_next_question_is_asked(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a" / "run", IDENTITY, {})
    system = telling()
    for number, result in enumerate(evaluate(system, QUESTIONS, IndexedDocuments({})), start=1):
        run.append(result)
        assert len(ids(run.folder)) == len(system.asked) == number


def test_a_question_that_two_processes_answered_counts_once(tmp_path: Path) -> None:
    first, second = (RunFolder(tmp_path, IDENTITY, {}) for _ in range(2))
    for run, answer in ((first, "one"), (second, "two")):
        for result in evaluate(telling(q1=answer), QUESTIONS[:2], IndexedDocuments({})):
            run.append(result)
    assert [(result.id, result.prediction) for result in read_run(tmp_path).results] == [
        ("q0", "é gold"),
        ("q1", "two"),
    ]


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_kill_within_a_line_loses_one_question_and_only_that_is_asked_again(tmp_path: Path, cut: int) -> None:
    ask(tmp_path, telling(), QUESTIONS[:3])
    whole = (tmp_path / RESULTS).read_bytes()
    (tmp_path / RESULTS).write_bytes(whole[:-cut])
    assert ids(tmp_path) == ["q0", "q1"]
    system = telling()
    run = ask(tmp_path, system)
    assert (sorted(run.known), asked(system)) == (["q0", "q1"], ["2", "3", "4"])
    assert ids(tmp_path) == ["q0", "q1", "q2", "q3", "q4"]


def test_a_kill_within_a_character_loses_one_question_too(tmp_path: Path) -> None:
    ask(tmp_path, telling(), QUESTIONS[:2])
    whole = (tmp_path / RESULTS).read_bytes()
    (tmp_path / RESULTS).write_bytes(whole[: whole.rindex("é".encode()) + 1])
    assert ids(tmp_path) == ["q0"]
    system = telling()
    ask(tmp_path, system)
    assert asked(system) == ["1", "2", "3", "4"]


def test_a_kill_before_the_first_result_leaves_a_run_that_can_be_gone_on_with(tmp_path: Path) -> None:
    RunFolder(tmp_path, IDENTITY, {})
    (tmp_path / RESULTS).unlink()
    assert ids(tmp_path) == []
    system = telling()
    ask(tmp_path, system)
    assert len(system.asked) == 5


def test_a_complete_run_asks_nothing_and_is_left_as_it_is(tmp_path: Path) -> None:
    ask(tmp_path, telling())
    before = (tmp_path / RESULTS).read_bytes()
    system = telling()
    run = ask(tmp_path, system)
    assert (system.asked, len(run.known), (tmp_path / RESULTS).read_bytes()) == ([], 5, before)


def test_questions_that_failed_are_asked_again_and_stand_in_the_file_once(tmp_path: Path) -> None:
    ask(tmp_path, telling(q1=TimeoutError("late"), q3=ValueError("odd")))
    assert [result.error for result in read_run(tmp_path).results if result.error] == [
        "TimeoutError: late",
        "ValueError: odd",
    ]
    system = telling()
    ask(tmp_path, system)
    assert asked(system) == ["1", "3"]
    assert sorted(ids(tmp_path)) == ["q0", "q1", "q2", "q3", "q4"]
    assert not any(result.error for result in read_run(tmp_path).results)


# Refused folders and files


def test_a_folder_of_another_identity_is_refused_with_what_differs_and_kept(tmp_path: Path) -> None:
    ask(tmp_path, telling())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError) as error:
        RunFolder(tmp_path, {"pipeline": {"retrieve": {"top_k": 3}}, "documents": "abc"}, {})
    assert "holds another run (pipeline.retrieve.top_k: 2, now 3): name another folder" in str(error.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_results_of_something_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / RESULTS).write_text("precious\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds 'results\.jsonl' and no run\.json"):
        RunFolder(tmp_path, IDENTITY, {})
    assert (tmp_path / RESULTS).read_text(encoding="utf-8") == "precious\n"


def test_what_is_no_run_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(UsageError, match="`ragqa eval FILE --out DIR`"):
            read_run(folder)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError):
        read_run(tmp_path / "file")


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"id": "q1"}', "\u00ff"])
def test_results_that_were_changed_by_hand_are_refused(tmp_path: Path, line: str) -> None:
    ask(tmp_path, telling())
    with (tmp_path / RESULTS).open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    with pytest.raises(UsageError, match="not the files of a run that this ragqa wrote"):
        read_run(tmp_path)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    for text in ("", "[]", "{}"):
        (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=r"run\.json is not one that this command wrote: name another folder"):
            RunFolder(tmp_path, IDENTITY, {})


# Files of the user's


def snapshot(folder: Path) -> dict[str, object]:
    """Return the content of a folder: the bytes of files, the targets of links, and other entries."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("name", [MANIFEST, RESULTS, *REPORTS, "notes.md"])
def test_a_folder_with_files_of_the_users_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"mine": true}', encoding="utf-8")
    before = snapshot(tmp_path)
    for begin in (lambda: check_folder(tmp_path), lambda: RunFolder(tmp_path, IDENTITY, {})):
        with pytest.raises(UsageError, match=r"name a new or empty folder|is not one that this command wrote"):
            begin()
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_that_the_user_wrote_or_changed_is_never_written_over(tmp_path: Path, name: str) -> None:
    run = ask(tmp_path, telling())
    (tmp_path / name).write_text("mine", encoding="utf-8")
    before = snapshot(tmp_path)
    for work in (lambda: run.write(name, "new"), lambda: check_folder(tmp_path), lambda: ask(tmp_path, telling())):
        with pytest.raises(UsageError, match=f"{name} is not as this command wrote it: move it away"):
            work()
    assert snapshot(tmp_path) == before
    (tmp_path / name).unlink()
    ask(tmp_path, telling()).write(name, "new")
    run.write(name, "newer")
    (tmp_path / name).write_text("newer, with my notes", encoding="utf-8")
    with pytest.raises(UsageError, match="is not as this command wrote it"):
        run.write(name, "newest")


@pytest.mark.parametrize("target", ["mine", "missing", "below", "/dev/full"])
@pytest.mark.parametrize("name", [MANIFEST, RESULTS, *REPORTS])
def test_no_link_in_a_run_is_written_through_or_taken_away(tmp_path: Path, name: str, target: str) -> None:
    folder = tmp_path / "run"
    run = ask(folder, telling(), QUESTIONS[:2])
    (tmp_path / "mine").write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"mine")
    (tmp_path / "below").mkdir()
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / target)
    before = snapshot(tmp_path)
    for begin in (lambda: check_folder(folder), lambda: RunFolder(folder, IDENTITY, {})):
        with pytest.raises(RefusedError, match=f"{name} is a link, and nothing is written in the place of one"):
            begin()
    with pytest.raises(RagqaError):
        run.append(Result("q9", "q9", "?", (), True)) if name == RESULTS else run.write(name, "new")
    assert snapshot(tmp_path) == before


def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    for number, make in enumerate((os.mkfifo, os.mkdir)):
        for name in (MANIFEST, RESULTS, *REPORTS):
            folder = tmp_path / f"{number}{name}"
            ask(folder, telling(), QUESTIONS[:1])
            (folder / name).unlink(missing_ok=True)
            make(folder / name)
            with pytest.raises(UsageError, match="is no regular file: remove it"):
                RunFolder(folder, IDENTITY, {})
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(UsageError, match=r"not a regular file|Invalid argument"):
        read_run(tmp_path)


def test_a_run_that_is_moved_or_copied_is_gone_on_with(tmp_path: Path) -> None:
    ask(tmp_path / "a", telling(), QUESTIONS[:2]).write("report.md", "text")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "notes.txt").write_text("mine", encoding="utf-8")
    system = telling()
    ask(tmp_path / "b", system).write("report.md", "other")
    assert asked(system) == ["2", "3", "4"]
    assert (tmp_path / "b" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_an_end_of_a_line_that_another_process_was_killed_in_is_taken_away_by_the_next_result(tmp_path: Path) -> None:
    run = ask(tmp_path, telling(), QUESTIONS[:2])
    with (tmp_path / RESULTS).open("ab") as file:
        file.write('{"id": "é'.encode()[:-1])
    run.append(Result("q9", "q9", "?", (), True))
    assert ids(tmp_path) == ["q0", "q1", "q9"]


def write_some(folder: Path, first: int) -> None:
    run = RunFolder(folder, IDENTITY, {})
    for number in range(first, first + 40):
        run.append(Result(f"r{number}", "", "é" * number, (), True))
        run.write("report.md", f"{first} {number}")


def test_processes_that_write_one_run_at_once_lose_nothing_and_corrupt_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_some, args=(tmp_path, 40 * n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert {*ids(tmp_path)} == {f"r{number}" for number in range(120)}
    check_folder(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


# The disk


def test_a_folder_that_could_not_be_begun_is_not_left_behind(tmp_path: Path) -> None:
    with no_file_above(10), pytest.raises(ResourceError, match="File too large; free some space"):
        RunFolder(tmp_path / "a" / "run", IDENTITY, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_one_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="name a folder that can be written"):
            RunFolder(folder, IDENTITY, {})
    with pytest.raises(UsageError, match="File name too long; name a folder that can be written"):
        RunFolder(tmp_path / ("long" * 100), IDENTITY, {})


@pytest.mark.parametrize(("fault", "kind"), [(errno.ENOSPC, ResourceError), (errno.EIO, ResourceError), (errno.EACCES, UsageError)])  # fmt: skip
def test_a_fault_of_the_disk_is_an_error_and_costs_nothing_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, kind: type[Exception]
) -> None:
    run = ask(tmp_path, telling(), QUESTIONS[:2])

    def broken(*arguments: object, **more: object) -> None:
        raise OSError(fault, "the disk says no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", broken)
        with pytest.raises(kind, match="the disk says no"):
            run.write("report.md", "text")
        with pytest.raises(kind):
            RunFolder(tmp_path, IDENTITY, {})
        patch.setattr(os, "open", broken)
        with pytest.raises(kind):
            run.append(Result("q9", "q9", "?", (), True))
    assert ids(tmp_path) == ["q0", "q1"]


def test_a_report_is_written_beside_the_results_whole_or_not_at_all(tmp_path: Path) -> None:
    run = ask(tmp_path, telling())
    path = run.write("report.md", "first")
    assert run.write("report.md", "second é") == path == tmp_path / "report.md"
    assert path.read_text(encoding="utf-8") == "second é"
    assert not list(tmp_path.glob("*.partial"))


# Identity


def test_differences_name_each_leaf_by_its_path() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": None, "gone": "x"}
    new = {"a": {"b": 2, "c": [1]}, "new": {"e": "é"}}
    assert list(differences(old, new)) == ["a.b: 1, now 2", 'gone: "x", now null', 'new: null, now {"e": "\\u00e9"}']
    assert list(differences(old, old)) == []


def test_a_fingerprint_depends_on_every_value_and_not_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert len({fingerprint({"a": text}) for text in ("é", "e", "\ud800", "\\ud800")}) == 4


# Results as JSON

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
FOUND = st.builds(Location, TEXTS, st.integers(0), st.integers(0), st.none() | st.integers(1), NUMBERS)
FOUNDS = st.lists(FOUND, max_size=2).map(tuple)
RESULT = st.builds(
    Result,
    id=TEXTS,
    group=TEXTS,
    question=TEXTS,
    answers=st.lists(TEXTS, max_size=2).map(tuple),
    answerable=st.booleans(),
    prediction=TEXTS,
    abstained=st.booleans(),
    reason=TEXTS,
    confidence=st.none() | NUMBERS,
    hits=FOUNDS,
    citations=FOUNDS,
    scores=st.dictionaries(TEXTS, NUMBERS, max_size=2),
    lost_points=st.dictionaries(TEXTS, NUMBERS, max_size=2),
    gold_prediction=st.none() | TEXTS,
    prompt=TEXTS,
    ms=st.dictionaries(TEXTS, NUMBERS, max_size=2),
    tokens=st.dictionaries(TEXTS, st.integers(), max_size=2),
    error=TEXTS,
    metadata=st.dictionaries(TEXTS, JSON, max_size=2),
)


@given(RESULT)
def test_a_result_is_the_same_after_it_was_json(result: Result) -> None:
    assert wire.result_from(json.loads(json.dumps(wire.result(result))), Result) == result


@given(RESULT, st.data())
def test_a_result_that_was_cut_off_anywhere_is_dropped_and_what_is_none_is_refused(
    tmp_path_factory: pytest.TempPathFactory, result: Result, data: st.DataObject
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"), IDENTITY, {})
    run.append(result)
    file = run.folder / RESULTS
    line = file.read_bytes()
    file.write_bytes(line + line[: data.draw(st.integers(0, len(line) - 1))])
    assert read_run(run.folder).results == (result,)
    for foreign in (b"mine", b"{}", b'{"id": 1', b'{"id": "q1", "text": "mine"}', b"\xff"):
        file.write_bytes(line + foreign)
        with pytest.raises(UsageError):
            RunFolder(run.folder, IDENTITY, {})
        with pytest.raises(UsageError, match="was changed while it was written"):
            run.append(result)
        assert file.read_bytes() == line + foreign


@given(st.lists(RESULT, min_size=1, max_size=3, unique_by=lambda result: result.id))
def test_results_are_the_same_after_they_were_in_a_file(
    tmp_path_factory: pytest.TempPathFactory, results: list[Result]
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"), IDENTITY, {"é": "\ud800"})
    for result in results:
        run.append(result)
    assert read_run(run.folder).results == tuple(results)


def test_a_result_of_an_older_version_with_the_usage_of_its_answer_is_read(tmp_path: Path) -> None:
    result = Result(
        "q1", "g", "Who?", ("Ilse",), True, prediction="Ilse", scores={"f1": 1.0}, lost_points={"misread": 0.5}
    )
    run = RunFolder(tmp_path / "run", IDENTITY, {})
    run.append(result)
    row = json.loads((run.folder / RESULTS).read_text("utf-8"))
    assert row["losses"] == {"misread": 0.5}, "the key of the file stays"
    old = {**row, "ledger": {"retrieve_ms": 1.0}, "generation": 3}
    (run.folder / RESULTS).write_text(json.dumps(old) + "\n", encoding="utf-8")
    assert read_run(run.folder).results == (result,)
