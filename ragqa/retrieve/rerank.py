"""Reranking: three `Scorer`s that score the question with each passage, and the new ranking by their scores.

No text is truncated for a model: a passage that is too long for a scorer is an error.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa import models
from ragqa.errors import ModelError, UsageError
from ragqa.records import Hit
from ragqa.retrieve.state import RetrievalState
from ragqa.stages import Embedder, LikelihoodModel, Loadable, Scorer

QUERY_LIKELIHOOD_PROMPT = "Passage: {passage}\nPlease write a question based on this passage.\nQuestion:"
"""The text with the passage before the question. The passage's score is the likelihood of the question after it (after
Sachan et al. 2022)."""

_UNCUT = {"processing_kwargs": {"text": {"truncation": False, "verbose": False}}}
"""Options: sentence-transformers truncates nothing, and transformers does not warn about pairs that are refused."""


class CrossEncoderScorer:
    """A `Scorer` by a sequence classifier with one label, which reads question and passage together (Nogueira and Cho
    2019).

    The score is the raw logit, since a sigmoid would make the scores of all good passages nearly equal. The weights are
    loaded when first needed, in float32, from safetensors only. No code of the model's folder is run.

    :param model: the built-in name, folder, or hub id of a cross-encoder.
    :param batch_size: the number of pairs in one batch.
    :raises ModelError: the model is missing, is not a sequence classifier, or has several labels.
    :raises RefusedError: the model has only pickle weights.
    """

    def __init__(self, model: str, revision: str | None = None, batch_size: int = 32) -> None:
        self.model = model
        self.batch_size = batch_size
        self.folder = models.resolve(model, revision)
        self._check_config()
        window = models.window(self.folder)
        if window is None:
            raise ModelError(f"{self.folder / 'config.json'} does not say how many tokens the model can read")
        self._window = window

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        self._encoder  # noqa: B018  # a cached property: reading it loads

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return the logit of each pair of question and passage, in the given order; `[]` for no passages.

        :raises UsageError: a pair exceeds the model's window, special tokens included; no pair is computed then.
        :raises ModelError: the model cannot be loaded.
        """
        if not passages:
            return []
        from torch.nn import Identity

        pairs = [(question, passage) for passage in passages]
        self._check_lengths(pairs)
        logits = self._encoder.predict(
            pairs, batch_size=self.batch_size, show_progress_bar=False, activation_fn=Identity(), **_UNCUT
        )
        return [float(logit) for logit in logits]

    def _check_config(self) -> None:
        config = models.load_pretrained("AutoConfig", self.folder)
        architecture = str((config.architectures or ["none"])[0])
        if not architecture.endswith("ForSequenceClassification"):
            need = "a cross-encoder, whose architecture ends in ForSequenceClassification"
            raise ModelError(f"{self.model} is no reranker: its architecture is {architecture}; must be {need}")
        if config.num_labels != 1:
            raise ModelError(f"{self.model} is no reranker: it has {config.num_labels} labels; must have 1")

    @cached_property
    def _encoder(self) -> Any:
        import torch
        from sentence_transformers import CrossEncoder

        try:
            with models.no_progress_bar():
                return CrossEncoder(
                    str(self.folder),
                    device=models.device(),
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True, "dtype": torch.float32},
                )
        except Exception as error:  # the errors that a folder can cause have no common class in the library
            raise models.load_error(self.folder, error) from error

    def _check_lengths(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Refuse a pair that exceeds the window, with the model's own prompt and special tokens as in `predict`."""
        encoder = self._encoder
        limit = min(self._window, encoder.max_seq_length)
        prompt = encoder.prompts.get(encoder.default_prompt_name)
        mask = encoder.preprocess(list(pairs), prompt=prompt, **_UNCUT)["attention_mask"]
        for number, tokens in enumerate(mask.sum(dim=1).tolist()):
            if tokens > limit:
                raise UsageError(
                    f"the question and passage {number} ({pairs[number][1][:40]!r}...) have {tokens:,} tokens "
                    f"together; {self.model} reads {limit:,}: lower split.chunk_size, or ask a shorter question"
                )


class LikelihoodScorer:
    """A `Scorer` by the mean log p(question's token | passage, tokens before it).

    This is the query likelihood of Ponte and Croft (1998), computed by a language model as in UPR (Sachan et al. 2022).
    """

    def __init__(self, model: LikelihoodModel) -> None:
        self._model = model

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        if isinstance(self._model, Loadable):
            self._model.load()

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one mean log-probability (natural, at most 0) for each passage; `[]` for no passages.

        :raises UsageError: passage and question together exceed the model's window.
        """
        before, after = QUERY_LIKELIHOOD_PROMPT.split("{passage}")
        pairs = [(f"{before}{passage}{after}", f" {question}") for passage in passages]
        return [sum(logprobs) / len(logprobs) for logprobs in self._model.log_likelihoods(pairs)] if pairs else []


class BiEncoderScorer:
    """A `Scorer` by the inner product of a second encoder's unit vectors, which are computed at the call.

    :param remembered: the number of passages whose vectors are cached (least recently used are dropped).
    """

    def __init__(self, embedder: Embedder, remembered: int = 10_000) -> None:
        self._embedder = embedder
        self._remembered = remembered
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        self._embedder.load()

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return the cosine of the question and each passage, in [-1, 1]; `[]` for no passages.

        :raises UsageError: the question or a passage exceeds the encoder's window.
        """
        if not passages:
            return []
        question_vector = self._embedder.embed_question(question)
        return [float(vector @ question_vector) for vector in self._embed(passages)]

    def _embed(self, passages: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return float32[dim] for each passage. Only texts that are not in the cache are embedded."""
        # 1. Embed the texts that are not in the cache.
        new = [text for text in dict.fromkeys(passages) if text not in self._vectors]
        if new:
            rows = self._embedder.embed_passages(new)
            self._vectors.update((text, row.copy()) for text, row in zip(new, rows, strict=True))
        # 2. Mark all of them as recently used, then drop the least recently used.
        for text in passages:
            self._vectors.move_to_end(text)
        vectors = [self._vectors[text] for text in passages]
        while len(self._vectors) > self._remembered:
            self._vectors.popitem(last=False)
        return vectors


def rerank(state: RetrievalState, *, scorer: Scorer, weight: float) -> RetrievalState:
    """Score the question as asked with each hit, its title and headings included, and rank the hits again.

    :raises UsageError: see `rescore`.
    """
    scores = scorer.scores(state.question.text, [hit.chunk.indexed_text for hit in state.hits])
    return state.with_hits(rescore(state.hits, scores, weight))


def rescore(hits: Sequence[Hit], scores: Sequence[float], weight: float) -> list[Hit]:
    """Return the hits ranked by weight * reranker + (1 - weight) * first stage, best first; ties by chunk id.

    Both scores are scaled to [0, 1] over these hits; if all are equal, each is 1. The reranker's own score is added to
    `Hit.scores` as `rerank`.

    :param scores: the reranker's scores, one for each hit in their order.
    :param weight: the weight of the reranker's score, in [0, 1].
    :raises UsageError: the number of scores differs from the number of hits, or a score is not finite.
    """
    # 1. Check the scores. A user's own scorer may return a wrong number, and passages would get the scores of others.
    if len(scores) != len(hits):
        raise UsageError(f"the reranker gave {len(scores)} scores for {len(hits)} passages: must be one for each")
    odd = next((i for i, score in enumerate(scores) if not math.isfinite(score)), None)
    if odd is not None:
        raise UsageError(f"the reranker gave passage {odd} the score {scores[odd]}: must be a finite number")
    # 2. Combine both scores, each scaled over these hits.
    scaled = zip(_min_max(scores), _min_max([hit.score for hit in hits]), strict=True)
    mixed = [weight * reranker + (1 - weight) * first for reranker, first in scaled]
    # 3. Rank again, and add the reranker's score to each hit.
    rescored = [
        replace(hit, score=new, scores={**hit.scores, "rerank": score})
        for hit, new, score in zip(hits, mixed, scores, strict=True)
    ]
    return sorted(rescored, key=lambda hit: (-hit.score, hit.chunk.id))


def _min_max(scores: Sequence[float]) -> list[float]:
    """Scale scores to [0, 1]; if all are equal, each is 1."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]
