"""The metadata at the start of a GGUF file, read without its tensors or vocabulary."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ragqa.errors import ModelError
from ragqa.files import open_regular

# GGUF value types, as in the format's specification: number -> struct code. 8 is a string, 9 an array.
_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_SPECIAL_TYPES = (2, 3)
"""The types of unknown and of control tokens."""
_MOST_FIELDS, _MOST_ITEMS = 10_000, 4_000_000


def read_header(path: Path) -> dict[str, str | int | float]:
    """Return the string and number fields before the first array (the vocabulary), by key.

    Reads a few hundred bytes: the `gguf` package would parse every field and tensor (2 s for a 135M model).

    :raises ModelError: the file is not GGUF, or ends within its header.
    """
    with _opened(path) as stream:
        if stream.read(4) != b"GGUF":
            raise ModelError(f"{path} is not a GGUF file: it must start with the bytes GGUF")
        return _fields(stream)


def chat_template(path: Path) -> str:
    """Return the chat template of a GGUF file, which is usually after the vocabulary; empty if there is none.

    :raises ModelError: the file is damaged.
    """
    with _opened(path) as stream:
        stream.seek(4)
        return str(_fields(stream, past_vocabulary=True).get("tokenizer.chat_template", ""))


def special_tokens(path: Path) -> list[str]:
    """Return the special tokens in the vocabulary of a GGUF file (0.1 to 0.3 s); none if it does not tell types.

    :raises ModelError: the file is damaged.
    """
    with _opened(path) as stream:
        stream.seek(4)
        arrays = _arrays(stream, {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type"})
    tokens, types = (arrays.get(f"tokenizer.ggml.{name}", []) for name in ("tokens", "token_type"))
    return [str(token) for token, kind in zip(tokens, types, strict=False) if kind in _SPECIAL_TYPES]


def tensor_count(path: Path) -> int:
    """Return the number of tensors that a GGUF file declares; at most as many as can fit into the file.

    :raises ModelError: the file ends within its header.
    """
    with _opened(path) as stream:
        stream.seek(8)
        return min(int(_scalar(stream, "Q")), path.stat().st_size)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Yield the open file. The caller reads the header in the `with` block.

    :raises ModelError: the file cannot be opened, or its header is damaged.
    """
    try:
        stream = open_regular(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        try:
            yield stream
        except (struct.error, ValueError, KeyError, OverflowError, OSError) as error:
            raise ModelError(f"{path} is damaged: its GGUF header cannot be read; download it again") from error


def _fields(stream: BinaryIO, *, past_vocabulary: bool = False) -> dict[str, str | int | float]:
    """Read the string and number fields; stop at the vocabulary, or skip it with `past_vocabulary`."""
    _version, _tensors, count = (_scalar(stream, code) for code in "IQQ")
    fields: dict[str, str | int | float] = {}
    for _ in range(_bounded(count, _MOST_FIELDS)):
        key, kind = _string(stream), int(_scalar(stream, "I"))
        if kind == _ARRAY and key.startswith("tokenizer.") and not past_vocabulary:
            break
        if kind == _ARRAY:
            _skip_array(stream)
        else:
            fields[key] = _value(stream, kind)
    return fields


def _arrays(stream: BinaryIO, wanted: set[str]) -> dict[str, list[str | int | float]]:
    """Read the arrays of these keys."""
    _version, _tensors, count = (_scalar(stream, code) for code in "IQQ")
    arrays: dict[str, list[str | int | float]] = {}
    for _ in range(_bounded(count, _MOST_FIELDS)):
        key, kind = _string(stream), int(_scalar(stream, "I"))
        if kind == _ARRAY and key in wanted:
            item, size = int(_scalar(stream, "I")), int(_scalar(stream, "Q"))
            arrays[key] = [_value(stream, item) for _ in range(_bounded(size, _MOST_ITEMS))]
        elif kind == _ARRAY:
            _skip_array(stream)
        else:
            _value(stream, kind)
        if len(arrays) == len(wanted):
            break
    return arrays


def _value(stream: BinaryIO, kind: int) -> str | int | float:
    return _string(stream) if kind == _STRING else _scalar(stream, _SCALARS[kind])


def _scalar(stream: BinaryIO, code: str) -> int | float:
    value: int | float = struct.unpack("<" + code, stream.read(struct.calcsize("<" + code)))[0]
    return value


def _string(stream: BinaryIO) -> str:
    size = int(_scalar(stream, "Q"))
    # A greater length is damaged: reading so much would fill the memory.
    if size > 1 << 20:
        raise KeyError(size)
    return stream.read(size).decode()


def _skip_array(stream: BinaryIO) -> None:
    kind, count = int(_scalar(stream, "I")), int(_scalar(stream, "Q"))
    if kind in _SCALARS:
        stream.seek(count * struct.calcsize("<" + _SCALARS[kind]), os.SEEK_CUR)
        return
    for _ in range(_bounded(count, _MOST_ITEMS)):
        _value(stream, kind)


def _bounded(count: float, most: int) -> int:
    if count > most:  # the count is damaged: reading so many would take too long
        raise KeyError(count)
    return int(count)
