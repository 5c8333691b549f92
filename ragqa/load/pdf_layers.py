"""The layers of a PDF (optional content): which of them are switched off when the file is opened."""

from __future__ import annotations

from typing import Any

from pypdf import PageObject
from pypdf.generic import DictionaryObject, IndirectObject

from ragqa.load.pdf_objects import entry, resolved


class Layers:
    """The layers in which a page is drawn at a place of its operators."""

    def __init__(self, page: PageObject) -> None:
        self._inside: list[bool] = []
        self._off, self._on, self._is_base_off = set[Any](), set[Any](), False
        root = getattr(page.pdf, "root_object", None)
        properties = entry(root, "/OCProperties") if isinstance(root, DictionaryObject) else None
        shown = entry(properties, "/D") if isinstance(properties, DictionaryObject) else None
        if isinstance(shown, DictionaryObject):
            self._is_base_off = entry(shown, "/BaseState") == "/OFF"
            self._off, self._on = _ids(entry(shown, "/OFF")), _ids(entry(shown, "/ON"))

    @property
    def has_off(self) -> bool:
        """Tell whether the file may have layers that are switched off."""
        return self._is_base_off or bool(self._off)

    @property
    def is_off(self) -> bool:
        """Tell whether what is drawn now is not shown."""
        return any(self._inside)

    def enter(self, layer: Any) -> None:
        """Begin a part of the page that belongs to a layer, or to none (None)."""
        self._inside.append(layer is not None and self._is_off(layer))

    def leave(self) -> None:
        """End the part that was begun last."""
        if self._inside:
            self._inside.pop()

    def _is_off(self, layer: Any) -> bool:
        """Tell whether a layer is off, or each of several layers of which any one shows the part."""
        given = resolved(layer)
        if isinstance(given, DictionaryObject) and "/OCGs" in given:
            groups = given["/OCGs"]
            ids = _ids(groups) if isinstance(groups, list) else _ids([given.raw_get("/OCGs")])
            is_any = entry(given, "/P") in (None, "/AnyOn")
            return is_any and bool(ids) and all(map(self._is_group_off, ids))
        return any(map(self._is_group_off, _ids([layer])))

    def _is_group_off(self, group: Any) -> bool:
        return group in self._off or (self._is_base_off and group not in self._on)


def _ids(groups: Any) -> set[Any]:
    return {each.idnum for each in groups if isinstance(each, IndirectObject)} if isinstance(groups, list) else set()
