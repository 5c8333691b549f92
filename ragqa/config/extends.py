"""`extends`: merges a pipeline file into the file that it extends, key by key."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragqa.config.kinds import Kinds
from ragqa.config.paths import make_absolute
from ragqa.config.reader import MAX_BYTES, Mistake, Source, parse, read
from ragqa.config.slots import SECTIONS, VERSION
from ragqa.errors import ConfigError
from ragqa.files import read_text
from ragqa.messages import nearest

MAX_EXTENDING = 10
"""The most files in a chain of `extends`."""
_MARKS = ("version", "extends")
_MARK_LINE = re.compile(rf"^({'|'.join(_MARKS)})\s*:", re.MULTILINE)
_SECTION_LINE = re.compile(rf"^({'|'.join(SECTIONS)})\s*:", re.MULTILINE)


class _Unusable(Exception):
    """A file cannot be extended; the message is the reason."""


def read_extended(file: Path, kinds: Kinds) -> Source:
    """Read a file and the file that it extends, and merge them.

    Relative paths are relative to the file that contains them. A base that cannot be read is one of the problems; the
    source is then incomplete.

    :raises ConfigError: the file itself cannot be read.
    """
    return _with_base(file, read(file), kinds, ())


def _with_base(file: Path, source: Source, kinds: Kinds, above: tuple[str, ...]) -> Source:
    """Merge a file into the one that it extends. `above` holds the resolved paths of the files that extend this one."""
    make_absolute(source.data, file.absolute().parent, kinds)
    name = source.data.pop("extends", None)
    if name is None:
        return source
    shown = "" if above else f"{name} "  # the content of a base of a base is not quoted
    above = (*above, os.path.realpath(file))
    try:
        if not isinstance(name, str):
            raise _Unusable("must be the path of a pipeline file")
        base_file = file.parent / os.path.expanduser(name)
        base = _read_base(base_file, above, shown)
        return _merge(_with_base(base_file, base, kinds, above), source)
    except _Unusable as fault:
        source.add(Mistake((("extends",),), str(fault)))
    except ConfigError as error:
        source.problems += error.problems
    source.incomplete = True
    return source


def _read_base(file: Path, above: tuple[str, ...], shown: str) -> Source:
    """Read a base. Of a file that is no pipeline file, the error shows no content.

    :raises ConfigError: the base is a pipeline file with mistakes that leave nothing to read.
    """
    try:
        text = read_text(file, MAX_BYTES)
    except FileNotFoundError:
        raise _Unusable(f"no such file: {shown}".rstrip(": ")) from None
    except OSError as error:
        raise _Unusable(f"{shown}cannot be read: {error.strerror}") from None
    if os.path.realpath(file) in above:
        raise _Unusable(f"{shown}extends itself")
    if len(above) > MAX_EXTENDING:
        raise _Unusable(f"more than {MAX_EXTENDING} files extend one another")
    source = Source(str(file))
    try:
        parse(text, source)
    except ConfigError:
        if _MARK_LINE.search(text) and _SECTION_LINE.search(text):
            raise
    if not _is_pipeline(source.data):
        raise _Unusable(f"{shown}is not a pipeline file")
    return source


def _is_pipeline(data: Mapping[str, Any]) -> bool:
    """Tell whether a mapping is meant as a pipeline: it has `version` or `extends`, and a key like a section."""
    others = [key for key in data if key not in _MARKS]
    if not others:
        return bool(data) and type(data.get("version", VERSION)) is int
    like = [name for name in SECTIONS if name != "serve"]  # files of other programs have `services`
    near = any(key in SECTIONS or nearest(key, like, cutoff=0.7) for key in others)
    return near and len(others) < len(data)


def _merge(base: Source, child: Source) -> Source:
    """Merge `child` into `base`, key by key inside a section; a section of another kind replaces the whole section."""
    data = dict(base.data)
    for name, value in child.data.items():
        under = data.get(name)
        same_kind = (
            isinstance(value, dict)
            and isinstance(under, dict)
            and value.get("kind", under.get("kind")) == under.get("kind")
        )
        data[name] = {**under, **value} if same_kind else value  # type: ignore[dict-item]
    positions = {key: at for key, at in base.positions.items() if key[:2] not in child.positions} | child.positions
    faulty = {key for key in base.faulty if key[:2] not in child.positions} | child.faulty
    return Source(child.file, data, positions, [*base.problems, *child.problems], faulty, base.incomplete)
