"""The package of an Office Open XML file: its parts and their relationships. It runs in the sandbox.

A file in the Strict variant of the standard is read too: its names become those of the Transitional variant.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from functools import cache
from typing import IO, Any

from lxml import etree

from ragqa.errors import RejectedError
from ragqa.load.archive import examined, is_media
from ragqa.load.bounds import Limits

_OFFICE = "http://schemas.openxmlformats.org/"
_WORD_2010 = "http://schemas.microsoft.com/office/word/2010/"
_NAMESPACES = {
    "w": f"{_OFFICE}wordprocessingml/2006/main",
    "r": f"{_OFFICE}officeDocument/2006/relationships",
    "m": f"{_OFFICE}officeDocument/2006/math",
    "p": f"{_OFFICE}presentationml/2006/main",
    "a": f"{_OFFICE}drawingml/2006/main",
    "c": f"{_OFFICE}drawingml/2006/chart",
    "x": f"{_OFFICE}spreadsheetml/2006/main",
    "xdr": f"{_OFFICE}drawingml/2006/spreadsheetDrawing",
    "pic": f"{_OFFICE}drawingml/2006/picture",
    "wp": f"{_OFFICE}drawingml/2006/wordprocessingDrawing",
    "dgm": f"{_OFFICE}drawingml/2006/diagram",
    "mc": f"{_OFFICE}markup-compatibility/2006",
    "rel": f"{_OFFICE}package/2006/relationships",
    "w14": f"{_WORD_2010}wordml",
    "a14": "http://schemas.microsoft.com/office/drawing/2010/main",
    "p188": "http://schemas.microsoft.com/office/powerpoint/2018/8/main",
    "cx": "http://schemas.microsoft.com/office/drawing/2014/chartex",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
}
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_PROPERTIES = {"title": "dc:title", "author": "dc:creator", "subject": "dc:subject", "modified": "dcterms:modified"}
_DAY = len("2024-05-01")
_STRICT = re.compile(r"http://purl\.oclc\.org/ooxml/(\w+)/")
_STRICT_TAG = re.compile(r"\{http://purl\.oclc\.org/ooxml/(\w+)/")


@cache
def qn(name: str) -> str:
    """Return a name as lxml writes it: `w:p` -> `{http://...}p`; also a path of names, such as `w:pPr/w:numPr`."""
    steps = (step.partition(":") for step in name.split("/"))
    return "/".join(f"{{{_NAMESPACES[prefix]}}}{local}" for prefix, _, local in steps)


def refuse_ole(data: bytes, kind: str, old: str) -> None:
    """Refuse a file in the container of the old formats.

    :param old: the suffix of the old format.
    """
    if data.startswith(_OLE):
        raise RejectedError(f"not a {kind} file but an OLE one: the old {old} format; save it as plain {kind}")


class Package:
    """The parts of a file, by name, such as `word/document.xml`. The name "" is that of the package itself.

    `missing` names the parts that a relationship has as its target, and that the archive lacks.
    """

    def __init__(self, data: bytes, limits: Limits, kind: str) -> None:
        """Examine the archive.

        :raises RejectedError: it is no archive of this kind, is encrypted, or exceeds the limits on archives.
        """
        self._archive = examined(data, limits, kind)
        # The names of parts are equal in upper and lower case. Some programs write `\` between folders.
        self._entries = {
            _key(entry.filename): entry for entry in self._archive.infolist() if not is_media(entry.filename)
        }
        if "[content_types].xml" not in self._entries:
            raise RejectedError(f"not a {kind} file: the archive has no [Content_Types].xml")
        self._relationships: dict[str, dict[str, tuple[str, str]]] = {}
        self.missing: set[str] = set()

    def related(self, part: str, kind: str) -> list[str]:
        """Return the parts to which a part has a relationship whose type ends with this word."""
        return [target for type_, target in self._targets(part).values() if type_ == kind]

    def target(self, part: str, identifier: str | None) -> str:
        """Return the part that a part names by the id of a relationship; "" where there is none."""
        return self._targets(part).get(identifier or "", ("", ""))[1]

    def xml(self, part: str) -> Any:
        """Return the root element of a part; None where the archive lacks it, which is put down in `missing`."""
        if _key(part) not in self._entries:
            if part:
                self.missing.add(part)
            return None
        root = self._parsed(part)
        return _transitional(root) if any(_STRICT.match(uri or "") for uri in root.nsmap.values()) else root

    def open(self, part: str) -> IO[bytes] | None:
        """Return a part as a stream; None where the archive lacks it, which is put down in `missing`."""
        if _key(part) not in self._entries:
            self.missing.add(part)
            return None
        return self._archive.open(self._entries[_key(part)])

    def _targets(self, part: str) -> dict[str, tuple[str, str]]:
        """Return (last word of the type, target) of each relationship of a part within the file, by its id."""
        if part not in self._relationships:
            folder, name = posixpath.split(part)
            rels = posixpath.join(folder, "_rels", f"{name}.rels")
            found = self._parsed(rels).iterchildren(qn("rel:Relationship")) if _key(rels) in self._entries else ()
            self._relationships[part] = {
                each.get("Id", ""): (
                    each.get("Type", "").rsplit("/", 1)[-1],
                    _resolved(folder, each.get("Target", "")),
                )
                for each in found
                if each.get("TargetMode") != "External"
            }
        return self._relationships[part]

    def _parsed(self, part: str) -> Any:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
        try:
            return etree.fromstring(self._archive.read(self._entries[_key(part)]), parser)
        except (etree.XMLSyntaxError, zipfile.BadZipFile) as error:
            raise RejectedError(f"damaged: {part}: {error}") from error


def _resolved(folder: str, target: str) -> str:
    """Return the name of the part that a part in this folder calls by a relative or an absolute path."""
    return posixpath.normpath(posixpath.join("/", folder, target.replace("\\", "/"))).lstrip("/")


def _key(name: str) -> str:
    return name.replace("\\", "/").lower()


def _transitional(root: Any) -> Any:
    """Give the elements and attributes of a Strict part the names that they have in the Transitional variant."""
    for element in root.iter(etree.Element):
        element.tag = _STRICT_TAG.sub(_transitional_name, element.tag)
        for name, value in element.attrib.items():
            if _STRICT_TAG.match(name):
                del element.attrib[name]
                element.set(_STRICT_TAG.sub(_transitional_name, name), value)
    return root


def _transitional_name(strict: re.Match[str]) -> str:
    return f"{{{_OFFICE}{strict[1]}/2006/"


def properties(package: Package, *others: str) -> dict[str, str]:
    """Return what a file says about itself: `title`, `author`, `subject`, without those that are blank.

    :param others: more of them; `modified` is a day.
    """
    root = next((package.xml(name) for name in package.related("", "core-properties")), None)
    if root is None:
        return {}
    found = {name: root.findtext(qn(_PROPERTIES[name])) or "" for name in ("title", "author", "subject", *others)}
    return {name: value[:_DAY] if name == "modified" else value for name, value in found.items() if value.strip()}
