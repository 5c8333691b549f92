"""Resolves the paths of a pipeline file: a relative path is relative to the folder of the file that contains it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from ragqa.config import grid
from ragqa.config.base import PathRule, slots
from ragqa.config.kinds import Kinds
from ragqa.config.slots import SECTIONS
from ragqa.files import names_variable


def make_absolute(data: dict[str, Any], base: Path, kinds: Kinds) -> None:
    """Make the paths in the sections of a file absolute, also inside grids; `base` is the folder of the file."""
    for section in SECTIONS:
        _make_absolute(data.get(section), section, base, kinds)


def _make_absolute(block: Any, slot: str, base: Path, kinds: Kinds) -> None:
    if not isinstance(block, dict):
        return
    for key, rule in kinds.path_rules(slot, block.get("kind")).items():
        if key in block:
            block[key] = grid.each(block[key], partial(_absolute, base, rule))
    nested = {key: inner.name for spec in kinds.specs(slot) for key, inner in slots(spec).items()}
    for key, inner_slot in nested.items():
        for value in grid.values(block.get(key)):
            for part in value if isinstance(value, list) else [value]:
                _make_absolute(part, inner_slot, base, kinds)


def _absolute(base: Path, rule: PathRule, value: Any) -> Any:
    """Return a path or a list of paths as absolute; return any other value unchanged."""
    if isinstance(value, list):
        return [_absolute(base, rule, item) for item in value]
    if not isinstance(value, str) or not value or not _is_path(value, rule):
        return value
    return str((base / os.path.expanduser(value)).absolute())


def _is_path(value: str, rule: PathRule) -> bool:
    if rule.when == "file":
        return not names_variable(value)
    local = value.startswith((".", "~", "/"))
    return rule.when == "always" or local or (rule.when == "slash" and "/" in value)
