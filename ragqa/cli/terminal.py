"""Output for a terminal: text without control characters, JSON that any encoding can hold, streams that never raise."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

if TYPE_CHECKING:
    from tqdm import tqdm

_CONTROLS = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1: they move the cursor, colour, ring
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # marks, embeddings and isolates of direction
    "\u2028\u2029"  # ends of lines and of paragraphs
    "\u180e\u200b\u2060-\u2065\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible, and not needed by any script
    "\ud800-\udfff"  # bytes of names that are not UTF-8
    "]"
)
_USUAL_COLUMNS = 80
"""The width of a terminal that does not report one."""
_LEAST_COLUMNS = 8
"""The least width of a row, also on a narrower terminal."""


def escaped(text: str, keep: str = "") -> str:
    """Return a document's name or text with escapes for control characters, line ends, bidi and invisible characters.

    So a document cannot move the cursor, colour the output or forge a line.

    :param keep: characters that are not escaped.
    """
    return _CONTROLS.sub(lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode(), text)


def printable(text: str) -> bool:
    """Tell whether stdout can print a text with line ends unchanged."""
    holds_all = getattr(sys.stdout, "holds_all", True)
    return escaped(text, "\n\t") == text and (holds_all or text.isascii())


def one_line(text: str) -> str:
    """Return a passage as one line for a terminal."""
    return escaped(" ".join(text.replace("\ufeff", " ").split()))


def json_text(data: Any, indent: int | None = None) -> str:
    """Return JSON that the encoding of stdout can represent. Characters that `escaped` escapes get JSON escapes.

    Infinity and NaN, which JSON does not have, become null.
    """
    holds_all = getattr(sys.stdout, "holds_all", True)
    try:
        text = json.dumps(data, ensure_ascii=not holds_all, indent=indent, allow_nan=False)
    except ValueError:
        return json_text(_finite(data), indent)
    return _CONTROLS.sub(lambda m: m[0] if m[0] == "\n" else _json_escape(m[0]), text)


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def _json_escape(character: str) -> str:
    """Return the JSON escape of a character: its one or two UTF-16 code units."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


@dataclass(slots=True)
class Said:
    """The JSON object that a command prints at its end; an error that ends the command is added to it."""

    result: dict[str, Any] | None = None


def print_json(data: dict[str, Any]) -> None:
    """Set the JSON object that is printed when the command ends; print it now outside `main`."""
    said = click.get_current_context().find_object(Said)
    if said is None:  # not called within `main`
        click.echo(json_text(data))
    else:
        said.result = data


def print_json_line(data: dict[str, Any]) -> None:
    """Print one of several JSON objects now, and drop the object given to `print_json`."""
    if said := click.get_current_context().find_object(Said):
        said.result = None
    click.echo(json_text(data))


class Screen(io.TextIOBase):
    """A stream over stdout or stderr that accepts any text.

    Control characters except the line end and the tab are escaped, and so are characters that the encoding cannot
    represent. A failed write raises no error: `failure` has the error, and later text is dropped.

    :param raw: control characters are not escaped; for progress bars.
    """

    errors = "strict"  # with another value, click would wrap this stream in another one

    def __init__(self, stream: TextIO, *, raw: bool = False) -> None:
        self._stream, self._raw = stream, raw
        self.failure: OSError | None = None
        self.holds_all = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name.startswith("utf")
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return an encoding with all characters; click would replace a stream whose encoding is ASCII."""
        return "utf-8"

    @property
    def gone(self) -> bool:
        """Tell whether a write has failed, so that later text is dropped."""
        return self.failure is not None

    def unescaped(self) -> Screen:
        """Return a stream to the same output that does not escape control characters."""
        return Screen(self._stream, raw=True)

    def write(self, text: str, /) -> int:
        """Write a text; an error is kept in `failure`."""
        if not self.gone:
            try:
                self._stream.write(text if self._raw else escaped(text, "\n\t"))
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Write buffered text; an error is kept in `failure`."""
        if not self.gone:
            try:
                self._stream.flush()
            except OSError as error:
                self._fail(error)

    def isatty(self) -> bool:
        """Tell whether the stream is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Return True: the stream can be written to."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._stream.fileno()

    def _fail(self, error: OSError) -> None:
        """Keep the error, and redirect the descriptor to the null device, since Python flushes its buffer at exit."""
        self.failure = error
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):  # a stream in memory
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


@contextmanager
def screens() -> Iterator[Screen]:
    """Replace stdout and stderr by a `Screen` each; yield that of stdout. A closed stream becomes the null device."""
    _open_closed()
    before = sys.stdout, sys.stderr
    stdin = sys.stdin
    if isinstance(stdin, io.TextIOWrapper):
        stdin.reconfigure(errors="surrogateescape")  # bytes that are not UTF-8 are rejected by the code that reads them
    out, err = Screen(sys.stdout), Screen(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open the null device for closed standard descriptors, so that no later file gets their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # `open` returns the lowest free number, which is this one
            os.set_inheritable(descriptor, True)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def width(stream: TextIO) -> int | None:
    """Return the most columns of a row on a terminal; None where the stream is not a terminal."""
    if not stream.isatty():
        return None
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return max((columns or _USUAL_COLUMNS) - 1, _LEAST_COLUMNS)


def bar(**options: Any) -> tqdm[Any]:
    """Return a progress bar on stderr that is drawn after two seconds and removed at its end.

    It is drawn ten times a second on a terminal, and every ten seconds elsewhere.
    """
    from tqdm import tqdm

    err = sys.stderr if isinstance(sys.stderr, Screen) else Screen(sys.stderr)
    often = 0.1 if err.isatty() else 10.0
    return tqdm(file=err.unescaped(), ascii=not err.holds_all, delay=2, leave=False, mininterval=often, **options)
