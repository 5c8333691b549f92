"""`ragqa models`: pull models and find their folders."""

from __future__ import annotations

import click

from ragqa import models


@click.group("models")
def command() -> None:
    """Pull models, and find their folders.

    \b
    Example:
      ragqa models pull all-minilm-l6-v2
    """


@command.command("list")
def list_() -> None:
    """List the built-in models."""
    for model in models.BUILTIN.values():
        here = "here" if (models.cache_dir() / "models" / model.name / "ragqa.json").exists() else "not pulled"
        click.echo(f"{model.name:32} {model.size / 1e6:8.0f} MB  {model.licence:12} window {model.window:6}  {here}")


@command.command("pull")
@click.argument("names", nargs=-1)
@click.option("--revision", help="Hub revision (a commit hash).")
def pull(names: tuple[str, ...], revision: str | None) -> None:
    """Download models and verify them; the default models where no NAME is given."""
    for name in names or models.DEFAULTS:
        folder = models.pull(name, revision, progress=lambda line: click.echo(line, err=True))
        click.echo(f"{name}: {folder}")


@command.command("path")
@click.argument("name")
@click.option("--revision", help="Hub revision (a commit hash).")
def path(name: str, revision: str | None) -> None:
    """Print the folder of a model."""
    click.echo(models.resolve(name, revision))
