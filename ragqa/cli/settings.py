"""`ragqa settings`: what the user has set, and to which hosts a key may go."""

from __future__ import annotations

from typing import Any

import click

from ragqa import settings
from ragqa.cli.common import json_option
from ragqa.cli.terminal import print_json


@click.group("settings", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Print your settings and where each comes from: the environment, the file of settings, or the default.

    A setting is read from the environment (RAGQA_ and its name in capitals), else from settings.json in your config
    folder, or in $RAGQA_CONFIG. No pipeline file and no file in the working folder sets one.

    \b
    Examples:
      ragqa settings
      ragqa settings allow-key OPENAI_API_KEY https://api.openai.com
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(
                f"write --json behind the name of the command: settings {context.invoked_subcommand} --json"
            )
        return
    values, sources = settings.load().model_dump(mode="json"), settings.sources()
    if as_json:
        shown = {name: {"value": value, "origin": sources[name]} for name, value in values.items()}
        print_json({"file": str(settings.file()), "settings": shown})
        return
    click.echo(f"file: {settings.file()}")
    for name, value in values.items():
        click.echo(f"{name} ({sources[name]}): {_text(value)}")


@command.command("allow-key")
@click.argument("name")
@click.argument("url")
@json_option
def allow_key(name: str, url: str, as_json: bool) -> None:
    """Let the key in the environment variable NAME be sent to the scheme, host and port of URL.

    \b
    Example:
      ragqa settings allow-key OPENAI_API_KEY https://api.openai.com/v1
    """
    entry = settings.allow_key(name, url)
    _warn_if_hidden()
    if as_json:
        print_json({"allowed": entry, "file": str(settings.file())})
    else:
        click.echo(f"allowed: {entry}")


@command.command("forget-key")
@click.argument("name")
@click.argument("url")
@json_option
def forget_key(name: str, url: str, as_json: bool) -> None:
    """Take back what `allow-key` allowed.

    \b
    Example:
      ragqa settings forget-key OPENAI_API_KEY https://api.openai.com/v1
    """
    forgotten = settings.forget_key(name, url)
    _warn_if_hidden()
    if as_json:
        print_json({"forgotten": forgotten, "file": str(settings.file())})
    else:
        click.echo("forgotten" if forgotten else "was not there; `ragqa settings` lists what is")


def _warn_if_hidden() -> None:
    if settings.sources()["keys"] == "environment":
        click.echo("warning: RAGQA_KEYS is set in the environment and counts instead of the file", err=True)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
