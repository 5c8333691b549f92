"""The documents of an EPUB in their reading order -> the text, its headings and places."""

from __future__ import annotations

from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.epub.contents import Entry, entries, place_names
from ragqa.load.epub.package import Package
from ragqa.load.epub.pages import Read, read
from ragqa.load.not_read import NotRead
from ragqa.records import Extracted


def extract(data: bytes, limits: Limits) -> Extracted:
    """Return the text of a book in its reading order, as a browser shows it; what is outside that order comes last.

    Metadata: `author`, `language`, `date`, `publisher`, `subject`, where the book gives them; `headings`, a list of
    `[offset, level]`; `places`, a list of `[offset, name]` with the names of the table of contents, such as `chapter
    Loomings`, or of the highest headings where there is none; `not_read`, a mapping of what is in the file and not in the
    text, such as pictures, to how often.

    :raises RejectedError: the file is not EPUB, has DRM or a fixed layout, declares entities, has no text, or exceeds
        the limits on archives.
    """
    package = Package(data, limits)
    not_read = NotRead()
    contents = entries(package)
    of_file: dict[str, dict[int, Entry]] = {}
    for number, entry in enumerate(contents):
        of_file.setdefault(entry.name, {})[number] = entry
    spine = package.spine()
    chapters: list[Read] = []
    for item in spine:
        if "nav" in item.properties:
            not_read.add("tables of contents")
        elif not item.is_page:
            not_read.add("pictures" if item.media_type.startswith("image/") else "other documents")
        elif (page := package.data(item.name)) is not None:
            chapters.append(read(page, of_file.get(item.name, {})))
    names = {each.name for each in spine}
    for each in package.items.values():
        if each.is_page and each.name not in names and "nav" not in each.properties:
            not_read.add("documents outside the reading order")
    return _extracted(package, chapters, place_names(contents), not_read)


def _extracted(package: Package, chapters: list[Read], names: list[str], not_read: NotRead) -> Extracted:
    """Return the text of chapters with a blank line between them."""
    headings: list[list[int]] = []
    places: list[list[Any]] = []
    offset = 0
    shown = [chapter for chapter in chapters if chapter.text.strip()]
    for chapter in shown:
        headings += [[offset + at, level] for at, level in chapter.headings]
        places += [[offset + at, names[number]] for at, number in chapter.places]
        offset += len(chapter.text) + 2
    text = "\n\n".join(chapter.text for chapter in shown)
    for kind in (kind for chapter in chapters for kind in chapter.not_read):
        not_read.add(kind)
    if package.missing:
        not_read.add("missing parts", len(package.missing))
    if not text.strip():
        told = ", ".join(f"{kind} ({count})" for kind, count in not_read.counts.items())
        raise RejectedError(f"no text; not read: {told}" if told else "no text: the book has none")
    fields = package.fields()
    title = fields.pop("title", "")
    facts = {
        "headings": headings,
        "places": _one_at_each(places) or _of_headings(text, headings),
        "not_read": dict(not_read.counts),
    }
    return Extracted(text, title, metadata=fields | {name: value for name, value in facts.items() if value})


def _one_at_each(places: list[list[Any]]) -> list[list[Any]]:
    """Return the places in order, the last of several at one offset: that is the deepest entry."""
    return [[offset, name] for offset, name in sorted(dict(map(tuple, places)).items())]


def _of_headings(text: str, headings: list[list[int]]) -> list[list[Any]]:
    """Return the places that the highest headings name, where a book has no table of contents."""
    highest = min((level for _, level in headings), default=0)
    found = [Entry(text[at:].partition("\n")[0], "", "", 1) for at, level in headings if level == highest]
    starts = [at for at, level in headings if level == highest]
    return [[at, name] for at, name in zip(starts, place_names(found), strict=True)]
