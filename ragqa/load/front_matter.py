"""The fields of front matter in YAML or TOML -> metadata."""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from typing import Any

import yaml

from ragqa.markdown import FrontMatter

FRONT_MATTER_CHARACTERS = 65_536

_FIELD = {
    "yaml": re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*[\w.-]+[ \t]*:(?:\s|$)"),
    "toml": re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*(?:[\w.-]+[ \t]*=|\[)"),
}
"""The beginning of a mapping, after blank lines and comments. A block that cannot be read and does not begin so may be
text between two rules."""
_DEPTH = 10
"""The deepest nesting that is read. The time of PyYAML grows with the square of the depth."""
_OPENING = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_REFUSED = {
    yaml.AliasToken: "an anchor or alias is not read",
    yaml.AnchorToken: "an anchor or alias is not read",
    yaml.TagToken: "a tag is not read",
}


def fields(block: FrontMatter) -> dict[str, Any]:
    """Return the scalars and lists of scalars of front matter; faults are under `front_matter_error`."""
    if len(block.fields) > FRONT_MATTER_CHARACTERS:
        return {"front_matter_error": f"{len(block.fields):,} characters; at most {FRONT_MATTER_CHARACTERS:,} are read"}
    return _of_yaml(block.fields) if block.language == "yaml" else _of_toml(block.fields)


def begins_with_field(block: FrontMatter) -> bool:
    """Tell whether a block that cannot be read is front matter with a fault, and not text between two rules."""
    return bool(_FIELD[block.language].match(block.fields))


def _of_toml(text: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        return {"front_matter_error": f"not TOML: {error}"[:300]}
    metadata: dict[str, Any] = {}
    faults = []
    for name, value in found.items():
        try:
            metadata[name] = _plain_list(value) if isinstance(value, list) else _plain_scalar(value)
        except ValueError as error:
            faults.append(f"{name[:80]}: {error}")
    return metadata | _described(faults)


def _described(faults: list[str]) -> dict[str, Any]:
    return {"front_matter_error": "; ".join(faults)} if faults else {}


def _plain_list(values: list[Any]) -> list[Any]:
    return [_plain_scalar(value) for value in values]


def _plain_scalar(value: Any) -> Any:
    """Return a scalar as a plain JSON value.

    :raises ValueError: it is nested, JSON cannot hold it, or no index can store it.
    """
    if isinstance(value, list | dict):
        raise ValueError("nested values are not read")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    _check_storable(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _check_storable(value: Any) -> None:
    """Refuse a value that JSON cannot hold or that no index can store.

    :raises ValueError: with the reason.
    """
    try:
        json.dumps(value, default=str, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair, which is no character") from error
    except ValueError as error:
        raise ValueError("a number that is too large") from error


def _of_yaml(block: str) -> dict[str, Any]:
    try:
        _refuse_references(block)
        return _mapping(yaml.compose(block, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 2}: " if mark else ""
        return {"front_matter_error": f"{where}{error.problem or error.context}"}
    except (yaml.YAMLError, ValueError) as error:
        return {"front_matter_error": f"not YAML: {type(error).__name__}"}


def _refuse_references(block: str) -> None:
    """Refuse aliases, tags and deep nesting. Aliases can make a small file large, and tags can name any type."""
    depth = 0
    for token in yaml.scan(block, Loader=yaml.SafeLoader):
        depth += isinstance(token, _OPENING)
        refused = "nested too deeply" if depth > _DEPTH else _REFUSED.get(type(token))
        if refused:
            raise yaml.MarkedYAMLError(problem=refused, problem_mark=token.start_mark)
        depth -= isinstance(token, yaml.BlockEndToken | yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken)


def _mapping(node: yaml.Node | None) -> dict[str, Any]:
    """Return the keys of the front matter with plain values; faults are under `front_matter_error`."""
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        return {"front_matter_error": "not a mapping of names to values"}
    metadata: dict[str, Any] = {}
    faults = []
    for name, value in node.value:
        key = str(name.value) if isinstance(name, yaml.ScalarNode) else ""
        try:
            if not key:
                raise ValueError("a name must be text")
            if key in metadata:
                raise ValueError("given twice; the first is kept")
            metadata[key] = _plain_value(value)
        except (yaml.YAMLError, ValueError) as error:
            faults.append(f"line {name.start_mark.line + 2}: {key}: {error}")
    return metadata | _described(faults)


def _plain_value(node: yaml.Node) -> Any:
    """Return a scalar or a list of scalars as plain JSON values.

    :raises ValueError: the node is nested deeper.
    """
    if isinstance(node, yaml.ScalarNode):
        value = _constructed(node)
        if isinstance(value, datetime.date):
            return value.isoformat()
        return str(node.value) if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        return [_plain_value(item) for item in node.value]
    raise ValueError("nested values are not read")


def _constructed(node: yaml.ScalarNode) -> Any:
    """Return the value of a scalar by the rules of YAML.

    :raises ValueError: JSON cannot hold it, or no index can store it.
    """
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except OverflowError as error:
        raise ValueError("a number that is too large") from error
    _check_storable(value)
    return value
