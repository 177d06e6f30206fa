"""Parameters: text from path, query and headers, decoded to what the contract's schema means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from writ.contract.errors import FieldError
from writ.contract.schemas import SchemaBook, Validator
from writ.contract.violations import field_errors

# ASCII digits only: Python's int() also takes underscores, blanks and the digits of other scripts.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_BOOLEANS = {"true": True, "false": False}
_MISSING: Any = object()


def decode_text(text: str, types: frozenset[str]) -> Any:
    """The value that the text stands for, by the JSON types that the schema admits; else the text itself."""
    if "integer" in types and len(text) <= 32 and _INTEGER.match(text):
        return int(text)
    if "number" in types and len(text) <= 64 and _NUMBER.match(text):
        return float(text)
    if "boolean" in types and text in _BOOLEANS:
        return _BOOLEANS[text]
    return text


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """One parameter: where it stands, how its text is decoded, and the compiled schema."""

    place: str
    name: str
    required: bool
    types: frozenset[str]
    item_types: frozenset[str]
    exploded: bool
    array_only: bool
    is_uuid: bool
    default: Any
    validator: Validator

    @classmethod
    def compile(cls, raw: dict[str, Any], book: SchemaBook) -> ParameterRule:
        """The rule of a Parameter Object (its `$ref` already followed)."""
        schema = raw.get("schema", {})
        plain = book.deref(schema)
        types = schema_types(schema, book)
        # OpenAPI 3.0, section 4.7.12.1: path and header are `simple` by default, a comma between the items.
        style = raw.get("style", "form" if raw["in"] == "query" else "simple")
        fault = _not_served(raw, style, types)
        if fault:
            raise ValueError(f"the parameter {raw['name']} {fault}")
        return cls(
            place=raw["in"],
            name=raw["name"].lower() if raw["in"] == "header" else raw["name"],
            required=bool(raw.get("required")),
            types=types,
            item_types=item_types(schema, book),
            exploded=style == "form" and bool(raw.get("explode", True)),
            array_only=types == {"array"},
            is_uuid=plain.get("format") == "uuid",
            default=plain.get("default", _MISSING),
            validator=book.validator(schema, "request"),
        )

    def read(self, texts: list[str] | None, values: dict[str, Any], errors: list[FieldError]) -> None:
        """Decode and check; put the value (or the default) into `values`, or what is wrong into `errors`."""
        if not texts:
            if self.required:
                errors.append(FieldError(self._field, "required", "is required and missing"))
            elif self.default is not _MISSING:
                values[self.name] = self.default
            return
        if len(texts) > 1 and not (self.exploded and "array" in self.types):
            errors.append(FieldError(self._field, "repeated", "is given more than once; give it once"))
            return
        value: Any
        if self.array_only or len(texts) > 1:
            value = self._items(texts)
        else:
            value = decode_text(texts[0], self.types)
            if isinstance(value, bool | int | float) and "string" in self.types:
                # A union of text and number: the schema says which of the two readings it accepts.
                value = value if self.validator.is_valid(value) else texts[0]
            if "array" in self.types and not self.validator.is_valid(value):
                value = self._items(texts)
        if self.validator.is_valid(value):
            values[self.name] = UUID(value) if self.is_uuid else value
        else:
            errors.extend(field_errors(self.validator, value, self._field))

    def _items(self, texts: list[str]) -> list[Any]:
        parts = texts if self.exploded else texts[0].split(",")
        if self.place == "header":
            # RFC 9110, section 5.6.1: blanks around the items of a list do not count.
            parts = [part.strip() for part in parts]
        return [decode_text(part, self.item_types) for part in parts]

    @property
    def _field(self) -> str:
        return f"/{self.place}/{self.name}"


def _not_served(raw: dict[str, Any], style: str, types: frozenset[str]) -> str:
    if raw["in"] == "cookie":
        return "is a cookie; cookies carry credentials only, use a query parameter or a header"
    if "content" in raw:
        return "has content instead of a schema; give it a schema, or put it into the body"
    if style not in ("form", "simple"):
        return f"has the style {style}; use form for the query, simple for path and headers"
    if "object" in types:
        return "is an object; put it into the body"
    return ""


def item_types(schema: dict[str, Any], book: SchemaBook, depth: int = 8) -> frozenset[str]:
    """The JSON types of the items of the arrays that a schema admits; empty when it admits none."""
    schema = book.deref(schema)
    if schema.get("type") == "array":
        return schema_types(schema.get("items", {}), book)
    found: frozenset[str] = frozenset()
    if depth:
        for combination in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(combination, ()):
                found |= item_types(part, book, depth - 1)
    return found


def schema_types(schema: dict[str, Any], book: SchemaBook, depth: int = 8) -> frozenset[str]:
    """The JSON types that a schema admits, through `$ref`, allOf, anyOf, oneOf; else string."""
    schema = book.deref(schema)
    if "type" in schema:
        return frozenset((schema["type"],))
    found: set[str] = set()
    if depth:
        for combination in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(combination, ()):
                found |= schema_types(part, book, depth - 1)
    return frozenset(found) or frozenset(("string",))
