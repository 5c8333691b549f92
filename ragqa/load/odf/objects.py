"""Formulas and charts of an OpenDocument file, which are documents of their own inside it -> lines."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

import lxml.etree
import lxml.html

from ragqa.errors import RejectedError
from ragqa.load.archive import Parts
from ragqa.load.html.mathml import linear
from ragqa.load.odf.package import Flat, qn
from ragqa.load.pipes import table_lines
from ragqa.load.xml_parts import xml_root

_MOST_COLUMNS = 1_000


@dataclass(frozen=True, slots=True)
class Embedded:
    """What an object shows: a formula on one line, or the titles and values of a chart."""

    lines: list[str]
    is_formula: bool


def embedded(parts: Parts | Flat, frame: Any) -> Embedded | None:
    """Return what an object of a file with these parts shows; None for neither a formula nor a chart, or a damaged one."""
    inside = frame.find(qn("math:math"))
    if inside is not None:
        return _formula(lxml.etree.tostring(inside))
    chart = frame.find(f".//{qn('chart:chart')}")
    if chart is not None:  # in a flat file, the object is inside
        return _chart(chart)
    folder = posixpath.normpath(frame.get(qn("xlink:href"), "").removeprefix("./"))
    inside_file = folder and not folder.startswith(("..", "/"))
    data = parts.data(f"{folder}/content.xml") if inside_file else None
    if data is None:
        return None
    if b"http://www.w3.org/1998/Math/MathML" in data[:4000]:
        return _formula(data)
    try:
        root = xml_root(data, "an embedded object")
    except RejectedError:
        return None
    chart = root.find(f".//{qn('chart:chart')}")
    return None if chart is None else _chart(chart)


def _formula(data: bytes) -> Embedded | None:
    """Return a formula on one line. It is parsed as HTML is, whatever document type it names."""
    try:
        root = lxml.html.document_fromstring(data, parser=lxml.html.HTMLParser(encoding="utf-8", no_network=True))
    except lxml.etree.ParserError:
        return None
    math = next((each for each in root.iter() if str(each.tag).rpartition(":")[2] == "math"), None)
    text = linear(math) if math is not None else ""
    return Embedded([text], True) if text else None


def _chart(chart: Any) -> Embedded | None:
    titles = chart.iter(qn("chart:title"), qn("chart:subtitle"))
    lines = [" ".join(" ".join(each.itertext()).split()) for each in titles]
    table = chart.find(f".//{qn('table:table')}")
    rows = [list(_cells(row)) for row in table.iter(qn("table:table-row"))] if table is not None else []
    values = table_lines(rows)
    return Embedded([line for line in lines if line] + values, False) if values else None


def _cells(row: Any) -> list[str]:
    found: list[str] = []
    for cell in row.iterchildren(qn("table:table-cell")):
        text = " ".join(" ".join(each.itertext()) for each in cell.iter(qn("text:p")))
        found.append(text or cell.get(qn("office:value"), ""))
    return found[:_MOST_COLUMNS]
