"""The contract of these tests: one operation for every way in which a request or an answer can be made.

Stock Connexion is started with the same contract, or with a part of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

HANDLERS = "tests.gateway.handlers"
ZIP = "application/zip"


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def query(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, **more}


def content(schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"content": {media: {"schema": schema}}}


def answer(schema: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"description": "An answer.", **(content(schema) if schema else {}), **more}


def operation(name: str, responses: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An operation with every x- field; without `responses` it answers with any JSON object."""
    return {
        "operationId": name,
        "x-openapi-router-controller": HANDLERS,
        "x-scopes": [],
        "x-rate-class": "read",
        "x-errors": [],
        "x-emits": [],
        "x-audit": {"redact": []},
        "x-requirements": ["T-1"],
        "responses": {**(responses or {"200": answer({"type": "object"})}), "default": answer(ref("Error"))},
        **more,
    }


def body(schema: dict[str, Any], media: str = "application/json", required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, **content(schema, media)}}


SIZE = {"oneOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "string", "enum": ["auto"]}]}
ONE_OR_MANY = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "maxItems": 3}]}
ITEM_ID = {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
TRACE = {"name": "X-Trace", "in": "header", "schema": {"type": "string", "pattern": "^[a-z]{1,8}$"}}
TAGS = {"name": "X-Tags", "in": "header", "schema": {"type": "array", "items": {"type": "integer"}}}

FILTERS = [
    query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    query("ratio", {"type": "number", "minimum": -1000, "maximum": 1000}),
    query("flag", {"type": "boolean"}),
    query("kind", {"type": "string", "enum": ["red", "green"]}),
    query("text", {"type": "string", "minLength": 2, "maxLength": 5}),
    query("tags", {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 3}),
    query("ids", {"type": "array", "items": {"type": "integer"}, "maxItems": 3}, explode=False),
    query("when", {"type": "string", "format": "date-time"}),
    query("day", {"type": "string", "format": "date"}),
    query("who", {"type": "string", "format": "uuid"}),
]

FORM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 8},
        "count": {"type": "integer", "minimum": 0},
        "agree": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    },
}
LETTER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "file"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "count": {"type": "integer"},
        "file": {"type": "string", "format": "binary"},
        "more": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
}

SCHEMAS: dict[str, Any] = {
    "Item": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "id": {"type": "string", "format": "uuid", "readOnly": True},
            "name": {"type": "string", "minLength": 1, "maxLength": 12, "pattern": "^[a-z ]*$"},
            "count": {"type": "integer", "minimum": 0, "maximum": 10, "exclusiveMaximum": True},
            "big": {"type": "integer", "format": "int32"},
            "ratio": {"type": "number", "multipleOf": 0.5},
            "flag": {"type": "boolean"},
            "kind": {"type": "string", "enum": ["red", "green"], "nullable": True},
            "note": {"type": "string", "nullable": True, "maxLength": 4},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1},
            "when": {"type": "string", "format": "date-time"},
            "child": {"nullable": True, "allOf": [ref("Item")]},
            "size": SIZE,
        },
    },
    "Account": {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "email", "password"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "email": {"type": "string", "format": "email"},
            "password": {"type": "string", "minLength": 12, "maxLength": 64, "writeOnly": True},
        },
    },
    "Tree": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": ref("Tree")}},
    },
    "Error": {
        "type": "object",
        "additionalProperties": False,
        "required": ["code", "message", "request_id", "errors", "error"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "request_id": {"type": "string", "pattern": "^req_[0-9a-f]{32}$"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["field", "code", "message"],
                    "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
                },
            },
            "error": {
                "type": "object",
                "additionalProperties": False,
                "required": ["code", "message", "details", "request_id"],
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "details": {"type": "object"},
                    "request_id": {"type": "string"},
                },
            },
        },
    },
}

PATHS: dict[str, Any] = {
    "/items": {
        "get": operation("list_items", parameters=FILTERS),
        "post": operation("create_item", {"201": answer({"type": "object"})}, **body(ref("Item"))),
    },
    "/items/mine": {"get": operation("get_mine")},
    "/items/{item_id}": {
        "parameters": [ITEM_ID],
        "get": operation("get_item"),
        "delete": operation("delete_item", {"204": {"description": "Gone."}}),
    },
    "/numbers/{number}": {"get": operation("get_number", parameters=[NUMBER])},
    "/accounts": {
        "post": operation("create_account", {"201": answer(ref("Account"))}, **body(ref("Account"))),
    },
    "/notes": {"post": operation("create_note", **body(ref("Item"), required=False))},
    "/loose": {"post": operation("create_loose", **body({"type": "object"}))},
    "/trees": {"post": operation("create_tree", **body(ref("Tree")))},
    "/forms": {"post": operation("create_form", **body(FORM, "application/x-www-form-urlencoded"))},
    "/letters": {"post": operation("create_letter", **body(LETTER, "multipart/form-data"))},
    "/files": {"post": operation("upload_file", **body({"type": "string", "format": "binary"}, ZIP))},
    "/sizes": {
        "get": operation("list_sizes", parameters=[query("size", SIZE), query("numbers", ONE_OR_MANY)])
    },
    "/traced": {"get": operation("get_traced", parameters=[TRACE, TAGS])},
    "/plain": {
        "get": operation(
            "get_plain",
            {
                "200": {
                    "description": "Either.",
                    "content": {
                        media: {"schema": {"type": "object"}}
                        for media in ("application/json", "application/problem+json")
                    },
                }
            },
        )
    },
    "/private": {"get": operation("get_private", security=[{"session": []}])},
    "/scoped": {
        "get": operation("get_scoped", security=[{"session": []}], **{"x-scopes": ["things.read"]}),
    },
    "/pushes": {"post": operation("send_push")},
    "/orders": {"post": operation("create_order", {"202": answer({"type": "object"})})},
    "/waits": {"get": operation("get_wait")},
    "/fails": {"get": operation("get_fail", parameters=[query("how", {"type": "string"})])},
    "/wrong": {
        "get": operation(
            "get_wrong",
            {
                "200": answer(
                    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
                    headers={"X-Needed": {"required": True, "schema": {"type": "string"}}},
                ),
                "202": answer({"type": "object"}),
                "4XX": answer(ref("Error")),
                "500": answer(ref("Error")),
            },
            parameters=[query("how", {"type": "string"})],
        )
    },
    "/streams": {
        "get": operation(
            "stream_things",
            {"200": {"description": "Bytes.", **content({"type": "string"}, "text/event-stream")}},
            parameters=[
                query("how", {"type": "string", "default": "events"}),
                query("size", {"type": "integer", "default": 1}),
            ],
        )
    },
}
# `default` would let every status pass.
del PATHS["/wrong"]["get"]["responses"]["default"]


def contract(**changes: Any) -> dict[str, Any]:
    """A copy of the contract; `changes` replace parts at the top level."""
    return copy.deepcopy(
        {
            "openapi": "3.0.3",
            "info": {"title": "Test", "version": "1"},
            "servers": [{"url": "/api"}],
            "paths": PATHS,
            "components": {
                "schemas": SCHEMAS,
                "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "session_token"}},
            },
            **changes,
        }
    )


def contract_of(paths: Iterable[str]) -> dict[str, Any]:
    """The contract with only these paths."""
    return contract(paths={path: PATHS[path] for path in paths})


def contract_with(path: str, method: str = "get", **changes: Any) -> dict[str, Any]:
    """The contract with only this operation, changed; a change to None removes the field."""
    raw = {**operation("get_mine"), **changes}
    return contract(paths={path: {method: {k: v for k, v in raw.items() if v is not None}}})
