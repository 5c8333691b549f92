"""Checks the arguments that callers pass to a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa import arguments
from ragqa.arguments import wrong_type
from ragqa.errors import UsageError
from ragqa.load import text_document
from ragqa.records import Chunk, Document, Hit, Prompt
from ragqa.retrieve import check_question

if TYPE_CHECKING:
    from ragqa.pipeline.answer.draft import AskedQuestion
    from ragqa.prompt import Turn
    from ragqa.stages import IndexReader

_DOCUMENT = "a string, a pair (name, text) or a Document"
_FILTER = "a dict of metadata such as {'media_type': 'text/csv'}"
_TURN = "a pair (question, answer) of strings"


def file(value: Any) -> Path:
    """Return the path of a pipeline file.

    :raises UsageError: the value is not a path, or the path of a folder.
    """
    path = arguments.path(value)
    if path.is_dir():
        raise UsageError(f"path: {path} is a folder; pass a pipeline file, or use Pipeline.from_folder")
    return path


def question(value: Any) -> str:
    """Return a valid question.

    :raises UsageError: the value is not a string, is empty, or is too long.
    """
    check_question(value)
    return str(value)


def questions(value: Any) -> list[str]:
    """Return valid questions.

    :raises UsageError: the value is not a list of strings, or one of them is empty or too long.
    """
    found = arguments.texts(value, "questions", "a list of strings; ask takes one")
    for one in found:
        check_question(one)
    return found


def history(value: Any) -> list[Turn]:
    """Return earlier turns of a conversation.

    :raises UsageTypeError: the value is not a list of pairs of strings.
    """
    turns = arguments.items(value, "history", f"a list, each item {_TURN}")
    return [_pair(turn, f"history[{i}]", _TURN) for i, turn in enumerate(turns)]


def where(value: Any) -> dict[str, Any]:
    """Return a filter on metadata; empty for none.

    :raises UsageTypeError: the value is not a dict of texts, numbers, lists of these and ranges by name.
    """
    given = {} if value is None else value
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise wrong_type("where", value, _FILTER)
    for name, wanted in given.items():
        limits = isinstance(wanted, Mapping) and 0 < len(wanted) == len(wanted.keys() & {"from", "to"})
        each = list(wanted.values()) if limits else wanted if isinstance(wanted, list) else [wanted]
        if wrong := [value for value in each if not isinstance(value, str | int | float)]:
            raise wrong_type(f"where[{name!r}]", wrong[0], "a text, a number, a bool, a list of these, or {from, to}")
    return dict(given)


def passages(value: Any) -> list[Hit] | None:
    """Return passages to answer from; None where they should be retrieved.

    :raises UsageTypeError: the value is not a list of hits.
    """
    if value is None:
        return None
    hits = arguments.items(value, "passages", "a list of hits, as search returns them")
    for i, hit in enumerate(hits):
        if not isinstance(hit, Hit) or not isinstance(hit.chunk, Chunk):
            raise wrong_type(f"passages[{i}]", hit, "a Hit, as search returns it")
    return hits


def refuse_foreign(hits: Sequence[Hit], reader: IndexReader) -> None:
    """Check that an answer could cite the given passages.

    :raises UsageError: the text of a passage is not in the index.
    """
    for i, hit in enumerate(hits):
        if not reader.holds(hit.chunk):
            raise UsageError(
                f"passages[{i}]: the index has no such text at {hit.source}:{hit.chunk.start}-{hit.chunk.end}; pass hits "
                "as search returns them now, or index your own texts by with_documents"
            )


def prompt(value: Any) -> Prompt:
    """Return a prompt.

    :raises UsageTypeError: it is none.
    """
    if not isinstance(value, Prompt):
        raise wrong_type("prompt", value, "a Prompt, as prompt() returns it")
    return value


def run(wait: Any, progress: Any) -> None:
    """Check the arguments of `index`.

    :raises UsageError: `wait` is not a number of seconds, or `progress` cannot be called.
    """
    if isinstance(wait, bool) or not isinstance(wait, int | float):
        raise wrong_type("wait", wait, "a number of seconds, 0 or more")
    if not wait >= 0:
        raise UsageError(f"wait: got {wait}; pass a number of seconds, 0 or more")
    if not callable(progress):
        raise wrong_type("progress", progress, "a function of (chunks done, chunks expected)")


def limits(cancelled: Any, deadline: Any) -> None:
    """Check the limits of one answer.

    :raises UsageTypeError: `cancelled` cannot be called, or `deadline` is not a number of seconds.
    """
    if cancelled is not None and not callable(cancelled):
        raise wrong_type("cancelled", cancelled, "a function without arguments that returns True to stop the answer")
    if deadline is not None and (
        isinstance(deadline, bool) or not isinstance(deadline, int | float) or deadline != deadline
    ):
        raise wrong_type("deadline", deadline, "a number of seconds from now")


def documents(value: Any) -> list[Document]:
    """Return documents; a string at position n, counted from 1, gets the name `text-n`.

    :raises UsageTypeError: the value is not a list of strings, pairs or Documents.
    :raises UsageError: a name is empty, or a text cannot be stored.
    """
    found = arguments.items(value, "documents", f"a list, each item {_DOCUMENT}")
    return [_document(one, i) for i, one in enumerate(found)]


def _document(value: Any, i: int) -> Document:
    if isinstance(value, Document):
        return value
    name, text = (f"text-{i + 1}", value) if isinstance(value, str) else _pair(value, f"documents[{i}]", _DOCUMENT)
    if not name.strip():
        raise UsageError(f"documents[{i}]: its name is empty; pass {_DOCUMENT}")
    return text_document(name, text)


def _pair(value: Any, name: str, wanted: str) -> tuple[str, str]:
    if not isinstance(value, tuple | list):
        raise wrong_type(name, value, wanted)
    kinds = [arguments.kind(one) for one in value]
    if len(value) != 2 or not all(isinstance(one, str) for one in value):
        raise wrong_type(name, value, f"{wanted} (it holds {', '.join(kinds[:4]) or 'nothing'})")
    first, second = value
    return first, second


def asked(text: Any, turns: Any = (), hits: Any = None) -> AskedQuestion:
    """Return a question with its earlier turns and given passages, all of them checked."""
    from ragqa.pipeline.answer.draft import AskedQuestion

    return AskedQuestion(question(text), history(turns), passages(hits))
