"""Makes the JSON Schema of a pipeline file from a table of kinds, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from ragqa.config.base import Spec
from ragqa.config.kinds import Kinds
from ragqa.config.slots import OPTIONAL, SECTIONS, SLOTS, VERSION

GRID = {
    "description": "Values that `ragqa tune` tries in turn.",
    "type": "object",
    "properties": {"grid": {"type": "array", "minItems": 1}},
    "required": ["grid"],
    "additionalProperties": False,
}


def json_schema(kinds: Kinds) -> dict[str, Any]:
    """Return the schema (draft 2020-12). A file that extends another may leave out any key."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ragqa pipeline file",
        "type": "object",
        "properties": {"version": {"const": VERSION}, "extends": {"type": "string"}, **{name: {} for name in SECTIONS}},
        "additionalProperties": False,
        "required": ["version"],
        "if": {"required": ["extends"]},
        "then": {"properties": {name: _section(name, kinds, whole=False) for name in SECTIONS}},
        "else": {
            "properties": {name: _section(name, kinds, whole=True) for name in SECTIONS},
            "required": [name for name in SECTIONS if name not in OPTIONAL],
        },
        "$defs": _definitions(kinds),
    }


def _definitions(kinds: Kinds) -> dict[str, Any]:
    """Return the schemas of nested parts, which the schema refers to as `#/$defs/SLOT.KIND`."""
    inner = [kind for slot in SLOTS if slot not in SECTIONS for kind in kinds.of_slot(slot)]
    own = {f"{kind.slot}.{kind.name}": _mapping(kind.spec, kinds) for kind in inner}
    others = [kind.spec.model_json_schema().get("$defs", {}) for kind in kinds]
    return {"Grid": GRID, **own, **{name: schema for each in others for name, schema in each.items()}}


def _section(name: str, kinds: Kinds, *, whole: bool) -> dict[str, Any]:
    free = {key for section, key in kinds.free_keys() if section == name}
    mappings = [_mapping(spec, kinds, free) for spec in kinds.specs(name)]
    if not whole:
        for mapping in mappings:
            mapping.pop("required", None)
    return {"anyOf": mappings} if len(mappings) > 1 else mappings[0]


def _mapping(spec: type[Spec], kinds: Kinds, free: set[str] | None = None) -> dict[str, Any]:
    """Return the schema of a kind. Each value may be a grid, for `ragqa tune`, except those of `free` keys."""
    schema = spec.model_json_schema()
    schema.pop("$defs", None)
    schema["properties"] = {
        key: value if "const" in value or key in (free or ()) else _or_grid(_with_kinds(value, kinds))
        for key, value in schema.get("properties", {}).items()
    }
    return schema


def _with_kinds(value: dict[str, Any], kinds: Kinds) -> dict[str, Any]:
    """Return the schema of a value, in which the placeholder of a `Slot` is replaced by the kinds of the slot."""
    if "items" in value:
        return {**value, "items": _with_kinds(value["items"], kinds)}
    if "slot" not in value:
        return value
    names = kinds.names(value["slot"])
    options: list[dict[str, Any]] = [{"enum": names}] if value["short"] else []
    options += [{"$ref": f"#/$defs/{value['slot']}.{name}"} for name in names]
    options += [{"type": "null"}] if value["optional"] else []
    options = options or [{"not": {}}]  # a table without kinds of this slot: no value is valid
    about = {key: part for key, part in value.items() if key not in ("slot", "short", "optional")}
    return {**about, "anyOf": options}


def _or_grid(value: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {key: value[key] for key in ("title", "description", "default") if key in value}
    alone = {key: part for key, part in value.items() if key not in about}
    return {**about, "anyOf": [alone, {"$ref": "#/$defs/Grid"}]}
