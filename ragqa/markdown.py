"""The structure of a Markdown text: front matter, fences, headings and tables.

It follows CommonMark 0.31, and section 4.10 of GitHub Flavored Markdown for tables. The other formats that write tables
with pipes use `tables` too. Every function takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SETEXT_CHARACTERS = 200
"""The most characters of a heading that is underlined; a longer paragraph above a line of dashes is prose."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_FRONT_MATTER = {
    "yaml": re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE),
    "toml": re.compile(r"\ufeff?\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t]*\r?$", re.DOTALL | re.MULTILINE),
}
_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`\r\n]*$)|~{3,})", re.MULTILINE)
"""The opening of a block of code. It may be indented by any width, since it may belong to an item of a list."""
_FENCE_LINE = re.compile(rf"^{_FENCE.pattern}([^\r\n]*)", re.MULTILINE)
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_RAW = re.compile(r" {0,3}<(!--|(?:script|pre|style|textarea)(?=[\s>]|$))", re.IGNORECASE)
"""The beginning of a block of HTML that may have blank lines and marks of headings in it."""
_NO_PARAGRAPH = re.compile(r" {0,3}(?:[-+*][ \t]|\d{1,9}[.)][ \t]|>|\||<|(?:[-*_][ \t]*){3,}$)")
"""The beginning of a line that is no part of a paragraph: an item, a quotation, a row, HTML, a rule."""
_INDENTED = re.compile(r" {4}| {0,3}\t")
_DELIMITERS = re.compile(r"^[ \t]*[|:-][ \t|:-]*\r?$", re.MULTILINE)
_DELIMITER = re.compile(r":?-+:?")
_STRUCK_OUT = re.compile(r"~~(?=\S)[^~\n]+~~")
_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields at the beginning of a text: their language, their text, and the offset at which they end."""

    language: Literal["yaml", "toml"]
    fields: str
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: the offset of its line, its level from 1 to 6, and its title without marks."""

    start: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is written with pipes: its start, the start and end of its rows, and the names of its columns."""

    start: int
    rows: int
    end: int
    names: tuple[str, ...]


def front_matter(text: str) -> FrontMatter | None:
    """Return the block between two lines `---` (YAML) or `+++` (TOML) at the beginning of a text; None without one."""
    if match := _FRONT_MATTER["yaml"].match(text):
        return FrontMatter("yaml", match.group(1), match.end())
    if match := _FRONT_MATTER["toml"].match(text):
        return FrontMatter("toml", match.group(1), match.end())
    return None


def fence_opened(line: str) -> str:
    """Return the mark of the fence that a line opens, such as three backticks; empty where it opens none."""
    match = _FENCE.match(line)
    return match.group(1) if match else ""


def fence_closed(line: str, fence: str) -> bool:
    """Tell whether a line closes a fence: it has at least as many of the same marks, and nothing else."""
    mark = line.strip()
    return len(mark) >= len(fence) and not mark.strip(fence[0])


def open_fence(text: str) -> str:
    """Return the mark of the block of code that is open at the end of a text; empty if none is."""
    fence = ""
    for match in _FENCE_LINE.finditer(text):
        if not fence:
            fence = match.group(1)
        elif fence_closed(match.group(), fence):
            fence = ""
    return fence


def headings(text: str, start: int = 0) -> Iterator[Heading]:
    """Yield the headings from an offset on, those with marks and those that are underlined, in order.

    What stands in a block of code, in a comment or in another block of raw HTML is no heading.
    """
    raw = _RawBlock()
    paragraph: list[str] = []
    began = start
    for match in _LINE.finditer(text, start):
        line = match.group().rstrip("\r\n")
        if raw.takes(line):
            paragraph = []
        elif atx := _ATX.match(line):
            yield Heading(match.start(), len(atx.group(1)), _title(line[atx.end() :]))
            paragraph = []
        elif paragraph and _UNDERLINE.match(line):
            title = " ".join(paragraph)
            if len(title) <= SETEXT_CHARACTERS:
                yield Heading(began, 1 if "=" in line else 2, title)
            paragraph = []
        elif _is_of_paragraph(line, bool(paragraph)):
            began = began if paragraph else match.start()
            paragraph.append(line.strip())
        else:
            paragraph = []


@dataclass(slots=True)
class _RawBlock:
    """The block of code or of raw HTML in which the next line stands, if any."""

    fence: str = ""
    end: str = ""

    def takes(self, line: str) -> bool:
        """Tell whether a line is part of such a block, the first and the last line included."""
        if self.fence:
            self.fence = "" if fence_closed(line, self.fence) else self.fence
            return True
        if not self.end:
            self.fence = fence_opened(line)
            opening = _RAW.match(line)
            if self.fence or not opening:
                return bool(self.fence)
            self.end = "-->" if opening.group(1) == "!--" else f"</{opening.group(1).lower()}>"
        self.end = "" if self.end in line.lower() else self.end
        return True


def _title(rest: str) -> str:
    """Return the title of a heading after its marks, without the marks that may close it."""
    title = rest.strip(" \t")
    bare = title.rstrip("#")
    return bare.rstrip(" \t") if not bare or bare[-1] in " \t" else title


def _is_of_paragraph(line: str, continues: bool) -> bool:
    return bool(line.strip()) and not _NO_PARAGRAPH.match(line) and (continues or not _INDENTED.match(line))


def without_struck_out(text: str) -> str:
    """Return a text with spaces in place of what is struck out between two `~~` on one line."""
    return _STRUCK_OUT.sub(lambda match: " " * len(match.group()), text)


def tables(text: str) -> Iterator[Table]:
    """Yield the tables of a text in order: a row of names, a row of dashes with as many cells, and rows below it."""
    end = 0
    for delimiters in _DELIMITERS.finditer(text):
        cells = row_cells(delimiters.group())
        if "|" not in delimiters.group() or not all(map(_DELIMITER.fullmatch, cells)):
            continue
        start = max(end, text.rfind("\n", 0, max(0, delimiters.start() - 1)) + 1)
        header = text[start : delimiters.start()]
        names = row_cells(header)
        if "|" not in header or len(names) != len(cells):
            continue
        rows = min(len(text), delimiters.end() + 1)
        end = _end_of_rows(text, rows)
        yield Table(start, rows, end, names)


def _end_of_rows(text: str, start: int) -> int:
    """Return the end of the lines with a pipe that follow one another from an offset on."""
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        if text.find("|", start, end) < 0:
            break
        start = end
    return start


def row_cells(row: str) -> tuple[str, ...]:
    """Return the cells of a row that is written with pipes, without space around them."""
    cells = [cell.strip().replace("\\|", "|") for cell in _PIPE.split(row.strip())]
    first = 1 if len(cells) > 1 and not cells[0] else 0
    last = len(cells) - 1 if len(cells) > first + 1 and not cells[-1] else len(cells)
    return tuple(cells[first:last])
