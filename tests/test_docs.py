"""The documentation: its code blocks run and give what it shows, its reference pages are fresh, its links lead somewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ragqa import errors
from ragqa.config.slots import SLOTS
from ragqa.kinds import load_config
from tests import LIBRARIES
from tests.commands import ragqa, share_models

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted(f"docs/decisions/{file.name}" for file in (ROOT / "docs" / "decisions").glob("*.md"))
offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of what the documentation names, so that nothing is written into the repository."""
    place = tmp_path_factory.mktemp("docs")
    for name in ("corpora", "pipelines"):
        shutil.copytree(ROOT / name, place / name)
    return place


def printed(page: Path, place: Path) -> str:
    """Run the Python of a page in a folder as a program of its own, and return what it prints."""
    import torch

    out, program = io.StringIO(), ModuleType("__main__")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), torch.enable_grad():
        patch.setitem(sys.modules, "__main__", program)
        patch.setenv("RAGQA_CACHE", str(share_models(place)))
        patch.syspath_prepend(str(place))
        patch.chdir(place)
        exec(compile("\n".join(blocks(page, "python")), page.name, "exec"), vars(program))
    return out.getvalue()


@offline
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "bash")], ids=lambda p: p.name)
@pytest.mark.usefixtures("each_text_embedded_once")
def test_every_command_of_a_page_runs(page: Path, workplace: Path) -> None:
    share_models(workplace)
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "ragqa", line
            done = ragqa(*arguments, cwd=workplace)
            assert done.code == 0, f"{line}\n{done.out}\n{done.err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_command_of_a_page_has_to_be_filled_in(page: Path) -> None:
    lines = [
        line for language in ("bash", "console") for block in blocks(page, language) for line in block.splitlines()
    ]
    assert [line for line in lines if re.search(r"<[^|]*>|\.\.\.|…|\bTODO\b", line)] == []


def test_the_first_commands_of_the_readme_name_what_is_there() -> None:
    makefile = text(ROOT / "Makefile")
    for line in "".join(blocks(ROOT / "README.md", "console")).splitlines():
        match shlex.split(line):
            case ["make", target]:
                assert f"\n{target}:" in makefile
            case ["source", activate]:
                assert (
                    activate == ".venv/bin/activate"
                    and "VENV := .venv\n" in makefile
                    and "source $(BIN)/activate" in makefile
                )
            case ["pip", "install", "."]:
                assert (ROOT / "pyproject.toml").is_file()
            case command:
                assert command[:2] == ["ragqa", "models"] and command[2] in ("list", "pull")


@offline
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
@pytest.mark.usefixtures("each_text_embedded_once")
def test_the_python_of_a_page_runs_and_gives_what_the_page_shows(page: Path, workplace: Path) -> None:
    if library := LIBRARIES.get(page.name):
        pytest.importorskip(library, reason=f"{page.name} needs {library}; make test-clients has it")
    found = printed(page, workplace)
    shown = re.findall(r"^```python\n(?:(?!^```).)*^```\n\n```text\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    if shown:
        assert_alike(found, "".join(shown))
    committed, drawn = (place / "docs" / "figures" / page.stem for place in (ROOT, workplace))
    assert {file.name for file in drawn.glob("*")} == {file.name for file in committed.glob("*")}
    for figure in drawn.glob("*"):
        assert_alike(text(figure), text(committed / figure.name))


def assert_alike(new: str, old: str) -> None:
    """Compare texts, and their numbers as far as another processor may round them; orange cells are below 0."""
    (new_words, new_numbers), (old_words, old_numbers) = map(_parts, (new, old))
    assert new_words == old_words
    assert new_numbers == pytest.approx(old_numbers, rel=0.02, abs=0.02)


def _parts(whole: str) -> tuple[list[str], list[float]]:
    signed = whole.replace('#c2410c" fill-opacity="', '#0072b2" fill-opacity="-').replace(",", "")
    return re.split(r"-?\d+(?:\.\d+)?", signed), [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", signed)]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "yaml")], ids=lambda p: p.name)
def test_every_pipeline_of_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        file = tmp_path / "pipeline.yaml"
        file.write_text(block, encoding="utf-8")
        load_config(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text(page))
    assert [link for link in links if not (page.parent / link).exists()] == []


FOLDERS = (ROOT, ROOT / "ragqa", ROOT / "docs")
"""What a path in backticks is relative to: design.md leaves `ragqa/` out."""


def named_paths(page: Path) -> list[str]:
    """Return what a page has in backticks that reads as a file or a folder of this repository."""
    named = re.findall(
        r"`([\w.-]+(?:/[\w.-]+)*/?)`", re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)
    )
    tops = {entry.name for folder in FOLDERS for entry in folder.iterdir() if entry.is_dir()}
    return [
        name
        for name in named
        if name.endswith((".py", ".md", ".toml", ".cff", "/")) or name.split("/")[0] in tops - {name}
    ]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/design.md", *DECISIONS])
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    missing = {name for name in named_paths(ROOT / page) if not any((folder / name).exists() for folder in FOLDERS)}
    assert missing == set()


def test_the_page_for_contributors_says_where_ten_things_are_added_and_each_row_names_a_path() -> None:
    table = text(ROOT / "CONTRIBUTING.md").partition("| X |")[2].partition("\n\n")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines()[2:]]
    assert len(rows) == 10 and all(len(row) == 3 for row in rows)
    assert [row[0] for row in rows if "`ragqa/" not in row[1] and "same room" not in row[1]] == []
    slots = re.findall(r'`Kind\("(\w+)"', table)
    assert len(slots) >= 5 and set(slots) <= set(SLOTS)


def test_every_message_of_the_troubleshooting_page_is_one_that_the_package_says() -> None:
    said = "\n".join(text(file) for file in (ROOT / "ragqa").rglob("*.py"))
    headings = re.findall(r"^### `(.*)`$", text(ROOT / "docs" / "troubleshooting.md"), re.MULTILINE)
    parts = [part.strip(" :,") for heading in headings for part in heading.split("…")]
    assert len(headings) > 20 and [part for part in parts if part not in said] == []


def test_the_table_of_exit_codes_is_that_of_the_errors() -> None:
    rows = re.findall(r"^\| (\d+) \| (`.+?) \|", text(ROOT / "docs" / "troubleshooting.md"), re.MULTILINE)
    named = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert named == {name: getattr(errors, name).exit_code for name in named} and len(named) == 12
    assert {error.exit_code for error in vars(errors).values() if hasattr(error, "exit_code")} == set(named.values())


def test_the_glossary_is_in_order_and_explains_the_terms_of_the_design() -> None:
    terms = re.findall(r"^\*\*(.+)\*\*\n:   [A-Z]", text(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    assert terms == sorted(set(terms), key=str.lower)
    assert {"Constraint", "Index version", "Kind", "Prompt lookup", "Sequence state", "Slot", "Usage"} <= set(terms)


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("page", "made_by"), [("pipeline.md", "pipeline"), ("cli.md", "cli"), ("api/index.md", "api")])
def test_the_reference_pages_are_fresh(page: str, made_by: str) -> None:
    assert text(ROOT / "docs" / page) == getattr(reference(), made_by)(), "run `make docs`"
