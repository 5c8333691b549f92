"""A `PassageReader`: an encoder with adapters reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from ragqa import models
from ragqa.embed.tokens import ModelTokens
from ragqa.errors import ModelError
from ragqa.reader.inputs import Window, windows
from ragqa.reader.network import CARD, WEIGHTS, ReaderNetwork, load_network, longest_window
from ragqa.records import Hit, TokenScores
from ragqa.transformer import use_onednn

AT_ONCE = 8
"""The number of windows in one pass."""


class ExtractiveReader:
    """A `PassageReader` with adapters for an encoder. The weights are loaded when first needed.

    :param folder: what `ragqa train reader` wrote. Its card names the encoder.
    :raises ModelError: the folder has no reader, or its encoder is missing or another one than it was trained on.
    """

    def __init__(self, folder: Path) -> None:
        card = models.read_json(folder / CARD)
        encoder = card.get("encoder")
        if not isinstance(encoder, str):
            raise ModelError(f"{folder} has no reader: name a folder that `ragqa train reader` wrote")
        self._adapters, self._encoder = folder / WEIGHTS, models.resolve(encoder, card.get("revision"))
        if models.weights_sha256(self._encoder) != card.get("encoder_sha256"):
            raise ModelError(f"{folder} was trained on another encoder than the present {encoder}: train it again")
        self._tokens = ModelTokens(self._encoder, encoder)

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
        most = longest_window(self._network.encoder)
        return list(windows(self._tokens.tokenizer, question, text, len(text) - len(hit.chunk.text), most))

    @cached_property
    def _network(self) -> ReaderNetwork:
        network = load_network(self._encoder, self._adapters)
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
    places = sorted(best)
    starts, ends = (tuple(best[place][n] for place in places) for n in (0, 1))
    return TokenScores(hit.chunk.document_id, tuple(places), starts, ends)
