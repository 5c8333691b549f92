"""The Protocols of a constraint, its answers, and the decoding loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from ragqa.records import Generation, Prompt

TokenLimit = Callable[[Sequence[int], "Tensor"], "Tensor"]
"""A function of an answer's tokens so far and the logits of its next token, float32[vocabulary]. It returns logits with
-inf for each forbidden token. At least one token must remain: where the answer is complete, a token that ends it."""


class Reading(NamedTuple):
    """Tokens for the model to read next, from the position `start` on; it has read the tokens before that.

    They are one sequence. With `branches`, they are several alternative continuations of the same prefix, one after
    another in the list, and `branches` has their lengths.
    """

    tokens: Sequence[int]
    start: int
    branches: tuple[int, ...] = ()


class AnswerState(Protocol):
    """One answer while it is decoded. The decoding loop reads tokens for it until it has a `finish`.

    `finish` is empty until then, else `stop`, `length`, or `deadline`, which the loop sets. Other prompts begin with
    the first `shared_tokens` of the `prompt_tokens` too. `room` is the most tokens that may be read after the prompt.
    """

    finish: str

    @property
    def prompt_tokens(self) -> list[int]: ...
    @property
    def shared_tokens(self) -> int: ...
    @property
    def room(self) -> int: ...

    def take(self, logits: Tensor) -> Iterator[None]:
        """Use the logits after each token that was read, float32[tokens, vocabulary]; for the prompt, [1, vocabulary].

        Yield after each token that is written, so that its text can be sent.
        """
        ...

    def reading(self) -> Reading:
        """Return the tokens to read next."""
        ...

    def piece(self) -> str:
        """Return the text that is new since the last call and will not change any more."""
        ...

    def generation(self) -> Generation:
        """Return the finished answer as a `Generation`."""
        ...


class DecodingRequest(Protocol):
    """The input of `Constraint.begin`: the prompt, the model's tokenizer as transformers loads it, and limits."""

    @property
    def prompt(self) -> Prompt: ...
    @property
    def tokenizer(self) -> Any: ...
    @property
    def end_tokens(self) -> frozenset[int]: ...
    @property
    def line_end_tokens(self) -> frozenset[int]: ...
    @property
    def max_new_tokens(self) -> int: ...

    def encode(self, text: str, literal: Sequence[tuple[int, int]] = ()) -> list[int]:
        """Return the tokens of a text, without special tokens around it; within `literal`, special tokens are text."""
        ...

    def sequence(self, limit: TokenLimit | None = None) -> AnswerState:
        """Return an answer that is written token by token within a limit, with the sampling that `generate` sets."""
        ...


class Constraint(Protocol):
    """Limits or chooses the tokens of a causal LM's answers. One object serves all answers, and keeps no state of them.

    `has_confidence`: its generations have a `confidence`. `stepwise`: `begin` returns the answer of
    `DecodingRequest.sequence`, which is written token by token, so that several can be written in one batch. The
    answers of other constraints read many tokens in one forward pass.
    """

    @property
    def has_confidence(self) -> bool: ...
    @property
    def stepwise(self) -> bool: ...

    def begin(self, request: DecodingRequest) -> AnswerState:
        """Return the state of a new answer to a prompt."""
        ...
