"""The common steps of experiments: a pipeline over a dataset's documents, its questions, and the folder of a run."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ragqa import messages, models
from ragqa.config import Config, EvaluateSpec
from ragqa.errors import UsageError
from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets import checked, parse_name
from ragqa.evaluate.datasets.splits import select
from ragqa.evaluate.runs.evaluation import IndexedDocuments, Protocol, evaluate
from ragqa.evaluate.runs.folder import PIPELINE, RunFolder, fingerprint
from ragqa.evaluate.runs.gold import locate_evidence
from ragqa.evaluate.runs.result import Result
from ragqa.experiments.listener import SILENT, Listener
from ragqa.outputs import check_own_folder
from ragqa.pipeline import Pipeline
from ragqa.records import FileStatus

PACKAGES = ("ragqa", "torch", "transformers", "tokenizers", "faiss-cpu", "numpy", "langchain-text-splitters")
"""The packages whose versions a run records."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The questions of a dataset to ask: all of a split, the first `limit` of them, or a sample of size `sample`."""

    split: str | None = None
    limit: int | None = None
    sample: int | None = None


ALL = Selection()
"""All questions of a dataset."""


@dataclass(frozen=True)
class EvaluationSetup:
    """A pipeline that is ready to be asked, and the questions.

    `config` is that of the pipeline before it was put over the documents of the dataset, and `name` is the dataset's
    `KIND:PATH`; both are needed to repeat a run.
    """

    pipeline: Pipeline
    config: Config
    dataset: Dataset
    name: str
    questions: Sequence[Question]
    indexed: IndexedDocuments

    @cached_property
    def notes(self) -> list[str]:
        """Return notes on the questions: those of the dataset, and those of the search for evidence."""
        return [*filter(None, [self.dataset.note]), *locate_evidence(self.questions, self.indexed.documents)[1]]

    def identity(self, protocol: Protocol) -> dict[str, Any]:
        """Return the identity of a run, everything that its results depend on, as plain data."""
        questions = [asdict(question) for question in self.dataset.questions]
        return {
            **self.pipeline.fingerprint(answers=protocol.answers),
            "dataset": {"name": self.dataset.name, "questions": fingerprint({"questions": questions})},
            "protocol": asdict(protocol),
            "metrics": metrics.VERSION,
            "ragqa": version("ragqa"),
        }


def dataset_spec(config: Config, name: str | None = None) -> EvaluateSpec:
    """Return the spec of a dataset: by its name `KIND:PATH`, else the section `evaluate`.

    :raises UsageError: there is neither, or the kind is unknown.
    """
    section = config.evaluate
    if section is not None and name in (None, section.kind):  # a kind without a path is named by itself
        return section
    if name is None:
        line = "evaluate: {kind: jsonl, path: questions.jsonl}"
        raise UsageError(f"no questions: give --dataset KIND:PATH, or add `{line}` to the pipeline file")
    kind_name, path = parse_name(name, config.kinds.names("evaluate"))
    kind = config.kinds.find("evaluate", kind_name)
    assert kind is not None
    try:
        spec: EvaluateSpec = kind.spec.model_validate({"kind": kind_name, "path": path})
    except ValidationError as error:
        what = messages.requirement(error.errors()[0])
        raise UsageError(f"dataset {name!r}: kind {kind_name} is not named by KIND:PATH ({what})") from None
    return spec


def read(pipeline: Pipeline, spec: EvaluateSpec) -> tuple[Dataset, str]:
    """Read a dataset, and check it as all datasets; return it with its name `KIND:PATH`.

    :raises UsageError: the dataset cannot be read, has no questions, or has two of one id.
    """
    path = getattr(spec, "path", None)
    name = spec.kind if path is None else f"{spec.kind}:{path}"
    return checked(pipeline.components.make(spec), Path(name)), name


def prepare(
    pipeline: Pipeline, spec: EvaluateSpec, selection: Selection = ALL, listener: Listener = SILENT
) -> EvaluationSetup:
    """Read a dataset, put the pipeline over its documents, and bring the index up to date.

    A dataset without documents is about the documents of the pipeline.
    """
    dataset, name = read(pipeline, spec)
    questions = select(dataset.questions, selection.split, selection.limit, selection.sample)
    ready = over(pipeline, dataset)
    indexed = index_for(ready, dataset, questions, listener)
    setup = EvaluationSetup(ready, pipeline.config, dataset, name, questions, indexed)
    say_notes(setup, listener)
    return setup


def over(pipeline: Pipeline, dataset: Dataset) -> Pipeline:
    """Return a pipeline over the documents of a dataset; the pipeline itself where the dataset has none."""
    if dataset.documents:
        return pipeline.with_documents(dataset.documents)
    return pipeline.with_folder(dataset.folder, dataset.include) if dataset.folder else pipeline


def index_for(
    pipeline: Pipeline, dataset: Dataset, questions: Sequence[Question], listener: Listener = SILENT
) -> IndexedDocuments:
    """Bring the index of a pipeline up to date, and look up the documents that questions name."""
    refresh(
        pipeline, listener, allow_empty=dataset.folder is not None
    )  # such an index is in the cache, and not the user's own
    named = {evidence.source for question in questions for evidence in question.evidence}
    named |= {unit.partition("#page=")[0] for question in questions for unit in question.relevant}
    return IndexedDocuments(pipeline.documents(named), pipeline.chunks)


def refresh(pipeline: Pipeline, listener: Listener = SILENT, *, allow_empty: bool = False) -> None:
    """Index new and changed files. Without changes, the index is not locked; rejected files are reported again.

    :param allow_empty: remove documents that are gone, even where they are most of those indexed.
    :raises DocumentsGoneError: most documents are gone, and `allow_empty` is False.
    """
    listener.say("bringing the index up to date")
    if pipeline.has_index() and (plan := pipeline.changes()).is_empty and not plan.coverage.pending:
        listener.left_out([FileStatus(reading.file.source, "rejected", reading.reason) for reading in plan.read])
    else:
        listener.left_out(pipeline.index(progress=listener.indexed, allow_empty=allow_empty).statuses)


def say_notes(setup: EvaluationSetup, listener: Listener) -> None:
    """Send the notes on the questions to a listener."""
    for note in setup.notes:
        listener.say(f"note: {note}")


def run_folder(setup: EvaluationSetup, protocol: Protocol, root: Path | None = None) -> Path:
    """Return the folder of a run in `root`, which is in the cache unless given; its name is made of the run's identity.

    :raises RefusedError: it is a link.
    :raises UsageError: it is a file.
    """
    folder = (root or models.cache_dir() / "runs") / fingerprint(setup.identity(protocol))[:32]
    check_own_folder(folder)
    return folder


def open_run(
    setup: EvaluationSetup, protocol: Protocol, folder: Path | None = None, listener: Listener = SILENT
) -> RunFolder:
    """Open the given folder for a run, else `run_folder`. An existing run is continued."""
    place = folder or run_folder(setup, protocol)
    run = RunFolder(place, setup.identity(protocol), recorded(setup))
    run.write(PIPELINE, yaml.safe_dump(setup.config.resolved(), sort_keys=False, allow_unicode=True))
    ids = {question.id for question in setup.questions}
    if known := len(ids & run.known.keys()):
        listener.say(f"{known} of {len(ids)} questions are known from {place}")
    return run


def ask_all(
    setup: EvaluationSetup, protocol: Protocol, known: Mapping[str, Result], listener: Listener = SILENT
) -> Iterator[Result]:
    """Yield the result of each question; known results are reused."""
    expected = sum(question.id not in known for question in setup.questions)
    done = 0
    listener.asked(done, expected)
    for result in evaluate(setup.pipeline, setup.questions, setup.indexed, protocol, known=known):
        if result.id not in known:
            done += 1
            listener.asked(done, expected)
        yield result


def recorded(setup: EvaluationSetup) -> dict[str, Any]:
    """Return facts of a run on which its results do not depend, and the dataset, which is needed to repeat the run."""
    import torch

    kind, colon, path = setup.name.partition(":")
    return {
        "file": str(setup.pipeline.config.file),
        "dataset": f"{kind}:{os.path.realpath(os.path.expanduser(path))}" if colon else kind,
        "note": setup.dataset.note,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "threads": torch.get_num_threads()},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
