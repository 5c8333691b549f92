"""Keeps a run in a folder. Every result is written as soon as it is known.

run.json        the identity of the run, on which results depend, and other facts
pipeline.yaml   the pipeline file with all defaults written out
results.jsonl   one line a question
report.json, report.md, report.html
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ragqa import arguments, wire
from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.evaluate.runs.result import Result
from ragqa.files import read_regular
from ragqa.outputs import OutputFolder, check_own, replace, sweep

MANIFEST, PIPELINE, RESULTS = "run.json", "pipeline.yaml", "results.jsonl"
REPORT = "report.json"
REPORTS = (PIPELINE, REPORT, "report.md", "report.html")
"""The files of a run that are written in one piece."""
MANIFEST_BYTES, RESULTS_BYTES = 10_000_000, 4 << 30
"""The largest files of a run that are read."""

_ID = re.compile(rb'\{"id": "(?:[^"\\]|\\.)*')


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the identity of a run, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run that was read: `identity` has everything that its results depend on, `recorded` other facts of the run."""

    folder: Path
    identity: Mapping[str, Any]
    recorded: Mapping[str, Any]
    results: tuple[Result, ...]


def read_run(folder: AnyPath) -> SavedRun:
    """Return the run in a folder, without a last line that is incomplete because the process was killed.

    Where two processes answered the same question, its last result counts.

    :raises UsageError: the folder has no run, or its files were changed by hand.
    """
    folder = arguments.path(folder, "folder")
    try:
        manifest = _parsed(read_regular(folder / MANIFEST, MANIFEST_BYTES), f"{folder / MANIFEST}")
        file = folder / RESULTS
        data = read_regular(file, RESULTS_BYTES) if file.exists() else b""
    except FileNotFoundError:
        raise UsageError(f"no run in {folder}: it has no {MANIFEST}; `ragqa eval FILE --out DIR` makes one") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a run: {error.strerror}") from None
    if not all(isinstance(manifest.get(key), dict) for key in ("identity", "recorded")):
        raise _foreign(f"{folder / MANIFEST}")
    try:
        lines = _lines(data)
    except ValueError:
        last = data.count(b"\n") + 1
        raise _foreign(f"{file}:{last}") from None
    results = {}
    for number, line in enumerate(lines, start=1):
        result = _result(line, f"{file}:{number}")
        results[result.id] = result
    return SavedRun(folder, manifest["identity"], manifest["recorded"], tuple(results.values()))


def _result(line: bytes, where: str) -> Result:
    try:
        return wire.result_from(_parsed(line, where), Result)
    except (ValueError, LookupError, TypeError) as error:
        raise error if isinstance(error, UsageError) else _foreign(where) from None


def _parsed(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _foreign(where)
    return value


def _foreign(where: str) -> UsageError:
    return UsageError(f"{where}: not the files of a run that this ragqa wrote; name the folder of `ragqa eval --out`")


def check_folder(folder: Path) -> None:
    """Check that a run may be written into a folder.

    :raises UsageError: the folder is neither new, nor empty, nor that of a run with unchanged files.
    :raises RefusedError: one of its files is a link.
    """
    _output(folder).check_files()
    check_own(folder / RESULTS)


class RunFolder:
    """A run that is being written. Results are appended one by one, so that a kill costs at most one question.

    A folder that holds results of the same identity is gone on with: `known` has them. Those that failed are asked
    again. Several processes may write one run: of a question that two of them answered the last result counts.

    :raises UsageError: the folder holds a run of another identity (what differs is named) or something else, or cannot
        be written.
    :raises RefusedError: one of its files is a link.
    :raises ResourceError: there is no room.
    """

    def __init__(self, folder: AnyPath, identity: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
        self.folder = folder = arguments.path(folder, "folder")
        self.known: dict[str, Result] = {}
        self._output = _output(folder)
        identity = json.loads(json.dumps(identity))
        self._output.begin({"identity": identity, "recorded": recorded}, self._check)
        with self._output.held():
            sweep(folder, [RESULTS])
            self.known = {result.id: result for result in read_run(folder).results if not result.error}
            replace(folder / RESULTS, b"".join(map(_line, self.known.values())))

    def _check(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Raise `UsageError` where the run in the folder has another identity."""
        if differing := list(differences(before["identity"], now["identity"])):
            raise UsageError(
                f"{self.folder} holds another run ({'; '.join(differing[:3])}): name another folder, or remove it"
            )
        check_own(self.folder / RESULTS)
        read_run(self.folder)

    def append(self, result: Result) -> None:
        """Append a result that is not in `known`."""
        if self.known.get(result.id) is result:
            return
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._output.held(), os.fdopen(os.open(self.folder / RESULTS, flags, 0o666), "r+b") as file:
            try:
                _end_line(file)
            except ValueError:
                raise UsageError(f"{self.folder / RESULTS} was changed while it was written: move it away") from None
            file.write(_line(result))

    def write(self, name: str, text: str) -> Path:
        """Write a file of `REPORTS` beside the results; see `write_report`."""
        return write_report(self.folder, name, text)


def write_report(folder: Path, name: str, text: str) -> Path:
    """Write a file of `REPORTS` into the folder of a run, in UTF-8, half a surrogate pair as JSON escapes it; return its path.

    :raises UsageError: the file was changed by hand.
    :raises RefusedError: it is a link.
    :raises ResourceError: there is no room.
    """
    return _output(folder).write(name, text.encode("utf-8", "backslashreplace"))


def _output(folder: Path) -> OutputFolder:
    return OutputFolder(folder, MANIFEST, ("identity", "recorded"), REPORTS)


def _lines(data: bytes) -> list[bytes]:
    """Return the complete lines of results, without an incomplete last line.

    :raises ValueError: the text after the last line end is not the beginning of a result.
    """
    *lines, rest = data.split(b"\n")
    if not _begins_result(rest):
        raise ValueError("the last line is no result")
    return lines


def _begins_result(line: bytes) -> bool:
    """Tell whether a line may be the beginning of a result, cut off at any byte."""
    first, second = b'{"id": "', b'", "group": "'
    if len(line) <= len(first):
        return first.startswith(line)
    match = _ID.match(line)
    rest = line[match.end() :] if match else b"?"
    return rest == b"\\" or rest[: len(second)] == second[: len(rest)]


def _end_line(file: IO[bytes]) -> None:
    """Remove an incomplete last line, which a killed process left."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    if size and file.read(1) != b"\n":
        file.seek(0)
        file.truncate(sum(len(line) + 1 for line in _lines(file.read())))


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Yield `key: old, now new` for each leaf in which two values of plain data differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    elif old != new:
        yield f"{where}: {json.dumps(old)}, now {json.dumps(new)}"


def _line(result: Result) -> bytes:
    return wire.lines([wire.result(result)])
