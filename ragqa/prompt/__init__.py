"""question + Hits -> Prompt: a template, filled in one pass within the token budget.

It uses a token counter, no model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from ragqa import files
from ragqa.config.specs import InContextPrompt
from ragqa.errors import UsageError
from ragqa.messages import nearest
from ragqa.prompt.examples import Example
from ragqa.question_analysis import analyse
from ragqa.records import LETTERS, Dropped, Hit, Prompt
from ragqa.stages import Generator

TEMPLATES = ("qa", "span", "answerable", "chat", "summarize", "extract")
SLOTS = ("examples", "passages", "history", "question", "answerable", "letter", "label")
ANSWERABLE = "yes"
"""The value of the slot `{answerable}`. A generator may first ask the model for its probability."""
LABELS = {True: "Short answer", False: "Answer"}
"""The values of the slot `{label}`, by whether a span is wanted: as set, or since the question asks for a fact."""
SEPARATOR = "\n---\n"
TEMPLATE_BYTES = 1_000_000
"""The largest file that is read as a template."""
PLAIN = "{plain}\n"
"""The first line of a plain template: the model continues its text, without turns of a chat and without fences."""
_SLOT = re.compile(r"\{(\w+)\}")
_JUDGED = {"answerable": ANSWERABLE, "letter": LETTERS[0]}
"""The values of the slots that a generator may judge."""
_MARK = "\ue000"
"""A character that is put into a slot to find its place in a rendered prompt. `clean` removes it from every value."""
# Text that would close the fence of a passage, or is a control token of a chat format (`<|im_end|>`, `</s>`, `[INST]`)
_CONTROL = re.compile(r"<(?=/?\s*passage|\||/?s>)|\[(?=/?INST\])", re.IGNORECASE)
_HARMLESS = "("
"""The character that replaces the first byte of such a text. It is one byte, so that a passage never gets longer."""
SOURCE_BYTES = 160
FENCE_BYTES = 208
"""The most bytes that the fence adds to a passage, with its number and the end of its source's path."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: the instructions, and the turn with its slots. A `plain` template has no instructions."""

    system: str
    user: str
    plain: bool = False

    @property
    def lettered(self) -> bool:
        """Tell whether passages have letters, one of which is named before the answer."""
        return "{letter}" in self.user

    @property
    def verdict(self) -> str:
        """The lines that say that the question can be answered, and from which passage; empty without such slots."""
        lines = self.user.splitlines(keepends=True)
        return "".join(fill(line, _JUDGED) for line in lines if "{answerable}" in line or "{letter}" in line)


def load_template(name: str) -> Template:
    """Return a template by its built-in name, or by a file path with a `/` in it.

    :raises UsageError: there is no such template, it cannot be read, or its slots are wrong.
    """
    text = _template_text(name)
    plain = text.startswith(PLAIN)
    system, _, user = ("", "", text.removeprefix(PLAIN)) if plain else text.rpartition(SEPARATOR)
    if fault := _unknown_slot(text, len(PLAIN) if plain else 0):
        raise UsageError(f"prompt.template: {name}{fault}")
    if not plain and "{letter}" in user:
        raise UsageError(f"prompt.template: {name}: {{letter}} needs a plain template, whose first line is {{plain}}")
    if "question" not in _SLOT.findall(user):
        raise UsageError(f"prompt.template: {name}: no {{question}}; slots: {_slots()}")
    return Template(system.strip(), user.rstrip("\n"), plain)


def _template_text(name: str) -> str:
    if name in TEMPLATES:
        return (resources.files("ragqa.prompt") / "templates" / f"{name}.txt").read_text(encoding="utf-8")
    if "/" not in name:
        raise UsageError(f"prompt.template: unknown {name!r}; valid: {', '.join(TEMPLATES)}, or a path with `/`")
    try:
        return files.read_text(name, TEMPLATE_BYTES).replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        raise UsageError(f"prompt.template: no such file: {name}") from None
    except OSError as error:
        raise UsageError(f"prompt.template: {name}: cannot be read: {error.strerror}") from None


def _unknown_slot(text: str, start: int) -> str:
    """Return the place of the first unknown slot and the most similar known slot; empty if all are known.

    The slot itself is not repeated, because the pipeline file of another person may name any file, such as a secret
    one.
    """
    for slot in _SLOT.finditer(text, start):
        if slot[1] not in SLOTS:
            line, column = text.count("\n", 0, slot.start()) + 1, slot.start() - text.rfind("\n", 0, slot.start())
            near = nearest(slot[1][:40], SLOTS)
            hint = f"did you mean {{{near}}}? " if near else ""
            return f":{line}:{column}: unknown slot; {hint}slots: {_slots()}"
    return ""


def _slots() -> str:
    return ", ".join(f"{{{slot}}}" for slot in SLOTS)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace named slots by values in one pass. Slots within a value are not replaced."""
    return _SLOT.sub(lambda match: values.get(match.group(1), match.group(0)), template)


def slotless(template: str) -> str:
    """Return the text of a template without its slots, which is the same in every prompt."""
    return _SLOT.sub("", fill(template, {**_JUDGED, "label": LABELS[True]}))


def answer_label(question: str, answer: str) -> str:
    """Return the value of the slot `{label}` for a question.

    :param answer: `prompt.answer`.
    """
    return LABELS[answer == "span" or analyse(question).kind == "fact"]


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
        tokens, dropped = self._token_usage(texts, text), [*dropped, *left_out]
        return Prompt(
            text,
            tokens,
            tuple(ordered),
            tuple(dropped),
            stripped=stripped,
            question=question_span,
            shared=self._shared,
            examples=shown,
            verdict=verdict,
            letter=letter,
            places=tuple(self._places(texts, ordered)),
        )

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
        value = {**_JUDGED, **texts}[slot]
        before, _, after = self._render({**texts, slot: _MARK}, hits).rpartition(_MARK)
        return len(before.replace(_MARK, value)), length - len(after)

    @cached_property
    def _shared(self) -> int:
        """Return the number of characters before the first slot, which are the same in every prompt."""
        return len(self._filled(dict.fromkeys(SLOTS, _MARK)).partition(_MARK)[0])

    def _history(self, texts: Mapping[str, str], turns: Sequence[Turn]) -> tuple[str, int, list[Dropped]]:
        """Return the latest turns that fit, the remaining tokens for passages, and the turns that were left out."""
        wanted = list(turns) if "{history}" in self.template.user else []
        for first in range(len(wanted) + 1):
            history = _turns(wanted[first:])
            bare = self._generator.count(self._render({**texts, "history": history}, []))
            budget = self._generator.window - self._answer_tokens - bare
            if budget >= self._generator.window // 4 or (first == len(wanted) and budget >= 0):
                return history, budget, [Dropped(f"turn {n + 1}", "the window is full") for n in range(first)]
        raise UsageError(
            f"the prompt without passages has {bare:,} tokens and the answer {self._answer_tokens:,}; "
            f"the model's window is {self._generator.window:,}: shorten the question or the examples"
        )

    def _token_usage(self, texts: Mapping[str, str], text: str) -> dict[str, int]:
        """Return the prompt's number of tokens by part; their sum is the number of tokens of the whole prompt."""
        count = self._generator.count
        bare = count(self._render(texts, []))
        tokens = {part: count(value) if value else 0 for part, value in texts.items() if part != "label"}
        return {**tokens, "instructions": bare - sum(tokens.values()), "passages": count(text) - bare}

    def _render(self, texts: Mapping[str, str], hits: Sequence[Hit]) -> str:
        passages = "\n".join(self._passage(number, hit)[0] for number, hit in enumerate(hits, start=1))
        return self._filled({**texts, "passages": passages})

    def _filled(self, values: Mapping[str, str]) -> str:
        user = fill(self.template.user, {**_JUDGED, **values})
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
            cost = self._generator.count(text + "\n") + 1
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


def clean(text: str) -> tuple[str, int]:
    """Remove invisible control characters, and change text that a model would read as a fence or a control token.

    Removed are the categories Cc (except tab and line breaks), Cf (zero-width, bidirectional and tag characters), Co
    and Cs.

    :return: the text, and the number of removed characters.
    """
    visible = [c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs")]
    removed = len(text) - len(visible) - text.count("\r\n")
    return _CONTROL.sub(_HARMLESS, "".join(visible)), removed


def _turns(pairs: Sequence[Turn]) -> str:
    return "".join(f"Question: {clean(question)[0]}\nAnswer: {clean(answer)[0]}\n\n" for question, answer in pairs)


def best_at_ends(hits: Sequence[Hit]) -> list[Hit]:
    """Return the passages with the best ones first and last, and the worst in the middle (Liu et al. 2023)."""
    return [*hits[::2], *reversed(hits[1::2])]
