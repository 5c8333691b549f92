"""Values in a PDF, as the format allows them: in place, or by a reference to them."""

from __future__ import annotations

from typing import Any

from pypdf.generic import DictionaryObject, NameObject, NullObject, StreamObject


def resolved(value: Any) -> Any:
    """Return what a reference refers to, or the value itself; None for PDF's null."""
    value = value.get_object() if hasattr(value, "get_object") else value
    return None if isinstance(value, NullObject) else value


def entry(dictionary: DictionaryObject, key: str) -> Any:
    """Return an entry of a dictionary, without a reference; None where there is none."""
    return resolved(dictionary.get(key))


def string(value: Any) -> str:
    """Return a value as text on one line; empty where it is neither a string, nor a name, nor a stream with text."""
    value = resolved(value)
    if isinstance(value, StreamObject):
        value = value.get_data()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, NameObject):
        value = value.removeprefix("/")
    return " ".join(value.split()) if isinstance(value, str) else ""


def number(value: Any) -> int:
    """Return a value as a number; 0 where it is none."""
    value = resolved(value)
    return value if isinstance(value, int) else 0
