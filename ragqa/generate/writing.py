"""One answer as it is written: logits -> tokens -> text, until the model, a stop string or the limit ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ragqa.config.generators import CausalLMGenerate
from ragqa.records import Generation


class Writing:
    """Chooses the tokens of one answer, and makes text of them.

    :param prompt: token ids. :param ends: tokens that end an answer.
    """

    def __init__(self, spec: CausalLMGenerate, tokenizer: Any, prompt: Sequence[int], ends: frozenset[int]) -> None:
        self.tokens = list(prompt)
        """The prompt's, and those written after it."""
        self.finish: Literal["", "stop", "length", "deadline"] = ""
        """Why the answer is at its end; empty while it is not."""
        self._spec, self._ends = spec, ends
        self._processors = processors(spec)
        self._sampler = torch.Generator(device="cpu").manual_seed(spec.seed)
        self._detokenizer = _Detokenizer(tokenizer)
        self._logprobs: list[float] = []
        self._text, self._sent = "", 0

    @property
    def left(self) -> int:
        """How many more tokens may come."""
        return self._spec.max_new_tokens - len(self._logprobs)

    def take(self, logits: Tensor) -> int:
        """Choose the next token by logits, float32[vocabulary], and return it."""
        token = self._choose(logits[None])
        self.tokens.append(token)
        if token in self._ends:
            self.finish = "stop"
            return token
        self._logprobs.append(float(torch.log_softmax(logits, dim=-1)[token]))
        self._text += self._detokenizer.add(token)
        cut = min((self._text.find(stop) for stop in self._spec.stop if stop in self._text), default=-1)
        if cut >= 0:
            self._text, self.finish = self._text[:cut], "stop"
        elif not self.left:
            self.finish = "length"
        return token

    def piece(self) -> str:
        """Return the text that is new and will not change any more."""
        ready = len(self._text) - (0 if self.finish else _held_back(self._text, self._spec.stop))
        piece = self._text[self._sent : ready]
        self._sent = max(self._sent, ready)
        return piece

    def generation(self, log_probabilities: bool) -> Generation:
        """Return all that was written, with each token's log-probability if asked for."""
        kept = tuple(self._logprobs) if log_probabilities else None
        return Generation(self._text, len(self._logprobs), self.finish, kept)

    def _choose(self, logits: Tensor) -> int:
        history: Any = torch.tensor([self.tokens], device=logits.device)
        scores = self._processors(history, logits.clone())[0]
        if self._spec.temperature == 0:
            return int(scores.argmax())
        return int(torch.multinomial(torch.softmax(scores, dim=-1).cpu(), 1, generator=self._sampler))


def processors(spec: CausalLMGenerate) -> LogitsProcessorList:
    """Return what changes logits before a token is chosen."""
    chain = LogitsProcessorList()
    if spec.repetition_penalty != 1.0:
        chain.append(RepetitionPenaltyLogitsProcessor(spec.repetition_penalty))
    if spec.temperature > 0:
        chain.append(TemperatureLogitsWarper(spec.temperature))
        if spec.top_k:
            chain.append(TopKLogitsWarper(spec.top_k))
        if spec.top_p < 1:
            chain.append(TopPLogitsWarper(spec.top_p))
    return chain


def _held_back(text: str, stops: list[str]) -> int:
    """Return how many characters at the end may still change: half a stop string, or half a character."""
    if text.endswith("\ufffd"):
        return len(text) - len(text.rstrip("\ufffd"))
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), 0, -1):
            if text.endswith(stop[:size]):
                longest = max(longest, size)
                break
    return longest


class _Detokenizer:
    """Turns tokens into text one by one; a character of several tokens comes when it is whole.

    Only the tokens since the last whole character but one are decoded again, so that a long answer costs no more a token
    than a short one, and a tokenizer that drops the first space of what it decodes does so in both halves.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._decode = tokenizer.decode
        self._tokens: list[int] = []
        self._known = 0

    def add(self, token: int) -> str:
        """Return the text that this token completes."""
        self._tokens.append(token)
        before = self._decode(self._tokens[: self._known], skip_special_tokens=True)
        text: str = self._decode(self._tokens, skip_special_tokens=True)
        if text.endswith("\ufffd"):
            return ""
        self._tokens = self._tokens[self._known :]
        self._known = len(self._tokens)
        return text[len(before) :]
