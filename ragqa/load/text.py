"""Plain text and Markdown. The text is the whole file, with its front matter, so that offsets refer to the file."""

from __future__ import annotations

import datetime
import json
import math
import re
from typing import Any

import yaml

from ragqa.records import Extracted

FRONT_MATTER_CHARACTERS = 65_536

_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*[\w.-]+[ \t]*:(?:\s|$)")
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
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#*)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")


def plain(text: str) -> Extracted:
    """Return a plain text as it is."""
    return Extracted(text)


def markdown(text: str) -> Extracted:
    """Return a Markdown file as it is, with its title and the metadata in its YAML front matter.

    Scalars and lists of scalars become metadata, dates as ISO strings. `front_matter` is the offset at which the front
    matter ends: it is no text to be split. A fault of the front matter is described in `front_matter_error`. The title
    is that of the front matter, else the first heading, else empty.
    """
    block = _FRONT_MATTER.match(text)
    metadata = _front_matter(block.group(1)) if block else {}
    if block and (metadata.keys() != {"front_matter_error"} or _FIELD.match(block.group(1))):
        metadata["front_matter"] = block.end()
    title = metadata.get("title") or _first_heading(text[block.end() :] if block else text)
    return Extracted(text, " ".join(str(title).split()), metadata=metadata)


def _front_matter(block: str) -> dict[str, Any]:
    if len(block) > FRONT_MATTER_CHARACTERS:
        return {"front_matter_error": f"{len(block):,} characters; at most {FRONT_MATTER_CHARACTERS:,} are read"}
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
    return metadata | ({"front_matter_error": "; ".join(faults)} if faults else {})


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
    try:
        json.dumps(value, default=str, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair, which is no character") from error
    except ValueError as error:
        raise ValueError("a number that is too large") from error
    return value


def _first_heading(text: str) -> str:
    """Return the first heading outside a code fence; empty where there is none."""
    fence = before = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or mark.group(1).startswith(fence)):
            fence = "" if fence else mark.group(1)
        elif not fence and (heading := _HEADING.match(line)) and heading.group(1):
            return heading.group(1)
        elif not fence and before and _UNDERLINE.match(line):
            return before
        before = "" if mark or line.startswith("    ") else line.strip()
    return ""
