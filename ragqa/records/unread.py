"""What of a document was not read, by the facts that its format recorded in the metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragqa.records.places import confidences

_NAMED_PAGES = 10
NOT_IN_THE_TEXT, HIDDEN = "not in the text", "hidden in the file, and read"
"""How the phrases begin that count things by their kind: `not in the text: pictures (2), charts (1)`."""
LOW_CONFIDENCE = 0.7
"""The confidence of OCR below which many words of a page are wrong."""


def unread(media_type: str, metadata: Mapping[str, Any], pages: int) -> Iterator[tuple[str, str]]:
    """Yield the kind of each fact and a phrase about it, such as `no text on 2 of 4 pages (2, 3)`.

    Other metadata of Markdown are the author's, who may use the same names.

    :param pages: the number of pages of the document.
    """
    if media_type == "text/markdown":
        if error := metadata.get("front_matter_error"):
            yield "front_matter", f"front matter not read, or in part: {error}"
        return
    if why := metadata.get("read_as_text"):
        yield "read_as_text", f"read as plain text ({why})"
    if numbers := metadata.get("pages_without_text"):
        said = f"no text on {len(numbers):,} of {pages:,} pages ({_listed(numbers)})"
        yield "pages_without_text", "; ".join(filter(None, (said, _advice(metadata))))
    yield from _badly_read(metadata)
    if count := metadata.get("undecodable"):
        have = "character has" if count == 1 else "characters have"
        yield "undecodable", f"{count:,} {have} no text in the file's fonts"
    if numbers := metadata.get("annotations_not_read"):
        yield "annotations_not_read", f"damaged form fields or comments on {len(numbers):,} pages ({_listed(numbers)})"
    if isinstance(kinds := metadata.get("hidden"), Mapping):
        yield (
            "hidden",
            f"{HIDDEN}: {', '.join(f'{kind} ({count})' for kind, count in kinds.items())}",
        )
    if isinstance(kinds := metadata.get("not_read"), Mapping):
        yield "not_read", f"{NOT_IN_THE_TEXT}: {', '.join(f'{kind} ({count})' for kind, count in kinds.items())}"


def _advice(metadata: Mapping[str, Any]) -> str:
    """Return how the pages without text can be read."""
    ocr = metadata.get("ocr")
    return str(ocr.get("advice", "")) if isinstance(ocr, Mapping) else ""


def _badly_read(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what OCR could not read, or read badly."""
    ocr = metadata.get("ocr")
    if not isinstance(ocr, Mapping):
        return
    read = confidences(metadata)
    if low := [f"{number}: {value:.2f}" for number, value in read.items() if value < LOW_CONFIDENCE]:
        yield "ocr", f"read by OCR with low confidence: {len(low):,} of {len(read):,} pages ({_listed(low)})"
    if isinstance(faults := ocr.get("faults"), Mapping) and faults:
        number, why = next(iter(faults.items()))
        yield "ocr", f"OCR failed on {len(faults):,} pages (page {number}: {why})"
    if left := ocr.get("left"):
        yield "ocr", f"not read by OCR: {left:,} further pages of the file"


def _listed(numbers: Sequence[object]) -> str:
    return ", ".join([*map(str, numbers[:_NAMED_PAGES]), *(["..."] if numbers[_NAMED_PAGES:] else [])])
