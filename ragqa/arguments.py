"""Checks of arguments at the public functions of the package. An error names the given value and the valid ones.

A value of the wrong type raises `UsageTypeError`, and a value out of range `UsageError`. Both are `ValueError`s; the
first is also a `TypeError`.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ragqa.errors import UsageError, UsageTypeError

AnyPath = str | os.PathLike[str]


def wrong_type(name: str, value: Any, wanted: str) -> UsageTypeError:
    """Return the error for a value of the wrong type."""
    return UsageTypeError(f"{name}: got {kind(value)}; pass {wanted}")


def kind(value: Any) -> str:
    """Return the name of a value's type, for errors."""
    return "None" if value is None else type(value).__name__


def text(value: Any, name: str, wanted: str = "a string") -> str:
    """Return a value that must be a string.

    :raises UsageTypeError: the value has another type.
    """
    if not isinstance(value, str):
        raise wrong_type(name, value, wanted)
    return value


def is_unicode(value: str) -> bool:
    """Tell whether a string is text that UTF-8 can hold: it has no half of a surrogate pair.

    Python gives such a half for each byte of a file's name or of an argument that is not UTF-8.
    """
    return not any("\ud800" <= character <= "\udfff" for character in value)


def items(value: Any, name: str, wanted: str) -> list[Any]:
    """Return the items of a list, a tuple or another iterable, in its order.

    A string is refused, and not taken as a list of its letters. A mapping or a set is refused, since its order is not
    chosen by the caller.

    :raises UsageTypeError: the value has another type.
    """
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | bytearray | Mapping | set | frozenset):
        raise wrong_type(name, value, wanted)
    return list(value)


def texts(value: Any, name: str, wanted: str) -> list[str]:
    """Return a list of strings.

    :raises UsageTypeError: the value is not a list, or contains other values than strings.
    """
    return [text(item, f"{name}[{i}]") for i, item in enumerate(items(value, name, wanted))]


def set_values(value: Any) -> list[str]:
    """Return overrides of a pipeline file, each in the form `section.key=value`.

    :raises UsageTypeError: the value is not a list of strings.
    """
    return texts(value, "overrides", "a list of strings such as ['retrieve.top_k=3']")


def whole(value: Any, name: str, least: int = 1) -> int:
    """Return a whole number.

    :raises UsageTypeError: the value is not a whole number, or is a bool.
    :raises UsageError: the value is less than `least`.
    """
    wanted = f"a whole number, {least} or more"
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise wrong_type(name, value, wanted)
    number = operator.index(value)
    if number < least:
        raise UsageError(f"{name}: got {number}; pass {wanted}")
    return number


def path(value: Any, name: str = "path") -> Path:
    """Return a path with `~` expanded.

    :raises UsageTypeError: the value is neither a str nor a Path.
    :raises UsageError: the path is empty, or contains a NUL.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(given := os.fspath(value), str):
        raise wrong_type(name, value, "a str or a Path")
    if not given or "\0" in given:
        raise UsageError(f"{name}: got {given!r}; pass the path of a file or a folder")
    return Path(os.path.expanduser(given))


def paths(value: Any, name: str) -> list[Path]:
    """Return a list of paths.

    :raises UsageTypeError: the value is not a list, or contains other values than paths.
    """
    wanted = "a list of paths, each a str or a Path"
    if isinstance(value, os.PathLike):
        raise wrong_type(name, value, wanted)
    return [path(item, f"{name}[{i}]") for i, item in enumerate(items(value, name, wanted))]
