"""The slots of a pipeline, and the facts that every kind of each slot declares for other rooms.

A kind of your own inherits from the class of its slot, gives `kind` a `Literal` of its name, and overrides the facts
that differ. The defaults mean that a fact is unknown: `check` then says so, and no other room relies on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from ragqa.config.base import Name, Range, Scalar, Slot, Spec

VERSION = 1
"""The supported version of the pipeline file."""
BYTES_PER_TOKEN = 6
"""The bound on the UTF-8 bytes of a chunk, per token. It is needed since one token may cover a word of any length."""
CONTEXT_TOKENS = 32
"""Most tokens of title and headings that are indexed with a chunk; outer headings give way first."""
SPECIAL_TOKENS = 2
"""How many tokens an encoder adds to each text."""


class LoadSpec(Spec):
    """A kind of the section `load`: builds a `Loader`."""

    @property
    def roots(self) -> tuple[str, ...]:
        """Return the folders and files to which sources are relative; none where documents do not come from files."""
        return ()


class FormatSpec(Spec):
    """A file format: builds a `FileFormat`. Every loader of folders reads a format without required keys."""

    built_in: ClassVar[bool] = False
    """The format is built in, so every loader of folders reads it, in the sandbox."""


class SplitSpec(Spec):
    """A kind of the section `split`: builds a `Splitter`."""

    @property
    def source_suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of source files that are read as text for this splitter."""
        return ()

    def max_tokens(self) -> int | None:
        """Return the most tokens of a chunk, counted by the embedder; None where that is not known."""
        return None

    def max_bytes(self) -> int | None:
        """Return the most UTF-8 bytes of a chunk; None where that is not known."""
        return None


class EmbedSpec(Spec):
    """A kind of the section `embed`: builds an `Embedder`."""

    def window_limit(self) -> int | None:
        """Return the window that the section sets, in tokens; None where only the model limits it."""
        return None


class IndexSpec(Spec):
    """A kind of the section `index`: builds an `Index`."""

    def at(self, place: str) -> Self:
        """Return the settings of the same index for other documents; an index in files uses the folder `place`."""
        return self


class RerankSpec(Spec):
    """A kind of `retrieve.rerank`: builds a `Scorer`."""

    depth: int = Field(50, ge=1, le=1000, description="How many of the best chunks are read again; at least top_k.")
    weight: float = Field(
        0.5, gt=0, le=1, description="Share of the reranker's score; the rest is the first ranking's."
    )


class RewriteSpec(Spec):
    """A kind of `retrieve.rewrite`: builds a `Rewriter`."""

    uses_generator: ClassVar[bool] = True
    moves_vector: ClassVar[bool] = False
    """The rewriter changes the question's vector rather than its words."""


class RetrieveSpec(Spec):
    """A kind of the section `retrieve`: builds a `Retriever`."""

    uses_vectors: ClassVar[bool] = True
    """The retriever searches the vectors of the index, so it needs the embedder that made them."""

    top_k: int = Field(5, ge=1, le=1000, description="How many chunks are retrieved, before any expansion.")
    min_score: float = Field(
        0.25, ge=-1, le=1, description="Abstain when the best cosine is below this and no content word is shared."
    )
    filter: dict[Name, Scalar | list[Scalar] | Range] = Field(
        {},
        description="Metadata that a document must have: a value, a list of which one must match, or a range `{from, to}`; `source` is a name with `*`.",
    )

    def unbounded(self) -> str:
        """Return the reason why a passage may be longer than a chunk; empty where it cannot be."""
        return "because retrieve is of a kind of your own; set prompt.max_context_tokens"


@dataclass(frozen=True, slots=True)
class ExampleFile:
    """A questions.jsonl with examples for prompts, the split to use, and the number of examples in a prompt."""

    path: str
    split: str | None
    shown: int


class ReaderSpec(Spec):
    """A kind of `prompt.reader`: builds a `PassageReader`."""


AnswerChoice = Literal["auto", "span", "quote", "write"]
Strictness = Literal["strict", "balanced", "eager"]


class PromptSpec(Spec):
    """A kind of the section `prompt`: builds a `Prompter`."""

    answer: AnswerChoice = Field(
        "auto",
        description="`span`: a name, number or date; `quote`: one to five sentences of the documents, word for word; `write`: "
        "the generator's own sentences, each checked; `auto`: by the question and by what the generator can do.",
    )
    min_confidence: Strictness | Annotated[float, Field(ge=0, le=1)] = Field(
        "balanced",
        description="Answer only where the probability to be right is at least this; or strict, balanced, eager; 0 always answers.",
    )
    reader: Annotated[ReaderSpec | None, Slot("reader", optional=True)] = Field(
        None,
        description="What reads question and passages together to find the sentences that answer: `{kind: extractive, path: DIR}`.",
    )

    def template_name(self) -> str:
        """Return the built-in name or the path of the template; empty where there is none."""
        return ""

    def example_file(self) -> ExampleFile | None:
        """Return the file of the examples; None where the prompt has none."""
        return None

    def context_limit(self) -> int | None:
        """Return the most tokens of all passages in a prompt; None where only the window limits them."""
        return None


class ConstraintSpec(Spec):
    """A kind of `generate.decode`: builds a `Constraint`."""

    has_confidence: ClassVar[bool] = False
    """Answers have a confidence."""
    stepwise: ClassVar[bool] = True
    """Answers are written token by token, so several can be written in one batch."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional dependency of this package: its name in `ragqa[NAME]`, and a library that it installs."""

    name: str
    library: str

    @property
    def command(self) -> str:
        """The command that installs it."""
        return f"pip install 'ragqa[{self.name}]'"


class GenerateSpec(Spec):
    """A kind of the section `generate`: builds a `Generator`."""

    likelihoods: ClassVar[bool | None] = None
    """The generator is a `LikelihoodModel`; None where that is not known."""
    bounded_tokens: ClassVar[bool] = False
    """A text has at most as many tokens as UTF-8 bytes, and the chat format adds at most `budget.CHAT_TOKENS`."""
    extra: ClassVar[Extra | None] = None
    """The optional dependency of this package without which the generator cannot be built."""

    max_new_tokens: int = Field(96, ge=1, le=32768, description="Longest answer, in the generator's tokens.")

    def writes(self) -> bool:
        """Tell whether the generator writes sentences; one that only chooses spans does not."""
        return True

    def window_limit(self) -> int | None:
        """Return the window that the section sets, in tokens; None where only the model limits it."""
        return None


class EvaluateSpec(Spec):
    """A kind of the section `evaluate`: builds a `Dataset`."""


class ServeSpec(Spec):
    """A kind of the section `serve`: settings of a server, which `ragqa serve` reads. No part is built from it."""


class ObjectiveSpec(Spec):
    """A kind of training objective: builds an `Objective`."""


SECTIONS: Mapping[str, type[Spec]] = {
    "load": LoadSpec,
    "split": SplitSpec,
    "embed": EmbedSpec,
    "index": IndexSpec,
    "retrieve": RetrieveSpec,
    "prompt": PromptSpec,
    "generate": GenerateSpec,
    "evaluate": EvaluateSpec,
    "serve": ServeSpec,
}
"""The sections of a file in the order of the data flow, each with the base class of its kinds."""

OPTIONAL = ("evaluate", "serve")

SLOTS: Mapping[str, type[Spec]] = {
    **SECTIONS,
    "format": FormatSpec,
    "rerank": RerankSpec,
    "rewrite": RewriteSpec,
    "constraint": ConstraintSpec,
    "reader": ReaderSpec,
    "objective": ObjectiveSpec,
}
"""All slots, each with the base class of its kinds: the sections, and the parts inside them."""
