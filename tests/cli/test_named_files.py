"""Files that an untrusted pipeline file names, which may not be text, or may be secret."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragqa.cli.opening import holds_documents
from ragqa.errors import ConfigError, UsageError
from ragqa.evaluate.datasets import read_dataset
from ragqa.evaluate.runs.folder import read_run
from ragqa.kinds import load_config
from ragqa.prompt import load_template
from ragqa.prompt.examples import read_pairs
from tests.commands import Done, fill, ragqa
from tests.limits import no_hang

SECRET = "hunter2"
FOREIGN = {
    "words": f"{SECRET}\n",
    "passwd": f"root:x:0:0:{SECRET}:/root:/bin/bash\n{SECRET}:x:1:1::/:/bin/sh\n",
    "shadow": f"root:$6${SECRET}${SECRET}:19000:0:99999:7:::\n",
    "key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}AAAA\n{SECRET}==\n-----END OPENSSH PRIVATE KEY-----\n",
    "env": f"PASSWORD={SECRET}\nexport {SECRET}=1\n",
    "ini": f"[{SECRET}]\npassword = {SECRET}\n",
    "tsv": f"{SECRET}\t{SECRET}\t1\n{SECRET}\t{SECRET}\t{SECRET}\n",
    "json": json.dumps({"password": SECRET, SECRET: [SECRET]}),
    "json of a number": "815",
    "json of a text": json.dumps(SECRET),
    "json of a list": json.dumps([SECRET, {SECRET: SECRET}]),
    "json lines": json.dumps({"user": SECRET}) + "\n" + json.dumps({SECRET: 1}) + "\n",
    "json of keys": json.dumps({SECRET: {SECRET: SECRET}}),
    "broken json": f'{{"password": "{SECRET}", {SECRET}',
    "yaml": f"user: {SECRET}\npassword: '{SECRET}'\n{SECRET}: [1, {SECRET}]\n",
    "yaml with a version": f"version: 1\n{SECRET}: {SECRET}\n",
    "yaml of a version": f"version: {SECRET}\n",
    "yaml that extends": f"extends: {SECRET}\n",
    "yaml that extends and more": f"extends: {SECRET}\n{SECRET}: 1\n",
    "compose": f"version: '3.8'\nservices:\n  {SECRET}: {{image: {SECRET}}}\nsecrets: {{{SECRET}: {{}}}}\n",
    "yaml with aliases": f"a: &{SECRET} 1\nb: *{SECRET}\nc: *{SECRET}x\n",
    "yaml with tags": f"a: !{SECRET} {SECRET}\n",
    "yaml with directives": f"%TAG !{SECRET}! tag:{SECRET}\n---\na: !{SECRET}2!x y\n",
    "yaml with a bad escape": f'a: "{SECRET}\\q"\n',
    "yaml twice": f"{SECRET}: 1\n{SECRET}: 2\n",
    "yaml of documents": f"version: 1\n---\n{SECRET}: 1\n",
    "slots": f"{{{SECRET}}} and {{question}} and {{passages}}\n",
    "control characters": f"{SECRET}\0\x1b[2J{SECRET}\n",
    "nothing": "",
    "nested": "[" * 100_000,
}  # fmt: skip
KINDS = ("jsonl", "squad", "hotpotqa", "musique", "pubmedqa")


def only_line(error: Exception) -> str:
    (line,) = str(error).splitlines()
    assert len(line) < 700
    return line


def with_key(folder: Path, section: str, key: str, value: str) -> Done:
    """Return what `check` says of a file with one more key."""
    lines = (folder / "pipeline.yaml").read_text(encoding="utf-8").splitlines()
    changed = [
        line.replace("}", f", {key}: {json.dumps(value)}{', n_examples: 1' * (key == 'examples')}}}", 1)
        if line.startswith(f"{section}:")
        else line
        for line in lines
    ]
    (folder / "changed.yaml").write_text("\n".join(changed) + "\n", encoding="utf-8")
    return ragqa("check", "changed.yaml", cwd=folder)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return fill(tmp_path)


def bad_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the names of what cannot be read, and why."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "folder").mkdir()
    (folder / "binary").write_bytes(b"\xff\xfe\0\1")
    (folder / "latin").write_bytes("version: 1\nquestion: Müller".encode("latin-1"))
    with (folder / "huge").open("wb") as stream:
        stream.truncate(5 << 40)
    yield "pipe", "not a regular file"
    yield "/dev/zero", "not a regular file"
    yield "/dev/null", "not a regular file"
    yield "folder", "not a regular file"
    yield "huge", "bytes; at most"
    yield "binary", "not UTF-8 at byte 0"
    yield "latin", "not UTF-8 at byte"
    yield "loop", "Too many levels of symbolic links"
    yield "binary/x", "Not a directory"
    yield "missing", "no such file"
    yield "n" * 300, "File name too long"
    yield "nul\0byte", "not the name of a file"
    yield "~nobody-has-this-name/x", "no such file"


def test_what_is_no_file_to_read_is_one_line_wherever_it_is_named(place: Path) -> None:
    for name, reason in bad_files(place):
        path = name if name.startswith("/dev") else str(place / name)
        with no_hang():
            refuse_everywhere(place, path, reason)


def refuse_everywhere(place: Path, path: str, reason: str) -> None:
    (place / "child.yaml").write_text(f"version: 1\nextends: {json.dumps(path)}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as extended:
        load_config(place / "child.yaml")
    (problem,) = [str(problem) for problem in extended.value.problems if problem.key == "extends"]
    assert reason in problem and len(problem.splitlines()) == 1
    for read in (load_template, lambda path: read_pairs(Path(path))):
        with pytest.raises(UsageError) as caught:
            read(path)
        assert reason.lower() in only_line(caught.value).lower()
    for kind in KINDS:
        if reason != "not a regular file" or kind != "pubmedqa":
            with pytest.raises(UsageError):
                read_dataset(f"{kind}:{path}")


def test_the_commands_say_the_same_and_end_with_2(place: Path) -> None:
    os.mkfifo(place / "pipe")
    for section, key in (("prompt", "template"), ("prompt", "examples")):
        done = with_key(place, section, key, "./pipe") if key != "template" else with_template(place, "./pipe")
        assert done.code == 2 and f"{section}.{key}" in done.err and "not a regular file" in done.err
        assert len(done.err.splitlines()) == 1
    for command in ("ask", "search"):
        done = ragqa(command, "pipe", "Who?", cwd=place)
        assert (done.code, done.err) == (2, "ragqa: error: pipe:1:1: cannot be read: not a regular file\n")
    done = ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:pipe", "--retrieval-only", cwd=place)
    assert done.code == 2 and "pipe: cannot be read: not a regular file" in done.err


def test_an_evaluation_with_a_template_that_is_none_ends_before_it_begins(place: Path) -> None:
    os.mkfifo(place / "pipe")
    (place / "folder").mkdir()
    with (place / "huge").open("wb") as stream:
        stream.truncate(5 << 40)
    for name in ("pipe", "folder", "huge", "missing"):
        setting = f"prompt.template=./{name}"
        done = ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl", "--set", setting, cwd=place)
        assert done.code == 2 and f"prompt.template: {place}/{name}" in done.err.replace("no such file: ", "")
        assert done.asked == [] and "Traceback" not in done.err


def with_template(folder: Path, path: str) -> Done:
    text = (folder / "pipeline.yaml").read_text(encoding="utf-8")
    (folder / "changed.yaml").write_text(text.replace("template: qa", f"template: {json.dumps(path)}"), "utf-8")
    return ragqa("check", "changed.yaml", cwd=folder)


@pytest.mark.parametrize("name", FOREIGN)
def test_no_word_of_a_foreign_file_stands_in_an_error(place: Path, name: str) -> None:
    file = place / "foreign"
    file.write_text(FOREIGN[name], encoding="utf-8")
    said = []
    (place / "child.yaml").write_text("version: 1\nextends: foreign\n", encoding="utf-8")
    with pytest.raises(ConfigError) as extended:
        load_config(place / "child.yaml")
    said.append(str(extended.value))
    if name not in ("yaml of a version",):
        assert "foreign is not a pipeline file" in said[0] or name in ("yaml that extends",)
    for done in (with_template(place, "./foreign"), with_key(place, "prompt", "examples", "foreign")):
        assert done.code == 2 and "foreign" in done.err
        said.append(done.err)
    for kind in KINDS:
        with pytest.raises(UsageError, match="foreign") as caught:
            read_dataset(f"{kind}:{file}")
        said.append(only_line(caught.value))
    for text in said:
        assert SECRET not in text and "815" not in text and "Traceback" not in text


def test_folders_of_foreign_files_are_no_dataset_and_no_run_and_are_not_quoted(tmp_path: Path) -> None:
    for text in FOREIGN.values():
        for name in (
            "corpus.jsonl",
            "queries.jsonl",
            "questions.jsonl",
            "ground_truth.jsonl",
            "run.json",
            "results.jsonl",
        ):
            (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "qrels").mkdir(exist_ok=True)
        (tmp_path / "qrels" / "test.tsv").write_text(text, encoding="utf-8")
        for kind in ("beir", "pages"):
            with pytest.raises(UsageError) as caught:
                read_dataset(f"{kind}:{tmp_path}")
            assert SECRET not in only_line(caught.value)
        with pytest.raises(UsageError, match="run that this ragqa wrote") as refused:
            read_run(tmp_path)
        (tmp_path / "run.json").write_text('{"identity": {}, "recorded": {}}', encoding="utf-8")
        if text:
            with pytest.raises(UsageError, match=r"results\.jsonl:1: not the files of a run") as refused:
                (tmp_path / "results.jsonl").write_text(text + "\n", encoding="utf-8")
                read_run(tmp_path)
        assert SECRET not in only_line(refused.value)


def test_judgements_of_a_foreign_table_are_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}\n', encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "x"}\n', encoding="utf-8")
    (tmp_path / "qrels").mkdir()
    for line in (f"{SECRET}\t{SECRET}\t1", f"{SECRET} {SECRET}", f"q\td\t{SECRET}"):
        (tmp_path / "qrels" / "test.tsv").write_text(line, encoding="utf-8")
        with pytest.raises(UsageError, match=r"test\.tsv:1: ") as caught:
            read_dataset(f"beir:{tmp_path}")
        assert SECRET not in str(caught.value)


SOUND: dict[str, Any] = {
    "jsonl": {"id": "q", "question": "?", "answers": ["a"], "evidence": [{"source": "s", "text": "t"}], "group": "g"},
    "squad": {
        "data": [
            {
                "title": "T",
                "paragraphs": [
                    {
                        "context": "It is noon.",
                        "qas": [{"id": "q", "question": "?", "answers": [{"text": "noon", "answer_start": 6}]}],
                    }
                ],
            }
        ]
    },
    "hotpotqa": [
        {"_id": "q", "question": "?", "answer": "a", "supporting_facts": [["T", 0]], "context": [["T", ["One."]]]}
    ],
    "musique": [
        {
            "id": "q",
            "question": "?",
            "answer": "a",
            "answerable": True,
            "answer_aliases": ["b"],
            "paragraphs": [{"title": "T", "paragraph_text": "One.", "is_supporting": True}],
        }
    ],
    "pubmedqa": {"11": {"QUESTION": "?", "CONTEXTS": ["One."], "final_decision": "yes"}},
}
WRONG: tuple[Any, ...] = (SECRET, [SECRET], {SECRET: SECRET}, 815.5, None, [[SECRET, SECRET]], [{"text": SECRET}], "")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything within a value, and of itself."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value


@pytest.mark.parametrize("kind", SOUND)
def test_a_value_of_another_type_anywhere_is_named_by_its_place_and_not_quoted(tmp_path: Path, kind: str) -> None:
    file, refused = tmp_path / "set.json", 0
    file.write_text(json.dumps(SOUND[kind]), encoding="utf-8")
    read_dataset(f"{kind}:{file}")
    for path in places(SOUND[kind]):
        for wrong in WRONG:
            file.write_text(json.dumps(changed(SOUND[kind], path, wrong)), encoding="utf-8")
            try:
                read_dataset(f"{kind}:{file}")
            except UsageError as error:
                refused += 1
                line = only_line(error)
                assert line.startswith(str(file)) and SECRET not in line and "815" not in line
    assert refused > 3 * len(list(places(SOUND[kind])))


def test_a_real_base_keeps_its_mistakes_with_key_position_and_advice(place: Path) -> None:
    base = (place / "pipeline.yaml").read_text(encoding="utf-8")
    (place / "child.yaml").write_text("version: 1\nextends: base.yaml\n", encoding="utf-8")
    cases = [
        (base.replace("retrieve:", "retreive:"), "base.yaml:7:1: retreive: unknown section; did you mean 'retrieve'?"),
        (
            base.replace("top_k: 2", "topk: 2"),
            ": retrieve.topk: unknown key in retrieve (kind hybrid); did",
        ),
        (base.replace("top_k: 2", "top_k: two"), "retrieve.top_k: must be a valid integer, got 'two'"),
        (base + "split: {kind: token}\n", "split: duplicate key; first on line 4"),
        (base.replace("kind: hybrid", "kind: *hybrid"), "base.yaml:7:12: retrieve.kind: alias *hybrid is not allowed"),
        (base.replace("kind: hybrid", "kind: [hybrid"), "base.yaml:7:35: not YAML: expected"),
        ("{version: 1, retreive: {kind: hybrid}}", "base.yaml:1:14: retreive: unknown section"),
        ("extends: deeper.yaml\n", "base.yaml:1:1: extends: no such file"),
    ]
    for text, message in cases:
        (place / "base.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_config(place / "child.yaml")
        assert message in str(caught.value)


def test_files_that_extend_one_another_without_end_are_refused(place: Path) -> None:
    for number in range(40):
        text = f"version: 1\nextends: {number + 1}.yaml\n"
        (place / f"{number}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"10\.yaml:2:1: extends: more than 10 files extend one another"):
        load_config(place / "0.yaml")
    (place / "1.yaml").write_text("version: 1\nextends: ./0.yaml\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"1\.yaml:2:1: extends: extends itself"):
        load_config(place / "0.yaml")


@pytest.mark.parametrize(
    "value", ["1" + ":01" * 200_000, "1" + ":01" * 9000 + ":00.5", "0x" + "f" * 300_000, "9" * 400_000]
)
def test_a_number_of_any_length_is_read_like_a_text_and_shown_in_part(place: Path, value: str) -> None:
    usual = (place / "pipeline.yaml").read_text(encoding="utf-8")

    def processor_seconds(value: str) -> float:
        (place / "pipeline.yaml").write_text(usual.replace("top_k: 2", f"top_k: {value}"), encoding="utf-8")
        started = time.process_time()
        with pytest.raises(ConfigError) as caught:
            load_config(place / "pipeline.yaml")
        assert "retrieve.top_k" in str(caught.value) and len(str(caught.value)) < 1000
        return time.process_time() - started

    as_text = processor_seconds("x" * len(value))
    assert processor_seconds(value) < 10 * as_text + 1


def test_a_template_names_the_place_of_an_unknown_slot_and_the_nearest_one(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    for text, message in [
        ("Hello\n---\n{passages}\n  {questoin}", r"own\.txt:4:3: unknown slot; did you mean \{question\}\? slots: "),
        ("Hello {hunter2}\n---\n{passages} {question}", r"own\.txt:1:7: unknown slot; slots: "),
        ("{plain}\n{passages} {quest}", r"own\.txt:2:12: unknown slot; did you mean \{question\}\?"),
        ("{" + "x" * 100_000 + "} {question}", r"own\.txt:1:1: unknown slot; slots: "),
    ]:
        own.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=message) as caught:
            load_template(str(own))
        assert SECRET not in only_line(caught.value)


def test_a_json_file_is_a_document_unless_it_is_a_pipeline(tmp_path: Path) -> None:
    package = tmp_path / "package.json"
    package.write_text('{"version": "1.2.0", "extends": "x", "load": 1}', encoding="utf-8")
    pipeline = tmp_path / "pipeline.json"
    pipeline.write_text('{"version": 1, "load": {"kind": "folder", "path": "."}}', encoding="utf-8")
    assert holds_documents(str(package)) and not holds_documents(str(pipeline))
