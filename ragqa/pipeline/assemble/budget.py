"""Proves that a prompt fits: the sum of the largest sizes of its parts is compared with the model's window.

The proof uses two bounds. The splitter bounds the UTF-8 bytes of a chunk, and a tokenizer that works on bytes makes at
most one token of each byte. So the number of bytes is an upper bound of the number of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ragqa.config import Config
from ragqa.config.slots import ExampleFile
from ragqa.models import BUILTIN, Card
from ragqa.prompt import FENCE_BYTES, Template, load_template, slotless
from ragqa.prompt.examples import example_bytes, read_pairs

CHAT_TOKENS = 128
"""An upper bound of the tokens that the chat format of any built-in model adds to a system and a user turn; tested."""
QUESTION_TOKENS = 512
"""The length of the question, in tokens, that the proof assumes."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the prompt and the most tokens it can have; `how` explains the number."""

    part: str
    tokens: int
    how: str


@dataclass(frozen=True, slots=True)
class Budget:
    """The verdict `PASS`, `FAIL` or `not provable`, its reason and its terms. `window` is in tokens."""

    verdict: str
    reason: str
    terms: tuple[Term, ...]
    window: int | None

    @property
    def total(self) -> int:
        """Return the most tokens of prompt and answer together."""
        return sum(term.tokens for term in self.terms)


def prove(config: Config, card: Card | None) -> Budget:
    """Return the budget of a file whose templates and examples can be read.

    :param card: the facts about the generator's model; None for an endpoint or a generator of your own.
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
    """Return the terms of the budget; for a prompter of your own without those of template and examples."""
    generate = config.generate.max_new_tokens
    terms = [
        Term("chat format", CHAT_TOKENS, "allowed for the marks of the turns"),
        _passages(config),
        Term("question", QUESTION_TOKENS, "allowed; a longer question may cost passages, which are named"),
        Term("answer", generate, "generate.max_new_tokens"),
    ]
    name, file = config.prompt.template_name(), config.prompt.example_file()
    if not name:
        return terms
    template = load_template(name)
    size = len((template.system + slotless(template.user)).encode())
    first = [Term("template", size, f"{size:,} bytes of {Path(name).name}")]
    return [*first, terms[0], *([_shown_examples(file, template)] if file else []), *terms[1:]]


def _shown_examples(file: ExampleFile, template: Template) -> Term:
    examples = read_pairs(Path(file.path), file.split)
    verdict = len(template.verdict.encode())
    sizes = sorted((example_bytes(example, plain=template.plain) + verdict for example in examples), reverse=True)
    return Term("examples", sum(sizes[: file.shown]), f"bytes of the {file.shown} longest of {len(sizes)}")


def _passages(config: Config) -> Term:
    top_k, limit = config.retrieve.top_k, config.prompt.context_limit()
    chunk = config.split.max_bytes()
    if chunk is None or config.retrieve.unbounded():
        return Term("passages", limit or 0, "prompt.max_context_tokens" if limit else "no bound is known")
    how = f"top_k {top_k} x ({chunk:,} bytes of a chunk + {FENCE_BYTES} of its fence)"
    bound = top_k * (chunk + FENCE_BYTES)
    if limit and limit < bound:
        return Term("passages", limit, f"prompt.max_context_tokens, below {how} = {bound:,}")
    return Term("passages", bound, how)


def _window(config: Config, card: Card | None) -> int | None:
    windows = (config.generate.window_limit(), card.window if card else None)
    return min((window for window in windows if window), default=None)


def _doubt(config: Config, window: int | None) -> str:
    """Return the reason why the budget cannot be proved; empty where it can."""
    use = config.generate.model_use()
    if not config.generate.bounded_tokens:
        return "because generate is of a kind of your own, whose tokens are not known"
    if window is None:
        name = use.model if use else "the generator"
        return f"because the window of {name} is not known until it is pulled"
    if use and use.model not in BUILTIN:
        return f"because the tokenizer and chat format of {use.model} are not known to keep the bounds"
    if not config.prompt.template_name():
        return "because prompt is of a kind of your own, whose text is not known"
    if config.prompt.context_limit():
        return ""
    if config.split.max_bytes() is None:
        return "because split is of a kind of your own; set prompt.max_context_tokens"
    return config.retrieve.unbounded()
