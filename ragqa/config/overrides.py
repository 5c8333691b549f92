"""`--set section.key=value`: sets one key of a section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragqa.config import grid
from ragqa.config.kinds import Kinds
from ragqa.config.paths import make_absolute
from ragqa.config.reader import Key, Source, parse
from ragqa.config.slots import OPTIONAL, SECTIONS
from ragqa.errors import ConfigError, Problem


def override(source: Source, text: str, kinds: Kinds) -> None:
    """Set a key of a source by `section.key=value`, the value read as YAML; mistakes are added to its problems.

    A relative path is relative to the working folder. Setting another kind drops the keys that only the old kind has.
    """
    name, equals, value = text.partition("=")
    key: Key = tuple(name.split("."))
    where = f"--set {text}"
    if text in (f"{section}=null" for section in OPTIONAL):
        source.data.pop(name, None)
        return
    if not equals or len(key) != 2 or key[0] not in SECTIONS:
        message = f"must be section.key=value with a section of {', '.join(SECTIONS)}"
        source.problems.append(Problem(where, 1, 1, "", message))
        return
    given = Source(where)
    try:
        parse(f"value: {value}", given)
    except ConfigError as error:
        source.problems.extend(error.problems)
        return
    source.problems.extend(given.problems)
    _set(source, str(key[0]), str(key[1]), given, kinds)
    source.positions = {known: at for known, at in source.positions.items() if known[:2] != key}
    source.positions[key] = (where, 1, 1)
    source.faulty = {faulty for faulty in source.faulty if faulty[:2] != key} | ({key} if given.faulty else set())


def _set(source: Source, section: str, field: str, given: Source, kinds: Kinds) -> None:
    value = given.data["value"]
    under = source.data.get(section)
    kind = value if field == "kind" else under.get("kind") if isinstance(under, dict) else None
    block = {section: {"kind": kind, field: value}}
    make_absolute(block, Path.cwd(), kinds)
    if field == "kind" and isinstance(under, dict) and under.get("kind") != value:
        source.data[section] = _common(section, under, grid.values(value), kinds)
    source.data.setdefault(section, {})
    if isinstance(source.data[section], dict):
        source.data[section][field] = block[section][field]


def _common(section: str, block: Mapping[str, Any], names: Sequence[Any], kinds: Kinds) -> dict[str, Any]:
    """Return the keys that a section keeps when its kind is set: none for another kind; for a grid, the common keys."""
    if block.get("kind") not in names:
        return {}
    fields = [set(kind.spec.model_fields) for kind in kinds.of_slot(section) if kind.name in names]
    return {
        key: value for key, value in block.items() if len(fields) == len(names) and key in set.intersection(*fields)
    }
