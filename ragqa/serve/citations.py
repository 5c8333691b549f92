"""Citations as annotations of OpenAI's interface: which part of the text stands in which document."""

from __future__ import annotations

from typing import Any

from ragqa.records import Answer


def annotated(answer: Answer, base: str) -> list[dict[str, Any]]:
    """Return two annotations for each citation: `url_citation` with the address of the text, and `file_citation`.

    :param base: the address of this server, without a slash at its end.
    """
    found: list[dict[str, Any]] = []
    at = 0
    for sentence in () if answer.abstained else answer.sentences:
        start = answer.text.find(sentence.text, at)
        if start < 0:
            continue
        at = start + len(sentence.text)
        for cited in sentence.citations:
            url = f"{base}/api/documents/{cited.document_id}?start={cited.start}&end={cited.end}"
            linked = {"url": url, "title": cited.source, "start_index": start, "end_index": at}
            filed = {"file_id": cited.document_id, "filename": cited.source, "index": at}
            found += [
                {"type": "url_citation", "url_citation": linked},
                {"type": "file_citation", "file_citation": filed},
            ]
    return found
