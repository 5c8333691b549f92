"""The local index keeps to what every index must keep to."""

from __future__ import annotations

from pathlib import Path

from ragqa.index import LocalIndex
from ragqa.testing.index import DurableIndexContract, MaintenanceContract


class TestLocalIndex(DurableIndexContract, MaintenanceContract):
    def make(self, folder: Path) -> LocalIndex:
        return LocalIndex(folder)
