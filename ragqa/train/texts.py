"""What a model learns from: texts -> those to learn from and those that are held out -> streams of tokens."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ragqa import models
from ragqa.errors import ModelError, UsageError

HELD_OUT_CHARACTERS = 200_000
"""Most of the text that is held out: more would cost time and tell no more."""


def tokenizer_with_end(file: Path) -> Any:
    """Return the tokenizer of a `tokenizer.json` and of the files beside it, as transformers reads them.

    :raises UsageError: it is another file, or cannot be read.
    :raises ModelError: nothing says which token is the end of text.
    """
    if file.name != "tokenizer.json":
        raise UsageError(f"{file} is no tokenizer.json: a model is trained with a tokenizer that has one; name another")
    models.refuse_slow_tokenizer(file)
    try:
        tokenizer = models.load_pretrained("AutoTokenizer", file.parent)
    except ModelError as error:
        raise UsageError(f"{file} is no tokenizer that transformers can read: {error}") from error
    beside = file.parent / "tokenizer_config.json"
    if tokenizer.eos_token_id is None or not beside.is_file():
        raise ModelError(f"{file} has no eos_token, which must stand between texts: name one in {beside}")
    return tokenizer


def stream(texts: Sequence[str], tokenizer: Any) -> Tensor:
    """Return int64[tokens]: the end of text, then each text and the end of text. Nothing in a text is special."""
    tokens = [tokenizer.eos_token_id]
    for text in texts:
        tokens += tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        tokens.append(tokenizer.eos_token_id)
    return torch.tensor(tokens)


def split(texts: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Return the texts to learn from, and those that are held out: whole ones, drawn by the seed, of up to a share of
    the characters. Where none is so short, it is the end of the longest. Empty texts are in neither."""
    texts = [text for text in texts if text]
    room = min(int(share * sum(map(len, texts))), HELD_OUT_CHARACTERS)
    kept: list[str] = []
    held: list[str] = []
    left = room
    for text in random.Random(seed).sample(texts, len(texts)):
        fits = len(text) <= left
        (held if fits else kept).append(text)
        left -= len(text) if fits else 0
    if room and not held:
        longest = max(range(len(kept)), key=lambda number: len(kept[number]))
        held.append(kept[longest][-room:])
        kept[longest] = kept[longest][:-room]
    return kept, held


def digest(texts: Sequence[str]) -> str:
    """Return the SHA-256 of texts in their order."""
    whole = hashlib.sha256()
    for text in texts:
        whole.update(hashlib.sha256(text.encode()).digest())
    return whole.hexdigest()
