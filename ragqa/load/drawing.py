"""Charts and diagrams of Office files -> lines of text. The values are those that the file keeps for showing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from ragqa.load.ooxml import qn

_FIRST_DAY = date(1899, 12, 30)
_MOST_DAYS = 2_958_465  # 9999-12-31
_DATE_FORMAT = re.compile(r"[ymd]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_MOST_POINTS = 100_000
"""The most points of a series. An index beyond them is that of a damaged file."""


def paragraph_text(paragraph: Any) -> str:
    """Return the text of a paragraph of a drawing (`a:p`)."""
    return "".join(text.text or "" for text in paragraph.iter(qn("a:t")))


def diagram(root: Any) -> list[str]:
    """Return the texts of a diagram (SmartArt), one line each."""
    lines = (" ".join(paragraph_text(each).split()) for each in root.iter(qn("a:p")))
    return [line for line in lines if line]


def chart(root: Any) -> list[str]:
    """Return a chart's title, the titles of its axes, and its values as the rows of a table with tabs."""
    titles = [" ".join(paragraph_text(p).split()) for title in root.iter(qn("c:title")) for p in title.iter(qn("a:p"))]
    series = [_Series(each) for each in root.iter(qn("c:ser"))]
    labels: dict[int, str] = {}
    for each in series:
        labels = each.labels | labels
    lines = [title for title in titles if title]
    if any(each.name for each in series):
        lines.append("\t".join(["", *(each.name for each in series)]))
    for place in sorted(labels.keys() | {place for each in series for place in each.values}):
        lines.append("\t".join([labels.get(place, ""), *(each.values.get(place, "") for each in series)]))
    return lines


class _Series:
    """A series of a chart: its name, and its labels and values by their index."""

    def __init__(self, element: Any) -> None:
        self.name = " ".join(dict(_points(element.find(qn("c:tx")))).values())
        own = element.find(qn("c:cat"))
        self.labels = dict(_points(own if own is not None else element.find(qn("c:xVal"))))
        own = element.find(qn("c:val"))
        self.values = dict(_points(own if own is not None else element.find(qn("c:yVal"))))


def _points(element: Any) -> Iterator[tuple[int, str]]:
    """Yield (index, text as shown) of the points that an element keeps. Labels of several levels are joined."""
    if element is None:
        return
    code = element.find(f".//{qn('c:formatCode')}")
    number_format = (code.text or "") if code is not None else ""
    numeric = element.find(f".//{qn('c:numCache')}") is not None or element.find(f".//{qn('c:numLit')}") is not None
    found: dict[int, list[str]] = {}
    for point in element.iter(qn("c:pt")):
        index, text = point.get("idx", ""), " ".join((point.findtext(qn("c:v")) or "").split())
        if index.isdecimal() and len(index) < 7 and int(index) < _MOST_POINTS:
            found.setdefault(int(index), []).append(_as_shown(text, number_format) if numeric else text)
    if not found and (literal := element.findtext(qn("c:v"))):
        yield 0, literal
    yield from ((place, " ".join(reversed(texts))) for place, texts in found.items())


def _as_shown(text: str, number_format: str) -> str:
    """Return a number without the noise of binary fractions; as a percentage or a date where its format says so."""
    try:
        number = float(text)
    except ValueError:
        return text
    plain_format = _QUOTED.sub("", number_format)
    if "%" in plain_format:
        return f"{number * 100:.10g}%"
    if _DATE_FORMAT.search(plain_format.replace("General", "")) and 1 <= number <= _MOST_DAYS:
        return (_FIRST_DAY + timedelta(days=int(number))).isoformat()
    return f"{number:.15g}"
