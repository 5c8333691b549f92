"""The report of an error that ends a command: one line on stderr, a JSON object, an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from ragqa.cli.terminal import escaped
from ragqa.cli.usage import explain
from ragqa.errors import ConfigError, MistakesError, RagqaError, ResourceError, UsageError
from ragqa.limits import NO_ROOM, met

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """The report of an error: its line on stderr, and the fields of its JSON object."""

    type: str
    message: str
    exit_code: int
    line: str
    fields: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of this error."""
        return {"type": self.type, "message": self.message, "exit_code": self.exit_code, **self.fields}


def error_report(error: BaseException, arguments: Sequence[str]) -> ErrorReport:
    """Return the report of an error that ended a command.

    :param arguments: the arguments of the command line, for advice on a wrong one.
    """
    match error:
        case click.exceptions.NoArgsIsHelpError():
            message = explain(error, arguments)
            return ErrorReport("UsageError", message, UsageError.exit_code, escaped(error.format_message(), "\n"))
        case click.ClickException():
            return _expected("UsageError", explain(error, arguments), UsageError.exit_code)
        case MistakesError():
            lines = "\n".join(map(escaped, error.mistakes))
            fields = (
                {"problems": [asdict(problem) for problem in error.problems]} if isinstance(error, ConfigError) else {}
            )
            return ErrorReport(type(error).__name__, str(error), error.exit_code, f"ragqa: error: {lines}", fields)
        case RagqaError():
            return _expected(type(error).__name__, str(error), error.exit_code)
        case KeyboardInterrupt() | click.Abort():
            what = str(error) and f"; {error}"
            return ErrorReport("Interrupted", f"interrupted{what}", INTERRUPTED, f"ragqa: interrupted{escaped(what)}")
    if limit := met(error):
        return _expected(type(limit).__name__, str(limit), limit.exit_code)
    match error:
        case OSError(errno=int()):
            kind = ResourceError if error.errno in NO_ROOM else UsageError
            where = f"{error.filename}: " if error.filename is not None else ""
            return _expected(kind.__name__, f"{where}{error.strerror}", kind.exit_code)
        case UnicodeEncodeError(encoding=encoding) if encoding == sys.getfilesystemencoding():
            message = f"{error.object!r} cannot be the name of a file where names are {encoding}: set LC_ALL=C.UTF-8"
            return _expected("UsageError", message, UsageError.exit_code)
    text = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}"
    return ErrorReport(
        type(error).__name__, message, RagqaError.exit_code, f"{text}ragqa: error: a bug: {escaped(message)}"
    )


def _expected(type_: str, message: str, exit_code: int) -> ErrorReport:
    return ErrorReport(type_, message, exit_code, f"ragqa: error: {escaped(message)}")
