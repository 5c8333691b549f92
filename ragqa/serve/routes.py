"""The table of routes: what is asked, by which method and body, and what answers. The OpenAPI document is made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette.routing import Route, Router

from ragqa import __version__
from ragqa.serve import wire
from ragqa.serve.api import Api
from ragqa.serve.guard import ADMIN, OPEN
from ragqa.serve.openai import OpenAIApi
from ragqa.serve.replies import as_json
from ragqa.serve.service import Service
from ragqa.serve.status import Status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

Handler = Callable[["Request"], Awaitable["Response"]]
_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route.

    :param body: the model of its body; None for a GET.
    :param query: the names of its query parameters, all of them whole numbers.
    """

    name: str
    path: str
    handler: Handler
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """Return the method by which it is asked."""
        return "POST" if self.body else "GET"


def operations(service: Service) -> list[Operation]:
    """Return all routes."""
    api, openai, status = Api(service), OpenAIApi(service), Status(service)
    found = [
        Operation("health", "/healthz", status.alive),
        Operation("ready", "/readyz", status.ready),
        Operation("metrics", "/metrics", status.metrics),
        Operation("ask", "/api/ask", api.ask, wire.AskBody),
        Operation("search", "/api/search", api.search, wire.SearchBody),
        Operation("document", "/api/documents/{id}", api.document, query=("start", "end", "around")),
        Operation("index", "/api/index", api.index),
        Operation("models", "/v1/models", openai.models),
        Operation("model", "/v1/models/{id}", openai.model),
        Operation("chat", "/v1/chat/completions", openai.chat, wire.ChatBody),
        Operation("complete", "/v1/completions", openai.complete, wire.CompletionBody),
        Operation("embed", "/v1/embeddings", openai.embed, wire.EmbeddingsBody),
    ]
    document = described(found, service.spec.model_name)

    async def describe(request: Request) -> Response:
        """Return this document."""
        return as_json(document)

    return [*found, Operation("openapi", "/openapi.json", describe)]


def router(routes: list[Operation], mcp: ASGIApp | None = None) -> Router:
    """Return what finds the handler of a path; `mcp` answers at `/mcp`, by any method."""
    listed = [Route(each.path, each.handler, methods=[each.method], name=each.name) for each in routes]
    listed += [Route("/mcp", mcp, name="mcp")] if mcp else []
    return Router(listed, redirect_slashes=False)


def described(routes: list[Operation], model: str) -> dict[str, Any]:
    """Return the OpenAPI document (3.1) of routes.

    :param model: the name of the one model.
    """
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": _ERROR}
    for each in routes:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each)
        if each.body:
            schema = each.body.model_json_schema(ref_template=_SCHEMAS + "{model}")
            schemas |= schema.pop("$defs", {})
            schemas[each.body.__name__] = schema
            if named := schema["properties"].get("model"):
                named["enum"] = [model]
    return {
        "openapi": "3.1.0",
        "info": {"title": "ragqa", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _described(each: Operation) -> dict[str, Any]:
    form = "text/plain" if each.name == "metrics" else "application/json"
    forms = [form, *(["text/event-stream"] if each.name in ("ask", "chat", "complete") else [])]
    error = {"description": "An error", "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Error"}}}}
    done = {"description": "Done", "content": {form: {} for form in forms}}
    found: dict[str, Any] = {
        "operationId": each.name,
        "summary": (each.handler.__doc__ or "").split("\n")[0],
        "responses": {"200": done, "4XX": error, "5XX": error},
    }
    if each.path in OPEN:
        found["security"] = []
    if each.path in ADMIN:
        found["description"] = "Needs a token of the scope admin."
    text: dict[str, Any] = {"type": "string"}
    whole: dict[str, Any] = {"type": "integer", "minimum": 0}
    names = [("id", "path", text)] if "{id}" in each.path else []
    names += [(name, "query", whole) for name in each.query]
    if names:
        found["parameters"] = [
            {"name": name, "in": place, "required": place == "path", "schema": schema} for name, place, schema in names
        ]
    if each.body:
        schema = {"$ref": f"{_SCHEMAS}{each.body.__name__}"}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}
