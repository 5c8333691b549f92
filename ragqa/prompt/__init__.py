"""question + Hits -> Prompt: a template filled in one pass within the token budget. Knows a token counter, no model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from ragqa.config.specs import InContextPrompt
from ragqa.errors import UsageError
from ragqa.records import Dropped, Hit, Prompt
from ragqa.stages import Generator

TEMPLATES = ("qa", "chat", "summarize", "extract")
SLOTS = ("examples", "passages", "question")
SEPARATOR = "\n---\n"
_SLOT = re.compile(r"\{(\w+)\}")
_FENCE = re.compile(r"<(/?\s*passage)", re.IGNORECASE)


def load_template(name: str) -> tuple[str, str]:
    """Return the system and the user part of a template: a built-in name, or a file path that holds a `/`.

    :raises UsageError: there is no such template, or its slots are not the known ones.
    """
    if "/" in name:
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"prompt.template: no such file: {name}")
        text = path.read_text(encoding="utf-8")
    elif name in TEMPLATES:
        text = (files("ragqa.prompt") / "templates" / f"{name}.txt").read_text(encoding="utf-8")
    else:
        raise UsageError(f"prompt.template: unknown {name!r}; valid: {', '.join(TEMPLATES)}, or a path with `/`")
    system, _, user = text.rpartition(SEPARATOR)
    found = _SLOT.findall(user)
    unknown = [slot for slot in _SLOT.findall(text) if slot not in SLOTS]
    if unknown or "question" not in found:
        problem = f"unknown slot {{{unknown[0]}}}" if unknown else "no {question}"
        raise UsageError(f"prompt.template: {name}: {problem}; slots: {', '.join(f'{{{s}}}' for s in SLOTS)}")
    return system.strip(), user.rstrip("\n")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into named slots in one pass; a value is never looked at again."""
    return _SLOT.sub(lambda match: values.get(match.group(1), match.group(0)), template)


class Prompter:
    """Builds prompts as a `prompt` section says, for one generator's window.

    :param answer_tokens: how much of the window is kept for the answer.
    :param examples: given a question, the question-answer pairs to show before it.
    """

    def __init__(
        self,
        spec: InContextPrompt,
        generator: Generator,
        answer_tokens: int,
        examples: Callable[[str], Sequence[tuple[str, str]]] = lambda _: (),
    ) -> None:
        self.spec = spec
        self._generator = generator
        self._answer_tokens = answer_tokens
        self._examples = examples
        self.system, self.user = load_template(spec.template)

    def build(self, question: str, hits: Sequence[Hit]) -> Prompt:
        """Return the prompt: passages whole, best first until the budget is spent; the others are named as dropped.

        :raises UsageError: instructions, examples and question alone exceed the window.
        """
        examples = "".join(f"Question: {q}\nAnswer: {a}\n\n" for q, a in self._examples(question))
        bare = self._render(question, examples, [])
        count = self._generator.count
        budget = self._generator.window - self._answer_tokens - count(bare)
        if budget < 0:
            raise UsageError(
                f"the prompt without passages has {count(bare):,} tokens and the answer {self._answer_tokens:,}; "
                f"the model's window is {self._generator.window:,}: shorten the question or the examples"
            )
        kept, dropped, stripped = self._fit(hits, min(budget, self.spec.max_context_tokens or budget))
        ordered = best_at_ends(kept) if self.spec.order == "best_at_ends" else kept
        text = self._render(question, examples, ordered)
        tokens = {"question": count(question), "examples": count(examples) if examples else 0}
        tokens["instructions"] = count(bare) - sum(tokens.values())
        tokens["passages"] = count(text) - count(bare)
        return Prompt(text, tokens, tuple(ordered), tuple(dropped), stripped)

    def _render(self, question: str, examples: str, hits: Sequence[Hit]) -> str:
        passages = "\n".join(fenced(number, hit)[0] for number, hit in enumerate(hits, start=1))
        values = {"examples": examples, "passages": passages, "question": clean(question)[0]}
        return self._generator.chat(self.system, fill(self.user, values))

    def _fit(self, hits: Sequence[Hit], budget: int) -> tuple[list[Hit], list[Dropped], int]:
        kept: list[Hit] = []
        dropped: list[Dropped] = []
        stripped = spent = 0
        for hit in hits:
            text, removed = fenced(len(kept) + 1, hit)
            cost = self._generator.count(text + "\n") + 1
            if spent + cost > budget:
                left = budget - spent
                dropped.append(
                    Dropped(f"{hit.source}:{hit.chunk.start}-{hit.chunk.end}", f"needs {cost} tokens, {left} left")
                )
                continue
            kept.append(hit)
            spent += cost
            stripped += removed
        return kept, dropped, stripped


def fenced(number: int, hit: Hit) -> tuple[str, int]:
    """Return a passage between fences that its text cannot close, and how many invisible characters were taken out."""
    text, removed = clean(hit.chunk.text)
    source, _ = clean(hit.source)
    safe = source.replace('"', "'").replace("\n", " ")
    return f'<passage {number} source="{safe}">\n{text}\n</passage>', removed


def clean(text: str) -> tuple[str, int]:
    """Take out invisible control characters, and break what looks like a passage fence.

    Removed are categories Cc (but tab and line breaks), Cf (zero-width, bidirectional and tag characters), Co and Cs.
    """
    kept = [c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs")]
    removed = len(text) - len(kept) - text.count("\r\n")
    return _FENCE.sub(r"‹\1", "".join(kept)), removed


def best_at_ends(hits: Sequence[Hit]) -> list[Hit]:
    """Order passages so that the best stand first and last, the worst in the middle (Liu et al. 2023)."""
    return [*hits[::2], *reversed(hits[1::2])]
