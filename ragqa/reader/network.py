"""The network of a reader: an encoder with low-rank adapters, and two scores for each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ragqa.errors import ModelError
from ragqa.reader.inputs import MOST_TOKENS
from ragqa.transformer import Encoder, load_encoder
from ragqa.transformer.low_rank import adapter_weights, add_adapters, merge_adapters
from ragqa.transformer.masks import Packed

WEIGHTS, CARD = "reader.safetensors", "reader.json"
"""The files of a trained reader: adapters and head; and what they were made of."""


class ReaderNetwork(nn.Module):
    """Scores each token as the first and as the last one of an answer.

    :param encoder: its hidden states are what the scores are made of.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.d_model, 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """Return float32[length, 2] for each window, as the first and as the last token; windows are packed in one row."""
        lengths = tuple(map(len, ids))
        tokens = torch.tensor([token for window in ids for token in window])
        positions = torch.cat([torch.arange(length) for length in lengths])
        hidden = self.encoder(tokens[None], Packed(lengths), positions=positions)[0]
        return self.head(hidden).float().split(lengths)  # type: ignore[no-any-return]


def longest_window(encoder: Encoder) -> int:
    """Return the most tokens of a window that a reader over this encoder reads."""
    return min(MOST_TOKENS, encoder.config.max_length)


def new_network(encoder: Path, rank: int) -> ReaderNetwork:
    """Return a network to train, over the encoder in a folder, with adapters of a rank.

    :raises ModelError: the folder has no encoder that the room `transformer` knows.
    """
    network = ReaderNetwork(load_encoder(encoder))
    add_adapters(network.encoder, rank)
    return network


def trained_weights(network: ReaderNetwork) -> dict[str, Tensor]:
    """Return the weights that a training made, in half precision: adapters and head."""
    head = {f"head.{name}": tensor.detach() for name, tensor in network.head.named_parameters()}
    return {name: tensor.half().contiguous() for name, tensor in (adapter_weights(network.encoder) | head).items()}


def load_network(encoder: Path, adapters: Path) -> ReaderNetwork:
    """Return a network for inference: the encoder in a folder with the adapters of a file added to its weights.

    :raises ModelError: the file is damaged, or was made for another encoder.
    """
    network = ReaderNetwork(load_encoder(encoder))
    try:
        weights: Mapping[str, Tensor] = load_file(adapters)
        merge_adapters(network.encoder, weights)
        network.head.load_state_dict({name: weights[f"head.{name}"].float() for name in ("weight", "bias")})
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{adapters} is no reader for the encoder in {encoder}: {error}") from error
    return network.eval().requires_grad_(False)
