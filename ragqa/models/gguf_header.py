"""The metadata at the head of a GGUF file, read without its tensors or vocabulary."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ragqa.errors import ModelError

# GGUF value types, as in the format's specification: number -> struct code. 8 is a string, 9 an array.
_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


def read_header(path: Path) -> dict[str, str | int | float]:
    """Return the string and number fields that stand before the first array (the vocabulary), by key.

    Reads a few hundred bytes: the `gguf` package would parse every field and tensor (2 s for a 135M model).

    :raises ModelError: the file is not GGUF, or ends inside its header.
    """
    with path.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise ModelError(f"{path} is not a GGUF file: it must start with the bytes GGUF")
        try:
            return _fields(stream)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise ModelError(f"{path} is damaged: its GGUF header cannot be read; download it again") from error


def _fields(stream: BinaryIO) -> dict[str, str | int | float]:
    _version, _tensors, count = (_scalar(stream, code) for code in "IQQ")
    fields: dict[str, str | int | float] = {}
    for _ in range(int(count)):
        key, kind = _string(stream), int(_scalar(stream, "I"))
        if kind == _ARRAY and key.startswith("tokenizer."):
            break
        if kind == _ARRAY:
            _skip_array(stream)
        else:
            fields[key] = _value(stream, kind)
    return fields


def _value(stream: BinaryIO, kind: int) -> str | int | float:
    return _string(stream) if kind == _STRING else _scalar(stream, _SCALARS[kind])


def _scalar(stream: BinaryIO, code: str) -> int | float:
    value: int | float = struct.unpack("<" + code, stream.read(struct.calcsize("<" + code)))[0]
    return value


def _string(stream: BinaryIO) -> str:
    size = int(_scalar(stream, "Q"))
    # A longer one is a damaged length: reading it would fill the memory.
    if size > 1 << 20:
        raise KeyError(size)
    return stream.read(size).decode()


def _skip_array(stream: BinaryIO) -> None:
    kind, count = int(_scalar(stream, "I")), int(_scalar(stream, "Q"))
    for _ in range(count):
        _value(stream, kind)
