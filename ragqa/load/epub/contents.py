"""The table of contents of an EPUB -> its entries: a document of EPUB 3 (nav) or of EPUB 2 (NCX)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.epub.package import Package
from ragqa.load.xml_parts import xml_root

_TYPE = "{http://www.idpf.org/2007/ops}type"
_SAYS_WHAT = re.compile(
    r"(?:chapter|part|book|volume|section|act|scene|canto|letter|appendix|preface|foreword|introduction|prologue|epilogue|"
    r"afterword|glossary|index|notes|bibliography|acknowledge?ments|kapitel|teil|chapitre|capítulo|capitolo)\b",
    re.IGNORECASE,
)
_MOST_CHARACTERS = 100
_MOST_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: its label, the file and the fragment that it points at, its depth from 1 on, the label above it."""

    label: str
    name: str
    fragment: str
    depth: int
    above: str = ""


def entries(package: Package) -> list[Entry]:
    """Return the entries of a book in order; none where it has no table of contents, or a damaged one."""
    item = package.contents()
    data = package.data(item.name) if item is not None else None
    if item is None or data is None:
        return []
    try:
        root = xml_root(data, item.name, document_types=True)
    except RejectedError:
        return []
    read = _of_nav if root.tag.endswith("}html") else _of_ncx
    found: list[Entry] = []
    for label, link, depth, above in read(root):
        if label and link and len(found) < _MOST_ENTRIES:
            found.append(Entry(label, *package.resolved(item.name, link), depth, above))
    return found


def place_names(found: list[Entry]) -> list[str]:
    """Return the name of each entry for citations, such as `chapter Loomings`; with the label above where it repeats."""
    times = Counter(each.label.lower() for each in found)
    names = []
    for each in found:
        name = each.label if _SAYS_WHAT.match(each.label) else f"chapter {each.label}"
        if times[each.label.lower()] > 1 and each.above:
            name = f"{each.above}, {name}"
        names.append(name if len(name) <= _MOST_CHARACTERS else f"{name[: _MOST_CHARACTERS - 1].rstrip()}…")
    return names


def _of_nav(root: Any) -> Iterator[tuple[str, str, int, str]]:
    """Yield (label, link, depth, label above) of each entry of a document of EPUB 3."""
    navs = list(root.iter("{*}nav"))
    nav = next((each for each in navs if "toc" in each.get(_TYPE, "").split()), navs[0] if navs else None)
    for link in nav.iter("{*}a") if nav is not None else ():
        around = list(link.iterancestors("{*}li"))
        above = next((_text(child) for each in around[1:2] for child in each.iterchildren("{*}a", "{*}span")), "")
        yield _text(link), link.get("href", ""), max(1, len(around)), above


def _of_ncx(root: Any) -> Iterator[tuple[str, str, int, str]]:
    for point in root.iter("{*}navPoint"):
        around = list(point.iterancestors("{*}navPoint"))
        content = point.find("{*}content")
        yield (
            _label(point),
            content.get("src", "") if content is not None else "",
            len(around) + 1,
            _label(around[0]) if around else "",
        )


def _label(point: Any) -> str:
    label = point.find("{*}navLabel")
    return _text(label) if label is not None else ""


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())
