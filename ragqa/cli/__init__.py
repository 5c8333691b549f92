"""The command line: one module for each command, and the only room that prints or exits."""

from __future__ import annotations

import importlib
import os
import sys

import click

from ragqa import __version__
from ragqa.cli.common import escaped
from ragqa.errors import RagqaError, ResourceError, UsageError

COMMANDS = (
    "init", "check", "plan", "index", "search", "prompt", "ask", "chat", "show", "eval", "compare", "replay", "tune", "questions",
    "train", "tokenizer", "doctor", "gc", "purge", "models", "settings", "schema",
)  # fmt: skip


class _Commands(click.Group):
    """Imports a command's module when it is asked for, so that `ragqa --help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ragqa.cli.{name}").command
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def ragqa() -> None:
    """Question answering over your own documents, with citations that can be checked."""


def main() -> None:
    """Run the command line; every expected fault is one line on stderr and its exit code."""
    try:
        ragqa.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RagqaError as error:
        print(f"ragqa: error: {_printable(error)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except MemoryError:
        print("ragqa: error: out of memory; what was committed is kept", file=sys.stderr)
        sys.exit(ResourceError.exit_code)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (click.Abort, KeyboardInterrupt):
        print("ragqa: interrupted", file=sys.stderr)
        sys.exit(130)


def _printable(error: RagqaError) -> str:
    """Return an error on one line, whatever names it quotes; mistakes of the user's own may stand on several."""
    return escaped(str(error), keep="\n" if isinstance(error, UsageError) else "")
