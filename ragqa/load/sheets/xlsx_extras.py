"""What is beside the rows of an XLSX: comments, text boxes, titles of charts, and the properties of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ragqa.load.alternative import picture
from ragqa.load.drawing import Chart, any_chart, chart_lines, diagram, is_whole, paragraph_text
from ragqa.load.ooxml import Package, qn
from ragqa.load.sheets.sheet import Comment, place_of

_PROPERTIES = {"title": "dc:title", "author": "dc:creator", "subject": "dc:subject"}


def properties(package: Package) -> dict[str, str]:
    """Return title, author and subject of the file, those that are not blank."""
    root = next((package.xml(name) for name in package.related("", "core-properties")), None)
    found = {ours: root.findtext(qn(theirs)) or "" for ours, theirs in _PROPERTIES.items()} if root is not None else {}
    return {name: value for name, value in found.items() if value.strip()}


def comments(package: Package, book: str, sheet: str) -> Iterator[Comment]:
    """Yield the comments of a sheet. A conversation is read from where newer programs keep it, and not from its copy."""
    people = {
        person.get("id"): person.get("displayName", "")
        for part in package.related(book, "person")
        for person in _elements(package, part)
    }
    threads = [thread for part in package.related(sheet, "threadedComment") for thread in _elements(package, part)]
    for thread in threads:
        text = next((child.text for child in thread if child.tag.endswith("}text")), None)
        yield from _comment(thread.get("ref", ""), people.get(thread.get("personId"), ""), text or "")
    in_threads = {thread.get("ref") for thread in threads}
    for part in package.related(sheet, "comments"):
        root = package.xml(part)
        if root is None:
            continue
        authors = [author.text or "" for author in root.iterfind(qn("x:authors/x:author"))]
        for element in root.iterfind(qn("x:commentList/x:comment")):
            number = element.get("authorId", "")
            author = authors[int(number)] if number.isdecimal() and int(number[:6]) < len(authors) else ""
            text = "".join(each.text or "" for each in element.iter(qn("x:t"))).strip()
            if element.get("ref") not in in_threads:
                yield from _comment(element.get("ref", ""), author, text.removeprefix(f"{author}:"))


def _comment(reference: str, author: str, text: str) -> Iterator[Comment]:
    if (place := place_of(reference)) and text.strip():
        yield Comment(*place, author, text)


def _elements(package: Package, part: str) -> Iterator[Any]:
    root = package.xml(part)
    return iter(root if root is not None else ())


def drawings(package: Package, sheet: str, not_read: Counter[str]) -> Iterator[str]:
    """Yield the texts of text boxes, charts and diagrams of a sheet, and the alternative texts of its pictures.

    Pictures are counted, and so are charts and diagrams without values or texts.
    """
    for part in package.related(sheet, "drawing"):
        root = package.xml(part)
        for element in root.iter() if root is not None else ():
            if element.tag == qn("xdr:pic"):
                not_read["pictures"] += 1
                about = element.find(qn("xdr:nvPicPr/xdr:cNvPr"))
                yield picture(about.get("descr")) if about is not None else ""
            elif element.tag == qn("xdr:txBody"):
                yield " ".join(paragraph_text(paragraph) for paragraph in element.iter(qn("a:p")))
            elif element.tag in (qn("c:chart"), qn("cx:chart")):
                yield from _chart(package.xml(package.target(part, element.get(qn("r:id")))), not_read)
            elif element.tag == qn("dgm:relIds"):
                data = package.xml(package.target(part, element.get(qn("r:dm"))))
                texts = diagram(data) if data is not None else []
                not_read["diagrams"] += not texts
                yield from texts


def _chart(root: Any, not_read: Counter[str]) -> Iterator[str]:
    found = any_chart(root) if root is not None else Chart([], [], False)
    not_read["charts"] += not is_whole(found)
    yield from of_chart(chart_lines(found))


def of_chart(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a chart on a sheet; the first one says that it is a chart."""
    for place, line in enumerate(lines):
        yield line if place or line.startswith("|") else f"Chart: {line}"
