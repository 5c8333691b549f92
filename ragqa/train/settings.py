"""The sizes of a small language model, and the settings of its training.

`--help` shows them, so imports here are light.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ragqa.config.slots import ObjectiveSpec
from ragqa.errors import UsageError


class NextTokenObjective(ObjectiveSpec):
    """Predict each token of the texts from those before it."""

    kind: Literal["next_token"] = "next_token"


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """The settings that the training of a reader depends on besides its examples and its encoder.

    :raises UsageError: a value is out of range.
    """

    epochs: float = _setting(2.0, "How often each example is learned from.")
    batch: int = _setting(16, "Windows in a batch.")
    rank: int = _setting(16, "Rank of the adapters.")
    learning_rate: float = _setting(
        1.5e-3, "The highest: it rises to this over the first tenth, and falls to a tenth of it."
    )
    negatives: int = _setting(2, "Passages without the answer for each question, the best that the search finds.")
    held_out: float = _setting(0.05, "Share of the groups of questions that are only measured; 0 measures nothing.")
    save_every: int = _setting(100, "Steps between two checkpoints, each with a validation loss.")
    seed: int = _setting(0, "Draws the first weights, the batches and what is held out.")
    steps: int = _setting(0, "Batches to learn from; 0 follows from the epochs.")

    def __post_init__(self) -> None:
        for name in ("batch", "rank", "save_every"):
            check(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("seed", "negatives", "steps"):
            check(self, name, getattr(self, name) >= 0, "at least 0")
        check(self, "epochs", 0 < self.epochs <= 100, "above 0 and at most 100")
        check(self, "held_out", 0 <= self.held_out <= 0.5, "from 0 to 0.5")
        check(self, "learning_rate", 0 < self.learning_rate < 1, "above 0 and below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LMSettings:
    """The settings that a training depends on besides its texts and its tokenizer.

    :raises UsageError: a value is out of range, or sizes do not fit together.
    """

    steps: int = _setting(500, "Batches to learn from.")
    batch: int = _setting(8, "Windows of text in a batch.")
    context: int = _setting(512, "Tokens in a window; the longest prompt and answer together that the model can read.")
    d_model: int = _setting(128, "Width of the hidden states.")
    num_layers: int = _setting(4, "Blocks of attention and feed-forward.")
    num_heads: int = _setting(4, "Heads of attention in a block.")
    dropout: float = _setting(0.0, "Share of what blocks and embeddings give that is dropped in training.")
    learning_rate: float = _setting(
        3e-3, "The highest: it rises to this over the first tenth, and falls to a tenth of it."
    )
    held_out: float = _setting(0.1, "Share of the text that is only measured; 0 measures nothing.")
    save_every: int = _setting(100, "Steps between two checkpoints, each with a validation loss.")
    seed: int = _setting(0, "Draws the first weights, the batches and what is held out.")

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "context", "d_model", "num_layers", "num_heads", "save_every"):
            check(self, name, getattr(self, name) >= 1, "at least 1")
        check(self, "seed", self.seed >= 0, "at least 0")
        check(self, "dropout", 0 <= self.dropout < 1, "at least 0 and below 1")
        check(self, "held_out", 0 <= self.held_out <= 0.5, "from 0 to 0.5")
        check(self, "learning_rate", 0 < self.learning_rate < 1, "above 0 and below 1")
        even = f"a multiple of 2 * num_heads, {2 * self.num_heads}: each head has pairs of coordinates"
        check(self, "d_model", self.d_model % (2 * self.num_heads) == 0, even)


def check(settings: object, name: str, valid: bool, range_: str) -> None:
    """Refuse settings of which one is out of its range."""
    if not valid:
        raise UsageError(f"{name} is {getattr(settings, name)}; it must be {range_}")
