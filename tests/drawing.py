"""Functions for a sandbox to run: they look at pictures as the reader of scans does, without an engine for OCR."""

from __future__ import annotations

from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.formats import IMAGE
from ragqa.load.ocr import images
from ragqa.load.ocr.bounds import OcrLimits

_PAGES = 3


def look(data: bytes, *, limits: dict[str, Any]) -> list[list[int] | str]:
    """Return the width and the height of the first pages of a picture, or why one cannot be drawn.

    :raises RejectedError: it cannot be opened, or has too many pages.
    """
    count = len(images.extract(data, Limits(**limits), ocr="engine/1").page_starts)
    open_page = images.opened(data, IMAGE, OcrLimits())
    found: list[list[int] | str] = []
    for number in range(1, min(count, _PAGES) + 1):
        try:
            image, dpi = open_page(number)
            found.append([image.width, image.height, len(image.tobytes()), dpi])
        except RejectedError as error:
            found.append(str(error))
    return found
