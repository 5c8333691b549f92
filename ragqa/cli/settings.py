"""`ragqa settings`: the settings of the user, and the hosts to which a key may be sent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from ragqa import settings
from ragqa.cli.common import json_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json


@click.group("settings", invoke_without_command=True)
@json_option
@click.pass_context
def settings_group(context: click.Context, as_json: bool) -> None:
    """Print your settings and where each comes from: the environment, a file in your config folder, or the default.

    A setting is read from the environment (RAGQA_ and its name in capitals), else from .env in your config folder, which
    holds such lines, else from settings.json there. Your config folder is $RAGQA_CONFIG, or the one of your system. No
    pipeline file and no file in the working folder sets one. Keys that may be sent are masked.

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
    values, secrets = settings.listing(), settings.secrets()
    _warn_of_other_env_file()
    if as_json:
        print_json({"file": str(settings.file()), "settings": _by_name(values), "secrets": _by_name(secrets)})
        return
    say(f"file: {settings.file()}")
    for setting in (*values, *secrets):
        place = f"{setting.origin} {setting.path}" if setting.path else setting.origin
        say(f"{setting.name} ({place}): {_text(setting.value)}")


@settings_group.command("allow-key")
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


@settings_group.command("forget-key")
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
    keys = next(setting for setting in settings.listing() if setting.name == "keys")
    if keys.origin == "environment":
        click.echo("warning: RAGQA_KEYS is set in the environment and counts instead of the file", err=True)
    elif keys.path == settings.env_file():
        say(f"warning: RAGQA_KEYS is set in {keys.path} and counts instead of {settings.file()}", err=True)


def _warn_of_other_env_file() -> None:
    """Warn that a `.env` in the working folder is not read, as other tools do read it."""
    if Path(settings.ENV_FILE).is_file() and Path(settings.ENV_FILE).absolute() != settings.env_file().absolute():
        say(
            f"note: .env in this folder is not read, since anybody may have written it; yours is {settings.env_file()}",
            err=True,
        )


def _by_name(settings_shown: Iterable[settings.Setting]) -> dict[str, Any]:
    return {
        setting.name: {
            "value": setting.value,
            "origin": setting.origin,
            "path": str(setting.path) if setting.path else None,
        }
        for setting in settings_shown
    }


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "none"
        case None:
            return "none"
    return str(value)
