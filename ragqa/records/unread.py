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


class Unread(str):
    """A phrase about what of a document was not read, such as `no text on 2 of 4 pages (2, 3)`, and its facts.

    :param kind: the same for all phrases about the same.
    :param counts: how often there is each thing that the phrase counts, such as `not in the text: pictures`.
    """

    kind: str
    counts: dict[str, int]

    def __new__(cls, phrase: str = "", kind: str = "", counts: Mapping[str, int] | None = None) -> Unread:
        made = super().__new__(cls, phrase)
        made.kind, made.counts = kind, dict(counts or {})
        return made

    @classmethod
    def counted(cls, begins: str, kind: str, things: Mapping[str, int]) -> Unread:
        """Return the phrase that counts things."""
        phrase = f"{begins}: {', '.join(f'{thing} ({count})' for thing, count in things.items())}"
        return cls(phrase, kind, {f"{begins}: {thing}": count for thing, count in things.items()})


def unread(media_type: str, metadata: Mapping[str, Any], pages: int) -> Iterator[Unread]:
    """Yield what of a document was not read.

    Other metadata of Markdown are the author's, who may use the same names.

    :param pages: the number of pages of the document.
    """
    if media_type == "text/markdown":
        if error := metadata.get("front_matter_error"):
            yield Unread(f"front matter not read, or in part: {error}", "front_matter")
        return
    if why := metadata.get("read_as_text"):
        yield Unread(f"read as plain text ({why})", "read_as_text")
    if numbers := metadata.get("pages_without_text"):
        said = f"no text on {len(numbers):,} of {pages:,} pages ({_listed(numbers)})"
        yield Unread("; ".join(filter(None, (said, _advice(metadata)))), "pages_without_text")
    yield from _badly_read(metadata)
    if count := metadata.get("undecodable"):
        have = "character has" if count == 1 else "characters have"
        yield Unread(f"{count:,} {have} no text in the file's fonts", "undecodable")
    if numbers := metadata.get("annotations_not_read"):
        said = f"damaged form fields or comments on {len(numbers):,} pages ({_listed(numbers)})"
        yield Unread(said, "annotations_not_read")
    if isinstance(kinds := metadata.get("hidden"), Mapping):
        yield Unread.counted(HIDDEN, "hidden", kinds)
    if isinstance(kinds := metadata.get("not_read"), Mapping):
        yield Unread.counted(NOT_IN_THE_TEXT, "not_read", kinds)


def _advice(metadata: Mapping[str, Any]) -> str:
    """Return how the pages without text can be read."""
    ocr = metadata.get("ocr")
    return str(ocr.get("advice", "")) if isinstance(ocr, Mapping) else ""


def _badly_read(metadata: Mapping[str, Any]) -> Iterator[Unread]:
    """Yield what OCR could not read, or read badly."""
    ocr = metadata.get("ocr")
    if not isinstance(ocr, Mapping):
        return
    read = confidences(metadata)
    if low := [f"{number}: {value:.2f}" for number, value in read.items() if value < LOW_CONFIDENCE]:
        said = f"read by OCR with low confidence: {len(low):,} of {len(read):,} pages ({_listed(low)})"
        yield Unread(said, "ocr_confidence")
    if isinstance(faults := ocr.get("faults"), Mapping) and faults:
        number, why = next(iter(faults.items()))
        yield Unread(f"OCR failed on {len(faults):,} pages (page {number}: {why})", "ocr_faults")
    if left := ocr.get("left"):
        yield Unread(f"not read by OCR: {left:,} further pages of the file", "ocr_left")


def _listed(numbers: Sequence[object]) -> str:
    return ", ".join([*map(str, numbers[:_NAMED_PAGES]), *(["..."] if numbers[_NAMED_PAGES:] else [])])
