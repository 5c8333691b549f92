"""The OpenAPI document, made from the table of routes and the models that check bodies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragqa import __version__
from ragqa.serve.guard import ADMIN, OPEN

if TYPE_CHECKING:
    from ragqa.serve.routes import Operation

_SCHEMAS = "#/components/schemas/"


def described(routes: Sequence[Operation], model: str) -> dict[str, Any]:
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
    error = {"description": "An error", "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Error"}}}}
    done = {"description": "Done", "content": {form: {} for form in each.forms}}
    found: dict[str, Any] = {
        "operationId": each.name,
        "summary": (each.handler.__doc__ or "").split("\n")[0],
        "responses": {"200": done, "4XX": error, "5XX": error},
    }
    if each.path in OPEN or each.of_page:
        found["security"] = []
    if each.path in ADMIN:
        found["description"] = "Needs a token of the scope admin."
    text: dict[str, Any] = {"type": "string"}
    whole: dict[str, Any] = {"type": "integer", "minimum": 0}
    names = [(name, "path", text) for name in re.findall(r"{(\w+)}", each.path)]
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
