"""Terminals that are closed, full, narrow in encoding, or go away; JSON whatever happens; text that imitates ours."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import pty
import signal
import subprocess
import sys
import time
import types
import unicodedata
import weakref
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from ragqa import Pipeline, cli
from ragqa.__main__ import main as program
from ragqa.cli import answers, main, marks
from ragqa.cli.terminal import Screen, bar, escaped, json_text
from ragqa.errors import ResourceError
from ragqa.pipeline.answer.replies import Event
from ragqa.records import Answer, AnswerSentence, Chunk, Citation, Coverage, Hit, Passages
from tests.cli.test_cli import run as process
from tests.commands import Done, fill, ragqa

STRANGE = "a\x00b\x1b[2Jc\x7fd\x9be\u202ef\u2066g\u200fh\u2028i\u200bj\ufeffk\U000e0041l\udcffm\r\n\té漢📁"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return fill(tmp_path)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = fill(tmp_path_factory.mktemp("terminal"))
    assert ragqa("index", "pipeline.yaml", cwd=folder).code == 0
    return folder


# --- characters ------------------------------------------------------------------------------------------------------


def test_everything_that_moves_or_hides_is_escaped_and_what_a_script_needs_is_not() -> None:
    moving = [chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) in ("Cc", "Cs", "Zl", "Zp")]
    moving += [chr(n) for n in range(sys.maxunicode + 1) if unicodedata.bidirectional(chr(n))[-1:] in ("E", "O", "I", "F")
               and unicodedata.category(chr(n)) == "Cf"]  # fmt: skip
    assert "\u202e" in moving and "\u2066" in moving
    assert [c for c in [*moving, *"\u061c\u200e\u200f\u200b\u2060\ufeff\U000e0041"] if escaped(c) == c] == []
    kept = "é漢📁👩\u200d👩 می\u200cخواهم \u00ad"
    assert escaped(kept) == kept


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "utf-16", "cp437"])
def test_json_is_valid_in_any_encoding_and_means_the_same(encoding: str) -> None:
    raw = io.BytesIO()
    data = {"text": STRANGE, STRANGE: [1, None, True]}
    with redirect_stdout(Screen(io.TextIOWrapper(raw, encoding=encoding))):
        click.echo(json_text(data))
    text = raw.getvalue().decode(encoding)
    assert json.loads(text) == data
    assert escaped(text, "\n") == text


def test_numbers_that_json_does_not_have_are_null() -> None:
    assert json.loads(json_text({"loss": float("nan"), "scores": [float("inf"), 0.5]})) == {
        "loss": None,
        "scores": [None, 0.5],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_what_a_terminal_cannot_hold_is_escaped_by_whoever_prints_it(encoding: str) -> None:
    raw = io.BytesIO()
    with redirect_stdout(Screen(io.TextIOWrapper(raw, encoding=encoding))):
        click.echo(STRANGE, color=True)
        print(STRANGE, flush=True)
    text = raw.getvalue().decode(encoding)
    assert escaped(text, "\n\t") == text
    assert text.count("c\\x7fd") == 2 and text.count("l\\udcffm\\r\n\t") == 2


def test_a_progress_bar_is_drawn_in_letters_that_the_terminal_has() -> None:
    raw = io.BytesIO()
    with redirect_stderr(Screen(io.TextIOWrapper(raw, encoding="ascii"))), bar(total=2) as drawn:
        drawn.start_t -= 9
        drawn.update()
        drawn.refresh()
    assert b"\r" in raw.getvalue() and b"\\u" not in raw.getvalue()


def test_an_error_of_the_command_line_does_not_print_what_was_typed_raw(place: Path) -> None:
    for typed in (["\x1b[2J\x9b\u202e"], ["search", "pipeline.yaml", "--\x1b[2J"], ["search", "pipeline.yaml", "-k", "\x9b"],
                  ["check", "\x9b\nragqa: error: forged"], ["index", "--wait", "\u202e"]):  # fmt: skip
        done = ragqa(*typed, cwd=place)
        assert done.code == 2
        assert escaped(done.err, "\n") == done.err and len(done.err.splitlines()) == 1


def test_a_warning_of_the_package_is_one_line_without_controls(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*_: object) -> list[Any]:
        logging.getLogger("ragqa.index").warning("structure %s", "x\x1b[2J\nragqa: error: forged")
        return []

    monkeypatch.setattr(Pipeline, "search", warn)
    done = ragqa("search", "pipeline.yaml", "tide", cwd=indexed)
    assert done.err == "warning: structure x\\x1b[2J\\nragqa: error: forged\n"


def test_mistakes_stand_on_a_line_each_and_none_can_forge_another(place: Path) -> None:
    file = (place / "pipeline.yaml").read_text(encoding="utf-8")
    (place / "pipeline.yaml").write_text(file.replace("path: documents", 'path: "no\\nragqa: error: forged"'), "utf-8")
    for command in ("check", "plan"):
        done = ragqa(command, "pipeline.yaml", "--set", "retrieve.top_k=x", cwd=place)
        assert (done.code, len(done.err.splitlines())) == (2, 2), done.err


# --- streams that fail -----------------------------------------------------------------------------------------------


class Failing(io.StringIO):
    """A stream that takes some characters and then fails."""

    def __init__(self, error: int, room: int = 0) -> None:
        super().__init__()
        self.error, self.room, self.failed = error, room, 0

    def write(self, text: str, /) -> int:
        self.room -= len(text)
        if self.room < 0:
            self.failed += 1
            raise OSError(self.error, os.strerror(self.error))
        return super().write(text)


def ended(out: io.StringIO, err: io.StringIO, *arguments: str, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command over streams, within this process; return its exit code."""
    monkeypatch.chdir(cwd)
    monkeypatch.setattr(sys, "argv", ["ragqa", *arguments])
    monkeypatch.setenv("RAGQA_CACHE", str(cwd / "cache"))
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize("arguments", [["schema"], ["models", "list", "--json"], ["--help"], ["init", "documents"]])
def test_a_full_disk_under_stdout_is_exit_code_7_and_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    err = io.StringIO()
    assert ended(Failing(errno.ENOSPC), err, *arguments, cwd=place, monkeypatch=monkeypatch) == 7
    said = [line for line in err.getvalue().splitlines() if not line.startswith("profile ")]
    assert said == ["ragqa: error: stdout: No space left on device: what was printed is lost"]


def test_an_error_keeps_its_exit_code_where_stdout_is_full(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    assert ended(Failing(errno.ENOSPC), err, "check", "no.yaml", "--json", cwd=place, monkeypatch=monkeypatch) == 2


@pytest.mark.parametrize("arguments", [["schema"], ["models", "list", "--json"], ["--help"]])
def test_a_reader_that_went_away_is_no_error(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    out, err = Failing(errno.EPIPE), io.StringIO()
    assert ended(out, err, *arguments, cwd=place, monkeypatch=monkeypatch) == 0
    assert (err.getvalue(), out.failed) == ("", 1)


@pytest.mark.parametrize("error", [errno.EPIPE, errno.ENOSPC, errno.EIO])
def test_a_stderr_that_fails_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    out = io.StringIO()
    assert ended(out, Failing(error), "check", "no.yaml", "--json", cwd=place, monkeypatch=monkeypatch) == 2
    assert json.loads(out.getvalue())["files"][0]["problems"]


def test_a_stream_that_failed_leads_to_nowhere_for_libraries_too() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:
        screen = Screen(stream)
        screen.write("a line\n")
        screen.flush()
        assert screen.gone and isinstance(screen.failure, BrokenPipeError)
        assert os.write(writing, b"of a library") == 12


def test_an_answer_whose_reader_goes_away_is_not_written_to_its_end() -> None:
    written = []

    def sentences() -> Iterator[Event]:
        for number in range(100):
            written.append(number)
            yield AnswerSentence("A word.")

    with redirect_stdout(Screen(Failing(errno.EPIPE, room=30))):
        assert answers.stream_answer(sentences()) is None
    assert len(written) < 10


@pytest.mark.parametrize(
    ("streams", "code"),
    [("<&-", 0), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 7), (">/dev/full 2>&1", 7), ("2>/dev/full", 0), ("1</dev/null", 7), ("| true", 0)],
)  # fmt: skip
def test_a_process_survives_what_a_shell_does_to_its_streams(place: Path, streams: str, code: int) -> None:
    line = f"{sys.executable} -m ragqa models list {streams}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == code  # 120 is what Python gives where its own last flush fails
    said = "2>" not in streams and code
    assert done.stderr == ("ragqa: error: stdout: " + done.stderr[22:] if said else "") and done.stderr.count("\n") <= 1


def test_a_file_that_is_opened_later_never_gets_the_number_of_a_closed_stream(place: Path) -> None:
    program = "import sys; from ragqa.cli.terminal import screens\nwith screens():\n  print(open('/dev/null').fileno(), file=open('n', 'w'))"
    subprocess.run(["bash", "-c", f'"{sys.executable}" -c "$0" <&- >&- 2>&-', program], cwd=place, check=True)
    assert int((place / "n").read_text()) > 2


@pytest.mark.parametrize(
    "locale", [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_narrow_encoding_is_no_error(place: Path, locale: dict[str, str]) -> None:
    (place / "documents" / "caf\u00e9 \u6f22.txt").write_text("\u6f22", encoding="utf-8")
    (place / "p.yaml").write_text("version: 1\nextends: \u6f22.yaml\n", encoding="utf-8")
    for json_ in ([], ["--json"]):
        done = process("check", "p.yaml", *json_, cwd=place, **locale)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert not json_ or "\u6f22" in json.loads(done.stdout)["files"][0]["problems"][0]["message"]


# --- JSON whatever happens -------------------------------------------------------------------------------------------


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command that is no group, but those without --json."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", [*leaves(cli.ragqa)], ids=" ".join)
def test_every_command_tells_a_wrong_option_in_json(path: tuple[str, ...], tmp_path: Path) -> None:
    done = ragqa(*path, "--json", "--no-such-option", cwd=tmp_path)
    error = done.said["error"]
    assert (done.code, error["type"], error["exit_code"]) == (2, "UsageError", 2)
    assert done.err == f"ragqa: error: {error['message']}\n"


@pytest.mark.parametrize(
    ("line", "code", "type_"),
    [
        ("", 2, "UsageError"),
        ("indx", 2, "UsageError"),
        ("init documents --output pipeline.yaml", 2, "UsageError"),
        ("plan bad.yaml", 2, "ConfigError"),
        ("index nowhere", 2, "UsageError"),
        ("index pipeline.yaml --set load.path=empty", 4, "DocumentsGoneError"),
        ("search fresh.yaml tide", 4, "NothingUsableError"),
        ("prompt fresh.yaml tide", 4, "NothingUsableError"),
        ("ask fresh.yaml tide", 4, "NothingUsableError"),
        ("chat nowhere", 2, "UsageError"),
        ("show quay.txt:0-9999 pipeline.yaml", 2, "UsageError"),
        ("eval pipeline.yaml --dataset jsonl:nowhere", 2, "UsageError"),
        ("compare nowhere nowhere", 2, "UsageError"),
        ("replay nowhere", 2, "UsageError"),
        ("tune pipeline.yaml --dataset jsonl:questions.jsonl", 2, "UsageError"),
        ("questions draft pipeline.yaml --out questions.jsonl", 2, "UsageError"),
        ("train lm nowhere --tokenizer none --out lm", 2, "UsageError"),
        ("tokenizer train nowhere --out tokens", 2, "UsageError"),
        ("doctor fresh.yaml", 4, "NothingUsableError"),
        ("gc documents", 2, "UsageError"),
        ("purge pipeline.yaml nowhere.md", 2, "UsageError"),
        ("models path nowhere", 8, "ModelError"),
    ],
)
def test_a_command_that_fails_says_so_in_one_json_object(indexed: Path, line: str, code: int, type_: str) -> None:
    file = (indexed / "pipeline.yaml").read_text(encoding="utf-8")
    (indexed / "bad.yaml").write_text(file.replace("top_k: 2", "top_k: two"), encoding="utf-8")
    (indexed / "fresh.yaml").write_text(file.replace("path: index", "path: none"), encoding="utf-8")
    (indexed / "empty").mkdir(exist_ok=True)
    done = ragqa(*line.split(), "--json", cwd=indexed)
    error = done.said["error"]
    assert (done.code, error["type"], error["exit_code"]) == (code, type_, code), done.err
    assert error["message"] and "Traceback" not in done.err


def test_mistakes_of_a_pipeline_file_are_listed_with_their_places_in_json(place: Path) -> None:
    done = ragqa(
        "plan", "pipeline.yaml", "--set", "retrieve.top_k=x", "--set", "prompt.template=qaa", "--json", cwd=place
    )
    problems = done.said["error"]["problems"]
    assert [problem["key"] for problem in problems] == ["prompt.template", "retrieve.top_k"]
    assert set(problems[0]) == {"file", "line", "column", "key", "message"}


def raising(error: BaseException) -> Callable[..., Any]:
    def method(*_: object, **__: object) -> None:
        raise error

    return method


@pytest.mark.parametrize(
    ("error", "code", "type_", "said"),
    [
        (KeyboardInterrupt(), 130, "Interrupted", "ragqa: interrupted\n"),
        (MemoryError(), 7, "ResourceError", "ragqa: error: out of memory; what was committed is kept\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x\n"),
            7,
            "ResourceError",
            "x\\n: No space left on device\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "x"),
            2,
            "UsageError",
            "ragqa: error: x: Permission denied\n",
        ),
        (RuntimeError("odd\x1b[2J"), 1, "RuntimeError", "ragqa: error: a bug: RuntimeError: odd\\x1b[2J\n"),
    ],
)
def test_an_interruption_a_shortage_and_a_bug_are_told_in_json_too(
    indexed: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, type_: str, said: str
) -> None:
    monkeypatch.setattr(Pipeline, "search", raising(error))
    done = ragqa("search", "pipeline.yaml", "tide", "--json", cwd=indexed)
    assert (done.code, done.said["error"]["type"], done.said["error"]["exit_code"]) == (code, type_, code)
    assert done.err.endswith(said) and ("Traceback" in done.err) == (code == 1)
    assert escaped(done.err, "\n") == done.err


def test_an_interruption_before_anything_is_imported_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "ragqa.cli", Interrupted("ragqa.cli"))
    with pytest.raises(SystemExit) as caught:
        program()
    assert caught.value.code == 130


def test_an_interruption_that_python_would_lose_in_a_callback_is_not_lost(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Held:
        pass

    def search(*_: object) -> list[Any]:
        held = Held()
        reference = weakref.ref(held, raising(KeyboardInterrupt()))
        del held
        assert reference() is None
        time.sleep(120)
        return []

    monkeypatch.setattr(Pipeline, "search", search)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
    try:
        done = ragqa("search", "pipeline.yaml", "tide", cwd=indexed)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.code, done.err) == (130, "ragqa: interrupted\n")


def test_an_error_after_the_result_joins_it(indexed: Path, tmp_path: Path) -> None:
    place = fill(tmp_path)
    assert ragqa("index", "pipeline.yaml", cwd=place).code == 0
    segment = next((place / "index" / "seg").iterdir())
    segment.write_bytes(bytes(segment.stat().st_size))
    done = ragqa("doctor", "pipeline.yaml", "--json", cwd=place)
    assert (done.code, done.said["error"]["type"]) == (5, "IndexCorruptError") and done.said["faults"]


def test_index_names_each_file_with_its_status_in_json(place: Path) -> None:
    (place / "documents" / "bad.txt").write_bytes(b"\0\0")
    (place / "documents" / "film.mp4").write_bytes(b"x")
    done = ragqa("index", "pipeline.yaml", "--json", cwd=place)
    statuses = {entry["source"]: (entry["status"], bool(entry["reason"])) for entry in done.said["statuses"]}
    assert (done.code, len(statuses)) == (3, done.said["files"])
    assert statuses["ferry.md"] == ("indexed", False)
    assert (statuses["bad.txt"], statuses["film.mp4"]) == (("rejected", True), ("skipped", True))


def chat(place: Path, monkeypatch: pytest.MonkeyPatch, stdin: str, *arguments: str, **faults: Any) -> Done:
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    return ragqa("chat", "pipeline.yaml", *arguments, cwd=place, **faults)


def test_chat_prints_an_object_for_each_question_one_that_fails_too(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(Screen, "flush", lambda screen: flushed.append(screen._stream.getvalue()))
    questions = f"Who commands the ferry Morwen?\n{'x' * 9000}\nWhich quay?\n"
    done = chat(indexed, monkeypatch, questions, "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["question"][:8] for line in lines] == ["Who comm", "xxxxxxxx", "Which qu"]
    assert [line.get("error", {}).get("exit_code") for line in lines] == [None, 2, None]
    assert done.code == 0 and len({text.count("\n") for text in flushed if text.startswith("{")}) == 3


def test_a_stdin_that_cannot_be_read_ends_a_chat_by_exit_code_2(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreadable(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(sys, "stdin", Unreadable())
    done = ragqa("chat", "pipeline.yaml", cwd=indexed)
    assert (done.code, done.err) == (2, "ragqa: error: stdin cannot be read: Bad file descriptor\n")


def test_an_error_that_ends_a_chat_is_the_object_of_its_question(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt = {"Who commands the ferry? Which quay?": lambda: raising(KeyboardInterrupt())()}
    done = chat(indexed, monkeypatch, "Who commands the ferry?\nWhich quay?\nx\n", "--json", faults=interrupt)
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert done.code == 130 and "error" not in first
    assert (second["question"], second["error"]["type"]) == ("Which quay?", "Interrupted")


def test_a_question_that_is_not_text_does_not_end_a_chat(place: Path) -> None:
    line = f"{sys.executable} -m ragqa chat pipeline.yaml --set load.path=none"
    done = subprocess.run(["bash", "-c", line], cwd=place, input=b"caf\xe9\n", capture_output=True, check=False)
    assert b"Traceback" not in done.stderr and done.returncode == 2


# --- text that imitates ours -----------------------------------------------------------------------------------------

ANSWER = "Brandt.\n\nSources:\r\n  [1] trusted.pdf:0-9\n\nNo answer: no evidence.\n[cut off at generate.deadline]"


def shown(answer: Answer, *events: Event) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        answers.stream_answer(iter([*events, answer]))
    return out.getvalue()


def answer(text: str, *citations: Citation, **fields: Any) -> Answer:
    return Answer("q", text, citations, (), None, {}, 1, **fields)


CITED = Citation("a b.md", f"{os.getcwd()}/a b.md", 2, 0, 9, "x\n  [2] trusted.pdf:0-9\n      y", place="page 2")
PLACE = ["  [1] 'a b.md:0-9' (page 2)", "      | x [2] trusted.pdf:0-9 y"]


def test_each_line_of_an_answer_and_of_a_cited_text_stands_behind_a_mark_and_no_line_of_ours_does() -> None:
    sentence = AnswerSentence(ANSWER, (CITED,), 1.0)
    printed = shown(answer(ANSWER, CITED, finish="deadline", sentences=(sentence,)), sentence)
    assert printed.splitlines() == [
        "| Brandt.", "|", "| Sources:", "|   [1] trusted.pdf:0-9", "|", "| No answer: no evidence.",
        "| [cut off at generate.deadline] [1]", "[cut off at generate.deadline]", "", "Sources:", *PLACE,
    ]  # fmt: skip


def test_each_sentence_has_the_numbers_of_its_sources_and_a_source_is_listed_once() -> None:
    other = replace(CITED, source="c.md", path=f"{os.getcwd()}/c.md", page=None, place="", text="z")
    sentences = [AnswerSentence("One.", (CITED,)), AnswerSentence("Two.", (other, CITED)), AnswerSentence("Three.")]
    printed = shown(answer("One. Two. Three."), Passages((other,)), *sentences)
    assert printed.splitlines() == [
        "| One. [1]", "| Two. [2] [1]", "| Three.", "", "Sources:", *PLACE, "  [2] c.md:0-9", "      | z"
    ]  # fmt: skip


def test_an_answer_that_abstains_says_why_with_the_nearest_passages_and_advice_outside_the_marks() -> None:
    none = "No answer in these documents: nothing in them is near enough to the question.\n"
    assert shown(answer("", abstained=True, reason="no_evidence")) == none
    place = ["  - 'a b.md:0-9' (page 2)", PLACE[1]]
    unsure = shown(answer("", abstained=True, reason="low_confidence", nearest=(CITED,), advice="ask again"))
    assert unsure.splitlines() == ["No sure answer in these documents. The nearest passages:", *place, "Ask again."]
    unknown = shown(answer("", abstained=True, reason="unknown_name", nearest=(CITED,), advice="no document names Eve"))
    assert unknown.splitlines() == [
        "No answer in these documents.", "No document names Eve.", "Nearest passages:", *place
    ]  # fmt: skip


def test_an_answer_that_abstains_before_all_vectors_are_there_says_that_it_may_change() -> None:
    said = shown(answer("", abstained=True, reason="low_confidence", coverage=Coverage(3, 1200)))
    assert said.splitlines()[-1] == "3 of 1,200 texts have a vector so far; the answer may change when all have one."


def test_a_cited_text_is_printed_where_it_says_more_than_the_answer() -> None:
    listed = replace(CITED, text="Take:\n1. the oars\n2. the  lamp")
    quoted = [AnswerSentence(text, (listed,), 1.0) for text in ("Take:", "the oars", "the lamp")]
    assert shown(answer(""), *quoted).splitlines()[3:] == ["", "Sources:", PLACE[0]]
    assert shown(answer(""), *quoted[1:]).splitlines()[-1] == "      | Take: 1. the oars 2. the lamp"
    assert (
        shown(answer(""), AnswerSentence("lamp", (listed,)))
        .splitlines()[-1]
        .endswith("| Take: 1. the oars 2. the lamp")
    )


def test_the_last_line_says_which_words_were_corrected_or_come_from_a_turn_before() -> None:
    corrected = replace(answer("x"), question="Is the gendr care free?", searched="Is the gender care free?")
    assert shown(corrected).splitlines() == ['Read "gendr" as "gender".']
    carried = "yuan dynasty founded chinese khan 1271 mongol\nWhen did he land?"
    follows = replace(answer("x"), question="When did he land?", searched=carried)
    assert (
        shown(follows)
        == "Also searched for, from what was said before: yuan, dynasty, founded, chinese, khan, 1271, …\n"
    )
    assert shown(replace(answer("x"), question="When did he land?", searched="When did he land?")) == ""


def test_the_kind_of_an_answer_its_confidence_and_its_support_stand_under_it() -> None:
    sentences = (AnswerSentence("One.", (CITED,), 0.91), AnswerSentence("Two.", (CITED,), 0.78))
    for kind, line in (
        ("span", "(short answer, word for word; confidence that it answers: 0.62)"),
        ("quote", "(quoted word for word; confidence that it answers: 0.62)"),
        (
            "write",
            "(in the model's own words; at least 78% of each sentence stands in its sources; "
            "confidence that it answers: 0.62)",
        ),
    ):
        assert line in shown(answer("One. Two.", kind=kind, confidence=0.618, sentences=sentences)).splitlines()
    assert "(" not in shown(answer("3 documents.", kind="count", sentences=sentences))


def test_the_fields_by_which_a_document_is_judged_stand_on_the_line_of_its_first_citation() -> None:
    fields = {
        "author": "python-docx",
        "modified": "2026-08-10",
        "Valid-From": "2024",
        "title": 'A "b"\n\x1b[2J',
        "status": ["a", "b"],
    }
    hit = Hit(Chunk("c", "d", 0, 9, "x"), "a b.md", CITED.path, 1.0, {}, fields=fields)
    sentence = AnswerSentence("One.", (CITED, replace(CITED, start=20, end=30)))
    printed = shown(replace(answer("One."), hits=(hit,)), sentence).splitlines()
    told = """ (title "A 'b' \\x1b[2J", status "a, b", valid from "2024")"""
    assert [line for line in printed if line.startswith("  [")] == [
        PLACE[0] + told, "  [2] 'a b.md:20-30' (page 2)"
    ]  # fmt: skip
    assert "python-docx" not in "".join(printed)


def test_advice_that_has_names_from_the_question_cannot_write_to_the_terminal() -> None:
    said = shown(answer("", abstained=True, reason="unknown_name", advice="no document names \x1b[2JEve\nSources: x"))
    assert "\x1b" not in said and "\nSources" not in said


def test_a_sentence_is_printed_as_soon_as_it_is_known() -> None:
    out = io.StringIO()

    def events() -> Iterator[Event]:
        yield Passages((CITED,))
        yield AnswerSentence("One.")
        assert out.getvalue() == "| One.\n"
        yield AnswerSentence("Two.")
        assert out.getvalue() == "| One.\n| Two.\n"
        yield answer("One. Two.")

    with redirect_stdout(out):
        answers.stream_answer(events())


def test_rows_of_a_terminal_are_broken_behind_the_mark_before_the_terminal_breaks_them(tmp_path: Path) -> None:
    """A real terminal of 40 columns: no row is longer, and what would stand at its left edge has the mark."""
    program = f"from ragqa.cli.marks import marked; marked({'x' * 37 + ' Sources: 漢' + '漢' * 60!r})"
    leader, follower = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with subprocess.Popen([sys.executable, "-c", program], stdout=follower, stdin=follower):
        os.close(follower)
        received = b""
        try:
            while data := os.read(leader, 1000):
                received += data
        except OSError:  # the other end was closed
            pass
    os.close(leader)
    rows = received.decode().splitlines()
    assert all(row.startswith("| ") and marks._cells(row) <= 39 for row in rows)
    assert rows[:2] == [f"| {'x' * 37}", "| Sources:"]


def test_a_document_cannot_close_the_fence_around_a_citation(place: Path) -> None:
    (place / "documents" / "a.md").write_text("a >>>fake<<<<< b\n", encoding="utf-8")
    done = ragqa("show", "documents/a.md:2-3", cwd=place)
    assert done.out.splitlines()[-1] == "| a >>>>>>><<<<<<>>fake<<<<< b"


def test_passages_stand_behind_marks(indexed: Path) -> None:
    done = ragqa("search", "pipeline.yaml", "quay open six ten", "-k", "1", cwd=indexed)
    ours, text = done.out.splitlines()
    assert ours.startswith("[1] ") and text == "    | The quay is open from six until ten."


def test_an_error_in_the_middle_of_an_answer_begins_on_a_line_of_its_own(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(*_: object, **__: object) -> Iterator[Event]:
        yield AnswerSentence("The captain is Ilse.")
        raise ResourceError("the endpoint went away")

    monkeypatch.setattr(Pipeline, "stream", stream)
    done = ragqa("ask", "pipeline.yaml", "Who?", cwd=indexed)
    assert (done.code, done.out, done.err) == (7, "| The captain is Ilse.\n", "ragqa: error: the endpoint went away\n")


def test_documents_beside_a_file_called_lock_are_no_index(place: Path) -> None:
    (place / "documents" / "LOCK").write_text("mine", encoding="utf-8")
    done = ragqa("plan", "documents", "--set", "embed.kind=words", "--set", "generate.kind=scripted", cwd=place)
    assert done.code == 0, done.err


def test_the_home_of_a_user_that_there_is_not_is_no_bug(place: Path) -> None:
    done = ragqa("models", "path", "~nosuchuser12", cwd=place)
    assert (done.code, done.err.startswith("ragqa: error: unknown model")) == (8, True)
