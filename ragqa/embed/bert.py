"""BERT's encoder over packed sequences: tokens of many texts in one row, no padding anywhere (Devlin et al. 2019).

Only attention looks at one text at a time. On a processor, padding is work like any other, so that this is faster than
a padded batch, and the result of a text does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

Affine = tuple[Tensor, Tensor]
"""Weight and bias."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block: attention, then a feed-forward network, each followed by the residual sum and its norm (post-norm).

    :param qkv: query, key and value projections in one, [3 * dim, dim].
    """

    qkv: Affine
    attended: Affine
    attended_norm: Affine
    widened: Affine
    narrowed: Affine
    narrowed_norm: Affine


class Bert:
    """The encoder of a folder whose config.json says `model_type: bert`.

    :param dtype: of weights and activations; norms and softmax accumulate in float32, as torch's kernels do.
    """

    def __init__(self, weights: Mapping[str, Tensor], config: Mapping[str, Any], dtype: torch.dtype) -> None:
        cast = {_name(name): tensor.to(dtype) for name, tensor in weights.items()}
        affine = _Reader(cast)
        self.dim = int(config["hidden_size"])
        self._heads = int(config["num_attention_heads"])
        self._eps = float(config.get("layer_norm_eps", 1e-12))
        self._words = cast["embeddings.word_embeddings.weight"]
        types = cast["embeddings.token_type_embeddings.weight"]
        self._positions = cast["embeddings.position_embeddings.weight"] + types[0]  # every text is of type 0
        self._norm = affine("embeddings.LayerNorm")
        self._layers = [affine.layer(f"encoder.layer.{i}") for i in range(int(config["num_hidden_layers"]))]

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], dtype: torch.dtype, device: torch.device) -> Self:
        """Read `model.safetensors`."""
        return cls(load_file(folder / "model.safetensors", device=str(device)), config, dtype)

    @staticmethod
    def reads(folder: Path, config: Mapping[str, Any]) -> bool:
        """Tell whether the model in a folder is computed exactly as it is here."""
        return (
            config.get("model_type") == "bert"
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and not config.get("is_decoder")
            and (folder / "model.safetensors").exists()
        )

    @torch.inference_mode()
    def hidden(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """Return the last hidden states of each text, [length, dim] in the encoder's dtype; ids include special tokens."""
        lengths = [len(text) for text in ids]
        device = self._words.device
        tokens = torch.tensor(list(chain.from_iterable(ids)), device=device)
        places = torch.cat([torch.arange(length, device=device) for length in lengths])
        x = self._normed(self._words[tokens] + self._positions[places], self._norm)
        for layer in self._layers:
            x = self._normed(
                x + linear(self._attention(linear(x, *layer.qkv), lengths), *layer.attended), layer.attended_norm
            )
            x = self._normed(x + linear(gelu(linear(x, *layer.widened)), *layer.narrowed), layer.narrowed_norm)
        return torch.split(x, lengths)

    def _attention(self, qkv: Tensor, lengths: list[int]) -> Tensor:
        """Attend within each text: [tokens, 3 * dim] -> [tokens, dim] (Vaswani et al. 2017)."""
        out = torch.empty(len(qkv), self.dim, dtype=qkv.dtype, device=qkv.device)
        for mine, text in zip(torch.split(out, lengths), torch.split(qkv, lengths), strict=True):
            heads = text.view(1, len(text), 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            mine.view(len(text), self._heads, -1).copy_(scaled_dot_product_attention(*heads)[0].transpose(0, 1))
        return out

    def _normed(self, x: Tensor, norm: Affine) -> Tensor:
        return layer_norm(x, (self.dim,), *norm, self._eps)


def _name(name: str) -> str:
    """Return the present name of a weight: checkpoints converted from TensorFlow still say gamma and beta."""
    name = name.removeprefix("bert.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


class _Reader:
    """Finds weights by the names that Hugging Face gives them."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights

    def __call__(self, name: str) -> Affine:
        return self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]

    def layer(self, name: str) -> Layer:
        projections = [self(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        weight, bias = (torch.cat(parts) for parts in zip(*projections, strict=True))
        return Layer(
            (weight, bias),
            self(f"{name}.attention.output.dense"),
            self(f"{name}.attention.output.LayerNorm"),
            self(f"{name}.intermediate.dense"),
            self(f"{name}.output.dense"),
            self(f"{name}.output.LayerNorm"),
        )
