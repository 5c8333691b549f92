"""Repeats a run: every question is asked again, and its result is compared with the stored one -> Replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ragqa.arguments import AnyPath
from ragqa.config import Kind
from ragqa.errors import UsageError
from ragqa.evaluate.runs.evaluation import Protocol
from ragqa.evaluate.runs.folder import PIPELINE, SavedRun, differences, read_run
from ragqa.evaluate.runs.result import Result
from ragqa.experiments.listener import SILENT, Listener
from ragqa.experiments.setup import EvaluationSetup, ask_all, dataset_spec, prepare
from ragqa.pipeline import Pipeline

TOLERANCE = 1e-4
"""The most by which a score or a confidence may differ: threads add numbers in varying order."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome of a replay.

    `questions` counts the questions that were asked again. `identity` has the differences in the run's identity, each
    as `key: old, now new`. `differing` has by question id the parts of a result that differ, each with its difference.
    """

    questions: int
    identity: tuple[str, ...]
    differing: Mapping[str, Mapping[str, str]]

    @property
    def equal(self) -> int:
        """Return the number of results without differences."""
        return self.questions - len(self.differing)

    @property
    def counts(self) -> dict[str, int]:
        """Return for each part of a result the number of results in which it differs."""
        return dict(Counter(name for differing in self.differing.values() for name in differing))


def replay(
    folder: AnyPath,
    overrides: Sequence[str] = (),
    *,
    kinds: Iterable[Kind[Any]] = (),
    limit: int | None = None,
    listener: Listener = SILENT,
) -> Replay:
    """Ask the questions of a run again, with its pipeline file and the models and packages that are installed now.

    The retrieved passages, the prompt, the answer and, up to `TOLERANCE`, every score are compared.

    :param folder: the folder of the run, written by `evaluate_pipeline` or `ragqa eval`.
    :param overrides: `section.key=value` each, to compare the run with other settings.
    :param kinds: your own kinds that the pipeline file names.
    :param limit: the number of questions to ask, from the first on; None for all.
    :raises UsageError: the folder has no run, or its questions no longer exist.
    """
    run = read_run(folder)
    pipeline = Pipeline.from_file(run.folder / PIPELINE, overrides, kinds)
    protocol, setup = _set_up(run, pipeline, limit, listener)
    changed = tuple(differences(run.identity, setup.identity(protocol)))
    kept = {result.id: result for result in run.results}
    compared = {new.id: dict(_differing(kept[new.id], new)) for new in ask_all(setup, protocol, {}, listener)}
    return Replay(len(setup.questions), changed, {id_: differing for id_, differing in compared.items() if differing})


def _set_up(
    run: SavedRun, pipeline: Pipeline, limit: int | None, listener: Listener
) -> tuple[Protocol, EvaluationSetup]:
    """Return the protocol of a run, its pipeline, and the questions that it has results of."""
    try:
        protocol, name = Protocol(**run.identity["protocol"]), str(run.recorded["dataset"])
    except (LookupError, TypeError):
        raise UsageError(
            f"{run.folder}: run.json does not say what was asked and how: not a run of `ragqa eval`"
        ) from None
    setup = prepare(pipeline, dataset_spec(pipeline.config, name), listener=listener)
    answered = {result.id for result in run.results}
    questions = [question for question in setup.questions if question.id in answered][:limit]
    if not questions:
        raise UsageError(f"{run.folder}: none of its questions is in {name}")
    return protocol, replace(setup, questions=questions)


def _differing(old: Result, new: Result) -> Iterator[tuple[str, str]]:
    """Yield each part in which two results of a question differ, and the difference."""
    for name in ("error", "prediction", "abstained", "prompt_sha256"):
        if getattr(old, name) != getattr(new, name):
            yield name, f"{getattr(old, name)!r}, now {getattr(new, name)!r}"
    places = [[(hit.source, hit.start, hit.end) for hit in result.hits] for result in (old, new)]
    if places[0] != places[1]:
        yield "hits", f"{places[0]}, now {places[1]}"
    numbers = [{**result.scores, "confidence": result.confidence or 0.0} for result in (old, new)]
    for name in sorted({*numbers[0], *numbers[1]}):
        before, now = (number.get(name) for number in numbers)
        if before is None or now is None or abs(before - now) > TOLERANCE:
            yield name, f"{before}, now {now}"
