"""The common prefix of prompts is read once: instructions and examples remain in the cache between questions.

On disk they remain between processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ragqa.generate.engines import Engine
from ragqa.generate.kept_states import KeptStates, state_key
from ragqa.transformer import Decoder, KVCache

_LEAST_TOKENS = 64
"""The length from which a prefix is kept on disk: a shorter one is read in a fraction of a second."""


class PrefixCache:
    """Keeps the cache of an engine from one prompt to the next.

    It keeps exactly the prefix, so that results do not depend on earlier questions. This is done for the native engine
    only. With transformers, the caches of some models cannot be cut (sliding windows), and some models compute a short
    text differently from a long one (LongRoPE).

    :param facts: what the keys and values depend on besides the tokens; None to keep none on disk.
    """

    def __init__(self, engine: Engine, facts: Sequence[str] | None = None) -> None:
        self._engine = engine
        self._facts = facts
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

    def _read(self, decoder: Decoder, prefix: list[int], size: int) -> KVCache:
        """Return a new cache that contains the prefix, with room for `size` tokens."""
        cache = decoder.new_cache(capacity=size)
        if self._facts is None or len(prefix) < _LEAST_TOKENS or decoder.device.type != "cpu":
            if prefix:
                decoder(torch.tensor([prefix], device=decoder.device), cache, logits_to_keep=1)
            return cache
        # On disk it is found by all that its bits depend on: also the numeric library, its threads, and the processor.
        computed_by = torch.__version__, str(torch.get_num_threads()), torch.backends.cpu.get_cpu_capability()
        limits = (os.environ.get(name, "") for name in ("ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS"))
        key = state_key(*self._facts, *computed_by, *limits, *map(str, prefix))
        states = KeptStates()
        if not (states.prepare() and _restored(states.find(key), cache, len(prefix))):
            decoder(torch.tensor([prefix]), cache, logits_to_keep=1)
            states.keep(key, lambda path: _save(path, cache))
        return cache


def _restored(path: Path | None, cache: KVCache, length: int) -> bool:
    """Fill a cache from a file; return False if there is none, or it holds something else."""
    try:
        state = load_file(path)["state"] if path else None
        if state is None or state.shape[-2] != length:
            return False
        cache.restore(state)
        return True
    except (OSError, SafetensorError, KeyError, ValueError, IndexError):
        return False


def _save(path: Path, cache: KVCache) -> bool:
    try:
        save_file({"state": cache.state.contiguous()}, path)
    except SafetensorError as error:  # among them those of the disk
        raise OSError(str(error)) from error
    return True
