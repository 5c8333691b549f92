"""One bit flipped in a file of a model, or of what the cache remembers of it: it is named, or the answers are the same."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from ragqa import models
from ragqa.config.specs import MeanPoolEmbed
from ragqa.embed.encoder import EncoderEmbedder
from ragqa.errors import ModelError
from tests.torture import Trial

MODEL = "all-minilm-l6-v2"
TEXT = "The ferry leaves the harbour at half past six."


def run(folder: Path, flips: int = 300, seed: int = 0) -> Trial:
    """Flip bits in every file of a copy of the default embedder, one at a time, half of them with the times put back."""
    original = models.model_dir(MODEL)
    before = os.environ.get("RAGQA_CACHE")
    os.environ["RAGQA_CACHE"] = str(folder / "cache")
    try:
        shutil.copytree(original, models.model_dir(MODEL))
        truth = _vector()  # and with it what is remembered
        return _flip_all(folder / "cache", flips, random.Random(seed), truth)
    finally:
        del os.environ["RAGQA_CACHE"]
        if before is not None:
            os.environ["RAGQA_CACHE"] = before


def _flip_all(cache: Path, flips: int, chosen: random.Random, truth: np.ndarray) -> Trial:
    files = sorted(path for path in cache.rglob("*") if path.is_file() and path.stat().st_size)
    wrong: list[str] = []
    found: Counter[str] = Counter()
    for number in range(flips):
        file = files[number % len(files)]
        whole, status = file.read_bytes(), file.stat()
        at, bit = chosen.randrange(min(len(whole), 400) if chosen.random() < 0.3 else len(whole)), chosen.randrange(8)
        with file.open("r+b") as stream:
            stream.seek(at)
            stream.write(bytes([whole[at] ^ 1 << bit]))
        if number % 2:
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        outcome = _outcome(file.name, truth)
        found[outcome] += 1
        if outcome not in ("named", "the same answer"):
            wrong.append(f"bit {bit} of byte {at} of {file.relative_to(cache)}: {outcome}")
        file.write_bytes(whole)
    notes = f"{len(files)} files; " + ", ".join(f"{n} {outcome}" for outcome, n in sorted(found.items()))
    return Trial("bits flipped in a model", flips, wrong, notes)


def _outcome(name: str, truth: np.ndarray) -> str:
    try:
        return "the same answer" if np.array_equal(_vector(), truth) else "another answer, without a word"
    except ModelError as error:
        return "named" if name in str(error) else f"an error that does not name it: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _vector() -> np.ndarray:
    return EncoderEmbedder(MeanPoolEmbed(kind="mean_pool", model=MODEL)).embed_question(TEXT)
