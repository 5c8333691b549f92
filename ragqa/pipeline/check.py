"""What a file alone cannot tell: whether its paths exist, its models are known, its prompt fits. Loads no model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa import models, settings
from ragqa.config import Config, examine, in_order
from ragqa.config.base import Spec
from ragqa.config.generators import CausalLMGenerate, LlamaCppGenerate, OpenAIGenerate
from ragqa.config.reader import Finding, Key, dotted
from ragqa.config.specs import (
    ClsPoolEmbed,
    CrossEncoderRerank,
    CustomSpec,
    EncoderRerank,
    LikelihoodRerank,
    MeanPoolEmbed,
)
from ragqa.errors import ConfigError, Problem, RagqaError, UsageError
from ragqa.models import Card
from ragqa.origins import is_loopback, origin
from ragqa.pipeline.budget import Budget, prove
from ragqa.prompt import load_template
from ragqa.prompt.examples import read_pairs
from ragqa.transformer.families import Architecture, misfit

CONTEXT_AND_SPECIAL_TOKENS = 32 + 2
"""What is embedded with a chunk: title and headings, and the two special tokens of an encoder."""
NATIVE: dict[type, Architecture] = {MeanPoolEmbed: "encoder", ClsPoolEmbed: "encoder", CausalLMGenerate: "decoder"}
"""The specs whose model the native engine may run, and what it has to be."""
_NEEDS_NATIVE: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("engine", lambda spec: spec.engine == "native", "use auto or transformers"),
    ("dtype", lambda spec: spec.dtype == "int8", "int8 needs it; use auto, float32 or bfloat16"),
    ("batch_size", lambda spec: getattr(spec, "batch_size", 1) > 1, "batch_size needs it; use 1"),
)
"""The keys that may ask for the native engine, when they do, and what to do where it does not run the model."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with a file that could be read, what is worth knowing, and the proof of its budget."""

    file: Path
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    budget: Budget | None


def check(config: Config) -> Report:
    """Return the report on a pipeline file; the budget is None where a mistake hides it."""
    return _report(config, ())


def check_file(path: str | Path, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()) -> Report:
    """Return the report on a pipeline file that may have any mistake; parameters are those of `load_config`."""
    try:
        config, problems = examine(path, overrides, extra_specs)
    except ConfigError as error:
        return Report(Path(path), error.problems, (), None)
    return _report(config, problems)


def _report(config: Config, known: Sequence[Problem]) -> Report:
    """Look at the sections that could be read; what depends on a key that was mistaken is left to the next time."""
    cards: dict[str, Card] = {}
    notes = list(_sent(config.generate))
    found = [*_paths(config), *_no_likelihood(config), *_no_verdict(config), *_of_models(config, cards, notes)]
    found += _too_long(config.split, cards.get("embed"))
    source = config.source
    new = [source.problem(keys[0], message) for keys, message in found if not source.is_faulty(keys)]
    problems = in_order(source.file, [*known, *new])
    budget = None if problems else prove(config, cards.get("generate"))
    return Report(config.file, tuple(problems), tuple(notes), budget)


def _of_models(config: Config, cards: dict[str, Card], notes: list[str]) -> Iterator[Finding]:
    """Yield what is wrong with the models that are named; note those that are not here, and keep what is known of each."""
    for key, spec, wanted in _models(config):
        try:
            card = models.card(spec.model, getattr(spec, "revision", None))
            faults = _misfits(spec, card, wanted)
        except RagqaError as error:
            yield Finding(((*key, "model"),), str(error))
            continue
        cards[dotted(key)] = card
        for name, message in faults:
            yield Finding(((*key, name),), message)
        if not card.installed:
            notes.append(f"{dotted(key)}.model {card.name} is not here: run `ragqa models pull {card.name}`")


def _sent(spec: Any) -> Iterator[str]:
    """Yield what a generator sends to another program, and where."""
    if isinstance(spec, OpenAIGenerate):
        where, key = origin(spec.base_url), spec.api_key_env
        yield f"generate sends questions and passages of your documents to {where}"
        if key and is_loopback(where):
            yield f"generate sends the key in {key} to {where}, which is this machine"
        elif key and settings.load().may_send(key, where):
            yield f"generate sends the key in {key} to {where}: confirmed"
        elif key:
            command = f"ragqa settings allow-key {key} {where}"
            yield f"generate sends the key in {key} to {where}: not confirmed, run `{command}` if you trust it"


def _models(config: Config) -> Iterator[tuple[Key, Any, str]]:
    """Yield the key and the spec of each part that names a model by which ragqa computes, and the kind that it needs."""
    for section, wanted in (("embed", "embedder"), ("generate", "generator")):
        spec = getattr(config, section)
        if spec is not None and not isinstance(spec, CustomSpec | OpenAIGenerate):
            yield (section,), spec, wanted
    rerank = getattr(config.retrieve, "rerank", None)
    if isinstance(rerank, CrossEncoderRerank | EncoderRerank):
        yield ("retrieve", "rerank"), rerank, "reranker" if isinstance(rerank, CrossEncoderRerank) else "embedder"


def _misfits(spec: Any, card: Card, wanted: str) -> list[tuple[str, str]]:
    """Return each key of a section that does not fit its model, and why.

    The native engine is judged for a model that is here; for a GGUF file, once it was dequantised.
    """
    if card.kind not in (None, wanted):
        return [("model", f"{card.name} is a model of kind {card.kind}, not {wanted}")]
    kind = NATIVE.get(type(spec))
    asked = [(key, advice) for key, needs, advice in _NEEDS_NATIVE if needs(spec)] if kind and card.installed else []
    folder = models.resolved(spec.model, spec.revision) if asked else None
    why = misfit(folder, kind, card.name) if folder and kind else None
    return [(key, f"{why}: {advice}") for key, advice in asked] if why else []


def _no_likelihood(config: Config) -> Iterator[Finding]:
    """Yield the fault of a reranker that needs likelihoods, which the generator does not give."""
    likelihood = isinstance(getattr(config.retrieve, "rerank", None), LikelihoodRerank)
    if likelihood and not isinstance(config.generate, CausalLMGenerate | CustomSpec | None):
        message = f"likelihood needs generate of kind causal_lm, got {config.generate.kind}"
        yield Finding((("retrieve", "rerank"), ("generate", "kind")), message)


def _no_verdict(config: Config) -> Iterator[Finding]:
    """Yield the fault of a least confidence where nothing says how sure the generator is."""
    if isinstance(config.generate, LlamaCppGenerate) and config.generate.min_confidence and config.prompt:
        try:
            unsure = not load_template(config.prompt.template).verdict
        except UsageError:
            return  # told with the paths
        if unsure:
            message = "needs a template with the slot {answerable}, such as `answerable`"
            yield Finding((("generate", "min_confidence"), ("prompt", "template")), message)


def _paths(config: Config) -> Iterator[Finding]:
    """Yield the key and the fault of each path that cannot be used."""
    paths = getattr(config.load, "path", [])
    for path in [paths] if isinstance(paths, str) else paths:
        if not os.path.exists(path):
            yield Finding((("load", "path"),), f"path not found: {path}")
    if config.prompt is not None:
        yield from _of_prompt(config.prompt)
    questions = getattr(config.evaluate, "path", None)
    if questions and not os.path.isfile(questions):
        yield Finding((("evaluate", "path"),), f"no such file: {questions}")


def _of_prompt(spec: Any) -> Iterator[Finding]:
    try:
        load_template(spec.template)
    except UsageError as error:
        yield Finding((("prompt", "template"),), str(error).removeprefix("prompt.template: "))
    if spec.examples:
        try:
            read_pairs(Path(spec.examples), spec.examples_split)
        except UsageError as error:
            keys = (("prompt", "examples"), ("prompt", "examples_split"))
            yield Finding(keys, str(error).removeprefix("prompt.examples: "))


def _too_long(split: Any, card: Card | None) -> Iterator[Finding]:
    if isinstance(split, CustomSpec | None) or split.unit != "token" or card is None or card.window is None:
        return
    most = card.window - CONTEXT_AND_SPECIAL_TOKENS
    if split.chunk_size > most:
        message = (
            f"{split.chunk_size} tokens do not fit into the window of {card.name}, {card.window} tokens with "
            f"{CONTEXT_AND_SPECIAL_TOKENS} for title, headings and special tokens; at most {most}"
        )
        yield Finding((("split", "chunk_size"), ("split", "unit")), message)
