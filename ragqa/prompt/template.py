"""A template: a file with instructions and the turn that is filled in, with its slots and what follows from its lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from ragqa import files
from ragqa.errors import UsageError
from ragqa.messages import nearest
from ragqa.question_analysis import QuestionKind, analyse
from ragqa.records import LETTERS

TEMPLATES = ("qa", "span", "answerable", "chat", "summarize", "extract")
SLOTS = ("examples", "passages", "history", "question", "answerable", "letter", "label", "length")
ANSWERABLE = "yes"
"""The value of the slot `{answerable}`. A generator may first ask the model for its probability."""
LABELS = {True: "Short answer", False: "Answer"}
"""The values of the slot `{label}`, by whether a span is wanted: as set, or since the question asks for a fact."""
LENGTHS: dict[QuestionKind, str] = {
    "fact": "one short sentence",
    "yes_no": "yes or no, and one sentence that says why",
    "definition": "one or two sentences",
    "why": "one or two sentences",
    "how": "the steps in their order, at most six short sentences",
    "list": "every item, one in a line",
    "compare": "two to four sentences, about each of them",
    "summary": "three to five sentences",
    "other": "one to three sentences",
}
"""The values of the slot `{length}` by the kind of question."""
SEPARATOR = "\n---\n"
TEMPLATE_BYTES = 1_000_000
"""The largest file that is read as a template."""
PLAIN = "{plain}\n"
"""The first line of a plain template: the model continues its text, without turns of a chat and without fences."""
SLOT = re.compile(r"\{(\w+)\}")
JUDGED = {"answerable": ANSWERABLE, "letter": LETTERS[0]}
"""The values of the slots that a generator may judge."""
_LINE = re.compile(r"([^{}]*)(\{\w+\})?\s*")
"""A line of text, with at most one slot, at its end."""
_ENDED_LINES = re.compile(r"(?:\{(?:examples|history)\})+")
"""Slots whose values end with a line break."""
FIRST_PASSAGE = {True: "(A) ", False: "<passage "}
"""The beginning of the first passage, by whether passages have letters."""


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
        return "".join(fill(line, JUDGED) for line in lines if "{answerable}" in line or "{letter}" in line)

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings at which an answer ends, since a model that writes one has begun the next question.

        They are the labels of the lines with slots and between them, such as `Question:`, and the beginning of a
        passage, each after a line break. The last line is the label of the answer, and is none of them.
        """
        *lines, last = (_ENDED_LINES.sub("", line) for line in self.user.split("\n"))
        first = next((number for number, line in enumerate(lines) if SLOT.search(line)), len(lines) + 1)
        lines = lines[max(0, first - 1) :]
        labels = [_label(line) for line in ([*lines, last] if SLOT.search(last) else lines)]
        passage = "" if self.plain and not self.lettered else FIRST_PASSAGE[self.lettered]
        return tuple(dict.fromkeys(f"\n{label}" for label in [*labels, passage] if label))

    @property
    def answer_labels(self) -> tuple[str, ...]:
        """The forms of the last line, behind which the answer stands, such as `Answer:`; none if it is no label."""
        last = self.user.rpartition("\n")[2]
        lines = [last.replace("{label}", value) for value in LABELS.values()]
        return tuple(dict.fromkeys(filter(None, map(_label, lines)))) if not SLOT.search(lines[0]) else ()


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
    if "question" not in SLOT.findall(user):
        raise UsageError(f"prompt.template: {name}: no {{question}}; slots: {_slots()}")
    return Template(system.strip(), user.rstrip("\n"), plain)


def _label(line: str) -> str:
    """Return the label of a line of a template; empty if it has none.

    It is the text before a slot, if it ends in a mark such as a colon; or a whole line that ends in a colon or is a
    heading. It has a letter.
    """
    found = _LINE.fullmatch(line)
    text = found[1].strip() if found else ""
    if not found or not any(map(str.isalpha, text)):
        return ""
    marked = not text[-1].isalnum() if found[2] else text.startswith("#") or text.rstrip("*_").endswith((":", "\uff1a"))
    return text if marked else ""


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
    for slot in SLOT.finditer(text, start):
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
    return SLOT.sub(lambda match: values.get(match.group(1), match.group(0)), template)


def slotless(template: str) -> str:
    """Return the text of a template without its slots, which is the same in every prompt."""
    return SLOT.sub("", fill(template, {**JUDGED, "label": LABELS[True], "length": ""}))


def answer_length(question: str) -> str:
    """Return the value of the slot `{length}` for a question."""
    return LENGTHS[analyse(question).kind]


def answer_label(question: str, answer: str) -> str:
    """Return the value of the slot `{label}` for a question.

    :param answer: `prompt.answer`.
    """
    return LABELS[answer == "span" or analyse(question).kind == "fact"]
