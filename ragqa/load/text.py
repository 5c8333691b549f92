"""Plain text, Markdown and source code. The text is the whole file, with its front matter, so that offsets refer to the file."""

from __future__ import annotations

from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.front_matter import begins_with_field, fields
from ragqa.load.html_parts import as_shown
from ragqa.markdown import front_matter, headings
from ragqa.records import Extracted


def plain(text: str) -> Extracted:
    """Return a plain text as it is."""
    return Extracted(text)


def verbatim(text: str) -> Extracted:
    """Return a text without headings as it is, such as source code, whose comments may look like headings."""
    return Extracted(text, metadata={"headings": []})


def as_text(text: str, why: str) -> Extracted:
    """Return a file that is not of its format as it is; `read_as_text` says why."""
    return Extracted(text, metadata={"headings": [], "read_as_text": " ".join(why.split())[:300]})


def markdown(text: str) -> Extracted:
    """Return a Markdown file with its title and the metadata in its front matter, in YAML or TOML.

    The text is the file, but for its HTML: comments and text that is struck out are blank, and tables have pipes.
    Scalars and lists of scalars become metadata, dates as ISO strings. `front_matter` is the offset at which the front
    matter ends: it is no text to be split. A fault of the front matter is described in `front_matter_error`. The title
    is that of the front matter, else the first heading, else empty.

    :raises RejectedError: there is no text behind the front matter.
    """
    block = front_matter(text)
    metadata: dict[str, Any] = fields(block) if block else {}
    if block and (metadata.keys() != {"front_matter_error"} or begins_with_field(block)):
        metadata["front_matter"] = block.end
    if block and "front_matter" in metadata and not text[block.end :].strip():
        raise RejectedError("no text: only front matter")
    start = block.end if block else 0
    shown = as_shown(text, start)
    if text[start:].strip() and not shown[start:].strip():
        raise RejectedError("no text: only comments")
    title = metadata.get("title") or _first_title(shown, start)
    return Extracted(shown, " ".join(str(title).split()), metadata=metadata)


def _first_title(text: str, start: int) -> str:
    return next((heading.title for heading in headings(text, start) if heading.title), "")
