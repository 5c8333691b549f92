"""YAML. The text is made from the values, as that of JSON: every value is a line `path: value`.

No value is constructed: scalars are texts as they are written, so that no tag can name a type of Python. An alias is the
value of its anchor. The structure is built from the parser's events, without recursion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ragqa.errors import RejectedError
from ragqa.load.json_records import Fields, records
from ragqa.load.text import as_text
from ragqa.records import Extracted

_DEPTH = 50
"""The deepest nesting that is read."""
_EXPANDED = 10
"""The most values with aliases, for each value that the file itself has."""
_LEAST_EXPANDED = 10_000
_NULL = ("", "~", "null", "Null", "NULL")
_CORE = "tag:yaml.org,2002:"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def extract(text: str) -> Extracted:
    """Return a YAML file as text. Each of several documents is a record, as is each object in an array of objects.

    `<<` merges the keys of another mapping, as most programs do. A tag of one's own is part of the value (`!Ref Bucket`)
    or of the path. Metadata: those of JSON, and `not_read` with the numbers of comments and of binary values. A file that is
    not YAML, such as a template, is read as text.

    :raises RejectedError: the file is nested too deeply, has an alias inside its own anchor, or aliases that
        make a large text of a small file.
    """
    not_read: Counter[str] = Counter()
    plain = text.removeprefix("\ufeff")
    try:
        values = [document for document in _documents(plain, not_read) if document[1] is not None]
        not_read["comments"] = _comments(plain)
    except RejectedError:  # which is a ValueError
        raise
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        return as_text(text, f"{where}not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return as_text(text, f"not YAML: {error}")
    if not values:
        raise RejectedError("no value: only comments")
    return records(plain, values, not_read)


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not come yet.

    :param size: the number of values in it, with those of aliases.
    """

    value: Any
    tag: str
    anchor: str | None
    size: int = 1
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Builds the value of one document from its events."""

    not_read: Counter[str]
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int] | None] = field(default_factory=dict)
    """By name: the value and its size; None while the anchored value is still open."""
    own: int = 0
    value: Any = None

    def take(self, event: Any, kind: type[Any]) -> None:
        """Take the next event of the document."""
        if issubclass(kind, yaml.ScalarEvent):
            self.own += 1
            value = self._scalar(event)
            self._anchor(event.anchor, value, 1)
            self._add(value, 1)
        elif issubclass(kind, yaml.AliasEvent):
            known = self.anchors.get(event.anchor)
            if known is None:
                what = "inside its own anchor" if event.anchor in self.anchors else "without an anchor"
                raise RejectedError(f"line {_line(event)}: an alias {what}: {event.anchor[:80]}")
            self._add(*known)
        elif issubclass(kind, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self.own += 1
            if len(self.open) >= _DEPTH:
                raise RejectedError(f"line {_line(event)}: nested too deeply")
            if event.anchor:
                self.anchors[event.anchor] = None
            value = Fields() if kind is yaml.MappingStartEvent else []
            self.open.append(_Open(value, _own_tag(event.tag), event.anchor))
        else:
            self._close()

    def _close(self) -> None:
        """End the innermost mapping or sequence."""
        ended = self.open.pop()
        if ended.size > max(_LEAST_EXPANDED, _EXPANDED * self.own):
            raise RejectedError(f"more than {ended.size:,} values with aliases, of {self.own:,} in the file: a bomb?")
        value = _merged(ended.value) if isinstance(ended.value, Fields) else ended.value
        value = Fields([(ended.tag, value)]) if ended.tag else value
        self._anchor(ended.anchor, value, ended.size)
        self._add(value, ended.size)

    def _anchor(self, name: str | None, value: Any, size: int) -> None:
        if name:
            self.anchors[name] = value, size

    def _add(self, value: Any, size: int) -> None:
        """Add a complete value to the innermost mapping or sequence; in a mapping, every other one is a key."""
        if not self.open:
            self.value = value
            return
        inner = self.open[-1]
        inner.size += size
        if not isinstance(inner.value, Fields):
            inner.value.append(value)
        elif inner.key is None:
            inner.key = _key(value)
        else:
            inner.value.append((inner.key, value))
            inner.key = None

    def _scalar(self, event: Any) -> Any:
        """Return a scalar as it is written; None for the null of YAML."""
        plain = event.style in (None, "")
        tag = event.tag or ""
        if tag == f"{_CORE}binary":
            self.not_read["binary values"] += 1
            return "(binary)"
        own = _own_tag(tag)
        if own:
            return f"{own} {event.value}".strip()
        if plain and not tag and event.value in _NULL:
            return None
        if plain and event.value.lower() in ("true", "false"):
            return event.value.lower() == "true"
        return event.value


def _documents(text: str, not_read: Counter[str]) -> Iterator[tuple[int, Any]]:
    """Yield the line and the value of each document."""
    builder, line = _Builder(not_read), 1
    event: Any
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.DocumentStartEvent):
            builder, line = _Builder(not_read), _line(event)
        elif isinstance(event, yaml.DocumentEndEvent):
            yield line, builder.value
        elif isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            builder.take(event, type(event))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _comments(text: str) -> int:
    """Return the number of comments: number signs between the tokens."""
    if "#" not in text:
        return 0
    count = end = 0
    token: Any
    for token in yaml.scan(text, Loader=_LOADER):
        count += text.count("#", end, token.start_mark.index) and sum(
            1 for line in text[end : token.start_mark.index].splitlines() if line.lstrip().startswith("#")
        )
        end = max(end, token.end_mark.index)
    return count


def _own_tag(tag: str | None) -> str:
    """Return a tag that is none of YAML's own, as it is written."""
    return "" if not tag or tag == "!" or tag.startswith(_CORE) else tag


def _key(value: Any) -> str:
    """Return a key as text; the parts of a key that is a sequence or mapping are on one line."""
    if isinstance(value, list):
        parts = [each for pair in value for each in (pair if isinstance(pair, tuple) else (pair,))]
        return ", ".join(str(part) for part in parts[:20] if isinstance(part, str))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else value


def _merged(fields: Fields) -> Fields:
    """Return a mapping with the keys of those that `<<` names, where it has not the same keys itself."""
    if not any(name == "<<" for name, _ in fields):
        return fields
    own = {name for name, _ in fields}
    merged = Fields()
    for name, value in fields:
        others = value if name == "<<" and isinstance(value, list) and not isinstance(value, Fields) else [value]
        if name != "<<" or not all(isinstance(other, Fields) for other in others):
            merged.append((name, value))
            continue
        for other in others:
            merged += [pair for pair in other if pair[0] not in own]
            own |= {pair[0] for pair in other}
    return merged
