"""The records that the stages exchange: frozen, slotted dataclasses, and nothing else.

Offsets are 0-based positions in Unicode code points into `Document.text`, end exclusive; pages are 1-based.
A `repr` is one short line for a debugger: long texts are cut. `to_dict` returns plain data for JSON.
"""

from __future__ import annotations

from ragqa.records.answers import (
    LETTERS,
    Answer,
    AnswerSentence,
    Citation,
    Coverage,
    Dropped,
    Generation,
    Passages,
    Prompt,
    SearchTexts,
)
from ragqa.records.documents import (
    Chunk,
    Document,
    Extracted,
    FileStatus,
    Hit,
    Scan,
    SourceFile,
    about,
    body_start,
    fields_of,
    indexed_text,
)
from ragqa.records.token_scores import TokenScores
from ragqa.records.unread import unread

__all__ = [
    "LETTERS",
    "Answer",
    "AnswerSentence",
    "Chunk",
    "Citation",
    "Coverage",
    "Document",
    "Dropped",
    "Extracted",
    "FileStatus",
    "Generation",
    "Hit",
    "Passages",
    "Prompt",
    "Scan",
    "SearchTexts",
    "SourceFile",
    "TokenScores",
    "about",
    "body_start",
    "fields_of",
    "indexed_text",
    "unread",
]
