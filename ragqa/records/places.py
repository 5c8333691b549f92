"""The name of a place in a document for people, such as `page 3`, `slide 3` or `sheet Prices, row 40`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any


def place_of(metadata: Mapping[str, Any], page: int | None, offset: int, count_lines: Callable[[int, int], int]) -> str:
    """Return the name of the place of an offset; empty where the document has no pages and no named places.

    The metadata have `places`: [offset, name] of each place in order, or [offset, name, row] where the lines from the
    offset on are the rows of a sheet from that number on; or `page_labels`, the labels of the pages. `ocr` has the
    confidence of each page that was read by OCR. A loader of one's own may record anything: what has another form is
    no place.

    :param page: the number of the page, from 1; None where there are no pages.
    :param count_lines: returns the number of line breaks between two offsets.
    """
    places = metadata.get("places")
    if isinstance(places, list) and all(_is_place(each) for each in places):
        number = bisect_right(places, offset, key=lambda place: place[0]) - 1
        if number >= 0:
            start, name, *row = places[number]
            return f"{name}, row {row[0] + count_lines(start, offset):,}" if row else name
    if page is None:
        return ""
    labels = metadata.get("page_labels")
    label = labels[page - 1] if isinstance(labels, list) and page <= len(labels) else str(page)
    name = f"page {page}" if label == str(page) else f"page {page}, labelled {label}"
    confidence = confidences(metadata).get(str(page))
    return name if confidence is None else f"{name} (OCR, confidence {confidence:.2f})"


def confidences(metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return the confidence, 0 to 1, of each page that was read by OCR, by its number."""
    ocr = metadata.get("ocr")
    pages = ocr.get("pages") if isinstance(ocr, Mapping) else None
    if not isinstance(pages, Mapping):
        return {}
    return {number: value for number, value in pages.items() if type(value) is float or type(value) is int}


def _is_place(value: Any) -> bool:
    match value:
        case [int(), str()] | [int(), str(), int()]:
            return True
    return False
