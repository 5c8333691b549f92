"""The JSON Schema of a pipeline file, made from the specs, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from ragqa.config.base import Spec
from ragqa.config.grid import FREE
from ragqa.config.specs import KINDS, OPTIONAL, VERSION

GRID = {
    "description": "Values that `ragqa tune` tries in turn.",
    "type": "object",
    "properties": {"grid": {"type": "array", "minItems": 1}},
    "required": ["grid"],
    "additionalProperties": False,
}


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12). A file that extends another may leave out any key."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ragqa pipeline file",
        "type": "object",
        "properties": {"version": {"const": VERSION}, "extends": {"type": "string"}, **{name: {} for name in KINDS}},
        "additionalProperties": False,
        "required": ["version"],
        "if": {"required": ["extends"]},
        "then": {"properties": {name: _section(name, whole=False) for name in KINDS}},
        "else": {
            "properties": {name: _section(name, whole=True) for name in KINDS},
            "required": [name for name in KINDS if name not in OPTIONAL],
        },
        "$defs": _definitions(),
    }


def _definitions() -> dict[str, Any]:
    """Return the mappings inside sections, to which `#/$defs/NAME` refers from the root of the whole schema."""
    schemas = [kind.model_json_schema() for kinds in KINDS.values() for kind in kinds]
    inner = {name: schema for each in schemas for name, schema in each.get("$defs", {}).items()}
    return {"Grid": GRID, **{name: _with_grids(schema) for name, schema in inner.items()}}


def _section(name: str, *, whole: bool) -> dict[str, Any]:
    kinds = [kind.model_json_schema() for kind in KINDS[name]]
    for kind in kinds:
        kind.pop("$defs", None)
        if not whole:
            kind.pop("required", None)
    kinds = [_with_grids(kind, name) for kind in kinds]
    return {"anyOf": kinds} if len(kinds) > 1 else kinds[0]


def _with_grids(mapping: dict[str, Any], section: str = "") -> dict[str, Any]:
    """Return a mapping's schema in which each value may be a grid, for `ragqa tune`."""
    properties = {
        key: value if "const" in value or (section, key) in FREE else _or_grid(value)
        for key, value in mapping.get("properties", {}).items()
    }
    return {**mapping, "properties": properties}


def _or_grid(value: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {key: value[key] for key in ("title", "description", "default") if key in value}
    alone = {key: part for key, part in value.items() if key not in about}
    return {**about, "anyOf": [alone, {"$ref": "#/$defs/Grid"}]}


def inner_specs(spec: type[BaseModel], field: str) -> list[type[Spec]]:
    """Return the kinds of spec that a field of a section may hold; none for most."""
    pending, found = [spec.model_fields[field].annotation], []
    while pending:
        annotation: Any = pending.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, Spec):
            found.append(annotation)
        pending += get_args(annotation)
    return found
