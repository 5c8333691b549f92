"""One answer that is written token by token: logits -> tokens -> text.

The model, a stop string or the limit ends it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ragqa.config.generators import CausalLMGenerate
from ragqa.errors import UsageError
from ragqa.generate.detokenizer import Detokenizer, unsettled
from ragqa.generate.prompt_lookup import PromptLookupDrafter
from ragqa.generate.sampling import make_processors, make_sampler
from ragqa.generate.vocabulary import Vocabulary
from ragqa.records import Generation, Prompt
from ragqa.stages.decoding import Reading, TokenLimit


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """The input for a new answer: a `DecodingRequest`.

    :param tokens: the tokens of the prompt.
    :param drafts: whether tokens are drafted, so that the model reads several in one pass.
    :param log_probabilities: keep each token's log-probability.
    """

    prompt: Prompt
    tokens: Sequence[int]
    vocabulary: Vocabulary
    spec: CausalLMGenerate
    drafts: bool = False
    log_probabilities: bool = False

    @property
    def tokenizer(self) -> Any:
        """Return the model's tokenizer."""
        return self.vocabulary.tokenizer

    @property
    def end_tokens(self) -> frozenset[int]:
        """Return the tokens that end an answer."""
        return self.vocabulary.end_tokens

    @property
    def max_new_tokens(self) -> int:
        """Return the most tokens of the answer."""
        return self.spec.max_new_tokens

    @property
    def line_end_tokens(self) -> frozenset[int]:
        """Return the tokens whose text begins with a line break."""
        return self.vocabulary.line_end_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Return the strings at which the answer ends: those of the section, and those of the template."""
        return (*self.spec.stop, *self.prompt.stop)

    def encode(self, text: str, literal: Sequence[tuple[int, int]] = ()) -> list[int]:
        """Return the tokens of a text, without special tokens around it; within `literal`, special tokens are text."""
        return self.vocabulary.encode(text, literal)

    def sequence(self, limit: TokenLimit | None = None) -> SequenceState:
        """Return an answer that is written token by token, sampled and ended by the settings of the section."""
        return SequenceState(self, limit)


class SequenceState:
    """An `AnswerState` that chooses the tokens of one answer and converts them to text.

    :param limit: it changes the logits before the section's own processors; None changes nothing.
    """

    def __init__(self, request: AnswerRequest, limit: TokenLimit | None = None) -> None:
        self.prompt_tokens = list(request.tokens)
        self.shared_tokens = _count_shared(request)
        self.tokens = list(request.tokens)
        """The tokens of the prompt, and the generated ones after them."""
        self.finish = ""
        self._request, self._limit = request, limit
        self._processors, self._sample = make_processors(request.spec), make_sampler(request.spec)
        self._drafter = PromptLookupDrafter(self.tokens) if request.drafts else None
        self._draft: list[int] = []
        self._detokenizer = Detokenizer(request.tokenizer, request.vocabulary.special_in(request.prompt))
        self._logprobs: list[float] = []
        self._text, self._n_sent = "", 0

    @property
    def room(self) -> int:
        """Return the number of tokens that may still follow."""
        return self._request.max_new_tokens - len(self._logprobs)

    def reading(self) -> Reading:
        """Return the last token, which the model has not read yet, and the draft after it."""
        return Reading([self.tokens[-1], *self._draft], len(self.tokens) - 1)

    def take(self, logits: Tensor) -> Iterator[None]:
        """Choose a token by each row of logits, float32[tokens read, vocabulary], until one differs from the draft.

        Yields after each token.
        """
        for row, drafted in zip(logits, [*self._draft, None], strict=True):
            token = self._step(row)
            yield
            if self.finish:
                return
            if self._drafter is not None:
                self._drafter.add(token)
            if token != drafted:  # the remaining rows belong to the rejected part of the draft
                break
        self._draft = self._drafter.draft(self.room - 1) if self._drafter is not None else []

    def _step(self, logits: Tensor) -> int:
        """Choose the next token by logits, float32[vocabulary]; if the answer ends with it, record the reason."""
        # 1. Choose a token; stop if it ends the text.
        token = self._choose(logits)
        self.tokens.append(token)
        if token in self._request.end_tokens:
            self.finish = "stop"
            return token
        # 2. Record the token's log-probability by the model's own logits, before any processor.
        self._logprobs.append(float(torch.log_softmax(logits, dim=-1)[token]))
        # 3. Add its text; stop at a stop string, which is left out, or at the limit.
        self._text += self._detokenizer.add(token)
        cut = min((self._text.find(stop) for stop in self._request.stops if stop in self._text), default=-1)
        if cut >= 0:
            self._text, self.finish = self._text[:cut], "stop"
        elif not self.room:
            self.finish = "length"
        return token

    def _choose(self, logits: Tensor) -> int:
        """Return a token, chosen by processed logits, float32[vocabulary].

        :raises UsageError: the limit allows no token.
        """
        if self._limit is not None:
            logits = self._limit(self.tokens[len(self.prompt_tokens) :], logits)
            if logits.max() == -math.inf:
                text = f"{self._text[-40:]!r}"
                raise UsageError(f"generate.decode: the constraint allows no token after {text}: allow an end token")
        for process in self._processors:
            logits = process(self.tokens, logits)
        return self._sample(logits)

    def piece(self) -> str:
        """Return the new text that will not change any more."""
        ready = len(self._text) - (0 if self.finish else unsettled(self._text, self._request.stops))
        piece = self._text[self._n_sent : ready]
        self._n_sent = max(self._n_sent, ready)
        return piece

    def generation(self) -> Generation:
        """Return the whole generation, with each token's log-probability if asked for."""
        logprobs = tuple(self._logprobs) if self._request.log_probabilities else None
        return Generation(self._text, len(self._logprobs), self.finish, logprobs)


def _count_shared(request: AnswerRequest) -> int:
    """Return the number of a prompt's tokens in the common prefix of prompts; at least one token is not in it."""
    prompt, tokens = request.prompt, list(request.tokens)
    shared = request.vocabulary.encode(prompt.text[: prompt.shared].rstrip()) if prompt.shared else []
    return len(shared) if len(shared) < len(tokens) and tokens[: len(shared)] == shared else 0
