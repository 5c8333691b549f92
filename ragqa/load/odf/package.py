"""The package of an OpenDocument file: its parts and its properties."""

from __future__ import annotations

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
_DAY = len("2024-05-01")


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
            raise RejectedError(f"encrypted: save a copy of the {kind} file without a password")
        if "content.xml" not in self.names:
            raise RejectedError(f"not {named(kind)} file: the archive has no content.xml")
        self.missing.clear()

    def xml(self, name: str) -> Any:
        """Return the root of a part; None where the archive lacks it."""
        data = self.data(name)
        return None if data is None else xml_root(data, name)

    def properties(self) -> dict[str, str]:
        """Return what the file says about itself, without what is blank: `title`, `author`, `subject`, `modified`."""
        root = self.xml("meta.xml") if "meta.xml" in self.names else None
        meta = root.find(qn("office:meta")) if root is not None else None
        if meta is None:
            return {}
        found = {
            ours: next(filter(None, (" ".join((meta.findtext(qn(name)) or "").split()) for name in theirs)), "")
            for ours, theirs in _PROPERTIES.items()
        }
        return {name: value[:_DAY] if name == "modified" else value for name, value in found.items() if value}
