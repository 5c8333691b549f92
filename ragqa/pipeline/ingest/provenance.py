"""Who read a document or refused a file, as an index notes it, and whether another reading may give something else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragqa.load.formats import PDF, builtin_format
from ragqa.records import Document
from ragqa.stages import Splitter

_OCR = re.compile(r" ocr=[^ ,]+")
_UNNEEDED = " ocr=unneeded"
_FINAL, _AGAIN = "refused", "failed"


def made_by(extractor: str, splitter: Splitter) -> str:
    """Return what is stored as a document's extractor: after a change of it, the file is read and cut again."""
    return ", ".join(filter(None, (extractor, getattr(splitter, "version", ""))))


def extractor_of(document: Document) -> str:
    """Return the extractor of a document; of a PDF file with text on all pages, that it needs no OCR."""
    extractor, metadata = document.extractor, document.metadata
    own = document.media_type == PDF and extractor.startswith(builtin_format(PDF).extractor.split()[0])
    if not own or "ocr" in metadata or metadata.get("pages_without_text"):
        return extractor
    return _OCR.sub("", extractor) + _UNNEEDED


def is_current(stored: str, now: str) -> bool:
    """Tell whether the stored extractor of a document would read it as the present one does.

    The engine for OCR does not count where no page needed one.
    """
    return stored == now or (_UNNEEDED in stored and _OCR.sub("", stored) == _OCR.sub("", now))


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is known of a file that the last run could not use: its document id, who read it, and the reason.

    `final` says that the same reader would refuse the same bytes again. `extractor` is empty where it is not known.
    """

    document_id: str
    extractor: str
    reason: str
    final: bool = False

    def noted(self) -> tuple[str, str]:
        """Return the pair that an index keeps."""
        return f"{self.document_id} {_FINAL if self.final else _AGAIN} {self.extractor}", self.reason

    @classmethod
    def from_noted(cls, pair: tuple[str, str]) -> Refusal:
        """Return what `noted` gave; an index of an older version has the document id alone."""
        document_id, _, rest = pair[0].partition(" ")
        how, _, extractor = rest.partition(" ")
        return cls(document_id, extractor, pair[1], how == _FINAL)
