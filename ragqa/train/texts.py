"""What a model learns from: texts -> those to learn from and those that are held out -> streams of tokens."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer

from ragqa.errors import ModelError

HELD_OUT_CHARACTERS = 200_000
"""Most of the text that is held out: more would cost time and tell no more."""


def load_tokenizer(path: Path) -> Any:
    """Return the tokenizer of a folder.

    :raises ModelError: there is none, or it has no end of text.
    """
    if not (path / "tokenizer.json").is_file():
        raise ModelError(f"no tokenizer in {path}: it has no tokenizer.json; `ragqa tokenizer train` makes one")
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    if tokenizer.eos_token_id is None:
        raise ModelError(f"the tokenizer in {path} has no eos_token, which must stand between texts: set one")
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
