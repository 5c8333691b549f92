"""The package of an OpenDocument file: its parts and its properties."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from functools import cache
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.archive import examined, is_media, named
from ragqa.load.bounds import Limits
from ragqa.load.xml_parts import xml_root

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMESPACES = {name: f"{_OASIS}{name}:1.0" for name in ("office", "text", "table", "style", "meta", "manifest", "chart",
                                                        "presentation")}  # fmt: skip
_NAMESPACES |= {
    "draw": f"{_OASIS}drawing:1.0",
    "number": f"{_OASIS}datastyle:1.0",
    "svg": f"{_OASIS}svg-compatible:1.0",
    "fo": f"{_OASIS}xsl-fo-compatible:1.0",
    "form": f"{_OASIS}form:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xlink": "http://www.w3.org/1999/xlink",
    "math": "http://www.w3.org/1998/Math/MathML",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
_PROPERTIES = {
    "title": ("dc:title",),
    "author": ("meta:initial-creator", "dc:creator"),
    "subject": ("dc:subject",),
    "modified": ("dc:date",),
}
_DAY = len("2024-05-01")


@cache
def qn(name: str) -> str:
    """Return a name as lxml writes it: `text:p` -> `{urn:...}p`; also a path of names."""
    steps = (step.partition(":") for step in name.split("/"))
    return "/".join(f"{{{_NAMESPACES[prefix]}}}{local}" for prefix, _, local in steps)


class Package:
    """The parts of a file by name, such as `content.xml`. `missing` names those that are named and not there."""

    def __init__(self, data: bytes, limits: Limits, kind: str) -> None:
        """Examine the archive.

        :raises RejectedError: it is no archive of this kind, has a password, or exceeds the limits on archives.
        """
        # Parts with a password are no XML, so XML is examined where it is parsed.
        self._archive = examined(data, limits, kind, pages=True)
        names = (entry.filename for entry in self._archive.infolist())
        self._names = {name for name in names if not is_media(name)}
        self.missing: set[str] = set()
        manifest = self.xml("META-INF/manifest.xml")
        if manifest is not None and next(manifest.iter(qn("manifest:encryption-data")), None) is not None:
            raise RejectedError(f"encrypted: save a copy of the {kind} file without a password")
        if "content.xml" not in self._names:
            raise RejectedError(f"not {named(kind)} file: the archive has no content.xml")
        self.missing.clear()

    def data(self, name: str) -> bytes | None:
        """Return a part; None where the archive lacks it, which is put down in `missing`."""
        if name not in self._names:
            self.missing.add(name)
            return None
        try:
            return self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise RejectedError(f"damaged: {name}: {error}") from error

    def xml(self, name: str) -> Any:
        """Return the root of a part; None where the archive lacks it."""
        data = self.data(name)
        return None if data is None else xml_root(data, name)

    def embedded(self, link: str) -> bytes | None:
        """Return the content of a document inside this one, by the link to it; None where there is none."""
        folder = posixpath.normpath(link.removeprefix("./"))
        return self.data(f"{folder}/content.xml") if folder and not folder.startswith(("..", "/")) else None

    def properties(self) -> dict[str, str]:
        """Return what the file says about itself, without what is blank: `title`, `author`, `subject`, `modified`."""
        root = self.xml("meta.xml") if "meta.xml" in self._names else None
        meta = root.find(qn("office:meta")) if root is not None else None
        if meta is None:
            return {}
        found = {
            ours: next(filter(None, (" ".join((meta.findtext(qn(name)) or "").split()) for name in theirs)), "")
            for ours, theirs in _PROPERTIES.items()
        }
        return {name: value[:_DAY] if name == "modified" else value for name, value in found.items() if value}
