"""The local index, and the one that docs/extending.md shows, keep to what every index must keep to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ragqa.index import LocalIndex
from ragqa.stages import Index
from ragqa.testing.index import DurableIndexContract, IndexContract, MaintenanceContract

PAGE = Path(__file__).parent.parent.parent / "docs" / "extending.md"


def shown() -> str:
    """Return the code of the index in memory as the page shows it."""
    (block,) = re.findall(
        r"^```python\n((?:(?!^```).)*^class MemoryIndex:\n.*?)^```", PAGE.read_text("utf-8"), re.S | re.M
    )
    return str(block)


class TestLocalIndex(DurableIndexContract, MaintenanceContract):
    def make(self, folder: Path) -> LocalIndex:
        return LocalIndex(folder)


class TestTheIndexOfThePage(IndexContract):
    def make(self, folder: Path) -> Index:
        names: dict[str, Any] = {"__name__": __name__}
        exec(shown(), names)
        index: Index = names["MemoryIndex"]()
        return index


def test_the_index_of_the_page_is_short() -> None:
    assert sum(bool(line.strip()) for line in shown().splitlines()) < 160
