"""Jupyter notebooks -> Markdown: the cells in order, code and its outputs in fences."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.html_parts import as_shown, html_text
from ragqa.markdown import headings
from ragqa.records import Extracted

_OLDEST, _NEWEST = 3, 4
"""The major versions of the format that are read."""
_FENCE = re.compile(r"`{3,}")
_ESCAPES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
"""Codes of terminals, such as those of colours."""
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
_TEXTS = ("text/plain", "text/markdown", "text/latex")
"""The types of an output that are text, best first."""
_PICTURE = re.compile(r"!\[[^\]]{0,1000}\]\(attachment:")


def extract(text: str) -> Extracted:
    """Return a notebook as Markdown: text as it is, code in fences with its language, outputs in fences without one.

    Metadata: `headings`, a list of `[offset, level, title]`; `places`, a list of `[offset, "cell 3"]`, where cells are
    counted from 1; `not_read`, a mapping of outputs that are not text, such as pictures, to how often; `authors`.

    :raises RejectedError: the file is no notebook, or one of a version that is not read.
    """
    notebook = _notebook(text)
    metadata = _mapping(notebook.get("metadata"))
    language = _language(metadata)
    not_read: Counter[str] = Counter()
    pieces: list[str] = []
    places: list[list[Any]] = []
    offset = 0
    for number, cell in enumerate(_cells(notebook), 1):
        if piece := "\n\n".join(_cell(cell, language, not_read)):
            pieces.append(piece)
            places.append([offset, f"cell {number}"])
            offset += len(piece) + 2
    whole = "\n\n".join(pieces)
    found = [[each.start, each.level, each.title] for each in headings(whole)]
    title = str(metadata.get("title") or next((title for _, _, title in found if title), ""))
    facts: dict[str, Any] = {"headings": found, "places": places}
    facts |= {"not_read": dict(not_read)} if not_read else {}
    if authors := [name for each in _list(metadata.get("authors")) if (name := _text(_mapping(each).get("name")))]:
        facts["authors"] = authors
    return Extracted(whole, title, metadata=facts)


def _notebook(text: str) -> Mapping[str, Any]:
    try:
        notebook = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise RejectedError(f"not a notebook: {error}"[:300]) from error
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise RejectedError("not a notebook: it has no cells")
    version = notebook.get("nbformat", _NEWEST)
    if version not in (_OLDEST, _NEWEST):
        raise RejectedError(f"a notebook of format {str(version)[:20]}; read are {_OLDEST} and {_NEWEST}: convert it")
    return notebook


def _cells(notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the cells; in format 3 they are on worksheets."""
    yield from map(_mapping, _list(notebook.get("cells")))
    for sheet in _list(notebook.get("worksheets")):
        yield from map(_mapping, _list(_mapping(sheet).get("cells")))


def _cell(cell: Mapping[str, Any], language: str, not_read: Counter[str]) -> Iterator[str]:
    """Yield the blocks of a cell: its source, and the outputs of code."""
    source = _text(cell.get("source", cell.get("input"))).strip("\r\n")
    kind = cell.get("cell_type")
    if kind == "code":
        if source.strip():
            yield _fenced(source, str(cell.get("language") or language))
        yield from _outputs(_list(cell.get("outputs")), not_read)
    elif kind == "heading" and source.strip():
        level = cell.get("level")
        yield f"{'#' * (level if isinstance(level, int) and 1 <= level <= 6 else 1)} {' '.join(source.split())}"
    elif source.strip():
        if pictures := len(_PICTURE.findall(source)):
            not_read["pictures"] += pictures
        yield as_shown(source) if kind == "markdown" else source


def _outputs(outputs: list[Any], not_read: Counter[str]) -> Iterator[str]:
    """Yield the outputs that are text; consecutive pieces of a stream are one."""
    stream = ""
    for output in map(_mapping, outputs):
        if output.get("output_type") == "stream":
            stream += _text(output.get("text"))
            continue
        yield from _shown(stream)
        stream = ""
        if table := _table(_mapping(output.get("data"))):
            yield table
        else:
            yield from _shown(_output(output, not_read))
    yield from _shown(stream)


def _output(output: Mapping[str, Any], not_read: Counter[str]) -> str:
    """Return the text of one output that is no stream; count the parts that are not read."""
    if "ename" in output:
        not_read["tracebacks"] += 1
        return f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
    data = _mapping(output.get("data", output))
    if any(name.startswith("image/") or name in ("png", "jpeg", "svg") for name in data):
        not_read["pictures"] += 1
        return ""
    if any(name.startswith("application/vnd.jupyter.widget") for name in data):
        not_read["widgets"] += 1
        return ""
    for name in (*_TEXTS, "text"):
        if _text(data.get(name)).strip():
            return _text(data[name])
    if "data" in output and data:
        not_read["outputs without plain text"] += 1
    return ""


def _table(data: Mapping[str, Any]) -> str:
    """Return a table that is an output, such as a data frame, with pipes; empty for another output."""
    html = _text(data.get("text/html"))
    if "<table" not in html:
        return ""
    try:
        return html_text(html)
    except RejectedError:
        return ""


def _shown(text: str) -> Iterator[str]:
    text = _ESCAPES.sub("", text).strip("\r\n")
    if text.strip():
        yield _fenced(text, "")


def _fenced(text: str, language: str) -> str:
    """Return a text in a fence that is longer than any in the text."""
    longest = max((len(mark) for mark in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language if _LANGUAGE.fullmatch(language) else ''}\n{text}\n{fence}"


def _language(metadata: Mapping[str, Any]) -> str:
    info, kernel = _mapping(metadata.get("language_info")), _mapping(metadata.get("kernelspec"))
    return _text(info.get("name") or kernel.get("language"))


def _text(value: Any) -> str:
    """Return a text, which may be written as a list of its lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
