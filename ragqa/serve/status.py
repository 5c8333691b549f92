"""Whether the server is alive and ready, and its counters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from ragqa.errors import RagqaError
from ragqa.serve.errors import HttpError, from_exception
from ragqa.serve.replies import as_json
from ragqa.serve.service import Service

if TYPE_CHECKING:
    from starlette.requests import Request


class Status:
    """The handlers of `/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def alive(self, request: Request) -> Response:
        """Say that the process answers; anybody may ask."""
        return as_json({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Say that the index can be opened and that questions are taken; models are loaded before the server listens."""
        if self._service.draining.is_set():
            raise HttpError(503, "the server is ending", "ending", retry_after=5)
        try:
            await asyncio.to_thread(self._open)
        except RagqaError as error:
            raise from_exception(error, request.scope["state"]["request_id"]) from error
        return as_json({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Return the counters in the text format of Prometheus."""
        answers = self._service.answers
        gauges = {"ragqa_questions_waiting": answers.waiting, "ragqa_questions_running": answers.running}
        text = self._service.metrics.text(gauges)
        return Response(text, media_type="text/plain; version=0.0.4")

    def _open(self) -> None:
        with self._service.pipeline.open_index():
            pass
