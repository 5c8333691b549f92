"""The table of routes: what is asked, by which method and body, and what answers. The OpenAPI document is made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel
from starlette.routing import Route, Router

from ragqa.serve import wire
from ragqa.serve.api import Api
from ragqa.serve.conversations import Conversations
from ragqa.serve.description import described
from ragqa.serve.documents import Documents
from ragqa.serve.feedback import Feedback
from ragqa.serve.openai import OpenAIApi
from ragqa.serve.replies import as_json
from ragqa.serve.service import Service
from ragqa.serve.static import Page
from ragqa.serve.status import Status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

Handler = Callable[["Request"], Awaitable["Response"]]
JSON = ("application/json",)
OR_EVENTS = (*JSON, "text/event-stream")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route.

    :param body: the model of its body; None where it takes none.
    :param query: the names of its query parameters, all of them whole numbers.
    :param forms: the types of its replies.
    :param method: by which it is asked.
    :param of_page: it is a file of the page, and needs no token.
    """

    name: str
    path: str
    handler: Handler
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    forms: tuple[str, ...] = JSON
    method: Literal["GET", "POST", "DELETE"] = "GET"
    of_page: bool = False


def operations(service: Service, page: Page | None) -> list[Operation]:
    """Return all routes.

    :param page: what answers for the page; None for no page.
    """
    kept = Conversations(service, service.kept)
    api, documents, openai, status = Api(service, kept), Documents(service), OpenAIApi(service), Status(service)
    found = [
        Operation("health", "/healthz", status.alive),
        Operation("ready", "/readyz", status.ready),
        Operation("metrics", "/metrics", status.metrics, forms=("text/plain",)),
        Operation("ask", "/api/ask", api.ask, wire.AskBody, forms=OR_EVENTS, method="POST"),
        Operation("search", "/api/search", api.search, wire.SearchBody, method="POST"),
        Operation("documents", "/api/documents", documents.documents, query=("offset", "limit")),
        Operation("document", "/api/documents/{id}", documents.document, query=("start", "end", "around")),
        Operation("document_file", "/api/documents/{id}/file", documents.document_file, forms=("application/pdf",)),
        Operation("about", "/api/page", api.about),
        Operation("index", "/api/index", api.index),
        Operation("progress", "/api/index/progress", api.progress),
        Operation("models", "/v1/models", openai.models),
        Operation("model", "/v1/models/{id}", openai.model),
        Operation("chat", "/v1/chat/completions", openai.chat, wire.ChatBody, forms=OR_EVENTS, method="POST"),
        Operation("complete", "/v1/completions", openai.complete, wire.CompletionBody, forms=OR_EVENTS, method="POST"),
        Operation("embed", "/v1/embeddings", openai.embed, wire.EmbeddingsBody, method="POST"),
    ]
    if service.kept:
        found += _of_conversations(kept)
    if service.spec.feedback:
        feedback = Feedback(service, Path(service.spec.feedback))
        found.append(Operation("feedback", "/api/feedback", feedback.feedback, wire.FeedbackBody, method="POST"))
    if page:
        found += [
            Operation("page", "/", page.page, forms=("text/html",), of_page=True),
            Operation("page_file", "/page/{name}", page.page, forms=("*/*",), of_page=True),
        ]
    document = described(found, service.spec.model_name)

    async def describe(request: Request) -> Response:
        """Return this document."""
        return as_json(document)

    return [*found, Operation("openapi", "/openapi.json", describe)]


def _of_conversations(kept: Conversations) -> list[Operation]:
    every, one = "/api/conversations", "/api/conversations/{id}"
    return [
        Operation("conversations", every, kept.conversations),
        Operation("begin_conversation", every, kept.begin_conversation, wire.ConversationBody, method="POST"),
        Operation("conversation", one, kept.conversation),
        Operation("delete_conversation", one, kept.delete_conversation, method="DELETE"),
        Operation("conversation_markdown", f"{one}/markdown", kept.conversation_markdown, forms=("text/markdown",)),
        Operation("conversation_json", f"{one}/json", kept.conversation_json),
    ]


def router(routes: list[Operation], mcp: ASGIApp | None = None) -> Router:
    """Return what finds the handler of a path; `mcp` answers at `/mcp`, by any method."""
    listed = [Route(_pattern(each), each.handler, methods=[each.method], name=each.name) for each in routes]
    listed += [Route("/mcp", mcp, name="mcp")] if mcp else []
    return Router(listed, redirect_slashes=False)


def _pattern(each: Operation) -> str:
    """Return the path of a route for the router; the name of a file of the page may have slashes."""
    return each.path.replace("{name}", "{name:path}")
