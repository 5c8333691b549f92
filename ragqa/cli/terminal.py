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
    "\u180e\u200b\u2060-\u2065\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # seen by no one, and needed by no script
    "\ud800-\udfff"  # bytes of names that are not UTF-8
    "]"
)
_USUAL_COLUMNS = 80
"""The width of a terminal that does not report one."""
_LEAST_COLUMNS = 8
"""The least width of a row, also on a narrower terminal."""


def escaped(text: str, keep: str = "") -> str:
    """Return a document's name or text for a terminal: control characters, line ends, marks of direction and invisible
    characters are escaped.

    So no document can move the cursor, colour the output or forge a line.

    :param keep: characters that are not escaped.
    """
    return _CONTROLS.sub(lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode(), text)


def printable(text: str) -> bool:
    """Tell whether a text with line ends reaches stdout as it is."""
    holds_all = getattr(sys.stdout, "holds_all", True)
    return escaped(text, "\n\t") == text and (holds_all or text.isascii())


def one_line(text: str) -> str:
    """Return a passage for one line of a terminal."""
    return escaped(" ".join(text.replace("\ufeff", " ").split()))


def json_text(data: Any, indent: int | None = None) -> str:
    """Return JSON that the encoding of stdout can hold; characters that `escaped` escapes are escaped as JSON does it.

    JSON has no infinity and no NaN: both become null.
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
    """Return a character as JSON escapes it: by its one or two units of UTF-16."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


@dataclass(slots=True)
class Said:
    """The JSON object that a command prints when it ends; an error that ends the command is added to it."""

    result: dict[str, Any] | None = None


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object, when the command has ended."""
    said = click.get_current_context().find_object(Said)
    if said is None:  # not called by `main`
        click.echo(json_text(data))
    else:
        said.result = data


def print_json_line(data: dict[str, Any]) -> None:
    """Print one JSON object of several now, in place of what `print_json` was given."""
    if said := click.get_current_context().find_object(Said):
        said.result = None
    click.echo(json_text(data))


class Screen(io.TextIOBase):
    """A stream over stdout or stderr that accepts any text.

    Control characters except the line end and the tab are escaped, and so are characters that the encoding cannot hold. A
    write that fails does not raise: `failure` keeps the error, and later text is dropped.

    :param raw: control characters are not escaped; for progress bars.
    """

    errors = "strict"  # else click would wrap this stream in another one

    def __init__(self, stream: TextIO, *, raw: bool = False) -> None:
        self._stream, self._raw = stream, raw
        self.failure: OSError | None = None
        self.holds_all = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name.startswith("utf")
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return an encoding that holds all characters; click replaces a stream that says ASCII."""
        return "utf-8"

    @property
    def gone(self) -> bool:
        """Tell whether a write has failed, so that later text is dropped."""
        return self.failure is not None

    def unescaped(self) -> Screen:
        """Return a stream to the same place that does not escape control characters."""
        return Screen(self._stream, raw=True)

    def write(self, text: str, /) -> int:
        """Write a text, as far as it can be written."""
        if not self.gone:
            try:
                self._stream.write(text if self._raw else escaped(text, "\n\t"))
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Write buffered text, as far as it can be written."""
        if not self.gone:
            try:
                self._stream.flush()
            except OSError as error:
                self._fail(error)

    def isatty(self) -> bool:
        """Tell whether a person is looking."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Tell that this can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._stream.fileno()

    def _fail(self, error: OSError) -> None:
        """Keep the error, and point the descriptor to the null device: Python still writes its buffer when it ends."""
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
    """Put a `Screen` over stdout and stderr within the block, and give that of stdout. A closed stream becomes the null device."""
    _open_closed()
    before = sys.stdout, sys.stderr
    stdin = sys.stdin
    if isinstance(stdin, io.TextIOWrapper):
        stdin.reconfigure(errors="surrogateescape")  # bytes that are no text are refused where they are read
    out, err = Screen(sys.stdout), Screen(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open the null device in the place of closed standard descriptors, so that no later file gets their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
            os.set_inheritable(descriptor, True)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def width(stream: TextIO) -> int | None:
    """Return how many columns a row of a terminal may have; None where the stream is no terminal."""
    if not stream.isatty():
        return None
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return max((columns or _USUAL_COLUMNS) - 1, _LEAST_COLUMNS)


def bar(**options: Any) -> tqdm[Any]:
    """Return a progress bar on stderr, which is drawn after two seconds and removed at its end."""
    from tqdm import tqdm

    err = sys.stderr if isinstance(sys.stderr, Screen) else Screen(sys.stderr)
    return tqdm(file=err.unescaped(), ascii=not err.holds_all, delay=2, leave=False, **options)
