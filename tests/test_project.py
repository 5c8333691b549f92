"""A first pipeline file, from Python: what it holds, and that nothing is printed or replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa import load_config, project
from ragqa.errors import NothingUsableError, UsageError
from ragqa.pipeline import Pipeline
from ragqa.profiles import NAMES, choose


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my documents"
    (folder / ".hidden").mkdir(parents=True)
    for name in ("a.md", "b.MD", "c.txt", "d.exe", ".hidden/e.md"):
        (folder / name).write_text("The ferry leaves at noon.", encoding="utf-8")
    return folder


def test_the_record_says_what_was_written_and_the_file_is_a_pipeline(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = project.init(folder, profile="small")
    assert written == project.Project(Path("ragqa.yaml"), folder, {".md": 2, ".txt": 1}, choose("small"))
    config = load_config(written.file)
    assert config.load.roots == (str(folder),) and config.resolved()["index"]["path"] == str(
        folder.parent / ".ragqa" / "my documents"
    )
    assert "2 .md, 1 .txt" in written.file.read_text("utf-8")
    assert capsys.readouterr() == ("", "")


def test_the_file_is_written_where_it_is_wanted_and_names_the_folder_from_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    written = project.init("my documents", tmp_path / "pipelines" / "mine.yaml")
    assert Path(*load_config(written.file).load.roots).resolve() == folder.resolve()


def test_a_file_that_is_there_is_not_replaced(folder: Path) -> None:
    Path("ragqa.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"ragqa\.yaml exists already"):
        project.init(folder)
    assert Path("ragqa.yaml").read_text("utf-8") == "mine"


def test_a_folder_without_documents_and_none_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingUsableError, match="no documents found under"):
        project.init(tmp_path / "empty")
    with pytest.raises(UsageError, match="folder not found"):
        project.init(tmp_path / "missing")
    with pytest.raises(UsageError, match="pass a str or a Path"):
        project.init(5)  # type: ignore[arg-type]
    assert not Path("ragqa.yaml").exists()


@pytest.mark.parametrize("profile", NAMES)
def test_the_file_has_the_settings_with_which_the_folder_itself_is_asked(folder: Path, profile: str) -> None:
    written = project.init(folder, profile=profile)
    assert written.profile.name == profile
    ours, theirs = load_config(written.file).resolved(), Pipeline.from_folder(folder, (), profile).config.resolved()
    assert ours.pop("index") | {"path": ""} == theirs.pop("index") | {"path": ""}
    assert ours == theirs


def test_a_pipeline_file_of_ones_own_is_a_profile(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own" / "mine.yaml"
    own.parent.mkdir()
    own.write_text(
        choose("small").file.read_text("utf-8").replace("path: .}", "path: ., include: ['*.md']}"), encoding="utf-8"
    )
    written = project.init(folder, tmp_path / "new.yaml", str(own))
    ours, theirs = load_config(written.file).resolved(), Pipeline.from_folder(folder, (), str(own)).config.resolved()
    assert ours.pop("index") != theirs.pop("index") and ours == theirs
    assert ours["load"]["path"] == str(folder) and ours["load"]["include"] == ["*.md"]
    assert "2 .md, 1 .txt" in written.file.read_text("utf-8")
