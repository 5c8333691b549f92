"""The documentation: its code blocks run, its reference pages are fresh, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ragqa.config import load_config

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of what the documentation names, so that nothing is written into the repository."""
    place = tmp_path_factory.mktemp("docs")
    for name in ("corpora", "pipelines"):
        shutil.copytree(ROOT / name, place / name)
    return place


def run(command: list[str], place: Path) -> None:
    environment = os.environ | {"RAGQA_CACHE": _shared_cache(place)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"


def _shared_cache(place: Path) -> str:
    """Return a cache with the user's models in it, and folders of its own for the rest."""
    from ragqa import models

    cache = place / "cache"
    cache.mkdir(exist_ok=True)
    for entry in models.cache_dir().iterdir():
        if entry.name != "folders" and not (cache / entry.name).exists():
            (cache / entry.name).symlink_to(entry)
    return str(cache)


@offline
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "bash")], ids=lambda p: p.name)
def test_every_command_of_a_page_runs(page: Path, workplace: Path) -> None:
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "ragqa", line
            run([sys.executable, "-m", "ragqa", *arguments], workplace)


@offline
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_the_python_of_a_page_runs(page: Path, workplace: Path) -> None:
    run([sys.executable, "-W", "error", "-c", "\n".join(blocks(page, "python"))], workplace)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "yaml")], ids=lambda p: p.name)
def test_every_pipeline_of_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        file = tmp_path / "pipeline.yaml"
        file.write_text(block, encoding="utf-8")
        load_config(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["pipeline", "cli"])
def test_the_reference_pages_are_fresh(page: str) -> None:
    assert (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") == getattr(reference(), page)(), "run `make docs`"
