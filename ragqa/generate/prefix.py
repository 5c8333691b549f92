"""The common prefix of prompts is read once: instructions and examples remain in the cache between questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ragqa.generate.engines import Engine
from ragqa.transformer import Decoder, KVCache


class PrefixCache:
    """Keeps the cache of an engine from one prompt to the next.

    It keeps exactly the prefix, so that results do not depend on earlier questions. This is done for the native engine
    only. With transformers, the caches of some models cannot be cut (sliding windows), and some models compute a short
    text differently from a long one (LongRoPE).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: tuple[list[int], KVCache] | None = None

    @contextmanager
    def begun(self, ids: list[int], shared: int, room: int = 0) -> Iterator[tuple[Any, list[int]]]:
        """Yield a cache for a prompt, and those of the prompt's tokens that are not in it.

        A prompt that begins before another one has ended gets its own cache. A cache is discarded after an error, and
        kept if the caller only ends the answer early.

        :param shared: the number of tokens in the common prefix.
        :param room: the number of tokens that will follow the prompt.
        """
        if not isinstance(self._engine, Decoder):
            yield self._engine.new_cache(), ids
            return
        # 1. Take the cache out, so that an answer that begins before this one ends cannot write into it.
        kept, self._kept = self._kept, None
        prefix, size = ids[:shared], len(ids) + room
        # 2. Use it if it begins with this prefix; else read the prefix into a new cache.
        cache = kept[1] if kept and kept[0] == prefix else self._read(self._engine, prefix, size)
        # 3. Remove the rest of the previous answer, and make room for this one.
        cache.crop(shared)
        cache.reserve(size)
        # 4. Yield it. Put it back only if the answer ended or the caller closed it: after an error a pass may be
        #    incomplete.
        try:
            yield cache, ids[shared:]
        except GeneratorExit:
            self._kept = prefix, cache
            raise
        self._kept = prefix, cache

    @staticmethod
    def _read(decoder: Decoder, prefix: list[int], size: int) -> KVCache:
        """Return a new cache that contains the prefix, with room for `size` tokens."""
        cache = decoder.new_cache(capacity=size)
        if prefix:
            decoder(torch.tensor([prefix], device=decoder.device), cache, logits_to_keep=1)
        return cache
