"""What people say of answers, as lines of a questions.jsonl file that `ragqa eval` reads: `/api/feedback`.

An answer that is good, and one that a person corrected, is a question with its right answer. What is only called bad has
no right answer yet; it goes into a file of its own beside, whose lines a person completes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa import outputs
from ragqa import wire as records
from ragqa.conversation import NO_ANSWER
from ragqa.evaluate.dataset import Evidence, Question
from ragqa.retrieve import check_question
from ragqa.serve.documents import MOST_AROUND
from ragqa.serve.errors import HttpError
from ragqa.serve.replies import as_json
from ragqa.serve.service import Service
from ragqa.serve.wire import FeedbackBody, parsed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES = 64 << 20
"""The most bytes of a file of feedback."""


class Feedback:
    """The handler of `/api/feedback`.

    :param path: the file; lines are added to its end. It is made where there is none, and only this user can read it then.
    :raises RefusedError: it is a link.
    :raises UsageError: it cannot be written.
    """

    def __init__(self, service: Service, path: Path) -> None:
        outputs.check_own(path)
        outputs.check_writable(path)
        self._pipeline, self._path = service.pipeline, path
        self._unsettled = path.with_name(f"{path.stem}.open{path.suffix or '.jsonl'}")
        self._guard = threading.Lock()

    async def feedback(self, request: Request) -> Response:
        """Keep what a person says of an answer as a question of a dataset; `complete` tells whether it has its answer."""
        body = parsed(FeedbackBody, await request.body())
        for asked in (body.question, *(turn.question for turn in body.history)):
            check_question(asked)
        return as_json(await asyncio.to_thread(self._keep, body))

    def _keep(self, body: FeedbackBody) -> dict[str, object]:
        given, correction = body.answer.strip(), (body.correction or "").strip()
        good = body.verdict == "up"
        if good and correction:
            raise HttpError(422, "correction: goes with the verdict down", "invalid_value", "correction")
        right = given if good else correction
        question = Question(
            f"feedback-{secrets.token_hex(8)}",
            body.question,
            (right,) if right else (),
            answerable=bool(right) or not good,
            evidence=self._quotes(body) if right and good else (),
            history=tuple((turn.question, turn.answer.strip() or NO_ANSWER) for turn in body.history),
            metadata={
                "verdict": body.verdict,
                "given": given,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        complete = good or bool(right)
        self._add(self._path if complete else self._unsettled, records.line(records.question(question)) + b"\n")
        return {"id": question.id, "complete": complete, "evidence": len(question.evidence)}

    def _quotes(self, body: FeedbackBody) -> tuple[Evidence, ...]:
        """Return the cited spans in the words of the index; those that it has not any more are left out.

        :raises HttpError: a span is longer than one that is shown.
        """
        if any(cited.end - cited.start > MOST_AROUND for cited in body.citations):
            raise HttpError(422, f"citations: a span has at most {MOST_AROUND} characters", param="citations")
        found: list[Evidence] = []
        with self._pipeline.open_index() as reader:
            here = set(reader.sources().values())
            for cited in body.citations:
                document = reader.document(cited.document_id) if cited.document_id in here else None
                text = document.text[cited.start : cited.end] if document else ""
                if document and text.strip():
                    page = document.page_of(cited.start)
                    found.append(Evidence(document.source, text, page, cited.start, cited.start + len(text)))
        return tuple(found)

    def _add(self, path: Path, line: bytes) -> None:
        """Add a line to a file, as a whole or not at all. A last line that a person left without its end is ended."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with self._guard, open(os.open(path, flags, 0o600), "a+b", buffering=0) as stream:
                before = stream.seek(0, os.SEEK_END)
                if before and os.pread(stream.fileno(), 1, before - 1) != b"\n":
                    line = b"\n" + line
                if before + len(line) > MOST_BYTES:
                    raise HttpError(503, "the file of feedback is full", "feedback_full")
                if stream.write(line) != len(line):
                    stream.truncate(before)
                    raise OSError
        except OSError:
            raise HttpError(503, "the file of feedback cannot be written now", retry_after=10) from None
