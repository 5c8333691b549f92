"""The command line: one module for each command. Only this room prints or exits."""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import sys
from collections.abc import Sequence

import click

from ragqa import __version__, limits
from ragqa.cli import interrupts
from ragqa.cli.faults import INTERRUPTED, error_report
from ragqa.cli.terminal import Said, Screen, escaped, json_text, screens
from ragqa.errors import GateError, RejectedError, ResourceError

COMMANDS = (
    "init", "check", "plan", "index", "search", "prompt", "ask", "chat", "serve", "summarize", "show", "eval", "compare", "replay", "tune", "questions",
    "train", "tokenizer", "doctor", "gc", "purge", "export", "import", "formats", "models", "settings", "schema",
)  # fmt: skip
_COMPUTING = (
    ("plan",), ("index",), ("search",), ("prompt",), ("ask",), ("chat",), ("serve",), ("summarize",), ("show",), ("eval",), ("compare",), ("replay",), ("tune",),
    ("questions",), ("train",), ("tokenizer",), ("doctor",), ("gc",), ("purge",), ("export",), ("import",), ("models", "pull"), ("models", "path"), ("models", "verify"),
)  # fmt: skip
"""The commands that load numeric libraries."""


class _Commands(click.Group):
    """Imports a command's module when it is asked for, so that `ragqa --help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"ragqa.cli.{name}")
        return next(each for each in vars(module).values() if isinstance(each, click.Command) and each.name == name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `help COMMAND` as `COMMAND --help`."""
        return super().parse_args(ctx, [*args[1:], "--help"] if args[:1] == ["help"] else args)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "color": True})
@click.version_option(__version__)
def ragqa() -> None:
    """Question answering over your own documents, with citations that can be checked."""


def main() -> None:
    """Run the command line.

    Every expected error is one line on stderr and its exit code. With --json, stdout always has one JSON object, with
    an error under the key `error`. A stream that is closed or full, or whose reader has ended, does not end a command.
    """
    if "_RAGQA_COMPLETE" in os.environ:  # a shell requests completions
        ragqa.main(prog_name="ragqa")
    logging.getLogger("ragqa").addHandler(_WARNINGS)
    interrupts.heed()
    try:
        with screens() as out:
            code = _run(sys.argv[1:])
            limits.take_no_more_time()
            out.flush()
            code = _code_of_output(out, code)
    except KeyboardInterrupt:  # a second one, while the first was being reported
        code = INTERRUPTED
    if limits.time_is_over():
        os._exit(code)
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    """Run a command, report an error that ended it, and print its JSON; return the exit code."""
    said, report = Said(), {}
    try:
        with interrupts.reported():
            code = _invoke(arguments, said)
    except (Exception, KeyboardInterrupt, limits.OutOfTime) as error:
        ended = error_report(error, arguments)
        code = ended.exit_code
        print(ended.line, file=sys.stderr)
        if not (said.result and isinstance(error, GateError)):  # its result already says that the gate is not met
            report = {"error": ended.to_json()}
    if report and "--json" in itertools.takewhile(lambda argument: argument != "--", arguments):
        said.result = {**(said.result or {}), **report}
    if said.result is not None:
        print(json_text(said.result))
    return code


def _invoke(arguments: Sequence[str], said: Said) -> int:
    if any(tuple(arguments[: len(command)]) == command for command in _COMPUTING) and not {"-h", "--help"} & set(
        arguments
    ):
        _prepare_to_compute()
    try:
        with ragqa.make_context("ragqa", list(arguments), obj=said) as ctx:
            ragqa.invoke(ctx)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _prepare_to_compute() -> None:
    limits.fit()
    from ragqa import settings

    settings.apply_threads()


def _code_of_output(out: Screen, code: int) -> int:
    """Return the exit code of a command whose output may have failed; a pipe that its reader closed is no error."""
    if out.failure is None or isinstance(out.failure, BrokenPipeError):
        return code
    print(f"ragqa: error: stdout: {out.failure.strerror}: what was printed is lost", file=sys.stderr)
    return ResourceError.exit_code if code in (0, RejectedError.exit_code) else code


class _Warnings(logging.Handler):
    """Prints the warnings of the package, one a line."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"warning: {escaped(record.getMessage())}", file=sys.stderr)


_WARNINGS = _Warnings(logging.WARNING)
