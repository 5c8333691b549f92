"""What passes between a constraint (`ragqa.stages.Constraint`), its answers, and the decoding loop that reads for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from ragqa.records import Generation, Prompt

TokenLimit = Callable[[Sequence[int], "Tensor"], "Tensor"]
"""Takes the tokens of an answer so far and the logits of the next one, float32[vocabulary]; returns logits in which a
token that must not come has -inf. At least one token has to be left: where the answer is whole, one that ends it."""


class Reading(NamedTuple):
    """Tokens that a model is to read for an answer, of which it has read those before the position `start`.

    They follow one another; with `branches`, the lengths of several continuations, these stand side by side instead.
    """

    tokens: Sequence[int]
    start: int
    branches: tuple[int, ...] = ()


class AnswerState(Protocol):
    """One answer while it is decoded. The decoding loop reads tokens for it until it has a `finish`.

    `finish` is empty until then, else `stop`, `length`, or `deadline`, which the loop sets. Of the `prompt_tokens`, other
    prompts begin with the first `shared_tokens` too; `room` is how many tokens may be read after them at most.
    """

    finish: str

    @property
    def prompt_tokens(self) -> list[int]: ...
    @property
    def shared_tokens(self) -> int: ...
    @property
    def room(self) -> int: ...

    def take(self, logits: Tensor) -> Iterator[None]:
        """Use the logits after each token that was read, float32[tokens, vocabulary]; of the prompt, after its last one.

        Yields after each token that is written, so that its text can be sent.
        """
        ...

    def reading(self) -> Reading:
        """Return what is to be read next."""
        ...

    def piece(self) -> str:
        """Return the text that is new and will not change any more."""
        ...

    def generation(self) -> Generation:
        """Return all that was written."""
        ...


class DecodingRequest(Protocol):
    """What a constraint begins an answer with: the prompt, the model's tokenizer as transformers loads it, and limits."""

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

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without special tokens around it."""
        ...

    def sequence(self, limit: TokenLimit | None = None) -> AnswerState:
        """Return an answer that is written token by token, sampled and ended as the section says, within a limit."""
        ...
