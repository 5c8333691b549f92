"""What all prompts begin with, read once: the instructions and examples stay in the cache between questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ragqa.generate.engines import Engine


class PrefixCache:
    """Keeps the cache of an engine from one prompt to the next.

    What is kept is exactly the prefix, whatever was asked before: results do not depend on the order of questions.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: tuple[list[int], Any] | None = None

    @contextmanager
    def begun(self, prefix: list[int]) -> Iterator[Any]:
        """Lend the cache, which holds the tokens of `prefix` and no others.

        A prompt that begins before another one has ended gets a cache of its own. One whose pass was interrupted is
        thrown away, since its layers may hold different lengths; a reader that has enough leaves it whole.
        """
        kept, self._kept = self._kept, None
        cache = kept[1] if kept and kept[0] == prefix else self._read(prefix)
        cache.crop(len(prefix))
        try:
            yield cache
        except GeneratorExit:
            self._kept = prefix, cache
            raise
        self._kept = prefix, cache

    def _read(self, prefix: list[int]) -> Any:
        cache = self._engine.new_cache()
        if prefix:
            self._engine(torch.tensor([prefix], device=self._engine.device), cache, keep=1)
        return cache
