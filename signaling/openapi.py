"""`/api/openapi.json`: OpenAPI 3.1 made from the routes themselves, so that it cannot say anything else."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from scheduler.access import PERMISSIONS, Action
from signaling.errors import STATUS
from signaling.http import Access, Body, Nothing, Route

REFERENCES: Final = "#/components/schemas/{model}"
ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "text"],
            "properties": {
                "code": {"type": "string", "enum": sorted(STATUS)},
                "text": {"type": "string", "description": "for people: what to do next"},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
                "retry_after_s": {"type": "number"},
                "incident": {"type": "string"},
            },
        }
    },
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of `routes`."""
    models = sorted({route.body for route in routes if route.body is not Nothing}, key=lambda model: model.__name__)
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in models]
    _, schemas = models_json_schema(wanted, ref_template=REFERENCES)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LawLink",
            "version": "1",
            "description": "Shapes of replies: signaling/PROTOCOL.md, section 2.",
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Error": ERROR},
            "securitySchemes": {"log_in": {"type": "apiKey", "in": "cookie", "name": "lawlink_session"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z0-9]+', '_', route.path)}".rstrip("_"),
        "description": _who(route.access),
        "security": [] if route.access == "public" else [{"log_in": []}],
        "parameters": [*_path_parameters(route.path), *_query_parameters(route)],
        "responses": {
            "200": {"description": "done"},
            "default": {"description": "refused", "content": _json({"$ref": REFERENCES.format(model="Error")})},
        },
    }
    if route.method != "GET":
        schema = {"type": "object", "maxProperties": 0} if route.body is Nothing else _reference(route.body)
        operation["requestBody"] = {"required": route.body is not Nothing, "content": _json(schema)}
    return operation


def _path_parameters(path: str) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(route: Route) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    schema = route.query.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        # Definitions inside are few and small: written in place.
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": _inlined(field, schema.get("$defs", {})),
        }


def _inlined(field: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(field, dict):
        if "$ref" in field:
            return definitions[field["$ref"].rsplit("/", 1)[1]]
        return {key: _inlined(value, definitions) for key, value in field.items()}
    return [_inlined(value, definitions) for value in field] if isinstance(field, list) else field


def _reference(model: type[Body]) -> dict[str, str]:
    return {"$ref": REFERENCES.format(model=model.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _who(access: Access) -> str:
    if isinstance(access, Action):
        return f"Roles: {', '.join(sorted(PERMISSIONS[access]))}."
    return "Everybody." if access == "public" else "Everybody who is logged in."


def add_route(app: web.Application, routes: Sequence[Route]) -> None:
    """`GET /api/openapi.json`; the document is made when first asked for."""

    @cache
    def made() -> dict[str, Any]:
        return document(routes)

    async def show(request: web.Request) -> web.Response:
        return web.json_response(made())

    app.router.add_get("/api/openapi.json", show)
