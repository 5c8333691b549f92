"""What another framework keeps of a passage or a citation, as plain data."""

from __future__ import annotations

from typing import Any

from ragqa import wire
from ragqa.records import Answer, Citation, Hit

_KEYS = ("document_id", "source", "place", "page", "start", "end")
"""`start` and `end` are offsets in code points of the document's extracted text. The path on this machine is left out."""


def of_hit(hit: Hit) -> dict[str, Any]:
    """Return where a passage stands, its score, and the fields of its document."""
    data = wire.hit(hit)
    return {key: data[key] for key in (*_KEYS, "score", "scores", "fields")}


def of_citation(citation: Citation) -> dict[str, Any]:
    """Return where a cited span stands, its text, and whether the file has changed since."""
    data = wire.citation(citation)
    return {key: data[key] for key in (*_KEYS, "text", "stale") if key in data}


def of_answer(answer: Answer) -> dict[str, Any]:
    """Return what is known of an answer besides its text: its citations, or why there is none."""
    return {
        "citations": [of_citation(each) for each in answer.citations],
        "abstained": answer.abstained,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "unanswered": list(answer.unanswered),
        "nearest": [of_citation(each) for each in answer.nearest],
        "index_version": answer.index_version,
    }
