"""The exception tree. Every error has the exit code of a command that it ends.

    RagqaError                 1   a bug, if this class itself is raised
    ├── UsageError             2   a bad argument, question or path
    │   ├── UsageTypeError     2   an argument of the wrong type; a TypeError as well
    │   └── MistakesError      2   several mistakes, all of them at once
    │       └── ConfigError    2   those in a pipeline file
    ├── RejectedError          3   one input that could not be used (the run goes on)
    │   └── TooSlowError       3   it took longer than an input may take
    ├── NothingUsableError     4   no index, no documents
    │   └── DocumentsGoneError 4   most of the indexed documents are missing; nothing was removed
    ├── IndexCorruptError      5   the index is damaged, or has a format that this version cannot read
    │   └── IndexFormatError   5   no index of ragqa, or one of another format; it is not changed
    ├── LockedError            6   another writer holds the index
    ├── ResourceError          7   out of disk, memory or time
    ├── ModelError             8   a model is missing, or is not the one that built the index
    ├── RefusedError           9   refused for safety
    └── GateError             10   a gate of `ragqa compare` is not met

A message is one line: the fault, its place, the value that was found, the valid values, and a remedy. The message of a
`MistakesError` has a line for each mistake. An invalid argument raises a `UsageError`, which is a `ValueError`. A wrong
type raises a `UsageTypeError`, which is also a `TypeError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RagqaError(Exception):
    """The base class of every error that ragqa raises on purpose."""

    exit_code = 1


class UsageError(RagqaError, ValueError):
    """A bad argument, question or path."""

    exit_code = 2


class UsageTypeError(UsageError, TypeError):
    """An argument of the wrong type; the message names the valid type."""


class MistakesError(UsageError):
    """Several mistakes, such as those in a file of questions; each of `mistakes` is one line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a pipeline file: `file:line:col: key: message` (line and column are 1-based)."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(MistakesError):
    """Every mistake found in a pipeline file, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__([str(problem) for problem in self.problems])


class RejectedError(RagqaError, ValueError):
    """One input that could not be used; the message is the reason."""

    exit_code = 3


class NoTextError(RejectedError):
    """One file in which its reader finds no text. It is read again only after a change of its bytes or of the reader."""


class TooSlowError(RejectedError):
    """One input that took longer than an input may take."""


class NothingUsableError(RagqaError):
    """There is no index yet, or no document in it."""

    exit_code = 4


class DocumentsGoneError(NothingUsableError):
    """More than half of the indexed documents are missing; perhaps their folder is not mounted.

    :param what: the number of missing documents, and their folder.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what}: is it mounted? Nothing was removed; to remove them from the index, run `ragqa index` or "
            "`ragqa ask --folder` with --allow-empty (in Python: allow_empty=True)"
        )


class IndexCorruptError(RagqaError):
    """The index is damaged, or was written in a format that this version cannot read."""

    exit_code = 5


class IndexFormatError(IndexCorruptError):
    """The folder has no index of ragqa, or one of another format; it was not changed."""


class LockedError(RagqaError):
    """Another process is writing this index, or this folder of a training."""

    exit_code = 6


class ResourceError(RagqaError):
    """Out of disk, memory or time."""

    exit_code = 7


class ModelError(RagqaError):
    """A model is missing, or is not the one that built the index."""

    exit_code = 8


class RefusedError(RagqaError):
    """Refused for safety."""

    exit_code = 9


class GateError(RagqaError):
    """A run is worse than another one by more than a gate allows, or this cannot be excluded."""

    exit_code = 10
