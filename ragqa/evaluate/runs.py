"""A run is a folder: what was asked of what, and every result, written as it comes.

run.json        what the results depend on, and what is worth knowing besides
pipeline.yaml   the pipeline file with everything written out
results.jsonl   one line a question
report.json, report.md, report.html
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa.errors import ResourceError, UsageError
from ragqa.evaluate.result import Result
from ragqa.files import read_regular

MANIFEST, PIPELINE, RESULTS = "run.json", "pipeline.yaml", "results.jsonl"
MANIFEST_BYTES, RESULTS_BYTES = 10_000_000, 4 << 30
"""The largest files of a run that are read."""

_TEXT: Any = {"encoding": "utf-8", "errors": "backslashreplace"}
"""Half a surrogate pair, which UTF-8 cannot hold, is written as JSON escapes it."""


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what results depend on."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was read: `identity` is what its results depend on, `recorded` what is worth knowing besides."""

    folder: Path
    identity: Mapping[str, Any]
    recorded: Mapping[str, Any]
    results: tuple[Result, ...]


def read_run(folder: Path) -> Run:
    """Return the run in a folder; a last line that was cut off by a kill is left out.

    Of a question that two processes answered at once the last result counts.

    :raises UsageError: the folder holds no run, or its files were changed by hand.
    """
    try:
        manifest = _parsed(read_regular(folder / MANIFEST, MANIFEST_BYTES), f"{folder / MANIFEST}")
        lines = read_regular(folder / RESULTS, RESULTS_BYTES).split(b"\n")[:-1] if (folder / RESULTS).exists() else []
    except FileNotFoundError:
        raise UsageError(f"no run in {folder}: it has no {MANIFEST}; `ragqa eval FILE --out DIR` makes one") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read as a run: {error.strerror}") from None
    if not all(isinstance(manifest.get(key), dict) for key in ("identity", "recorded")):
        raise _foreign(f"{folder / MANIFEST}")
    results = {}
    for number, line in enumerate(lines, start=1):
        result = _result(line, f"{folder / RESULTS}:{number}")
        results[result.id] = result
    return Run(folder, manifest["identity"], manifest["recorded"], tuple(results.values()))


def _result(line: bytes, where: str) -> Result:
    try:
        return Result.from_json(_parsed(line, where))
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


class RunFolder:
    """A run that is being written. Results are appended one by one, so that a kill costs at most one question.

    A folder that holds results of the same identity is gone on with: `known` has them. Those that failed are asked
    again.

    :raises UsageError: the folder holds a run of another identity (what differs is named) or results of something else,
        or cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
        self.folder = folder
        self.known: dict[str, Result] = {}
        identity = json.loads(json.dumps(identity))
        with _writing(folder):
            begun, other = (folder / MANIFEST).exists(), (folder / RESULTS).exists()
        if other and not begun:
            raise UsageError(f"{folder} holds a {RESULTS} without its {MANIFEST}: name another folder, or remove it")
        if begun:
            run = read_run(folder)
            if differing := list(differences(run.identity, identity)):
                raise UsageError(
                    f"{folder} holds another run ({'; '.join(differing[:3])}): name another folder, or remove it"
                )
            self.known = {result.id: result for result in run.results if not result.error}
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / MANIFEST, json.dumps({"identity": identity, "recorded": recorded}, indent=2) + "\n")
            _replace(folder / RESULTS, "".join(map(_line, self.known.values())))

    def append(self, result: Result) -> None:
        """Write one result that is not known yet."""
        if self.known.get(result.id) is result:
            return
        with _writing(self.folder), (self.folder / RESULTS).open("a", **_TEXT) as file:
            file.write(_line(result))

    def write(self, name: str, text: str) -> Path:
        """Write a report beside the results; return its path."""
        with _writing(self.folder):
            _replace(self.folder / name, text)
        return self.folder / name


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Yield `key: old, now new` for each leaf in which two pieces of plain data differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    elif old != new:
        yield f"{where}: {json.dumps(old)}, now {json.dumps(new)}"


def _line(result: Result) -> str:
    return json.dumps(result.to_json(), ensure_ascii=False) + "\n"


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(path.name + ".partial")
    scratch.write_text(text, **_TEXT)
    os.replace(scratch, path)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a fault of the disk into an error that says what to do."""
    try:
        yield
    except (NotADirectoryError, FileExistsError, PermissionError) as error:
        raise UsageError(f"{folder}: {error.strerror}; name a folder that can be written") from None
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}; free some space or name another folder") from None
