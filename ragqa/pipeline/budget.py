"""The proof that a prompt fits: the largest that each part can be, added up, against the model's window.

The proof rests on two bounds. A chunk is bounded in UTF-8 bytes by the splitter, and a tokenizer that works on bytes
makes at most one token of a byte; so bytes bound tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa.config import Config
from ragqa.config.generators import LlamaCppGenerate, OpenAIGenerate
from ragqa.config.specs import BYTES_PER_TOKEN, CustomSpec
from ragqa.models import BUILTIN, Card
from ragqa.prompt import FENCE_BYTES, load_template, slotless
from ragqa.prompt.examples import example_bytes, read_pairs

CHAT_TOKENS = 128
"""More than the chat format of any built-in model adds to a system and a user turn; a test measures it."""
QUESTION_TOKENS = 512
"""How long a question the proof allows for."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the prompt and the most tokens it can have; `how` is the arithmetic."""

    part: str
    tokens: int
    how: str


@dataclass(frozen=True, slots=True)
class Budget:
    """The verdict, `PASS`, `FAIL` or `not provable`, and what it rests on. `window` is in tokens."""

    verdict: str
    reason: str
    terms: tuple[Term, ...]
    window: int | None

    @property
    def total(self) -> int:
        """Return the most tokens that prompt and answer can have together."""
        return sum(term.tokens for term in self.terms)


def prove(config: Config, card: Card | None) -> Budget:
    """Return the budget of a file whose templates and examples can be read.

    :param card: what is known of the generator's model; None for an endpoint or a generator of one's own.
    """
    terms = _terms(config)
    window = _window(config, card)
    doubt = _doubt(config, window)
    if doubt or window is None:
        return Budget("not provable", doubt, tuple(terms), window)
    total = sum(term.tokens for term in terms)
    if total <= window:
        return Budget("PASS", f"{window - total:,} tokens to spare", tuple(terms), window)
    advice = "lower retrieve.top_k or split.chunk_size, or set prompt.max_context_tokens"
    reason = f"{total - window:,} tokens too many in the worst case, when passages are dropped: {advice}"
    return Budget("FAIL", reason, tuple(terms), window)


def _terms(config: Config) -> list[Term]:
    parts = load_template(config.prompt.template)
    template = len((parts.system + slotless(parts.user)).encode())
    terms = [
        Term("template", template, f"{template:,} bytes of {Path(config.prompt.template).name}"),
        Term("chat format", CHAT_TOKENS, "allowed for the marks of the turns"),
        _passages(config),
        Term("question", QUESTION_TOKENS, "allowed; a longer question may cost passages, which are named"),
        Term("answer", config.generate.max_new_tokens, "generate.max_new_tokens"),
    ]
    if config.prompt.examples:
        examples = read_pairs(Path(config.prompt.examples), config.prompt.examples_split)
        verdict = len(parts.verdict.encode())
        sizes = sorted((example_bytes(example, plain=parts.plain) + verdict for example in examples), reverse=True)
        n = config.prompt.n_examples
        terms.insert(2, Term("examples", sum(sizes[:n]), f"bytes of the {n} longest of {len(sizes)}"))
    return terms


def _passages(config: Config) -> Term:
    top_k, limit = config.retrieve.top_k, config.prompt.max_context_tokens
    chunk = _chunk_bytes(config.split)
    if chunk is None or config.retrieve.neighbours or config.retrieve.section:
        return Term("passages", limit or 0, "prompt.max_context_tokens" if limit else "no bound is known")
    how = f"top_k {top_k} x ({chunk:,} bytes of a chunk + {FENCE_BYTES} of its fence)"
    bound = top_k * (chunk + FENCE_BYTES)
    if limit and limit < bound:
        return Term("passages", limit, f"prompt.max_context_tokens, below {how} = {bound:,}")
    return Term("passages", bound, how)


def _chunk_bytes(split: Any) -> int | None:
    if isinstance(split, CustomSpec):
        return None
    return int(split.chunk_size) * (BYTES_PER_TOKEN if split.unit == "token" else 4)


def _window(config: Config, card: Card | None) -> int | None:
    spec = config.generate
    if isinstance(spec, OpenAIGenerate | LlamaCppGenerate):
        return min(spec.window, card.window) if card and card.window else int(spec.window)
    return card.window if card else None


def _doubt(config: Config, window: int | None) -> str:
    """Return why the budget cannot be proved; empty where it can."""
    spec = config.generate
    if isinstance(spec, CustomSpec):
        return "because generate is of a kind of your own, whose tokens are not known"
    if window is None:
        return f"because the window of {spec.model} is not known until it is pulled"
    if not isinstance(spec, OpenAIGenerate) and spec.model not in BUILTIN:
        return f"because the tokenizer and chat format of {spec.model} are not known to keep the bounds"
    if config.prompt.max_context_tokens:
        return ""
    if isinstance(config.split, CustomSpec):
        return "because split is of a kind of your own; set prompt.max_context_tokens"
    if config.retrieve.section:
        return "because a section may have any length; set prompt.max_context_tokens"
    if config.retrieve.neighbours:
        return "because neighbours are joined with the white space between them; set prompt.max_context_tokens"
    return ""
