"""Schemas of OpenAPI 3.0 turned into JSON Schema 2020-12 and compiled once.

OpenAPI 3.0 (section 4.7.24, Schema Object) is a dialect of its own: `nullable`, boolean `exclusiveMinimum`,
`readOnly` and `writeOnly`, siblings of `$ref` that do not count. What direction a message has decides what
readOnly and writeOnly mean, so every schema exists twice: for requests and for answers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Literal, Protocol

import jsonschema_rs

Direction = Literal["request", "response"]

_DROPPED = frozenset(
    ("nullable", "readOnly", "writeOnly", "discriminator", "xml", "externalDocs", "example", "deprecated")
)
WHOLE = "x-writ-whole"
"""The keyword that `convert` adds to integers of requests."""
LEAST, MOST = -(2**63), 2**63 - 1
_INTEGER_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (LEAST, MOST)}


class Validator(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool:
        """Whether the value satisfies the schema; the fast question."""
        ...

    def iter_errors(self, instance: Any) -> Iterable[Any]:
        """Everything that is wrong with the value."""
        ...


class SchemaBook:
    """The schemas of one bundled contract, by direction."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        schemas = document.get("components", {}).get("schemas", {})
        self._registry: dict[str, jsonschema_rs.Registry] = {}
        for direction in ("request", "response"):
            converted = {name: convert(schema, direction) for name, schema in schemas.items()}
            resource = {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "components": {"schemas": converted},
            }
            self._registry[direction] = jsonschema_rs.Registry([(_uri(direction), resource)])

    def deref(self, node: dict[str, Any]) -> dict[str, Any]:
        """The node itself, or what its local `$ref` points at."""
        while "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def validator(self, schema: dict[str, Any], direction: Direction) -> Validator:
        """The schema compiled for one direction; formats are enforced."""
        compiled: Validator = jsonschema_rs.Draft202012Validator(
            convert(schema, direction),
            formats={"byte": _is_base64},
            validate_formats=True,
            keywords={WHOLE: _Whole},
            registry=self._registry[direction],
            # Messages never repeat a value: it may be a password. The regex engine is the linear one, so that
            # no pattern can be made to run for long.
            mask="the value",
            pattern_options=jsonschema_rs.RegexOptions(),
        )
        return compiled


class _Whole:
    """An integer of OpenAPI 3.0 has no fraction and no exponent; to JSON Schema 2020-12 1.0 is one as well.

    Handlers thus get an `int` that a database takes too: one of more than 64 bits is refused.
    """

    def __init__(self, _parent: dict[str, Any], _value: Any, _path: list[str | int]) -> None:
        pass

    def validate(self, instance: Any) -> None:
        """Raise ValueError for such a number; what is no number at all is the business of `type`."""
        if isinstance(instance, float) or (isinstance(instance, int) and not LEAST <= instance <= MOST):
            raise ValueError("has a fraction or an exponent, or more than 64 bits")


def _uri(direction: str) -> str:
    return f"urn:writ:contract:{direction}"


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    return True


def convert(schema: Any, direction: str) -> Any:
    """The JSON Schema 2020-12 that says what an OpenAPI 3.0 schema means in one direction."""
    if isinstance(schema, bool) or not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"{_uri(direction)}{schema['$ref']}"}
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or key.startswith("x-"):
            continue
        if key == "properties":
            out[key] = {name: _property(sub, direction) for name, sub in value.items()}
        elif key in ("items", "additionalProperties", "not"):
            out[key] = convert(value, direction)
        elif key in ("allOf", "anyOf", "oneOf"):
            out[key] = [convert(sub, direction) for sub in value]
        else:
            out[key] = value
    _exclusive(out, "minimum", "exclusiveMinimum")
    _exclusive(out, "maximum", "exclusiveMaximum")
    _required(out, schema, direction)
    _integer_format(out)
    if out.get("type") == "integer" and direction == "request":
        out[WHOLE] = True
    return _nullable(out) if schema.get("nullable") else out


def _property(schema: Any, direction: str) -> Any:
    hidden = "readOnly" if direction == "request" else "writeOnly"
    if isinstance(schema, dict) and schema.get(hidden):
        return False
    return convert(schema, direction)


def _exclusive(out: dict[str, Any], bound: str, exclusive: str) -> None:
    flag = out.get(exclusive)
    if flag is True and bound in out:
        out[exclusive] = out.pop(bound)
    elif isinstance(flag, bool):
        del out[exclusive]


def _required(out: dict[str, Any], schema: dict[str, Any], direction: str) -> None:
    hidden = "readOnly" if direction == "request" else "writeOnly"
    properties = schema.get("properties", {})
    if "required" in out:
        kept = [n for n in out["required"] if not _flagged(properties.get(n), hidden)]
        if kept:
            out["required"] = kept
        else:
            del out["required"]


def _flagged(schema: Any, flag: str) -> bool:
    return isinstance(schema, dict) and bool(schema.get(flag))


def _integer_format(out: dict[str, Any]) -> None:
    limits = _INTEGER_RANGES.get(out.get("format", ""))
    if limits is not None and out.get("type") == "integer":
        out["minimum"] = max(out.get("minimum", limits[0]), limits[0])
        out["maximum"] = min(out.get("maximum", limits[1]), limits[1])


def _nullable(out: dict[str, Any]) -> dict[str, Any]:
    if isinstance(out.get("type"), str) and not {"allOf", "anyOf", "oneOf", "not"} & out.keys():
        out["type"] = [out["type"], "null"]
        if "enum" in out and None not in out["enum"]:
            out["enum"] = [*out["enum"], None]
        return out
    return {"anyOf": [out, {"type": "null"}]}
