"""A BERT-like encoder as an `Embedder`, run by the room `transformer` or by the library transformers."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from ragqa import limits, models
from ragqa.arguments import is_unicode
from ragqa.config.specs import ClsPoolEmbed, MeanPoolEmbed
from ragqa.embed.pooling import cls_pool, mean_pool
from ragqa.embed.transformers_encoder import TransformersEncoder
from ragqa.embed.unknown import letters, unknown_letters, unknown_token
from ragqa.embed.words import LONGEST_PART, WordTokens, goes_by_words
from ragqa.errors import ModelError, UsageError
from ragqa.text_analysis import blocks
from ragqa.transformer import Encoder, choose_engine, load_encoder, use_onednn

Vectors = NDArray[np.float32]

_log = logging.getLogger("ragqa.embed")

_NOT_COMPUTED = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
_BLANK = re.compile(r"\s+")
_BLOCK_CHARACTERS = 100_000
"""The most characters to tokenise at once, since a token takes a hundred bytes of memory or more."""

_LONGEST_PREFIX = 4_000
"""The most characters of a prompt before every text, since it uses a part of the window."""


class EncoderEmbedder:
    """An `Embedder` with the encoder that an `embed` section names. The weights are loaded when first needed.

    :raises ModelError: the model is missing, has no tokenizer.json, or the chosen engine does not support it.
    """

    def __init__(self, spec: MeanPoolEmbed | ClsPoolEmbed) -> None:
        self.spec = spec
        self.folder = models.resolve(spec.model, spec.revision)
        file = self.folder / "config.json"
        self._config = models.read_json(file)
        dim = models.whole_number(file, "hidden_size")
        if not dim:
            raise ModelError(f"{file} has no hidden_size: not the config of an encoder")
        self.dim = dim
        self.tokenizer = _tokenizer(self.folder)
        self.window = _window(self.folder)
        self.prefixes = _prefixes(self.folder)
        self.dtype = models.torch_dtype(spec.dtype, matrices=True)
        self._long: tuple[str, Vectors] | None = None
        """The last question that was embedded in parts, and its vector: it is told once, however often it is asked."""
        self.engine = choose_engine(self.folder, "encoder", spec.engine, spec.model)

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return the facts that a vector depends on besides its text. Dtype and engine are not part of them."""
        tokenizer = models.file_sha256(self.folder / "tokenizer.json")
        return {
            "weights": models.weights_sha256(self.folder),
            "config": _config_sha256(self.folder),
            "tokenizer": tokenizer,
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

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, without special tokens. A long text is counted in blocks."""
        if self._words:
            return self._words.count(text)
        return sum(len(encoding) for _, encoding in self._encoded(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`."""
        return self._words.offsets(text) if self._words else self._offsets(text)

    def _offsets(self, text: str) -> list[tuple[int, int]]:
        spans = ((start, span) for start, encoding in self._encoded(text) for span in encoding.offsets)
        return [(start + low, start + high) for start, (low, high) in spans]

    @cached_property
    def _words(self) -> WordTokens | None:
        """The tokens of each word, where the tokenizer goes by words."""
        return WordTokens(self.tokenizer, self._offsets_of_parts) if goes_by_words(self.tokenizer) else None

    def _offsets_of_parts(self, parts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return the spans of the tokens of each part of a word; a long one is tokenised in blocks, by itself."""
        short = [part for part in parts if len(part) <= LONGEST_PART]
        found = dict(zip(short, self._tokenised(short, special=False), strict=True))
        return [found[part].offsets if part in found else self._offsets(part) for part in parts]

    def _encoded(self, text: str) -> Iterator[tuple[int, Encoding]]:
        """Yield the tokenised blocks of a text, each with the offset of its first character."""
        for start, end in blocks(text, _BLOCK_CHARACTERS):
            yield start, self._tokenised([text[start:end]], special=False)[0]

    def _tokenised(self, texts: Sequence[str], *, special: bool) -> list[Encoding]:
        """Tokenise texts, with or without special tokens around each.

        :raises UsageError: the tokenizer fails on a text.
        """
        try:
            return self.tokenizer.encode_batch(list(texts), add_special_tokens=special)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # of the library's native code; not an `Exception`
                raise
            fault = UsageError(f"the tokenizer of {self.spec.model} fails on a text: {error}")
            raise limits.met(error) or fault from error

    def unknown_share(self, text: str) -> float:
        """Return the share of the letters of a text that are in tokens which the vocabulary lacks, between 0 and 1."""
        parts = [text[start:end] for start, end in blocks(text, _BLOCK_CHARACTERS)]
        encoded = ((part, self._tokenised([part], special=False)[0]) for part in parts)
        unknown = sum(unknown_letters(part, encoding, self._unknown) for part, encoding in encoded)
        return unknown / max(1, letters(text))

    @cached_property
    def _unknown(self) -> int | None:
        """The token for what is not in the vocabulary."""
        return unknown_token(self.tokenizer)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32[len(texts), dim], rows L2-normalised; float32[0, dim] for no texts.

        The row of a text is zero where the vocabulary lacks all its words.

        :raises UsageError: a text is longer than the model's window.
        """
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of strings, not one string")
        return self._embed([self.prefixes["passage"] + text for text in texts], "text")

    def embed_question(self, question: str) -> Vectors:
        """Return float32[dim], L2-normalised; zero where the vocabulary lacks all words of the question.

        A question that is longer than the model's window is embedded in parts: the mean of their vectors, normalised.

        :raises UsageError: the model's own prefix for questions leaves no room for a question.
        """
        if self._long and self._long[0] == question:
            return self._long[1]
        vector: Vectors = self.embed_questions([question])[0]
        return vector

    def embed_questions(self, questions: Sequence[str]) -> Vectors:
        """Return float32[len(questions), dim]: the row of each question is what `embed_question` returns for it.

        :raises UsageError: the model's own prefix for questions leaves no room for a question.
        """
        parts = [self._parts(question) for question in questions]
        rows = self._embed([self.prefixes["query"] + part for each in parts for part in each], "question")
        ends = np.cumsum([0, *map(len, parts)])
        of_each = [rows[start:end] for start, end in pairwise(ends)]
        vectors = [self._joined(question, own) for question, own in zip(questions, of_each, strict=True)]
        return np.array(vectors, dtype=np.float32).reshape(len(vectors), self.dim)

    def _joined(self, question: str, parts: Vectors) -> Vectors:
        """Return the vector of a question from those of its parts; a warning tells that it has several."""
        if len(parts) == 1:
            only: Vectors = parts[0]
            return only
        if self._long and self._long[0] == question:
            return self._long[1]
        _log.warning(
            "the question is longer than the %d tokens that %s reads: it was embedded in %d parts, whose mean is searched",
            self.window, self.spec.model, len(parts),
        )  # fmt: skip
        mean = parts.mean(axis=0)
        unit: Vectors = mean / (np.linalg.norm(mean) or 1.0)
        self._long = question, unit
        return unit

    def _parts(self, question: str) -> list[str]:
        """Return a question in parts that fit the window, each halved at the blank nearest to its middle."""
        tokens = self._tokenised([self.prefixes["query"] + question], special=True)[0].ids
        if len(tokens) <= self.window or len(question) < 2:
            return [question]
        middle = len(question) // 2
        blanks = [match.start() for match in _BLANK.finditer(question, 1, len(question) - 1)]
        cut = min(blanks, key=lambda at: abs(at - middle), default=middle)
        halves = (question[:cut].strip(), question[cut:].strip())
        return [part for half in halves if half for part in self._parts(half)]

    @cached_property
    def _model(self) -> Encoder | TransformersEncoder:
        if self.engine != "native":
            return TransformersEncoder.load(self.folder, dtype=self.dtype, device=models.device())
        encoder = load_encoder(self.folder, dtype=self.dtype, device=models.device())
        use_onednn(encoder)
        return encoder

    def _embed(self, texts: Sequence[str], what: str) -> Vectors:
        """Return float32[len(texts), dim] for texts with their prefixes.

        :param what: the name of the texts in the error about one that is too long.
        """
        encodings = self._tokenised(texts, special=True)
        ids = [encoding.ids for encoding in encodings]
        for i, tokens in enumerate(ids):
            if len(tokens) > self.window:
                where = "the question" if what == "question" else f"text {i}"
                raise UsageError(f"{where} has {len(tokens):,} tokens; {self.spec.model} reads {self.window:,}")
        # Batches are computed in another order, but each row is written at the place of its text.
        out = np.empty((len(ids), self.dim), dtype=np.float32)
        for rows in batches([len(tokens) for tokens in ids], self.spec.batch_tokens):
            out[rows] = self._forward([ids[row] for row in rows])
        # The vector of unknown words alone says nothing: it is zero, and near to nothing.
        start = len(self.prefixes["query" if what == "question" else "passage"])
        for row, encoding in enumerate(encodings):
            unknown = unknown_letters(texts[row], encoding, self._unknown)
            if unknown and unknown == letters(texts[row][start:]):
                out[row] = 0.0
        return out

    @torch.inference_mode()
    def _forward(self, ids: list[list[int]]) -> Vectors:
        # Pool the token vectors of each text, and scale the result to length 1.
        pool = mean_pool if self.spec.kind == "mean_pool" else cls_pool
        pooled = torch.stack([pool(hidden) for hidden in self._model.hidden(ids)])
        unit: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield row numbers in batches of at most `batch_tokens` tokens, counted as if padded, longest rows first.

    Sorting by length keeps padding small. With the longest rows first, a lack of memory shows at the beginning. A row
    longer than `batch_tokens` is a batch of its own.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.exists():
        raise ModelError(f"{folder} has no tokenizer.json: save the model with a fast tokenizer")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    return tokenizer


def _window(folder: Path) -> int:
    """Return the longest input in tokens, special tokens included."""
    window = models.window(folder)
    if window is None:
        raise ModelError(f"{folder / 'config.json'} does not say how many tokens the model can read")
    return window


def _config_sha256(folder: Path) -> str:
    """Return the SHA-256 of config.json without the keys that do not change the computation, such as the dtype."""
    config = {key: value for key, value in models.read_json(folder / "config.json").items() if key not in _NOT_COMPUTED}
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _prefixes(folder: Path) -> dict[str, str]:
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
