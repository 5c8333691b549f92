"""Checks facts outside a pipeline file: its paths exist, its models are known, its prompt fits. Loads no model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa import kinds, models, settings
from ragqa.arguments import AnyPath
from ragqa.config import Config, Kind, PartialConfig, examine, in_order
from ragqa.config.base import ModelUse, Spec, path_rules
from ragqa.config.reader import Key, Mistake, dotted
from ragqa.config.slots import CONTEXT_TOKENS, SPECIAL_TOKENS, PromptSpec
from ragqa.errors import ConfigError, Problem, RagqaError, UsageError
from ragqa.files import names_variable
from ragqa.models import Card
from ragqa.origins import is_loopback, origin
from ragqa.pipeline.assemble.budget import Budget, prove
from ragqa.prompt import load_template
from ragqa.prompt.examples import read_pairs
from ragqa.transformer.families import misfit

CONTEXT_AND_SPECIAL_TOKENS = CONTEXT_TOKENS + SPECIAL_TOKENS
"""The tokens that are embedded with a chunk: title and headings (32), and the two special tokens of an encoder."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The problems of a pipeline file, notes about it, and the proof of its budget."""

    file: Path
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    budget: Budget | None


def check(config: Config) -> CheckReport:
    """Return the report on a pipeline file; the budget is None where there are problems."""
    return _report(config, ())


def check_file(path: AnyPath, overrides: Sequence[str] = (), own_kinds: Iterable[Kind[Any]] = ()) -> CheckReport:
    """Return the report on a pipeline file, which may have any mistakes; parameters are those of `load_config`."""
    try:
        config, problems = examine(path, overrides, kinds.BUILTIN.and_own(own_kinds))
    except ConfigError as error:
        return CheckReport(Path(path), error.problems, (), None)
    return _report(config, problems)


def _report(config: PartialConfig, known: Sequence[Problem]) -> CheckReport:
    """Check the sections that could be read. Mistakes of keys that are already faulty are dropped."""
    cards: dict[str, Card] = {}
    notes = [*_sent(config), *(f"{dotted(key)} {note}" for key, spec in config.parts() for note in spec.notes())]
    found = [*_paths(config), *_unbuildable(config), *_no_likelihood(config)]
    found += _of_models(config, cards, notes)
    found += _too_long(config, cards.get("embed"))
    source = config.source
    new = [source.problem(keys[0], message) for keys, message in found if not source.is_faulty(keys)]
    problems = in_order(source.file, [*known, *new])
    budget = None if problems else prove(config.whole(), cards.get("generate"))
    return CheckReport(config.file, tuple(problems), tuple(notes), budget)


def _unbuildable(config: PartialConfig) -> Iterator[Mistake]:
    """Yield the fault of each kind whose builder cannot be called."""
    for key, spec in config.parts():
        if fault := config.kinds.of(spec).fault():
            yield Mistake(((*key, "kind"),), f"kind {spec.kind} cannot be built: {fault}")


def _of_models(config: PartialConfig, cards: dict[str, Card], notes: list[str]) -> Iterator[Mistake]:
    """Yield the faults of all models. Add a note for each that is not installed, and its card to `cards`, by key."""
    for key, spec in config.parts():
        use = spec.model_use()
        if use is None:
            continue
        try:
            card = models.card(use.model, use.revision)
            faults = _misfits(use, card)
        except RagqaError as error:
            yield Mistake(((*key, "model"),), str(error))
            continue
        cards[dotted(key)] = card
        for name, message in faults:
            yield Mistake(((*key, name),), message)
        if not card.installed:
            notes.append(f"{dotted(key)}.model {card.name} is not here: run `ragqa models pull {card.name}`")


def _misfits(use: ModelUse, card: Card) -> list[tuple[str, str]]:
    """Return each key of a part that does not fit its model, with the reason.

    Whether the native engine can run a model is known only for an installed one; for a GGUF file, after it was
    dequantised.
    """
    if card.kind not in (None, use.wanted):
        return [("model", f"{card.name} is a model of kind {card.kind}, not {use.wanted}")]
    needs_native = use.needs_native if use.native and card.installed else ()
    folder = models.resolved(use.model, use.revision) if needs_native else None
    why = misfit(folder, use.native, card.name) if folder and use.native else None
    return [(key, f"{why}: {advice}") for key, advice in needs_native] if why else []


def _sent(config: PartialConfig) -> Iterator[str]:
    """Yield notes on the data that parts send to other programs, and the addresses."""
    for key, spec in config.parts():
        if (endpoint := spec.endpoint()) is None:
            continue
        part, where, variable = dotted(key), origin(endpoint.base_url), endpoint.api_key_env
        yield f"{part} sends questions and passages of your documents to {where}"
        if variable and is_loopback(where):
            yield f"{part} sends the key in {variable} to {where}, which is this machine"
        elif variable and settings.load().may_send(variable, where):
            yield f"{part} sends the key in {variable} to {where}: confirmed"
        elif variable:
            command = f"ragqa settings allow-key {variable} {where}"
            yield f"{part} sends the key in {variable} to {where}: not confirmed, run `{command}` if you trust it"


def _no_likelihood(config: PartialConfig) -> Iterator[Mistake]:
    """Yield the fault of each part that needs likelihoods where the generator cannot compute them."""
    if config.generate is None or config.generate.likelihoods is not False:
        return
    for key, spec in config.parts():
        if spec.needs_likelihoods:
            kind = config.generate.kind
            message = f"{spec.kind} needs generate of kind causal_lm, got {kind}"
            yield Mistake((key, ("generate", "kind")), message)


def _paths(config: PartialConfig) -> Iterator[Mistake]:
    """Yield the key and the fault of each path that cannot be used."""
    for key, spec in config.parts():
        yield from _missing_paths(key, spec)
    if config.prompt is not None:
        yield from _of_prompt(config.prompt)


def _missing_paths(key: Key, spec: Spec) -> Iterator[Mistake]:
    for name, rule in path_rules(type(spec)).items():
        value = getattr(spec, name)
        for path in value if isinstance(value, list) else [value] if value else []:
            if rule.when == "file" and names_variable(path):
                if path not in os.environ:
                    yield Mistake(((*key, name),), f"the environment variable {path} is not set")
            elif rule.exists and not os.path.exists(path):
                yield Mistake(((*key, name),), f"path not found: {path}")


def _of_prompt(spec: PromptSpec) -> Iterator[Mistake]:
    try:
        if spec.template_name():
            load_template(spec.template_name())
    except UsageError as error:
        yield Mistake((("prompt", "template"),), str(error).removeprefix("prompt.template: "))
    if file := spec.example_file():
        try:
            read_pairs(Path(file.path), file.split)
        except UsageError as error:
            keys = (("prompt", "examples"), ("prompt", "examples_split"))
            yield Mistake(keys, str(error).removeprefix("prompt.examples: "))


def _too_long(config: PartialConfig, card: Card | None) -> Iterator[Mistake]:
    """Yield the fault of chunks that exceed the embedder's window.

    :param card: the facts about the embedder's model; None where it has none.
    """
    longest = config.split.max_tokens() if config.split else None
    window = config.embed.window_limit() if config.embed else None
    window = window or (card.window if card else None)
    if longest is None or window is None:
        return
    most = window - CONTEXT_AND_SPECIAL_TOKENS
    if longest > most:
        message = (
            f"{longest} tokens do not fit into the window of {card.name if card else 'embed.window'}, {window} tokens with "
            f"{CONTEXT_AND_SPECIAL_TOKENS} for title, headings and special tokens; at most {most}"
        )
        yield Mistake((("split", "chunk_size"), ("split", "unit")), message)
