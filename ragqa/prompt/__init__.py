"""question + Hits -> Prompt: a template, filled in one pass within the token budget.

It uses a token counter, no model.

template    the files of templates, their slots, and the strings at which an answer ends
safety      what text of documents and of the user may not do to a prompt
examples    question-answer pairs that are shown before the question
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from ragqa.config.specs import InContextPrompt
from ragqa.errors import UsageError
from ragqa.prompt.examples import Example
from ragqa.prompt.safety import FormatMarks, clean, count_text, count_tokens
from ragqa.prompt.template import (
    JUDGED,
    PLAIN,
    SLOT,
    SLOTS,
    TEMPLATES,
    Template,
    answer_label,
    answer_length,
    fill,
    load_template,
    slotless,
)
from ragqa.records import LETTERS, Dropped, Hit, Prompt
from ragqa.stages import Generator

__all__ = [
    "FENCE_BYTES",
    "PLAIN",
    "SOURCE_BYTES",
    "TEMPLATES",
    "Template",
    "TemplatePrompter",
    "Turn",
    "answer_label",
    "answer_length",
    "best_at_ends",
    "clean",
    "count_text",
    "fenced",
    "fill",
    "lettered",
    "load_template",
    "slotless",
]

_MARK = "\ue000"
"""A character that is put into a slot to find its place in a rendered prompt. `clean` removes it from every value."""
_LITERAL = ("examples", "passages", "history", "question")
"""The slots with text of documents and of the user."""
SOURCE_BYTES = 160
FENCE_BYTES = 208
"""The most bytes that the fence adds to a passage, with its number and the end of its source's path."""


Turn = tuple[str, str]
"""A question and its answer."""


class TemplatePrompter:
    """Builds prompts by a `prompt` section, for the window of one generator.

    :param answer_tokens: the tokens of the window that are reserved for the answer.
    :param examples: a function that returns the question-answer pairs to show before a question.
    """

    def __init__(
        self,
        spec: InContextPrompt,
        generator: Generator,
        answer_tokens: int,
        examples: Callable[[str], Sequence[Turn]] = lambda _: (),
    ) -> None:
        self.spec = spec
        self._generator = generator
        self._answer_tokens = answer_tokens
        self._examples = examples
        self.template = load_template(spec.template)

    @property
    def lettered(self) -> bool:
        """Tell whether prompts name passages by letters."""
        return self.template.lettered

    def build(self, question: str, hits: Sequence[Hit], history: Sequence[Turn] = ()) -> Prompt:
        """Return the prompt. Whole passages are added, best first, while they fit; the others are listed as dropped.

        :param history: earlier questions and answers of a conversation, for templates with the slot `{history}`.
        :raises UsageError: instructions, examples, history and question alone exceed the window.
        """
        # 1. Make the parts that are always shown: question, examples, and as much of the conversation as fits.
        examples = [turn if isinstance(turn, Example) else Example(*turn) for turn in self._examples(question)]
        texts = {
            "question": clean(question)[0],
            "examples": "".join(map(self._example, examples)),
            "label": answer_label(question, self.spec.answer),
            "length": answer_length(question),
        }
        texts["history"], budget, dropped = self._history(texts, history)
        # 2. Choose the passages that fit into the rest of the window.
        fitting, left_out, stripped = self._fit(hits, min(budget, self.spec.max_context_tokens or budget))
        if hits and not fitting:
            raise UsageError(
                f"none of {len(hits)} passages fits into the prompt: the best one {left_out[0].reason}; "
                "lower split.chunk_size or generate.max_new_tokens, or raise prompt.max_context_tokens"
            )
        ordered = best_at_ends(fitting) if self.spec.order == "best_at_ends" else fitting
        # 3. Render the prompt, and find the places of its parts in it.
        text = self._render(texts, ordered)
        question_span = self._place("question", texts, ordered, len(text))
        verdict = self._place("answerable", texts, ordered, len(text)) if "{answerable}" in self.template.user else None
        letter = self._place("letter", texts, ordered, len(text)) if self.template.lettered else None
        shown = tuple(example.id for example in examples) if "{examples}" in self.template.user else ()
        return Prompt(
            text,
            self._token_usage(texts, ordered),
            tuple(ordered),
            (*dropped, *left_out),
            stripped=stripped,
            question=question_span,
            shared=self._shared,
            examples=shown,
            verdict=verdict,
            letter=letter,
            places=tuple(self._places(texts, ordered)),
            literal=self._literal(self._values(texts, ordered), text),
            stop=self.template.stops,
            labels=self.template.answer_labels,
        )

    def _literal(self, values: Mapping[str, str], text: str) -> tuple[tuple[int, int], ...]:
        """Return the spans of a prompt with text of documents and of the user.

        :param values: the values of the slots. :param text: the text of the prompt.
        """
        spans, at = [], 0
        slots = [*SLOT.findall(self.template.user), ""]
        for before, slot in zip(self._fixed, slots, strict=False):
            if text[at : at + len(before)] != before or len(slots) != len(self._fixed):  # the chat format strips a turn
                return ((len(self._fixed[0]), len(text) - len(self._fixed[-1])),)
            start = at + len(before)
            at = start + len(values.get(slot, ""))
            if slot in _LITERAL and at > start:
                spans.append((start, at))
        return tuple(spans)

    def _places(self, texts: Mapping[str, str], hits: Sequence[Hit]) -> Iterator[tuple[int, int]]:
        """Yield the span of each passage in the prompt."""
        if "{passages}" not in self.template.user:
            return
        whole = "\n".join(self._passage(number, hit)[0] for number, hit in enumerate(hits, start=1))
        before = self._filled({**texts, "passages": _MARK}).rpartition(_MARK)[0]
        start = len(before.replace(_MARK, whole))
        for number, hit in enumerate(hits, start=1):
            end = start + len(self._passage(number, hit)[0])
            yield start, end
            start = end + 1

    def _place(self, slot: str, texts: Mapping[str, str], hits: Sequence[Hit], length: int) -> tuple[int, int]:
        """Return the span of the last slot of this name in the prompt, for a text of the given length."""
        value = {**JUDGED, **texts}[slot]
        before, _, after = self._render({**texts, slot: _MARK}, hits).rpartition(_MARK)
        return len(before.replace(_MARK, value)), length - len(after)

    @cached_property
    def _shared(self) -> int:
        """Return the number of characters before the first slot, which are the same in every prompt."""
        return len(self._fixed[0])

    @cached_property
    def _fixed(self) -> list[str]:
        """The texts before, between and behind the slots of a prompt."""
        return self._in_chat(fill(self.template.user, dict.fromkeys(SLOTS, _MARK))).split(_MARK)

    @cached_property
    def _format_marks(self) -> FormatMarks:
        return FormatMarks(self._generator, "".join(self._fixed))

    def _history(self, texts: Mapping[str, str], turns: Sequence[Turn]) -> tuple[str, int, list[Dropped]]:
        """Return the latest turns that fit, the remaining tokens for passages, and the turns that were left out."""
        wanted = list(turns) if "{history}" in self.template.user else []
        for first in range(len(wanted) + 1):
            history = _turns(wanted[first:])
            bare = self._count({**texts, "history": history}, [])
            budget = self._generator.window - self._answer_tokens - bare
            if budget >= self._generator.window // 4 or (first == len(wanted) and budget >= 0):
                return history, budget, [Dropped(f"turn {n + 1}", "the window is full") for n in range(first)]
        raise UsageError(
            f"the prompt without passages has {bare:,} tokens and the answer {self._answer_tokens:,}; "
            f"the model's window is {self._generator.window:,}: shorten the question or the examples"
        )

    def _token_usage(self, texts: Mapping[str, str], hits: Sequence[Hit]) -> dict[str, int]:
        """Return the prompt's number of tokens by part; their sum is the number of tokens of the whole prompt."""
        bare = self._count(texts, [])
        parts = {part: value for part, value in texts.items() if part not in ("label", "length")}
        tokens = {part: count_text(self._generator, value) if value else 0 for part, value in parts.items()}
        instructions, passages = bare - sum(tokens.values()), self._count(texts, hits) - bare
        return {**tokens, "instructions": instructions, "passages": passages}

    def _count(self, texts: Mapping[str, str], hits: Sequence[Hit]) -> int:
        """Return the number of tokens of a prompt."""
        values = self._values(texts, hits)
        text = self._filled(values)
        return count_tokens(self._generator, text, self._literal(values, text))

    def _render(self, texts: Mapping[str, str], hits: Sequence[Hit]) -> str:
        return self._filled(self._values(texts, hits))

    def _values(self, texts: Mapping[str, str], hits: Sequence[Hit]) -> dict[str, str]:
        """Return the values of all slots."""
        passages = "\n".join(self._passage(number, hit)[0] for number, hit in enumerate(hits, start=1))
        return {**JUDGED, **texts, "passages": passages}

    def _filled(self, values: Mapping[str, str]) -> str:
        harmless = {slot: self._format_marks.changed(value) for slot, value in values.items()}
        return self._in_chat(fill(self.template.user, {**JUDGED, **harmless}))

    def _in_chat(self, user: str) -> str:
        return user if self.template.plain else self._generator.chat(self.template.system, user)

    def _passage(self, number: int, hit: Hit) -> tuple[str, int]:
        """Return the text of a passage in the prompt, and the number of removed invisible characters."""
        if not self.template.lettered:
            return clean(hit.chunk.text) if self.template.plain else fenced(number, hit)
        text, removed = clean(hit.chunk.text)
        return lettered(number, text), removed

    def _example(self, example: Example) -> str:
        """Return an example in the form of the template's question. A plain template shows its passage before it.

        If the template has the line that a question can be answered, the example has it too.
        """
        passage, (question, answer) = clean(example.passage)[0], (clean(text)[0] for text in example)
        if not self.template.plain or not passage:
            shown = ""
        else:
            shown = f"{lettered(1, passage)}\n" if self.template.lettered else f"Passage: {passage}\n"
        label = answer_label(question, self.spec.answer) if "{label}" in self.template.user else "Answer"
        return f"{shown}Question: {question}\n{self.template.verdict}{label}: {answer}\n\n"

    def _fit(self, hits: Sequence[Hit], budget: int) -> tuple[list[Hit], list[Dropped], int]:
        """Return the passages that fit into a budget of tokens, those that do not, and the number of removed
        characters.
        """
        fitting: list[Hit] = []
        dropped: list[Dropped] = []
        stripped = spent = 0
        most = len(LETTERS) if self.template.lettered else len(hits)
        for hit in hits:
            place = f"{hit.source}:{hit.chunk.start}-{hit.chunk.end}"
            if len(fitting) == most:
                dropped.append(Dropped(place, f"there are letters for {most} passages"))
                continue
            text, removed = self._passage(len(fitting) + 1, hit)
            cost = count_text(self._generator, self._format_marks.changed(text) + "\n") + 1
            if spent + cost > budget:
                left = budget - spent
                dropped.append(Dropped(place, f"needs {cost} tokens, {left} left"))
                continue
            fitting.append(hit)
            spent += cost
            stripped += removed
        return fitting, dropped, stripped


def lettered(number: int, text: str) -> str:
    """Return a passage on one line, after its letter."""
    return f"({LETTERS[number - 1]}) {' '.join(text.split())}"


def fenced(number: int, hit: Hit) -> tuple[str, int]:
    """Return a passage between fences that its text cannot close, and the number of removed invisible characters."""
    text, removed = clean(hit.chunk.text)
    return f'<passage {number} source="{_label(hit.source)}">\n{text}\n</passage>', removed


def _label(source: str) -> str:
    """Return a source as the value of an attribute: on one line, without quotes; of a long path only the end."""
    safe = clean(source)[0].replace('"', "'").replace("\n", " ")
    raw = safe.encode()
    return safe if len(raw) <= SOURCE_BYTES else "..." + raw[-(SOURCE_BYTES - 3) :].decode(errors="ignore")


def _turns(pairs: Sequence[Turn]) -> str:
    return "".join(f"Question: {clean(question)[0]}\nAnswer: {clean(answer)[0]}\n\n" for question, answer in pairs)


def best_at_ends(hits: Sequence[Hit]) -> list[Hit]:
    """Return the passages with the best ones first and last, and the worst in the middle (Liu et al. 2023)."""
    return [*hits[::2], *reversed(hits[1::2])]
