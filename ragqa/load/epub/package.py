"""The archive of an EPUB: its package document, which lists its files, their order, and what the book says of itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ragqa.errors import RejectedError
from ragqa.load.archive import Parts, examined
from ragqa.load.bounds import Limits
from ragqa.load.xml_parts import xml_root

_OF_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""The algorithms by which fonts are made useless outside their book. They keep nobody from reading it."""
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml")
_DAY = len("2024-05-01")
_APPLE_OPTIONS = "META-INF/com.apple.ibooks.display-options.xml"
_MOST_FALLBACKS = 10


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the book: its name in the archive, and its properties."""

    name: str
    media_type: str
    properties: tuple[str, ...]
    fallback: str

    @property
    def is_page(self) -> bool:
        """Tell whether it is a document in XHTML."""
        return self.media_type in _PAGES


class Package(Parts):
    """The files of a book. `missing` names those that are named and not there."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        """Examine the archive, and read its package document.

        :raises RejectedError: it is no EPUB, has DRM or a fixed layout, or exceeds the limits on archives.
        """
        super().__init__(examined(data, limits, "EPUB", pages=True))
        self._refuse_encrypted()
        container = self._xml("META-INF/container.xml")
        if container is None:
            raise RejectedError("not an EPUB file: the archive has no META-INF/container.xml")
        root_file = next((each.get("full-path", "") for each in _named(container, "rootfile")), "")
        self._root = self._xml(root_file)
        if self._root is None:
            raise RejectedError("damaged: the EPUB has no package document, or names one that it lacks")
        self._folder = posixpath.dirname(root_file)
        self.items = {
            each.get("id", ""): Item(
                self.resolved(root_file, each.get("href", ""))[0],
                each.get("media-type", ""),
                tuple(each.get("properties", "").split()),
                each.get("fallback", ""),
            )
            for each in _named(self._root, "item")
        }
        if self._has_fixed_layout():
            raise RejectedError("fixed-layout EPUB: its pages are laid out like pictures; convert it to PDF")
        self.missing.clear()

    def spine(self) -> list[Item]:
        """Return the files in their reading order; those outside the main order, such as notes, come last."""
        found: dict[bool, dict[str, Item]] = {True: {}, False: {}}
        for each in _named(self._root, "itemref"):
            item = self._shown(each.get("idref", ""))
            if item is not None and item.name not in found[True]:
                found[each.get("linear") != "no"].setdefault(item.name, item)
        return list((found[True] | found[False]).values())

    def contents(self) -> Item | None:
        """Return the file with the table of contents: that of EPUB 3, else that of EPUB 2."""
        spine = next(_named(self._root, "spine"), None)
        old = self.items.get(spine.get("toc", "")) if spine is not None else None
        ncx = (each for each in self.items.values() if each.media_type == "application/x-dtbncx+xml")
        return next((each for each in self.items.values() if "nav" in each.properties), old or next(ncx, None))

    def fields(self) -> dict[str, Any]:
        """Return what the book says of itself: `title`, `author`, `language`, `date`, `publisher`, `subject`."""
        metadata = next(_named(self._root, "metadata"), None)
        if metadata is None:
            return {}
        texts = {
            name: [text for each in _named(metadata, name) if (text := " ".join("".join(each.itertext()).split()))]
            for name in ("title", "creator", "language", "date", "publisher", "subject")
        }
        found = {
            "title": texts["title"][:1],
            "author": texts["creator"],
            "language": texts["language"][:1],
            "date": [each[:_DAY] for each in texts["date"][:1]],
            "publisher": texts["publisher"][:1],
            "subject": texts["subject"],
        }
        return {name: "; ".join(values) for name, values in found.items() if values}

    def resolved(self, name: str, link: str) -> tuple[str, str]:
        """Return the file and the fragment that a link in a file points at."""
        path, _, fragment = link.partition("#")
        target = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), unquote(path))) if path else name
        return target.lstrip("/"), unquote(fragment)

    def _shown(self, identifier: str) -> Item | None:
        """Return a file of the spine, or the document that stands in for it."""
        item = first = self.items.get(identifier)
        for _ in range(_MOST_FALLBACKS):
            if item is None or item.is_page:
                return item
            item = self.items.get(item.fallback)
        return first

    def _xml(self, name: str) -> Any:
        data = self.data(name)
        return None if data is None else xml_root(data, name, document_types=True)

    def _refuse_encrypted(self) -> None:
        root = self._xml("META-INF/encryption.xml") if "META-INF/encryption.xml" in self.names else None
        for each in _named(root, "EncryptedData") if root is not None else ():
            method = next(_named(each, "EncryptionMethod"), None)
            if method is None or method.get("Algorithm") not in _OF_FONTS:
                raise RejectedError("encrypted: the EPUB has DRM, which keeps other programs from reading it")

    def _has_fixed_layout(self) -> bool:
        for each in _named(self._root, "meta"):
            rendition = each.get("property") == "rendition:layout" and (each.text or "").strip() == "pre-paginated"
            if rendition or (each.get("name") == "fixed-layout" and each.get("content") == "true"):
                return True
        refs = [each.get("properties", "").split() for each in _named(self._root, "itemref")]
        if refs and all("rendition:layout-pre-paginated" in each for each in refs):
            return True
        options = self._xml(_APPLE_OPTIONS) if _APPLE_OPTIONS in self.names else None
        named = _named(options, "option") if options is not None else ()
        return any(each.get("name") == "fixed-layout" and (each.text or "").strip() == "true" for each in named)


def _named(root: Any, name: str) -> Iterator[Any]:
    """Yield the elements with this name in any namespace."""
    return (each for each in root.iter("{*}" + name))
