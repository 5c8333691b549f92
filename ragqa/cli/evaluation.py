"""What `eval`, `replay` and `tune` share: a pipeline over the documents of a dataset, and a run of it in a folder."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from ragqa.cli.indexing import refresh
from ragqa.cli.marks import say
from ragqa.cli.terminal import bar
from ragqa.errors import UsageError
from ragqa.outputs import check_own_folder
from ragqa.pipeline import Config, Pipeline

if TYPE_CHECKING:
    from ragqa.evaluate import Corpus, Dataset, Protocol, Question, Result
    from ragqa.evaluate.runs import RunFolder

PACKAGES = ("ragqa", "torch", "transformers", "tokenizers", "faiss-cpu", "numpy", "langchain-text-splitters")


@dataclass(frozen=True)
class Bench:
    """A pipeline that is ready to be asked, and the questions."""

    pipeline: Pipeline
    dataset: Dataset
    questions: Sequence[Question]
    corpus: Corpus

    @cached_property
    def notes(self) -> list[str]:
        """What was decided about the questions: by the dataset, and where their evidence was looked up."""
        from ragqa.evaluate.dataset import resolve

        return [*filter(None, [self.dataset.note]), *resolve(self.questions, self.corpus.documents)[1]]

    def identity(self, protocol: Protocol) -> dict[str, Any]:
        """Return what results depend on."""
        from ragqa.evaluate import metrics
        from ragqa.evaluate.runs import fingerprint

        questions = [asdict(question) for question in self.dataset.questions]
        return {
            **self.pipeline.fingerprint(answers=protocol.answers),
            "dataset": {"name": self.dataset.name, "questions": fingerprint({"questions": questions})},
            "protocol": asdict(protocol),
            "metrics": metrics.VERSION,
            "ragqa": version("ragqa"),
        }


def dataset_name(pipeline: Pipeline, given: str | None) -> str:
    """Return the dataset that was asked for, else that of the section `evaluate`, as `KIND:PATH`.

    :raises UsageError: there is neither.
    """
    spec: Any = pipeline.config.evaluate
    if given is None and spec is None:
        line = "evaluate: {kind: jsonl, path: questions.jsonl}"
        raise UsageError(f"no questions: give --dataset KIND:PATH, or add `{line}` to the pipeline file")
    return given if given is not None else f"{spec.kind}:{spec.path}"


def prepare(
    pipeline: Pipeline, name: str, split: str | None = None, limit: int | None = None, sample: int | None = None
) -> Bench:
    """Read a dataset, put the pipeline over its documents, and bring the index up to date.

    A dataset without documents is about the pipeline's own. What was decided along the way is said on stderr.
    """
    from ragqa.evaluate import read_dataset, select

    dataset = read_dataset(name)
    bench = make_bench(over(pipeline, dataset), dataset, select(dataset.questions, split, limit, sample))
    say_notes(bench)
    return bench


def over(pipeline: Pipeline, dataset: Dataset) -> Pipeline:
    """Return a pipeline over the documents of a dataset; over its own where the dataset has none."""
    if dataset.documents:
        return pipeline.with_documents(dataset.documents)
    return pipeline.with_folder(dataset.folder, dataset.include) if dataset.folder else pipeline


def make_bench(pipeline: Pipeline, dataset: Dataset, questions: Sequence[Question]) -> Bench:
    """Bring the index of a pipeline up to date, and look up the documents that questions name."""
    from ragqa.evaluate import Corpus

    click.echo("bringing the index up to date", err=True)
    refresh(pipeline, allow_empty=dataset.folder is not None)  # such an index is in the cache, and nobody's own
    wanted = {evidence.source for question in questions for evidence in question.evidence}
    wanted |= {unit.partition("#page=")[0] for question in questions for unit in question.relevant}
    return Bench(pipeline, dataset, questions, Corpus(pipeline.documents(wanted), pipeline.chunks))


def say_notes(bench: Bench) -> None:
    """Say on stderr what was decided about the questions."""
    for note in bench.notes:
        say(f"note: {note}", err=True)


def open_run(
    bench: Bench,
    config: Config,
    protocol: Protocol,
    dataset: str,
    *,
    folder: Path | None = None,
    root: Path | None = None,
) -> RunFolder:
    """Return the folder that keeps a run: the one given, else one by content in `root`, which is in the cache unless given.

    How many of the questions it has answered already is said on stderr.

    :param config: the pipeline file before it was put over the documents of a dataset, for doing the run again.
    """
    from ragqa import models
    from ragqa.evaluate.runs import PIPELINE, RunFolder, fingerprint

    identity = bench.identity(protocol)
    if folder is None:
        folder = (root or models.cache_dir() / "runs") / fingerprint(identity)[:32]
        check_own_folder(folder)
    run = RunFolder(folder, identity, recorded(bench, dataset))
    run.write(PIPELINE, yaml.safe_dump(config.resolved(), sort_keys=False, allow_unicode=True))
    ids = {question.id for question in bench.questions}
    if kept := len(ids & run.known.keys()):
        click.echo(f"{kept} of {len(ids)} questions are known from {folder}", err=True)
    return run


def ask_all(bench: Bench, protocol: Protocol, known: Mapping[str, Result]) -> Iterator[Result]:
    """Yield the result of each question, under a bar with the time that is left."""
    from ragqa.evaluate import evaluate

    left = [question for question in bench.questions if question.id not in known]
    with bar(total=len(left), unit=" questions") as drawn:
        for result in evaluate(bench.pipeline, bench.questions, bench.corpus, protocol, known=known):
            drawn.update(result.id not in known)
            yield result


def recorded(bench: Bench, dataset: str) -> dict[str, Any]:
    """Return what is worth knowing of a run, and what it takes to do it again; results do not depend on it."""
    import torch

    kind, _, path = dataset.partition(":")
    return {
        "file": str(bench.pipeline.config.file),
        "dataset": f"{kind}:{os.path.realpath(os.path.expanduser(path))}",
        "note": bench.dataset.note,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "threads": torch.get_num_threads()},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def peak_mib() -> float:
    """Return the most memory that this process has had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; on macOS bytes
    return round(peak / (1 << 10 if sys.platform != "darwin" else 1 << 20), 1)
