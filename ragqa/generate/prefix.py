"""The beginning that prompts share, read once: instructions and examples stay in the cache between questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ragqa.generate.engines import Engine
from ragqa.transformer import Decoder, KVCache


class PrefixCache:
    """Keeps the cache of an engine from one prompt to the next.

    It keeps exactly the prefix, whatever was asked before: results do not depend on the order of questions. Only
    the native engine keeps any: the caches of some models of transformers cannot forget (sliding windows), and some
    models read a short text otherwise than a long one (LongRoPE).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: tuple[list[int], KVCache] | None = None

    @contextmanager
    def begun(self, ids: list[int], shared: int, room: int = 0) -> Iterator[tuple[Any, list[int]]]:
        """Lend a cache for a prompt; yield it with those of the prompt's tokens that it does not hold.

        A prompt that begins before another one has ended gets a cache of its own. One whose pass was interrupted is
        thrown away; a reader that has enough leaves it whole.

        :param shared: how many of the tokens other prompts begin with as well.
        :param room: tokens that will follow.
        """
        if not isinstance(self._engine, Decoder):
            yield self._engine.new_cache(), ids
            return
        # 1. Take the cache out, so that an answer that begins before this one ends cannot write into it too.
        kept, self._kept = self._kept, None
        prefix, size = ids[:shared], len(ids) + room
        # 2. Use it where it begins with this prefix; else read the prefix into a new one.
        cache = kept[1] if kept and kept[0] == prefix else self._read(self._engine, prefix, size)
        # 3. Forget the rest of the answer before, and make room for this one.
        cache.crop(shared)
        cache.reserve(size)
        # 4. Lend it. It is put back only where the answer ended or its reader left: an error may have left half a pass.
        try:
            yield cache, ids[shared:]
        except GeneratorExit:
            self._kept = prefix, cache
            raise
        self._kept = prefix, cache

    @staticmethod
    def _read(decoder: Decoder, prefix: list[int], size: int) -> KVCache:
        """Return a new cache with room for `size` tokens that holds the prefix."""
        cache = decoder.new_cache(capacity=size)
        if prefix:
            decoder(torch.tensor([prefix], device=decoder.device), cache, logits_to_keep=1)
        return cache
