"""`ragqa train`: trains a language model from scratch, or a reader on questions."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.common import json_option, set_option
from ragqa.cli.corpus import corpus_of, exit_if_rejected
from ragqa.cli.indexing import verbose_option
from ragqa.cli.listening import listener
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import bar, print_json
from ragqa.errors import UsageError
from ragqa.kinds import BUILTIN
from ragqa.train.settings import LMSettings, ReaderSettings

if TYPE_CHECKING:
    from tqdm import tqdm

    from ragqa.train.lm import LMReport, Progress


@click.group("train")
def train_group() -> None:
    """Train a language model on your documents, or a reader on questions about them.

    \b
    Example:
      ragqa train lm corpora/tarnwick/documents --tokenizer .ragqa/tokenizer --out .ragqa/lm --steps 20
    """


def settings_options(settings: type[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds an option for each setting of a dataclass."""

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        for field in reversed(fields(settings)):
            name, text = f"--{field.name.replace('_', '-')}", field.metadata["help"]
            option = click.option(name, type=type(field.default), default=field.default, show_default=True, help=text)
            function = option(function)
        return function

    return decorated


@train_group.command("lm")
@click.argument("source", metavar="FOLDER|FILE")
@click.option("--tokenizer", required=True, metavar="TOKENIZER", help="A folder, as `ragqa tokenizer train` makes it, or the name of a model.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where checkpoint and model are written.")  # fmt: skip
@click.option("--objective", type=click.Choice(BUILTIN.names("objective")), default="next_token", show_default=True, help="What the training minimises.")  # fmt: skip
@settings_options(LMSettings)
@verbose_option
@set_option
@json_option
def lm(source: str, tokenizer: str, out: Path, as_json: bool, overrides: tuple[str, ...], **options: Any) -> None:
    """Train a small causal language model on a folder, or on the documents that a pipeline file loads.

    It learns to continue text like theirs, on the processor. Checkpoints are written: after a kill, the same command goes
    on from the last one, and ends with the weights of a run without a kill. The result is a folder for
    `generate: {kind: causal_lm, model: DIR}`. A held-out part of the text is only measured. Losses are in nats a token.
    TOKENIZER is what `ragqa tokenizer inspect` takes, with a tokenizer.json that ends texts by an eos_token.

    Exit code 3 says that some files were rejected; they are named on stderr.

    \b
    Examples:
      ragqa train lm corpora/tarnwick/documents --tokenizer .ragqa/tokenizer --out .ragqa/lm --steps 20
      ragqa train lm pipelines/quickstart.yaml --tokenizer .ragqa/tokenizer --out .ragqa/lm-wide --d-model 256
    """
    pipeline = open_pipeline(source, overrides)
    corpus = corpus_of(pipeline, source, verbose=options.pop("verbose"))
    objective = pipeline.components.train_objective(options.pop("objective"))
    settings = LMSettings(**options)
    in_order = sorted(corpus, key=lambda document: document.id)  # an order that does not depend on file names
    texts = [document.text for document in in_order]
    from ragqa.train import folder
    from ragqa.train.lm import read_data, train_objective

    folder.check(out)
    with _stoppable() as stop, _progress(settings.steps) as progress:
        data = read_data(texts, tokenizer, settings)
        report = train_objective(data, out, settings, objective, progress=progress, stop=stop)
    if not report.finished:
        done = f"{len(report.losses):,} of {settings.steps:,} steps"
        raise KeyboardInterrupt(f"{out} keeps {done}, and the same command again goes on from there")
    figures = _figures(report)
    if as_json:
        print_json({"out": str(out), **figures})
    else:
        click.echo("\n".join(_lines(figures, out.resolve())))
        if settings.context < 512:
            click.echo(f"its window is {settings.context} tokens; most prompts need --context 512 or more", err=True)
    exit_if_rejected(corpus)


@train_group.command("reader")
@click.argument("file")
@click.option(
    "--dataset", metavar="KIND:PATH", help="Questions with answers and evidence; default: the section `evaluate`."
)
@click.option("--split", help="Learn from the questions of one split only, such as tune or dev.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where checkpoint and reader are written.")  # fmt: skip
@settings_options(ReaderSettings)
@set_option
@json_option
def reader(
    file: str,
    dataset: str | None,
    split: str | None,
    out: Path,
    as_json: bool,
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    """Train a reader: it learns from questions where in a passage the answer begins and ends, or that it is not there.

    The passages are those that the pipeline finds for each question. The encoder of the section `embed` learns by low-rank
    adapters, on the processor; some hundreds of questions are the least, some thousands are better. Checkpoints are
    written: after a kill, the same command goes on from the last one, and ends with the weights of a run without a kill. The
    result is a folder for `prompt: {reader: {kind: extractive, path: DIR}}`.

    \b
    Examples:
      ragqa train reader pipelines/quickstart.yaml --split dev --out .ragqa/reader --epochs 1
    """
    settings = ReaderSettings(**options)
    pipeline = open_pipeline(file, overrides)
    from ragqa.experiments import Selection
    from ragqa.experiments.reader_examples import mine_examples
    from ragqa.experiments.setup import dataset_spec, prepare
    from ragqa.train.reader import train_reader

    encoder = pipeline.config.embed.model_use()
    if encoder is None:
        raise UsageError("embed: a reader needs an encoder of this machine, such as {kind: mean_pool, model: ...}")
    with listener() as told:
        setup = prepare(pipeline, dataset_spec(pipeline.config, dataset), Selection(split), told)
        learned, held = mine_examples(setup, settings, told)
    with _stoppable() as stop, _progress(None) as progress:
        run = train_reader(
            learned, held, encoder.model, out, settings, revision=encoder.revision, progress=progress, stop=stop
        )
    if not run.finished:
        raise KeyboardInterrupt(f"{out} keeps {run.step:,} steps, and the same command again goes on from there")
    figures = {
        "examples": len(learned),
        "steps": run.step,
        "training_loss": run.training_loss,
        "validation_loss": run.validations[-1][1] if run.validations else None,
    }
    if as_json:
        print_json({"out": str(out), **figures})
    else:
        click.echo("\n".join(_figure_lines(figures)))
        click.echo(f"\nWritten: {out.resolve()}. To read with it, in a pipeline file:")
        click.echo(f"  prompt: {{reader: {{kind: extractive, path: {out.resolve()}}}}}")


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C was pressed, so that a step can end; a second one interrupts it."""
    before = signal.getsignal(signal.SIGINT)
    interrupted = Event()

    def ask(number: int, frame: object) -> None:
        interrupted.set()
        click.echo("ragqa: finishing this step; Ctrl-C again ends at once", err=True)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield interrupted.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(steps: int | None) -> Iterator[Progress]:
    """Yield a callback that draws steps, loss and remaining time on stderr, after two seconds of training."""
    bars: list[tqdm[Any]] = []

    def report(step: int, loss: float) -> None:
        if not bars:
            if step > 1:
                click.echo(f"going on after step {step - 1:,}", err=True)
            bars.append(bar(initial=step - 1, total=steps, unit=" steps"))
        bars[0].set_postfix_str(f"loss {loss:.3f}", refresh=False)
        bars[0].update()

    try:
        yield report
    finally:
        for drawn in bars:
            drawn.close()


def _figures(report: LMReport) -> dict[str, Any]:
    last, best = report.validations[-1] if report.validations else None, report.best
    return {
        "steps": len(report.losses),
        "training_loss": report.training_loss,
        "validation_loss": last and last[1],
        "bits_per_byte": report.bits_per_byte,
        "best_validation_loss": best and best[1],
        "best_step": best and best[0],
        "parameters": report.parameters,
        "tokens": report.tokens,
        "held_out_tokens": report.held_out_tokens,
        "tokens_per_second": report.tokens_per_second,
    }


def _figure_lines(figures: dict[str, Any]) -> Iterator[str]:
    for name, figure in figures.items():
        shown = "-" if figure is None else f"{figure:.3f}" if "loss" in name or "bits" in name else f"{figure:,.0f}"
        yield f"{name.replace('_', ' '):<21}{shown:>12}"


def _lines(figures: dict[str, Any], out: Path) -> Iterator[str]:
    yield from _figure_lines(figures)
    yield f"\nWritten: {out}. To answer with it, in a pipeline file or by --set:"
    yield f"  generate: {{kind: causal_lm, model: {out}}}"
