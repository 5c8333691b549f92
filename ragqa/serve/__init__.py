"""`ragqa serve`: one pipeline answers many users over HTTP. Below it is `ragqa.pipeline`; it prints nothing.

    server         uvicorn with h11: a connection, its bounds, signals, the end
    guard          host, origin, token, body: who gets in
    routes         the table of routes; description makes the OpenAPI document from it
    static         the page for people, whose files are in the folder page
    api, documents the handlers of our interface
    conversations  those of conversations that are kept; kept is their file, exports writes them for people
    feedback       what people say of answers, as questions for `ragqa eval`
    openai         those of OpenAI's; conversation, citations and tasks help it
    mounted        /mcp, where the extra is installed
    status         /healthz, /readyz, /metrics
    wire, replies  the bodies of requests, and what is sent back
    service, lanes what the handlers share: searches in batches, answers in turns; fair_queue is below
    errors         our exceptions as replies
    tokens, log, metrics, upkeep, progress

Requests flow from the top to the bottom of this list. Nothing in a request names a file, an address or a model.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ragqa.config.serving import HttpServe
    from ragqa.pipeline import Pipeline
    from ragqa.serve.service import Service
    from ragqa.serve.tokens import Token


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, before models are loaded, so that a mistake is told at once.

    :raises UsageError: the address cannot be taken.
    """
    from ragqa.serve import server

    return server.listen(host, port)


def serve(
    pipeline: Pipeline,
    spec: HttpServe,
    known: Sequence[Token],
    listener: socket.socket,
    *,
    began: Callable[[Callable[[], None]], None] = lambda stop: None,
    index_every: float | None = None,
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; what is being answered then is answered.

    :param known: the tokens that may ask.
    :param listener: what `listen` returned; it is closed in the end.
    :param began: called when questions are answered, with a function that ends the server as SIGTERM does.
    :param index_every: seconds between two runs of indexing; None for none.
    :raises NothingUsableError: there is no index.
    :raises ModelError: a model is not here.
    """
    from ragqa.serve import server
    from ragqa.serve.kept import Kept
    from ragqa.serve.mounted import mcp_endpoint
    from ragqa.serve.progress import Progress
    from ragqa.serve.service import Service
    from ragqa.serve.upkeep import upkeep

    progress, kept = Progress(), Kept(Path(spec.conversations)) if spec.conversations else None
    with (
        listener,
        closing(kept) if kept else nullcontext(),
        pipeline.keep_warm(),
        upkeep(pipeline, index_every, progress, compares=spec.page),
    ):
        service = Service(pipeline, spec, progress=progress, kept=kept)
        mcp = mcp_endpoint(service)
        around = mcp.running() if mcp else nullcontext()
        try:
            server.run(application(service, known, mcp), spec, listener, began, service.draining.set, around)
        finally:
            service.close()


def application(service: Service, known: Sequence[Token], mcp: ASGIApp | None = None) -> ASGIApp:
    """Return the server as an ASGI application: the guard, and the routes behind it.

    :param mcp: what answers at `/mcp`; None for nothing.
    """
    from ragqa.serve import log, routes
    from ragqa.serve.guard import Exchange, Guard
    from ragqa.serve.static import Page, page_files

    def ended(exchange: Exchange) -> None:
        name = log.route(exchange)
        service.metrics.count("ragqa_requests_total", route=name, status=str(exchange.status))
        service.metrics.count("ragqa_request_seconds_total", exchange.seconds, route=name)
        service.metrics.count("ragqa_sent_bytes_total", exchange.sent_bytes, route=name)
        log.write(exchange)

    files = page_files() if service.spec.page else {}
    inner = routes.router(routes.operations(service, Page(files) if files else None), mcp)
    return Guard(inner, service.spec, known, ended, files)
