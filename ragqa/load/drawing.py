"""Charts and diagrams of Office files -> lines of text. The values are those that the file keeps for showing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ragqa.load.ooxml import qn
from ragqa.load.pipes import table_lines

_FIRST_DAY = date(1899, 12, 30)
_MOST_DAYS = 2_958_465  # 9999-12-31
_DATE_FORMAT = re.compile(r"[ymd]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_MOST_ROWS = 500
"""The most rows of values of a chart. Nobody reads more of them off a chart, and in a spreadsheet they repeat its cells."""
_MOST_POINTS = 100_000
"""The most points of a series. An index beyond them is that of a damaged file."""


def paragraph_text(paragraph: Any) -> str:
    """Return the text of a paragraph of a drawing (`a:p`)."""
    return "".join(text.text or "" for text in paragraph.iter(qn("a:t")))


def diagram(root: Any) -> list[str]:
    """Return the texts of a diagram (SmartArt), one line each."""
    return [text for _, text in outline(root)]


def outline(root: Any) -> list[tuple[int, str]]:
    """Return the texts of a diagram in the order in which it shows them, each with its depth; 0 is the highest."""
    points = {each.get("modelId", str(place)): each for place, each in enumerate(root.iter(qn("dgm:pt")))}
    children: dict[str, list[tuple[int, str]]] = {}
    below = set()
    for link in root.iter(qn("dgm:cxn")):
        if link.get("type", "parOf") == "parOf" and link.get("destId") in points:
            order = link.get("srcOrd", "")
            place = int(order) if order.isdecimal() and len(order) < 7 else 0
            children.setdefault(link.get("srcId", ""), []).append((place, link.get("destId")))
            below.add(link.get("destId"))
    found: list[tuple[int, str]] = []
    waiting = [(0, name) for name in reversed(points) if name not in below]
    seen: set[str] = set()
    while waiting:
        depth, name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        lines = [(depth, text) for text in _texts(points[name])]
        found += lines
        deeper = depth + 1 if lines else depth
        waiting += [(deeper, child) for _, child in sorted(children.get(name, ()), reverse=True)]
    found += [(0, text) for name in points if name not in seen for text in _texts(points[name])]
    return found


def _texts(element: Any) -> list[str]:
    """Return the paragraphs within an element that have a text, each on one line."""
    lines = (" ".join(paragraph_text(each).split()) for each in element.iter(qn("a:p")))
    return [line for line in lines if line]


@dataclass(frozen=True, slots=True)
class Chart:
    """The titles of a chart and of its axes, and the rows of its tables.

    The first row of a table has the names of its series, and the first cell of the others is a label. Series with
    different labels, such as those of scatter charts, are in tables of their own.
    """

    titles: list[str]
    tables: list[list[list[str]]]
    named: bool


def chart(root: Any) -> list[str]:
    """Return a chart's titles, and its values as the rows of a table with tabs."""
    found = any_chart(root)
    rows = [row for table in found.tables for row in (table if found.named else table[1:])]
    return [*found.titles, *("\t".join(row) for row in rows)]


def chart_lines(found: Chart) -> list[str]:
    """Return a chart's titles, and its values as tables with pipes; the names alone of a table with very many rows."""
    lines = list(found.titles)
    for names, *rows in found.tables:
        named = [name or f"Series {number}" for number, name in enumerate(names[1:], 1)]
        lines += table_lines([[names[0], *named], *rows]) if len(rows) <= _MOST_ROWS else [", ".join(named)]
    return lines


def is_whole(found: Chart) -> bool:
    """Tell whether a chart has values, and `chart_lines` has all of them."""
    return bool(found.tables) and all(len(table) <= _MOST_ROWS + 1 for table in found.tables)


def any_chart(root: Any) -> Chart:
    """Return what a chart of either kind shows."""
    return read_chart(root) if root.tag == qn("c:chartSpace") else read_extended_chart(root)


def read_chart(root: Any) -> Chart:
    """Return what a chart shows."""
    titles = [text for title in root.iter(qn("c:title")) for text in _texts(title) or _cached(title)]
    series = [_Series(each) for each in root.iter(qn("c:ser"))]
    groups: list[tuple[dict[int, str], list[_Series]]] = []
    for each in series:
        labels, members = groups[-1] if groups else ({}, [])
        if not groups or any(labels.get(place, label) != label for place, label in each.labels.items()):
            labels, members = {}, []
            groups.append((labels, members))
        labels |= each.labels
        members.append(each)
    tables = [table for labels, members in groups if len(table := _table(labels, members)) > 1]
    return Chart(titles, tables, any(each.name for each in series))


def read_extended_chart(root: Any) -> Chart:
    """Return what a chart of the newer kinds shows, such as a waterfall, a funnel or a tree map: a table per series."""
    data = {each.get("id", ""): each for each in root.iter(qn("cx:data"))}
    titles = [text for title in root.iter(qn("cx:title")) for text in _texts(title) or _named(title)]
    tables = []
    for series in root.iter(qn("cx:series")):
        link = series.find(qn("cx:dataId"))
        source = data.get(link.get("val", "")) if link is not None else None
        if source is not None:
            labels, values = (_dimension(source, name) for name in ("cx:strDim", "cx:numDim"))
            rows = [[labels.get(place, ""), values.get(place, "")] for place in sorted(labels.keys() | values.keys())]
            tables += [[["", *(_named(series.find(qn("cx:tx"))) or [""])], *rows]] if rows else []
    return Chart(titles, tables, True)


def _named(element: Any) -> list[str]:
    text = element.findtext(f".//{qn('cx:v')}") if element is not None else ""
    return [" ".join(text.split())] if text else []


def _dimension(source: Any, name: str) -> dict[int, str]:
    """Return the labels or values of a series by their index; levels of a hierarchy are joined, the highest first."""
    found: dict[int, list[str]] = {}
    for level in source.iterfind(f"{qn(name)}/{qn('cx:lvl')}"):
        for point in level.iterchildren(qn("cx:pt")):
            index, text = point.get("idx", ""), " ".join((point.text or "").split())
            if index.isdecimal() and len(index) < 7 and int(index) < _MOST_POINTS:
                found.setdefault(int(index), []).append(_as_shown(text, "") if name == "cx:numDim" else text)
    return {place: " ".join(reversed(texts)) for place, texts in found.items()}


def _table(labels: dict[int, str], series: list[_Series]) -> list[list[str]]:
    rows = [["", *(each.name for each in series)]]
    for place in sorted(labels.keys() | {place for each in series for place in each.values}):
        rows.append([labels.get(place, ""), *(each.values.get(place, "") for each in series)])
    return rows


def _cached(title: Any) -> list[str]:
    """Return the text of a title that is that of a cell."""
    text = " ".join(" ".join(each.text or "" for each in title.iterfind(f".//{qn('c:strCache')}//{qn('c:v')}")).split())
    return [text] if text else []


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
