"""A server of JSON over HTTP: it sends what it is told, or the vectors and scores of a tiny encoder."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ragqa.retrieve.rerank import BiEncoderScorer
from ragqa.stages import Embedder

KEY = "sk-secret-0815"
Reply = Callable[[BaseHTTPRequestHandler], None]


class Endpoint(ThreadingHTTPServer):
    """Sends the prepared replies in order, and repeats the last one; records the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(json.loads(body))
        self.server.keys.append(self.headers.get("Authorization"))
        self.server.paths.append(self.path)
        replies = self.server.replies
        (replies.pop(0) if len(replies) > 1 else replies[0])(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


def fails(status: int, message: str = "no", **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"error": {"message": message}}).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def sends(content: Any) -> Reply:
    """Return the reply with this content as JSON; bytes are sent as they are."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(OSError):  # the client may leave
            handler.wfile.write(body)

    return reply


def embeds(embedder: Embedder, encode: Callable[[list[float]], Any] = lambda numbers: numbers) -> Reply:
    """Return the reply with the vectors of the request's texts, last first, each twice as long as it should be."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        request = handler.server.requests[-1]  # type: ignore[attr-defined]
        vectors = embedder.embed_passages(request["input"]) * 2
        data = [{"index": at, "embedding": encode(row.tolist())} for at, row in enumerate(vectors)]
        sends({"object": "list", "data": data[::-1], "model": request["model"]})(handler)

    return reply


def scores(embedder: Embedder) -> Reply:
    """Return the reply with the scores of the request's passages, best first, in the form of the request."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        request = handler.server.requests[-1]  # type: ignore[attr-defined]
        passages = request.get("texts") or request["documents"]
        found = enumerate(BiEncoderScorer(embedder).scores(request["query"], passages))
        ranked = sorted(found, key=lambda pair: -pair[1])
        if "texts" in request:
            sends([{"index": at, "score": score} for at, score in ranked])(handler)
        else:
            sends({"results": [{"index": at, "relevance_score": score} for at, score in ranked]})(handler)

    return reply


@contextlib.contextmanager
def serving(*replies: Reply) -> Iterator[Endpoint]:
    """Serve until the end of the block."""
    with Endpoint() as server:
        server.replies = list(replies)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
