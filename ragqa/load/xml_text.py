"""XML -> text: documents (DocBook, JATS, TEI and alike) as paragraphs, data as lines `path: value`. It runs in the sandbox.

Which of the two a file is, its own text decides: data have text in elements without children alone.
"""

from __future__ import annotations

from collections import Counter
from html.entities import html5
from typing import Any

from lxml import etree

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.json_records import Fields, records
from ragqa.load.xml_document import PARAGRAPHS, read
from ragqa.records import Extracted

_MIXED_SHARE, _PARAGRAPH_SHARE = 0.05, 0.3
"""The shares of a document's characters that are beside elements, or are in paragraphs; data have less of both."""
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_DEPTH = 200


def extract(data: bytes, limits: Limits) -> Extracted:
    """Return an XML file as text. Names lose their namespaces.

    Data are read as JSON is: attributes and elements are values, elements of the same name that follow in one element are
    an array. Metadata: those of JSON, or those of `xml_document.read`; `not_read` counts comments and entities too.

    :raises RejectedError: the file is not XML, declares entities, or is nested too deeply.
    """
    root = _parsed(data)
    not_read: Counter[str] = Counter()
    _simplify(root, not_read)
    if _is_document(root):
        return read(root, not_read)
    value = _value(root)
    if not isinstance(value, Fields):
        value = Fields([(root.tag, value)])
    return records(" " * len(data), [(1, value)], not_read)


def _parsed(data: bytes) -> Any:
    """Return the root element. A document type is allowed, since document formats have one; it is not fetched."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RejectedError(f"damaged: {' '.join(str(error).split())}"[:300]) from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise RejectedError("XML entity declarations are not allowed")
    return root


def _simplify(root: Any, not_read: Counter[str]) -> None:
    """Take namespaces from names, comments out, and replace the entities of HTML, which document types declare."""
    for node in list(root.iter()):
        if node.tag is etree.Comment:
            not_read["comments"] += 1
            _replace(node, "")
        elif node.tag is etree.Entity:
            sign = html5.get(f"{node.name};", "")
            not_read["entities"] += not sign
            _replace(node, sign or f"&{node.name};")
        elif isinstance(node.tag, str):
            node.tag = etree.QName(node).localname
    etree.cleanup_namespaces(root)


def _replace(node: Any, text: str) -> None:
    """Put a text in the place of a node."""
    parent, before = node.getparent(), node.getprevious()
    if parent is None:
        return
    text += node.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    node.tail = None
    parent.remove(node)


def _is_document(root: Any) -> bool:
    """Tell whether much of the text is beside elements or in paragraphs."""
    whole = mixed = in_paragraphs = 0
    for element in root.iter():
        own = _length(element.text)
        beside = sum(_length(child.tail) for child in element)
        whole += own + beside
        mixed += own + beside if len(element) else 0
        in_paragraphs += own + beside if element.tag in PARAGRAPHS else 0
    return whole > 0 and (mixed >= _MIXED_SHARE * whole or in_paragraphs >= _PARAGRAPH_SHARE * whole)


def _length(text: str | None) -> int:
    return len(text.strip()) if text else 0


def _value(element: Any, depth: int = 0) -> Any:
    """Return an element as a value of JSON: a text, or an object of its attributes, its elements and its `text`."""
    if depth > _DEPTH:
        raise RejectedError("nested too deeply")
    fields = Fields(
        (etree.QName(name).localname, value) for name, value in element.attrib.items() if not name.startswith(_INSTANCE)
    )
    arrays: dict[str, list[Any]] = {}
    texts = [element.text]
    for child in element:
        if child.tag not in arrays:
            arrays[child.tag] = []
            fields.append((child.tag, arrays[child.tag]))
        arrays[child.tag].append(_value(child, depth + 1))
        texts.append(child.tail)
    text = "\n".join(part for each in texts if each and (part := each.strip()))
    if not fields:
        return text
    values = Fields(
        (name, value[0] if isinstance(value, list) and len(value) == 1 else value) for name, value in fields
    )
    return Fields([*values, ("text", text)]) if text else values
