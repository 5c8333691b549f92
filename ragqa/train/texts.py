"""The data of a training: texts -> training texts and held-out texts -> streams of tokens."""

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
"""The most text to hold out. More would cost time and make the loss hardly more precise."""


def tokenizer_with_end(file: Path) -> Any:
    """Return the tokenizer of a `tokenizer.json` and of the files beside it, as transformers reads them.

    :raises UsageError: the file is not a tokenizer, or cannot be read.
    :raises ModelError: the end-of-text token is not given.
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
    """Return int64[tokens]: the end of text, then each text followed by the end of text.

    No part of a text is tokenised to a special token.
    """
    tokens = [tokenizer.eos_token_id]
    for text in texts:
        tokens += tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        tokens.append(tokenizer.eos_token_id)
    return torch.tensor(tokens)


def split(texts: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Return the training texts and the held-out texts.

    Whole texts are held out, drawn by the seed, up to a share of all characters. If no text is short enough, the end of
    the longest text is held out. Empty texts are left out.
    """
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
