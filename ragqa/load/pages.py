"""Lines of slides, chapters or a whole document -> the text, and the facts about where its headings and places are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; `level` is that of a heading, None for other lines."""

    text: str
    level: int | None = None


BLANK = Line("")


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a slide or a chapter, and its name for citations, such as `slide 3`; empty where it has none."""

    lines: Sequence[Line]
    place: str = ""


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The text of pages, with a blank line between them, the offset at which each begins, and `headings` and `places`."""

    text: str
    starts: tuple[int, ...]
    metadata: dict[str, Any]


def laid_out(pages: Iterable[Page]) -> LaidOut:
    """Return the text of pages. A page without text takes part: it begins where the next one would."""
    texts: list[str] = []
    starts: list[int] = []
    headings: list[list[int]] = []
    places: list[list[Any]] = []
    offset = 0
    for page in pages:
        starts.append(offset)
        if page.place:
            places.append([offset, page.place])
        lines = list(_tidy(page.lines))
        at = offset
        for line in lines:
            if line.level is not None and line.text:
                headings.append([at, line.level])
            at += len(line.text) + 1
        texts.append("\n".join(line.text for line in lines))
        offset += len(texts[-1]) + 2
    facts = {"headings": headings, "places": places}
    return LaidOut("\n\n".join(texts), tuple(starts), {name: value for name, value in facts.items() if value})


def blocks(groups: Iterable[Sequence[Line]]) -> Iterator[Line]:
    """Yield the lines of groups, with a blank line after each."""
    for group in groups:
        yield from group
        yield BLANK


def _tidy(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield lines without those that are blank at the beginning, at the end, or after another one."""
    begun = waiting = False
    for line in lines:
        if not line.text.strip():
            waiting = begun
            continue
        if waiting:
            yield BLANK
        begun, waiting = True, False
        yield line
