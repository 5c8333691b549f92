"""A part of an archive -> the root of its XML. Entities are refused, whoever wrote them."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from lxml import etree

from ragqa.errors import RejectedError
from ragqa.load.archive import without_entities


def xml_root(data: bytes, name: str, *, document_types: bool = False) -> Any:
    """Return the root of a part.

    :param name: of the part, for messages.
    :param document_types: whether it may name a document type. Nothing of one is loaded, and a declaration of an entity
        inside it is refused.
    :raises RejectedError: it is not well-formed, or declares an entity.
    """
    checker = without_entities(document_types=document_types)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        checker.Parse(data, True)
        return etree.fromstring(data, parser)
    except (expat.ExpatError, etree.XMLSyntaxError, ValueError, LookupError) as error:
        if isinstance(error, RejectedError):
            raise
        raise RejectedError(f"damaged: {name}: {error}") from error
