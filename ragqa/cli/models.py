"""`ragqa models`: pulls, lists, verifies and removes models."""

from __future__ import annotations

import click

from ragqa import models
from ragqa.cli.common import json_option
from ragqa.cli.terminal import print_json
from ragqa.errors import ModelError

revision_option = click.option("--revision", metavar="HASH", help="Revision of a hub id: a commit hash.")


@click.group("models")
def models_group() -> None:
    """Pull models, find their folders, remove them.

    \b
    Example:
      ragqa models pull all-minilm-l6-v2
    """


@models_group.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the built-in models.

    \b
    Example:
      ragqa models list --json
    """
    cards = [models.card(name) for name in models.BUILTIN]
    if as_json:
        fields = ("name", "kind", "window", "installed", "size", "license")
        print_json({"models": [{field: getattr(card, field) for field in fields} for card in cards]})
        return
    for card in cards:
        here = "here" if card.installed else "not pulled"
        size, reads = f"{card.size / 1e6:8,.0f} MB", f"reads {card.window:6,} tokens"
        click.echo(f"{card.name:28} {card.kind:10} {size}  {reads}  {card.license}  {here}")


@models_group.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@revision_option
@json_option
def pull(names: tuple[str, ...], revision: str | None, as_json: bool) -> None:
    """Download models and verify them; the two default models where no NAME is given.

    NAME is a built-in name or a hub id. An interrupted pull goes on where it stopped.

    \b
    Examples:
      ragqa models pull
      ragqa models pull all-mpnet-base-v2 qwen2.5-coder-1.5b-instruct
    """
    pulled = {}
    for name in names or models.DEFAULTS:
        pulled[name] = str(models.pull(name, revision, progress=_to_stderr))
        if not as_json:
            click.echo(f"{name}: {pulled[name]}")
    if as_json:
        print_json({"models": [{"name": name, "path": path} for name, path in pulled.items()]})


@models_group.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Read every byte of models in the cache, and compare each file with its recorded SHA-256; all models without NAME.

    A model is also checked each time that it is loaded; files that did not change since are not read for that. The exit
    code is 8 where a file differs from the one that was pulled.

    \b
    Examples:
      ragqa models verify
      ragqa models verify all-minilm-l6-v2 --json
    """
    faults = models.verify(names)
    if as_json:
        print_json(
            {"models": [{"name": name, "sound": fault is None, "fault": fault} for name, fault in faults.items()]}
        )
    else:
        for name, fault in faults.items():
            click.echo(f"{name}: {fault or 'sound'}")
    if any(faults.values()):
        raise ModelError("a model is damaged: run `ragqa models pull NAME`")


@models_group.command("path")
@click.argument("name")
@revision_option
@json_option
def path(name: str, revision: str | None, as_json: bool) -> None:
    """Print the folder of a model, as transformers and sentence-transformers load it.

    \b
    Example:
      ragqa models path all-minilm-l6-v2
    """
    folder = str(models.resolve(name, revision, progress=_to_stderr))
    if as_json:
        print_json({"name": name, "path": folder})
    else:
        click.echo(folder)


@models_group.command("remove")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Remove a built-in model from the cache.

    \b
    Example:
      ragqa models remove all-mpnet-base-v2
    """
    removed = models.remove(name)
    if as_json:
        print_json({"name": name, "removed": removed})
    else:
        click.echo(f"{name}: {'removed' if removed else 'was not here'}")


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)
