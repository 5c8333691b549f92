"""Files that are written to a path of the user replace no other file, and are written completely or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from ragqa.cli import ragqa
from ragqa.errors import RefusedError, ResourceError, UsageError
from ragqa.outputs import OutputFolder, check_own, check_writable, made, replace, sweep, write_new
from tests.limits import no_file_above


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_whole_and_as_open_to_others_as_any(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_new(tmp_path / "a.txt", b"all of it")
        replace(tmp_path / "b.txt", b"all of it")
    finally:
        os.umask(before)
    for file in (tmp_path / "a.txt", tmp_path / "b.txt"):
        assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"all of it", 0o644)
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_a_name_that_is_taken_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(UsageError, match="exists already; name another file"):
            write_new(tmp_path / name, b"ours")
    with pytest.raises(UsageError, match=r"folder not found: .*missing; make it first"):
        write_new(tmp_path / "missing" / "file", b"ours")
    with pytest.raises(UsageError, match="name a file that can be written"):
        write_new(tmp_path / ("x" * 300), b"ours")
    assert ((tmp_path / "file").read_bytes(), names(tmp_path)) == (b"mine", ["file", "folder", "link"])


def test_a_link_a_folder_and_a_pipe_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RefusedError, match="link is a link"):
        replace(tmp_path / "link", b"ours")
    for name in ("folder", "pipe"):
        with pytest.raises(UsageError, match=f"{name} is no regular file"):
            replace(tmp_path / name, b"ours")
    check_own(tmp_path / "new")
    assert ((tmp_path / "mine").read_bytes(), names(tmp_path)) == (b"mine", ["folder", "link", "mine", "pipe"])


def test_a_full_disk_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with no_file_above(100):
        for write, name in ((write_new, "new"), (replace, "old")):
            with pytest.raises(ResourceError, match="File too large; free some space or name another"):
                write(tmp_path / name, b"x" * 200)
        with pytest.raises(ResourceError), made(tmp_path / "a" / "b"):
            replace(tmp_path / "a" / "b" / "file", b"x" * 200)
    assert ((tmp_path / "old").read_bytes(), names(tmp_path)) == (b"old", ["old"])


def test_of_many_that_write_one_new_name_at_once_one_does_and_the_others_are_refused(tmp_path: Path) -> None:
    done: list[bytes] = []

    def write(data: bytes) -> None:
        try:
            write_new(tmp_path / "file", data)
            done.append(data)
        except UsageError:
            pass

    threads = [threading.Thread(target=write, args=(str(n).encode() * 10_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [(tmp_path / "file").read_bytes()]
    assert names(tmp_path) == ["file"]


def test_only_what_a_kill_left_of_our_own_files_is_swept(tmp_path: Path) -> None:
    kept = [
        ".run.json.partial",
        ".run.json.0123ABCD.partial",
        ".other.0123abcd.partial",
        ".run.json.0123abcd",
        "run.json",
    ]
    for name in (*kept, ".run.json.0123abcd.partial"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".run.json.11111111.partial").symlink_to("run.json")
    (tmp_path / ".run.json.22222222.partial").mkdir()
    sweep(tmp_path, ["run.json"])
    assert names(tmp_path) == sorted([*kept, ".run.json.11111111.partial", ".run.json.22222222.partial"])


def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "file")
    assert names(tmp_path) == []
    for place in (tmp_path / "missing" / "file", Path("/proc/self/file")):
        with pytest.raises(UsageError, match="name a file that can be written"):
            check_writable(place)


def test_a_folder_is_known_by_its_manifest_and_a_file_in_it_by_its_bytes(tmp_path: Path) -> None:
    def output() -> OutputFolder:
        return OutputFolder(tmp_path / "out", "m.json", ("work",), ("a.txt", "b.txt"))

    assert output().read() is None
    output().begin({"work": {"n": 1}}, lambda before, now: pytest.fail("it is new"))
    for text in (b"one", b"two", b"one"):
        output().write("a.txt", text)
    output().check_files()
    seen: list[object] = []
    output().begin({"work": {"n": 2}}, lambda before, now: seen.append(before["work"]))
    assert seen == [{"n": 1}]
    (tmp_path / "out" / "mine.txt").write_bytes(b"mine")
    output().write("b.txt", b"b")
    (tmp_path / "out" / "a.txt").write_bytes(b"changed")
    with pytest.raises(UsageError, match=r"a\.txt is not as this command wrote it"):
        output().check_files()
    assert names(tmp_path / "out") == ["a.txt", "b.txt", "m.json", "mine.txt"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"work": 1}', "[" * 10_000, "\ud800", '{"work": {}}\x00'])
def test_a_manifest_of_something_else_is_refused_whatever_it_holds(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(UsageError, match=r"m\.json is not one that this command wrote"):
        OutputFolder(tmp_path, "m.json", ("work",), ()).read()


@pytest.mark.parametrize("content", ["{file}", '{"work": {}, "files": []}', '{"work": {}, "files": {"a.txt": 3}}'])
def test_a_manifest_whose_list_of_files_was_changed_takes_none_for_its_own(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content, encoding="utf-8")
    (tmp_path / "a.txt").write_bytes(b"mine")
    with pytest.raises(UsageError):
        OutputFolder(tmp_path, "m.json", ("work",), ("a.txt",)).check_files()
    assert (tmp_path / "a.txt").read_bytes() == b"mine"


def test_init_takes_no_name_that_is_taken_and_leaves_nothing_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"The ferry leaves at noon.")
    (tmp_path / "link.yaml").symlink_to("missing.yaml")
    before = names(tmp_path)

    def init(name: str) -> BaseException | None:
        return CliRunner().invoke(ragqa, ["init", str(tmp_path), "--output", str(tmp_path / name)]).exception

    assert "exists already" in str(init("link.yaml")) and "exists already" in str(init("a.txt"))
    with no_file_above(100):
        assert isinstance(init("new.yaml"), ResourceError)
    assert names(tmp_path) == before
    assert init("new.yaml") is None
