"""A `PassageReader`: an encoder with adapters reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ragqa import models
from ragqa.embed.tokens import ModelTokens
from ragqa.reader.inputs import MOST_TOKENS, Window, windows
from ragqa.reader.network import ReaderNetwork, load_network
from ragqa.reader.scores import TokenScores
from ragqa.records import Hit
from ragqa.transformer import use_onednn

AT_ONCE = 8
"""The number of windows in one pass."""


class ExtractiveReader:
    """A `PassageReader` with adapters for an encoder. The weights are loaded when first needed.

    :param encoder: the built-in name, folder or hub id of the encoder.
    :param adapters: the file that `ragqa train reader` wrote for this encoder.
    :raises ModelError: the encoder is missing.
    """

    def __init__(self, encoder: str, adapters: Path, revision: str | None = None) -> None:
        self.folder, self.adapters = models.resolve(encoder, revision), adapters
        self._tokens = ModelTokens(self.folder, encoder)

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        self._network  # noqa: B018  # a cached property: reading it loads

    @torch.inference_mode()
    def read(self, question: str, hits: Sequence[Hit]) -> list[TokenScores]:
        """Return the scores of the tokens of each hit, in the order of the hits.

        A hit longer than a window is read in several; a token in two of them has the better score.
        """
        cut = [list(self._windows(question, hit)) for hit in hits]
        flat = sorted((window for each in cut for window in each), key=lambda window: len(window.ids))
        read: dict[int, torch.Tensor] = {}
        for low in range(0, len(flat), AT_ONCE):
            group = flat[low : low + AT_ONCE]
            read |= {
                id(each): out for each, out in zip(group, self._network([each.ids for each in group]), strict=True)
            }
        return [_joined(hit, own, [read[id(each)] for each in own]) for hit, own in zip(hits, cut, strict=True)]

    def _windows(self, question: str, hit: Hit) -> Sequence[Window]:
        text = hit.chunk.indexed_text
        most = min(MOST_TOKENS, self._network.encoder.config.max_length)
        return list(windows(self._tokens.tokenizer, question, text, len(text) - len(hit.chunk.text), most))

    @cached_property
    def _network(self) -> ReaderNetwork:
        network = load_network(self.folder, self.adapters)
        use_onednn(network.encoder)
        return network


def _joined(hit: Hit, read: Sequence[Window], logits: Sequence[torch.Tensor]) -> TokenScores:
    """Return the scores of the tokens of a hit from those of its windows."""
    shift = hit.chunk.start - (len(hit.chunk.indexed_text) - len(hit.chunk.text))
    best: dict[tuple[int, int], tuple[float, float]] = {}
    for window, out in zip(read, logits, strict=True):
        odds = (out[window.first : window.first + len(window.offsets)] - out[0]).tolist()
        for (low, high), (start, end) in zip(window.offsets, odds, strict=True):
            before = best.get((low + shift, high + shift), (start, end))
            best[low + shift, high + shift] = max(start, before[0]), max(end, before[1])
    offsets = np.array(list(best), dtype=np.int64).reshape(-1, 2)
    scores = np.array(list(best.values()), dtype=np.float32).reshape(-1, 2)
    return TokenScores(offsets, scores[:, 0], scores[:, 1])
