"""A causal LM as a `Generator`: run by the room `transformer` if it supports the family, else by the library
transformers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch

from ragqa import models
from ragqa.config.generators import CausalLMGenerate
from ragqa.errors import ModelError, UsageError
from ragqa.generate.attention import attention_shares, token_span
from ragqa.generate.constraints import Unconstrained
from ragqa.generate.decoding import decode_batch, decode_one
from ragqa.generate.engines import Engine, end_tokens, load_engine
from ragqa.generate.int8 import input_bits, load_int8
from ragqa.generate.likelihood import TokenPair, token_log_likelihoods
from ragqa.generate.prefix import PrefixCache
from ragqa.generate.sequence import AnswerRequest
from ragqa.generate.tokenizer import load_tokenizer
from ragqa.generate.vocabulary import Vocabulary
from ragqa.records import Generation, Prompt
from ragqa.stages import Constraint
from ragqa.stages.decoding import AnswerState
from ragqa.transformer import Decoder, choose_engine


class CausalLM:
    """A `Generator` with the model that a `generate` section names. The weights are loaded when first needed.

    :param constraint: it limits or chooses the tokens of answers; None allows every token.
    :param log_probabilities: keep the log-probability of each generated token in the model's own, unprocessed
        distribution.
    :raises ModelError: the model is missing, or the chosen engine does not support it.
    """

    def __init__(
        self, spec: CausalLMGenerate, constraint: Constraint | None = None, *, log_probabilities: bool = False
    ) -> None:
        self.spec = spec
        self.constraint = constraint or Unconstrained()
        self._int8 = spec.dtype == "int8"
        self.folder = models.resolve(spec.model, spec.revision)
        native = self._int8 or spec.batch_size > 1
        self.engine = choose_engine(self.folder, "decoder", "native" if native else spec.engine, spec.model)
        self._log_probabilities = log_probabilities
        self._tokenizer: Any = load_tokenizer(self.folder)
        window = models.window(self.folder)
        if window is None:
            raise ModelError(f"{self.folder / 'config.json'} does not say how many tokens the model can read")
        self.window = window

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return the facts that an answer depends on besides the prompt and the settings."""
        return {
            "weights": models.weights_sha256(self.folder),
            "tokenizer": models.file_sha256(self.folder / "tokenizer.json"),
            "dtype": f"int8, inputs int{input_bits()}" if self._int8 else str(self._dtype).removeprefix("torch."),
            "engine": self.engine,
        }

    def load(self) -> None:
        """Load the weights now, if they are not loaded yet."""
        self._model  # noqa: B018  # a cached property: reading it loads

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def count_literal(self, text: str, literal: Sequence[tuple[int, int]]) -> int:
        """Return the number of tokens of a prompt's text, with the spans in which special tokens are text."""
        return len(self._vocabulary.encode(text, literal))

    def special_texts(self, text: str) -> frozenset[str]:
        """Return the texts of the model's special tokens that stand in a text."""
        return self._vocabulary.special_texts(text)

    def chat(self, system: str, user: str) -> str:
        """Return one turn in the model's chat template; if the model has none, the system and user texts joined."""
        if self._chat is None:
            return f"{system}\n\n{user}" if system else user
        return self._chat.fill(system, user)

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of text as they are generated and, last, the `Generation`.

        :raises UsageError: prompt and answer together exceed the window, or the constraint allows no token.
        """
        answer, steps = self._begun(prompt)
        for _ in steps:
            if piece := answer.piece():
                yield piece
        if piece := answer.piece():
            yield piece
        yield answer.generation()

    @property
    def batch_size(self) -> int:
        """Return the number of prompts for one call of `write_many` that gives the best speed."""
        return self.spec.batch_size

    def write_many(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """Return the generation of each prompt. The native engine writes answers of tokens together, in one batch.

        The other prompts of a batch change a token only if two tokens are equally likely up to rounding. The deadline
        of a batch is the sum of the deadlines of its prompts.

        :raises UsageError: a prompt and its answer together exceed the window; no answer is written then.
        """
        rows = [self._fitting(prompt) for prompt in prompts]
        if len(rows) < 2 or not self.constraint.stepwise or not isinstance(self._model, Decoder):
            return [self.decode(prompt).generation() for prompt in prompts]
        answers = [self._begin(prompt, tokens) for prompt, tokens in zip(prompts, rows, strict=True)]
        for _ in decode_batch(self._model, self._prefixes, answers, self.spec.deadline * len(rows)):
            pass
        return [answer.generation() for answer in answers]

    def decode(self, prompt: Prompt) -> AnswerState:
        """Return the finished answer to a prompt, as the `AnswerState` that the constraint begins.

        :raises UsageError: prompt and answer together exceed the window, or the constraint allows no token.
        """
        answer, steps = self._begun(prompt)
        for _ in steps:
            pass
        return answer

    def _begun(self, prompt: Prompt) -> tuple[AnswerState, Iterator[None]]:
        """Return the answer to a prompt and an iterator of its steps. The weights are loaded first."""
        tokens = self._fitting(prompt)
        model = self._model
        answer = self._begin(prompt, tokens, drafts=self._drafts)
        return answer, decode_one(model, self._prefixes, answer, self.spec.deadline, exact=self._int8)

    def _fitting(self, prompt: Prompt) -> list[int]:
        """Return the tokens of a prompt.

        :raises UsageError: prompt and answer together exceed the window.
        """
        ids = self._vocabulary.encode(prompt.text, prompt.literal)
        if len(ids) + self.spec.max_new_tokens > self.window:
            need = f"{len(ids):,} prompt and {self.spec.max_new_tokens:,} answer tokens"
            raise UsageError(f"{need} exceed the window of {self.spec.model}: {self.window:,}")
        return ids

    def _begin(self, prompt: Prompt, tokens: list[int], *, drafts: bool = False) -> AnswerState:
        """Return an answer without any token.

        :param tokens: the tokens of the prompt.
        :param drafts: whether the model may read several tokens in one pass.
        """
        request = AnswerRequest(prompt, tokens, self._vocabulary, self.spec, drafts, self._log_probabilities)
        return self.constraint.begin(request)

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        """Return for each pair the natural log-probabilities of the second text's tokens, given the first text.

        The two texts are tokenised separately and without special tokens, so that the tokens of the second text do not
        depend on the first. The other pairs of a call change a result by less than 1e-4 in float32, by about 0.03 in
        bfloat16, and not at all in int8.

        :raises UsageError: a text has no token, or both texts together exceed the window; no pair is computed then.
        """
        if not pairs:
            return []
        first, second = ([pair[side] for pair in pairs] for side in (0, 1))
        rows: list[TokenPair] = list(zip(self._ids(first), self._ids(second), strict=True))
        for number, (prefix, text) in enumerate(rows):
            have = f"pair {number} has {len(prefix):,} + {len(text):,} tokens"
            if not prefix or not text:
                raise UsageError(f"{have}: each of its two texts must have at least one")
            if len(prefix) + len(text) > self.window:
                raise UsageError(f"{have}, which exceed the window of {self.spec.model}: {self.window:,}")
        # The rounding of int8 depends on the padding of a batch, so each row is computed alone.
        batches = [[row] for row in rows] if self._int8 else [rows]
        return [logprobs for batch in batches for logprobs in token_log_likelihoods(self._model, batch)]

    def attention(self, prompt: Prompt, answer: str) -> tuple[float, ...]:
        """Return for each passage of a prompt its share of the attention of the answer's tokens.

        Shares are means over layers and heads, in [0, 1]. The rest of the attention is to the instructions, the
        question, the answer itself, and the first token, which receives the unused attention of heads (Xiao et al.
        2023). A high share does not prove that a passage caused the answer (Jain and Wallace 2019).

        :raises UsageError: the engine is not native, the answer has no token, or prompt and answer exceed the window.
        """
        if not isinstance(self._model, Decoder):
            raise UsageError("attention can be seen in the native engine only: set generate.engine to native")
        (ids, offsets), (said,) = (
            self._vocabulary.encode_with_offsets(prompt.text, prompt.literal),
            self._ids([answer]),
        )
        if not said or len(ids) + len(said) > self.window:
            raise UsageError(
                f"{len(ids):,} prompt and {len(said):,} answer tokens: at least one, and at most {self.window:,} together"
            )
        groups = [token_span(offsets, *place) for place in prompt.places]
        return attention_shares(self._model, ids, said, groups)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return ids

    @cached_property
    def _chat(self) -> models.ChatTemplate | None:
        if not self._tokenizer.chat_template:
            return None
        special = {
            name: str(token) for name, token in self._tokenizer.special_tokens_map.items() if isinstance(token, str)
        }
        return models.ChatTemplate(self._tokenizer.get_chat_template(), special, self.spec.model)

    @cached_property
    def _dtype(self) -> torch.dtype:
        name = "float32" if self._int8 else self.spec.dtype
        return models.torch_dtype(name, matrices=not self.constraint.stepwise)

    @cached_property
    def _model(self) -> Engine:
        if self._int8:
            return load_int8(self.folder, lambda text: self._ids([text])[0])
        return load_engine(self.folder, self.engine, self._dtype, models.device())

    @cached_property
    def _prefixes(self) -> PrefixCache:
        return PrefixCache(self._model, tuple(self.identity.values()))

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        named = self._tokenizer.eos_token_id
        ends = end_tokens(self.folder) | (frozenset() if named is None else {named})
        return Vocabulary(self._tokenizer, ends)

    @property
    def _drafts(self) -> bool:
        """Tell whether drafts can be used without a change of tokens.

        In float32, rounding is too small to change a token. In int8, each token of a draft is rounded as if read alone.
        """
        return self.engine == "native" and (self._int8 or self._dtype == torch.float32)
