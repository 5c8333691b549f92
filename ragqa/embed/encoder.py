"""A BERT-like encoder as an `Embedder`, run by the room `transformer` or by the library transformers."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path

import torch

from ragqa import models
from ragqa.arguments import is_unicode
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed
from ragqa.embed.base import LocalEmbedder
from ragqa.embed.pooling import cls_pool, mean_pool
from ragqa.embed.questions import Vectors
from ragqa.embed.tokens import ModelTokens
from ragqa.embed.transformers_encoder import TransformersEncoder
from ragqa.errors import ModelError
from ragqa.transformer import Encoder, choose_engine, load_encoder, use_onednn

_NOT_COMPUTED = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
_LONGEST_PREFIX = 4_000
"""The most characters of a prompt before every text, since it uses a part of the window."""


class EncoderEmbedder(LocalEmbedder):
    """An `Embedder` with the encoder that an `embed` section names. The weights are loaded when first needed.

    :raises ModelError: the model is missing, has no tokenizer.json, or the chosen engine does not support it.
    """

    spec: MeanPoolEmbed | ClsPoolEmbed

    def __init__(self, spec: MeanPoolEmbed | ClsPoolEmbed) -> None:
        self.spec = spec
        self.folder = models.resolve(spec.model, spec.revision)
        file = self.folder / "config.json"
        self._config = models.read_json(file)
        dim = models.whole_number(file, "hidden_size")
        if not dim:
            raise ModelError(f"{file} has no hidden_size: not the config of an encoder")
        self._dim = dim
        self._tokens = ModelTokens(self.folder, spec.model)
        self.tokenizer = self._tokens.tokenizer
        self.window = read_window(self.folder)
        self.prefixes = read_prefixes(self.folder)
        self.dtype = models.torch_dtype(spec.dtype, matrices=True)
        self._questions = self._embedder_of_questions(self.prefixes["query"], self.window, spec.model)
        self.engine = choose_engine(self.folder, "encoder", spec.engine, spec.model)

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._dim

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return the facts that a vector depends on besides its text. Dtype and engine are not part of them."""
        return {
            "weights": models.weights_sha256(self.folder),
            "config": config_sha256(self.folder),
            "tokenizer": self._tokens.identity,
            "pooling": self.spec.kind,
            "normalise": "l2",
            "query_prefix": self.prefixes["query"],
            "passage_prefix": self.prefixes["passage"],
            "window": str(self.window),
            "quantisation": "none",
            "dim": str(self.dim),
        }

    @property
    def recorded(self) -> dict[str, str]:
        """Return facts about the computation that do not change the vectors."""
        spec = {"kind": self.spec.kind, "model": self.spec.model, "revision": self.spec.revision or ""}
        return spec | {"dtype": str(self.dtype).removeprefix("torch."), "engine": self.engine}

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        self._model  # noqa: B018  # a cached property: reading it loads

    @cached_property
    def _model(self) -> Encoder | TransformersEncoder:
        if self.engine != "native":
            return TransformersEncoder.load(self.folder, dtype=self.dtype, device=models.device())
        encoder = load_encoder(self.folder, dtype=self.dtype, device=models.device())
        use_onednn(encoder)
        return encoder

    @torch.inference_mode()
    def _forward(self, texts: list[str], ids: list[list[int]], what: str, rows: list[int]) -> Vectors:
        # Pool the token vectors of each text, and scale the result to length 1.
        pool = mean_pool if self.spec.kind == "mean_pool" else cls_pool
        pooled = torch.stack([pool(hidden) for hidden in self._model.hidden(ids)])
        unit: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit


def read_window(folder: Path) -> int:
    """Return the longest input in tokens, special tokens included."""
    window = models.window(folder)
    if window is None:
        raise ModelError(f"{folder / 'config.json'} does not say how many tokens the model can read")
    return window


def config_sha256(folder: Path) -> str:
    """Return the SHA-256 of config.json without the keys that do not change the computation, such as the dtype."""
    config = {key: value for key, value in models.read_json(folder / "config.json").items() if key not in _NOT_COMPUTED}
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def read_prefixes(folder: Path) -> dict[str, str]:
    """Return the prompts for queries and passages in the model's own sentence-transformers config."""
    file = folder / "config_sentence_transformers.json"
    prompts = models.read_json(file).get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise ModelError(f"{file}: prompts must be texts by name")
    texts = [text for text in prompts.values() if text]
    if any(len(text) > _LONGEST_PREFIX or not is_unicode(text) for text in texts):
        raise ModelError(f"{file}: a prompt has at most {_LONGEST_PREFIX:,} characters, and no half surrogate pair")
    passage = next((prompts[name] for name in ("passage", "document") if prompts.get(name)), "")
    return {"query": prompts.get("query") or "", "passage": passage}
