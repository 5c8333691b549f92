from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import write_project
from tests.serve.told_pipeline import opener


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an indexed pipeline over three small documents and a long one."""
    folder = tmp_path_factory.mktemp("served")
    write_project(folder, ["ferry", "kite", "lantern"])
    lines = [f"Line {number} of the ledger names the sum of {number * 7} crowns for ropes.\n" for number in range(400)]
    (folder / "documents" / "ledger.txt").write_text("".join(lines), encoding="utf-8")
    opener(folder)().index()
    return folder
