"""Refuses a model's folder that would make a library take too long or fill the memory.

The folder of a model is untrusted data. Its config.json is compared with its weights. Its tokenizer is tried out in the
sandbox before it reads a document. Its chat template is run in the sandbox only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragqa.errors import ModelError, RefusedError, RejectedError, TooSlowError
from ragqa.files import open_regular, read_regular
from ragqa.models import memo
from ragqa.models.chat import ChatTemplate
from ragqa.models.gguf_header import chat_template, read_header, tensor_count
from ragqa.models.trial import sandbox

JSON_BYTES = 50_000_000
"""The most bytes of a JSON file of a model that is read; a tokenizer may be larger."""
TOKENIZER_BYTES = 500_000_000
_HEADER_BYTES = 100_000_000
_SHA256 = re.compile("[0-9a-f]{64}")
_LAYERS = re.compile(r"layers?$")
_OTHERS = re.compile(r"(heads?|experts?|labels?|blocks?|groups?|stages?|\(blocks\))$")
_TOKENS = re.compile(r"(token|id)s?$")
_MOST_OTHERS = 10_000
_TRIAL = "3"
"""The version of the trial of tokenizers. After a change of it, tokenizers are tried again."""


def refuse_unlikely(folder: Path, config: dict[str, Any]) -> None:
    """Refuse counts in a config that do not fit the weights. Libraries make as many parts as these counts say.

    :param config: the content of config.json.
    :raises ModelError: a count of layers exceeds the number of weights, or another count is impossibly large.
    """
    for path in folder.glob("*.safetensors"):
        if not path.is_file():
            raise ModelError(f"{path} is not a regular file: not a sound model")
    weights = sum(map(_tensors, folder.glob("*.safetensors")))
    for key, count in _counts(config):
        if weights and _LAYERS.search(key) and count > weights:
            raise ModelError(
                f"{folder / 'config.json'}: {key} is {count:,}, but there are {weights:,} weights: not a sound model"
            )
        if (_OTHERS.search(key) or _LAYERS.search(key)) and count > _MOST_OTHERS:
            raise ModelError(
                f"{folder / 'config.json'}: {key} is {count:,}; at most {_MOST_OTHERS:,}: not a sound model"
            )


def refuse_unsound_gguf(path: Path) -> None:
    """Refuse a GGUF file with impossible counts, or with a chat template that takes too long.

    :raises ModelError: the file has more layers than tensors, or is damaged.
    :raises RefusedError: its chat template cannot be run.
    """
    header = read_header(path)
    layers = header.get(f"{header.get('general.architecture')}.block_count", 0)
    tensors = tensor_count(path)
    if isinstance(layers, int) and not 0 <= layers <= tensors:
        raise ModelError(f"{path}: block_count is {layers:,}, but there are {tensors:,} tensors: not a sound model")
    key = f"{_TRIAL} {memo.stamp(path)}"
    if memo.recall("gguf", key) != "sound":
        if template := chat_template(path):
            ChatTemplate(template, {"bos_token": "<s>", "eos_token": "</s>"}, str(path)).render()
        memo.keep("gguf", key, "sound")


def refuse_altered_blobs(folder: Path) -> None:
    """Refuse files of the hub's cache that have changed since their download. Their names are their hashes.

    :raises ModelError: a file has changed; the message names it.
    """
    for path in folder.iterdir():
        blob = path.resolve().name
        if path.is_symlink() and _SHA256.fullmatch(blob) and not memo.has_sha256(path, blob):
            raise ModelError(
                f"{path} is damaged (its SHA-256 is not {blob}): remove {path.resolve()} and pull the model again"
            )


def refuse_slow_tokenizer(file: Path) -> None:
    """Refuse a tokenizer that takes too long, or too much memory, for a short text. It is tried once, in the sandbox.

    :raises RefusedError: the tokenizer takes too long or too much memory.
    :raises ModelError: the tokenizer cannot be read.
    """
    try:
        data = read_regular(file, TOKENIZER_BYTES)
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from error
    key = f"{_TRIAL} {memo.remembered_sha256(file)}"
    if memo.recall("tokenizers", key) == "sound":
        return
    try:
        found = sandbox().call("ragqa.models.untrusted:try_tokenizer", data)
    except RejectedError as error:
        what = "takes too long" if isinstance(error, TooSlowError) else str(error)
        raise RefusedError(f"{file}: the tokenizer on short texts: {what}: refused; use another model") from error
    memo.keep("tokenizers", key, found)


def _tensors(path: Path) -> int:
    """Return the number of weights in a safetensors file; 0 if its header cannot be read.

    Loading then raises an error.
    """
    try:
        with open_regular(path) as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length <= _HEADER_BYTES else {}
        return len(header)
    except (OSError, ValueError, RecursionError):
        return 0


def _counts(config: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the numbers of a config with their keys, also of nested configs. Numbers in a list are counts of blocks."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _counts(value)
        elif isinstance(value, list) and not _TOKENS.search(key):
            yield from ((f"{key} (blocks)", _whole(number)) for number in value if _is_number(number))
        elif _is_number(value):
            yield str(key), _whole(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(number: float) -> int:
    return int(min(number, 1e300)) if number == number else 0
