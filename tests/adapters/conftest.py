from __future__ import annotations

from pathlib import Path

import pytest

from ragqa.pipeline import Pipeline
from tests.fakes import ECHO, WORDS, write_project


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Return an indexed pipeline over five small documents."""
    folder: Path = tmp_path_factory.mktemp("adapted")
    write_project(folder, ["ferry", "kite", "lantern", "rope", "sail"])
    built = Pipeline.from_file(folder / "pipeline.yaml", kinds=[WORDS, ECHO])
    built.index()
    return built
