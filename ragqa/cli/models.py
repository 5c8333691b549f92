"""`ragqa models`: pulls, lists, verifies and removes models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ragqa import models, profiles
from ragqa.cli.common import json_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json
from ragqa.errors import ModelError
from ragqa.profiles import Profile

revision_option = click.option("--revision", metavar="HASH", help="Revision of a hub id: a commit hash.")


@click.group("models")
def models_group() -> None:
    """Pull models, find their folders, remove them; see which models each profile uses.

    \b
    Examples:
      ragqa models list
      ragqa models pull all-minilm-l6-v2
    """


@models_group.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the built-in models, then the profiles: which models each uses, what it needs, and how well it answers.

    The last line says which profile a folder is asked with, and why.

    \b
    Example:
      ragqa models list --json
    """
    cards = [models.card(name) for name in models.BUILTIN]
    known, choice = [profiles.read_profile(name) for name in profiles.NAMES], profiles.choose()
    if as_json:
        fields = ("name", "kind", "window", "installed", "size", "license")
        listed = [{field: getattr(card, field) for field in fields} for card in cards]
        chosen = {"name": choice.name, "file": str(choice.file), "reason": choice.reason}
        print_json({"models": listed, "profiles": list(map(_profile, known)), "profile": chosen})
        return
    for card in cards:
        here = "here" if card.installed else "not pulled"
        size, reads = f"{card.size / 1e6:8,.0f} MB", f"reads {card.window:6,} tokens"
        click.echo(f"{card.name:28} {card.kind:10} {size}  {reads}  {card.license}  {here}")
    click.echo()
    for profile in known:
        say(_profile_line(profile))
    say(str(choice))


def _profile(profile: Profile) -> dict[str, Any]:
    """Return a profile for JSON; figures are null where they depend on what the user connects."""
    figures, hindrance = profiles.FIGURES.get(profile.name), profiles.obstacle(profile)
    return {
        "name": profile.name,
        "file": str(profile.file),
        "models": [card.name for card in profile.cards],
        "extra": profile.extra and profile.extra.name,
        "obstacle": hindrance and hindrance.text,
        "figures": figures and asdict(figures),
    }


def _profile_line(profile: Profile) -> str:
    """Return the models, the needs and the quality of a profile, and whether it can answer, in one line."""
    figures, hindrance = profiles.FIGURES.get(profile.name), profiles.obstacle(profile)
    models_used = ", ".join(card.name for card in profile.cards)
    needs = (
        f"{figures.memory / 1e9:.1f} GB of memory; {figures.seconds:g} s an answer; {figures.counts}"
        if figures
        else "and a model behind an address"
    )
    return f"{profile.name:9} {models_used}; {needs}; {'cannot run' if hindrance else 'can run'}; {profile.file}"


@models_group.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@revision_option
@json_option
def pull(names: tuple[str, ...], revision: str | None, as_json: bool) -> None:
    """Download models and verify them; those of the profile small where no NAME is given.

    NAME is a built-in name, a hub id, or a profile, which stands for all its models. An interrupted pull goes on where
    it stopped.

    \b
    Examples:
      ragqa models pull
      ragqa models pull better
      ragqa models pull all-mpnet-base-v2 qwen2.5-coder-1.5b-instruct
    """
    asked = names or ("small",)
    pulled = {}
    for name in dict.fromkeys(model for each in asked for model in _models_of(each)):
        pulled[name] = str(models.pull(name, revision, progress=_to_stderr))
        if not as_json:
            click.echo(f"{name}: {pulled[name]}")
    if as_json:
        print_json({"models": [{"name": name, "path": path} for name, path in pulled.items()]})
    for name in asked:
        if name in profiles.NAMES and (hindrance := profiles.obstacle(profiles.read_profile(name))):
            say(f"{name}: {hindrance.text}", err=True)


def _models_of(name: str) -> list[str]:
    """Return the models that a name to pull stands for: those of a profile, or the model itself."""
    return [card.name for card in profiles.read_profile(name).cards] if name in profiles.NAMES else [name]


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
