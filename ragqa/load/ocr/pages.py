"""Some pages of a file -> their texts by OCR. It runs in the sandbox."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.ocr.bounds import OcrLimits
from ragqa.load.ocr.engines import Engine, engine
from ragqa.load.ocr.images import opened
from ragqa.load.pdf_text import cleaned

_SURE = 0.6
"""The confidence below which a page is also tried turned: on text that lies or stands on its head it is far below."""
_TURNS = (180, 90, 270)


def read(
    data: bytes,
    *,
    media_type: str,
    pages: list[int],
    name: str,
    languages: list[str],
    limits: dict[str, Any],
    passwords: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return by its number what was read of each page: its `text` and `confidence`, or the `fault`.

    The pages are read in their order until the time for a call has passed; at least one is in the result.

    :param name: of the engine, as `engines.find` returned it.
    :param limits: the fields of `OcrLimits`.
    :param passwords: tried on an encrypted file.
    :raises RejectedError: the file cannot be opened, or the engine cannot be loaded.
    """
    bounds = OcrLimits(**limits)
    reader = engine(name, languages)
    open_page = opened(data, media_type, bounds, passwords)
    begun = time.monotonic()
    found: dict[str, dict[str, Any]] = {}
    for number in pages:
        try:
            image, dpi = open_page(number)
            text, confidence = _upright(reader, image, dpi, bounds.page_seconds)
            found[str(number)] = {"text": cleaned([text.strip()])[0], "confidence": round(confidence, 3)}
        except RejectedError as error:
            found[str(number)] = {"fault": str(error)}
        if time.monotonic() - begun > bounds.batch_seconds:
            break
    return found


def _upright(reader: Engine, image: Any, dpi: int, seconds: float) -> tuple[str, float]:
    """Return the text of an image and the confidence. If this is low, take the best of the four ways to turn it.

    :raises RejectedError: it takes longer than the given time.
    """
    begun = time.monotonic()
    best = reader.read(image, dpi, seconds)
    for angle in _TURNS:
        left = seconds - (time.monotonic() - begun)
        if best[1] >= _SURE or left <= 0 or not best[0].strip():
            break
        try:
            best = max(best, reader.read(image.rotate(angle, expand=True), dpi, left), key=lambda each: each[1])
        except RejectedError:
            break
    return best
