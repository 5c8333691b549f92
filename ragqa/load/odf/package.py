"""The package of an OpenDocument file: its parts and its properties."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.archive import Parts, examined, named
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
ENCRYPTED = "encrypted: load.passwords opens no OpenDocument file; save a copy without a password"
_DAY = len("2024-05-01")
_PICTURE = re.compile(rb"<office:binary-data>[^<]*</office:binary-data>")


@cache
def qn(name: str) -> str:
    """Return a name as lxml writes it: `text:p` -> `{urn:...}p`; also a path of names."""
    steps = (step.partition(":") for step in name.split("/"))
    return "/".join(f"{{{_NAMESPACES[prefix]}}}{local}" for prefix, _, local in steps)


class Package(Parts):
    """The parts of a file by name, such as `content.xml`. `missing` names those that are named and not there."""

    def __init__(self, data: bytes, limits: Limits, kind: str) -> None:
        """Examine the archive.

        :raises RejectedError: it is no archive of this kind, has a password, or exceeds the limits on archives.
        """
        # Parts with a password are no XML, so XML is examined where it is parsed.
        super().__init__(examined(data, limits, kind, pages=True))
        manifest = self.xml("META-INF/manifest.xml")
        if manifest is not None and next(manifest.iter(qn("manifest:encryption-data")), None) is not None:
            raise RejectedError(ENCRYPTED)
        if "content.xml" not in self.names:
            raise RejectedError(f"not {named(kind)} file: the archive has no content.xml")
        self.missing.clear()

    def xml(self, name: str) -> Any:
        """Return the root of a part; None where the archive lacks it."""
        data = self.data(name)
        return None if data is None else xml_root(data, name)

    def properties(self) -> dict[str, str]:
        """Return what the file says about itself, without what is blank: `title`, `author`, `subject`, `modified`."""
        return _properties(self.xml("meta.xml")) if "meta.xml" in self.names else {}


class Flat:
    """A flat file (`.fodt`, `.fods`, `.fodp`): one XML document in the place of all parts. Pictures are left out of it."""

    def __init__(self, data: bytes) -> None:
        """Parse the file.

        :raises RejectedError: it is not well-formed, or declares an entity.
        """
        self.missing: set[str] = set()
        self._root = xml_root(without_pictures(data), "the file")

    def xml(self, name: str) -> Any:
        """Return the root, which has the content, the styles and the properties."""
        return self._root

    def data(self, name: str) -> bytes | None:
        """Return None: objects are inside the document, and not in parts of their own."""
        return None

    def properties(self) -> dict[str, str]:
        """Return what the file says about itself, as `Package.properties` does."""
        return _properties(self._root)


def opened(data: bytes, limits: Limits, kind: str) -> Package | Flat:
    """Return the parts of a file of either form.

    :raises RejectedError: as `Package` and `Flat` do.
    """
    return Flat(data) if is_flat(data) else Package(data, limits, kind)


def is_flat(data: bytes) -> bool:
    """Tell whether a file is one XML document, and no archive."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def without_pictures(data: bytes) -> bytes:
    """Return a flat file without the bytes of its pictures."""
    return _PICTURE.sub(b"", data)


def _properties(root: Any) -> dict[str, str]:
    meta = root.find(qn("office:meta")) if root is not None else None
    if meta is None:
        return {}
    found = {
        ours: next(filter(None, (" ".join((meta.findtext(qn(name)) or "").split()) for name in theirs)), "")
        for ours, theirs in _PROPERTIES.items()
    }
    return {name: value[:_DAY] if name == "modified" else value for name, value in found.items() if value}
