"""The limits on the recognition of one file. They are others than those on its text, since a page takes seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OcrLimits:
    """The limits beyond which pages are not read. What is not read is told, and the other pages are read."""

    pages: int = 500
    """The most pages of one file that are read so."""
    page_seconds: float = 60.0
    batch_seconds: float = 20.0
    """How long one call begins further pages."""
    start_seconds: float = 20.0
    """The time to load the engine, and to open the file."""
    memory_bytes: int = 2 << 30
    file_pixels: int = 100_000_000
    """The most pixels of a picture. One with more is refused before it is decoded."""
    pixels: int = 12_000_000
    """The most pixels that are looked at. A larger picture is reduced, and a larger page rendered more coarsely."""
    least_dpi: int = 200
    most_dpi: int = 300
    """A page is rendered in the resolution of its largest picture, within these bounds."""

    @property
    def call_seconds(self) -> float:
        """Return the time limit of one call."""
        return self.start_seconds + self.batch_seconds + self.page_seconds
