"""The engines that compute a causal LM: the decoder of this package, or any model of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ragqa import models
from ragqa.transformer import load_decoder, use_onednn


class Engine(Protocol):
    """A causal LM: token ids -> logits."""

    @property
    def device(self) -> torch.device:
        """The device of the weights."""

    def __call__(
        self,
        tokens: Tensor,
        cache: Any = None,
        *,
        mask: Any = None,
        positions: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> Tensor:
        """Return the logits of the token after each position, as `ragqa.transformer.Decoder` does."""

    def new_cache(self) -> Any:
        """Return an empty cache. Its `length` is the number of tokens in it."""


def load_engine(folder: Path, engine: str, dtype: torch.dtype, device: str) -> Engine:
    """Load the weights of a folder."""
    if engine == "native":
        decoder = load_decoder(folder, dtype=dtype, device=device)
        use_onednn(decoder)
        return decoder
    return TransformersEngine(models.load_pretrained("AutoModelForCausalLM", folder, dtype=dtype).eval().to(device))


class TransformersEngine:
    """A causal LM of transformers as an `Engine`."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.device: torch.device = model.device

    def __call__(
        self,
        tokens: Tensor,
        cache: _Cache | None = None,
        *,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> Tensor:
        """Return the logits of the token after each position, float[batch, length or logits_to_keep, vocabulary]."""
        # transformers adds the mask to the scores: 0 where a token attends, the least number of the dtype elsewhere.
        given: dict[str, Any] = {}
        if mask is not None:
            bias = torch.zeros(mask.shape, dtype=self._model.dtype, device=self.device)
            given["attention_mask"] = bias.masked_fill(~mask, torch.finfo(bias.dtype).min)[None, None]
        if positions is not None:
            given["position_ids"] = positions[None]
        if cache is not None:
            given["past_key_values"] = cache.held
        output = self._model(input_ids=tokens, use_cache=cache is not None, logits_to_keep=logits_to_keep, **given)
        logits: Tensor = output.logits
        return logits

    def new_cache(self) -> _Cache:
        """Return an empty cache."""
        from transformers import DynamicCache

        return _Cache(DynamicCache(config=self._model.config))


class _Cache:
    """A cache of transformers with a `length`, as `KVCache` has."""

    def __init__(self, held: Any) -> None:
        self.held = held

    @property
    def length(self) -> int:
        return int(self.held.get_seq_length())


def end_tokens(folder: Path) -> frozenset[int]:
    """Return the tokens that end a text, from the folder's generation_config.json, or else its config.json."""
    for name in ("generation_config.json", "config.json"):
        ends = models.read_json(folder / name).get("eos_token_id")
        if ends is not None:
            return frozenset(ends if isinstance(ends, list) else [ends])
    return frozenset()
