"""A small project with a contract of its own, for the tests of the toolchain."""

from __future__ import annotations

import copy
import shutil
import tomllib
from pathlib import Path
from typing import Any

import yaml

from writ.contract import generate
from writ.contract.emit.source import Source

REPOSITORY = Path(__file__).parents[2]

ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}

OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Widgets", "version": "1.0.0"},
    "servers": [{"url": "/api"}],
    "tags": [{"name": "widgets"}],
    "x-error-case": "lower",
    "x-general-errors": {"INTERNAL_ERROR": "always"},
    "security": [{"session": []}],
    "paths": {
        "/widgets": {"$ref": "shop/widgets.yaml#/paths/~1widgets"},
        "/widgets/{widget_id}/turn": {"$ref": "shop/widgets.yaml#/paths/~1widgets~1{widget_id}~1turn"},
    },
    "x-events": {"$ref": "shop/widgets.yaml#/events"},
    "components": {"securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "session"}}},
}

ERRORS: dict[str, Any] = {
    "schemas": {"Error": ERROR},
    "responses": {
        "InternalError": {
            "description": "A bug.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/schemas/Error"},
                    "example": {"code": "internal_error", "message": "A bug."},
                }
            },
        },
        "NoWidget": {
            "description": "No widget has this id.",
            "content": {"application/json": {"schema": {"$ref": "#/schemas/Error"}}},
        },
    },
}

COMMON: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/schemas/WidgetNew"},
                "example": {"name": "cog", "parts": [{"name": "tooth", "parts": []}]},
            }
        },
    }
}

WIDGETS: dict[str, Any] = {
    "paths": {
        "/widgets": {
            "get": {
                "operationId": "list_widgets",
                "summary": "List widgets",
                "description": "All widgets, newest first.",
                "tags": ["widgets"],
                "x-openapi-router-controller": "writ.shop.handlers",
                "x-scopes": ["shop.read"],
                "x-rate-class": "read",
                "x-errors": [],
                "x-emits": [],
                "x-audit": {"redact": []},
                "x-requirements": ["T-01"],
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "description": "How many.",
                        "schema": {"type": "integer"},
                    },
                    {"name": "cursor", "in": "query", "description": "Whence.", "schema": {"type": "string"}},
                    {
                        "name": "state",
                        "in": "query",
                        "description": "Which.",
                        "schema": {"$ref": "#/schemas/WidgetState"},
                    },
                ],
                "responses": {
                    "200": {
                        "description": "A page.",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/schemas/WidgetPage"},
                                "examples": {"one": {"$ref": "#/examples/one_widget"}},
                            }
                        },
                    },
                    "500": {"$ref": "../common/errors.yaml#/responses/InternalError"},
                },
            },
            "post": {
                "operationId": "create_widget",
                "summary": "Create a widget",
                "description": "Makes it at once.",
                "tags": ["widgets"],
                "x-openapi-router-controller": "writ.shop.handlers",
                "x-scopes": ["shop.write"],
                "x-rate-class": "write",
                "x-errors": [],
                "x-emits": ["widget.created"],
                "x-audit": {"redact": ["/body/name"]},
                "x-requirements": ["T-02"],
                **COMMON,
                "responses": {
                    "201": {
                        "description": "The widget.",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/schemas/Widget"},
                                "example": {"name": "cog", "state": "idle", "parts": []},
                            }
                        },
                    },
                    "500": {"$ref": "../common/errors.yaml#/responses/InternalError"},
                },
            },
        },
        "/widgets/{widget_id}/turn": {
            "parameters": [
                {
                    "name": "widget_id",
                    "in": "path",
                    "required": True,
                    "description": "Which.",
                    "schema": {"type": "string", "format": "uuid"},
                    "example": "0198c5d2-7a10-7cc3-8f5e-2f3a4b5c6d7e",
                }
            ],
            "post": {
                "operationId": "start_widget",
                "summary": "Turn a widget",
                "description": "Orders a job.",
                "tags": ["widgets"],
                "x-openapi-router-controller": "writ.shop.handlers",
                "x-scopes": ["shop.write"],
                "x-rate-class": "write",
                "x-job": {"kind": "turn", "locks": ["widget"], "errors": ["WIDGET_JAMMED"]},
                "x-errors": ["WIDGET_NOT_FOUND"],
                "x-emits": ["widget.turned"],
                "x-audit": {"redact": []},
                "x-requirements": ["T-02"],
                "responses": {
                    "202": {
                        "description": "Accepted.",
                        "content": {
                            "application/json": {
                                "schema": {"type": "object", "properties": {"job_id": {"type": "string"}}},
                                "example": {"job_id": "j"},
                            }
                        },
                    },
                    "404": {"$ref": "../common/errors.yaml#/responses/NoWidget"},
                    "500": {"$ref": "../common/errors.yaml#/responses/InternalError"},
                },
            },
        },
    },
    "events": {
        "widget.created": {
            "summary": "A widget was made",
            "subject": "widget",
            "data": {"$ref": "#/schemas/Widget"},
            "shown": {"$ref": "#/examples/a_widget"},
        },
        "widget.turned": {
            "summary": "A widget turned",
            "subject": "widget",
            "data": {"$ref": "#/schemas/Widget"},
            "shown": {"$ref": "#/examples/a_widget"},
            "changes": {"state": {"before": "turning", "after": "idle"}},
        },
    },
    "schemas": {
        "Event": {
            "type": "object",
            "additionalProperties": False,
            "required": ["id", "type", "data"],
            "properties": {
                "id": {"type": "string", "example": "evt_1"},
                "type": {"type": "string"},
                "data": {"type": "object"},
                "changes": {"type": "object"},
            },
        },
        "WidgetState": {
            "type": "string",
            "description": "Where a widget stands.",
            "enum": ["idle", "turning", "broken"],
            "x-states": {"idle": ["turning"], "turning": ["idle", "broken"], "broken": []},
        },
        "Widget": {
            "type": "object",
            "required": ["name", "state"],
            "properties": {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "note": {"type": "string", "nullable": True},
                "state": {"$ref": "#/schemas/WidgetState"},
                "parts": {"type": "array", "items": {"$ref": "#/schemas/Widget"}},
            },
        },
        "WidgetNew": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "size": {"type": "string", "enum": ["small", "large"]},
                "parts": {"type": "array", "items": {"$ref": "#/schemas/WidgetNew"}},
            },
        },
        "WidgetPage": {
            "type": "object",
            "required": ["data", "pagination"],
            "properties": {
                "data": {"type": "array", "items": {"$ref": "#/schemas/Widget"}},
                "pagination": {
                    "type": "object",
                    "properties": {"next_cursor": {"type": "string", "nullable": True}},
                },
            },
        },
    },
    "examples": {
        "a_widget": {"value": {"id": "w1", "name": "cog", "state": "idle", "parts": []}},
        "one_widget": {
            "value": {
                "data": [{"name": "cog", "state": "idle", "note": None, "parts": []}],
                "pagination": {"next_cursor": None},
            }
        },
    },
}

CODES = {
    "INTERNAL_ERROR": {"status": 500, "message": "A bug.", "remedy": "Tell us."},
    "WIDGET_NOT_FOUND": {"status": 404, "message": "No such widget.", "remedy": "List the widgets."},
    "WIDGET_JAMMED": {"status": None, "message": "It does not turn.", "remedy": "Oil it."},
}

REQUIREMENTS = {"T-01": "widgets are listed", "T-02": "widgets are made and turned"}

HANDLERS = '''"""Handlers."""


def list_widgets(call):
    return []


def create_widget(call):
    return {}


def start_widget(call):
    return {}
'''


class Project:
    """A project folder whose files can be changed before they are read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, Any] = copy.deepcopy(
            {
                "contracts/openapi.yaml": OPENAPI,
                "contracts/shop/widgets.yaml": WIDGETS,
                "contracts/common/errors.yaml": ERRORS,
                "contracts/common/error-codes.yaml": CODES,
                "contracts/common/requirements.yaml": REQUIREMENTS,
            }
        )
        settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
        lines = [f"{key} = {_toml(value)}" for key, value in settings["tool"]["datamodel-codegen"].items()]
        self.put("pyproject.toml", "[tool.datamodel-codegen]\n" + "\n".join(lines) + "\n")
        self.put("src/writ/shop/handlers.py", HANDLERS)
        self.put("tests/shop/test_widgets.py", "# T-01, create_widget, start_widget\n")
        self.put("contracts/traceability-gaps.txt", "")

    @property
    def root_file(self) -> dict[str, Any]:
        return self.files["contracts/openapi.yaml"]

    @property
    def widgets(self) -> dict[str, Any]:
        return self.files["contracts/shop/widgets.yaml"]

    def operation(self, name: str) -> dict[str, Any]:
        for item in self.widgets["paths"].values():
            for operation in item.values():
                if isinstance(operation, dict) and operation.get("operationId") == name:
                    return operation
        raise AssertionError(name)

    def put(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def save(self) -> None:
        for name, data in self.files.items():
            self.put(name, yaml.safe_dump(data, sort_keys=False, width=200))

    def source(self) -> Source:
        self.save()
        return generate.read(self.root)

    def clean(self) -> None:
        shutil.rmtree(self.root / "generated", ignore_errors=True)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"'
