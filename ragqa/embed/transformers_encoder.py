"""Any encoder of transformers. Batches are padded to their longest text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ragqa import models


class TransformersEncoder:
    """Computes the last hidden states of an `AutoModel`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def load(cls, folder: Path, *, dtype: torch.dtype, device: str) -> Self:
        """Read the safetensors of a folder. transformers itself reads config.json."""
        return cls(models.load_pretrained("AutoModel", folder, dtype=dtype).eval().to(device))

    @torch.inference_mode()
    def hidden(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """Return the last hidden states of each text, [length, dim] in the encoder's dtype.

        :param ids: the token ids of each text, with special tokens.
        """
        # Pad on the right. The mask hides the padding, and the result does not contain it.
        lengths = [len(text) for text in ids]
        tokens = torch.zeros(len(ids), max(lengths), dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, text in enumerate(ids):
            tokens[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        device = self._model.device
        states = self._model(input_ids=tokens.to(device), attention_mask=mask.to(device)).last_hidden_state
        return tuple(state[:length] for state, length in zip(states, lengths, strict=True))
