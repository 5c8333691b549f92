"""The strict YAML reader: text -> plain data with the position of every key and value, or every mistake at once.

It reads only the YAML that a pipeline file needs: mappings, sequences and scalars. Tags, aliases, merges and duplicate
keys are mistakes; no Python object is constructed from a name in the file.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ragqa.errors import ConfigError, Problem
from ragqa.files import read_text

MAX_BYTES = 1_000_000
"""The largest pipeline file that is read."""
MAX_DEPTH = 20
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")

Key = tuple[str | int, ...]


class Mistake(NamedTuple):
    """A fault that concerns one or several keys; it is reported at the first of them."""

    keys: tuple[Key, ...]
    message: str


@dataclass(slots=True)
class Source:
    """A file that was read: its data, the position of each key path (1-based), and its problems.

    `faulty` holds the keys whose values are not known, because the file has a mistake there. An `incomplete` file
    extends one that could not be read, so keys that are missing may be set there.
    """

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    positions: dict[Key, tuple[str, int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    faulty: set[Key] = field(default_factory=set)
    incomplete: bool = False

    def add(self, *mistakes: Mistake) -> None:
        """Add mistakes to the problems, except those about faulty keys; mark the keys of all as faulty."""
        self.problems += [
            self.problem(found.keys[0], found.message) for found in mistakes if not self.is_faulty(found.keys)
        ]
        self.faulty.update(key for found in mistakes for key in found.keys)

    def is_faulty(self, keys: Iterable[Key]) -> bool:
        """Tell whether the value of one of these keys is unknown, wholly or in part."""
        return any(_one_within_the_other(key, faulty) for key in keys for faulty in self.faulty)

    def problem(self, key: Key, message: str) -> Problem:
        """Return a problem at the position of `key`, or of the nearest key above it that has a position."""
        known = key
        while known and known not in self.positions:
            known = known[:-1]
        file, line, column = self.positions.get(known, (self.file, 1, 1))
        return Problem(file, line, column, dotted(key), message)


def _one_within_the_other(a: Key, b: Key) -> bool:
    length = min(len(a), len(b))
    return a[:length] == b[:length]


def dotted(key: Key) -> str:
    """Return a key path as text: `load.include[0]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: Path) -> Source:
    """Read a file; its mistakes are in `Source.problems`.

    :raises ConfigError: the file is not there, no regular file, not UTF-8, too large, or not YAML.
    """
    source = Source(str(path))
    try:
        text = read_text(path, MAX_BYTES)
    except OSError as error:
        prefix = "" if error.errno in (errno.EFBIG, errno.EILSEQ) else "cannot be read: "
        raise _fatal(source, f"{prefix}{error.strerror}") from None
    parse(text, source)
    return source


def parse(text: str, source: Source) -> None:
    """Fill `source` from YAML text."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = "" if isinstance(error, _TooDeep) else "not YAML: "
        message = f"{what}{error.problem or error.context}{_began(error, mark)}"
        raise ConfigError([*source.problems, Problem(source.file, *where, "", message)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _fatal(source, f"not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(node, yaml.MappingNode):
        raise _fatal(source, "a pipeline file is a mapping of sections such as `load:` and `split:`")
    source.data = _value(node, (), source)


def _began(error: yaml.MarkedYAMLError, mark: yaml.Mark | None) -> str:
    """Return what was being read and where it begins, if that is another line than the one of the error."""
    began = error.context_mark
    if not error.problem or not error.context or not began or not mark or began.line == mark.line:
        return ""
    return f" {error.context} that begins at {began.line + 1}:{began.column + 1}"


def _fatal(source: Source, message: str) -> ConfigError:
    return ConfigError([*source.problems, Problem(source.file, 1, 1, "", message)])


class _Alias(yaml.ScalarNode):
    """The placeholder of an alias. Aliases are never resolved: one may refer to itself or expand to a huge value."""


class _TooDeep(yaml.MarkedYAMLError):
    """The file is nested more deeply than a pipeline file needs."""


class _Loader(yaml.SafeLoader):
    """Composes nodes of bounded depth, without aliases."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            return _Alias("alias", event.anchor, event.start_mark, event.end_mark)
        nests = self.check_event(yaml.CollectionStartEvent)
        self.depth += nests
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _TooDeep(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= nests
        return node


def _value(node: yaml.Node, key: Key, source: Source) -> Any:
    source.positions.setdefault(key, (source.file, node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, _Alias):
        source.add(Mistake((key,), f"alias *{node.value} is not allowed; write the value out"))
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, source)
    if isinstance(node, yaml.SequenceNode):
        _refuse_tag(node, key, source)
        return [_value(item, (*key, i), source) for i, item in enumerate(node.value)]
    return _scalar(node, key, source)


def _mapping(node: yaml.MappingNode, key: Key, source: Source) -> dict[str, Any]:
    _refuse_tag(node, key, source)
    data: dict[str, Any] = {}
    for name_node, value_node in node.value:
        here = (name_node.start_mark.line + 1, name_node.start_mark.column + 1)
        if not isinstance(name_node, yaml.ScalarNode) or not name_node.tag.endswith((":str", ":int", ":bool")):
            message = "merge keys (<<) are not allowed" if name_node.tag.endswith(":merge") else "a key must be a word"
            source.problems.append(Problem(source.file, *here, dotted(key), message))
            continue
        name = name_node.value
        path = (*key, name)
        if name in data:
            first = source.positions[path][1]
            source.problems.append(Problem(source.file, *here, dotted(path), f"duplicate key; first on line {first}"))
            continue
        source.positions[path] = (source.file, *here)
        data[name] = _value(value_node, path, source)
    return data


def _scalar(node: yaml.Node, key: Key, source: Source) -> Any:
    _refuse_tag(node, key, source)
    if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary", "tag:yaml.org,2002:value"):
        return node.value  # a date is read as text
    if _is_in_another_base(node):
        message = f"{shown(node.value)} is a number that YAML reads in another base; write it in decimal, or quote it"
        _blame(node, key, source, message)
        return node.value  # `int` takes minutes for a very long number
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError):
        return node.value


def _is_in_another_base(node: yaml.Node) -> bool:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    return (kind == "int" and not _DECIMAL.fullmatch(node.value)) or (kind == "float" and ":" in node.value)


def shown(value: Any) -> str:
    """Return a value as text for a message; a long text is cut."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse_tag(node: yaml.Node, key: Key, source: Source) -> None:
    """Add a problem where a node has an explicit tag. Without one, the tag is a core type of yaml.org."""
    core = ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "value", "merge")
    if node.tag.removeprefix("tag:yaml.org,2002:") not in core:
        _blame(node, key, source, f"tag {node.tag!r} is not allowed; nothing is ever built from a tag")


def _blame(node: yaml.Node, key: Key, source: Source, message: str) -> None:
    """Add a problem at the position of a value."""
    where = (node.start_mark.line + 1, node.start_mark.column + 1)
    source.problems.append(Problem(source.file, *where, dotted(key), message))
    source.faulty.add(key)
