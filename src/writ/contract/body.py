"""Bodies: what media types an operation takes, and how the bytes of each are read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from writ.contract.errors import FieldError, Refusal
from writ.contract.parameters import decode_text, item_types, schema_types
from writ.contract.schemas import SchemaBook, Validator
from writ.contract.violations import escape, field_errors, refuse

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
DEEPEST = 100
"""How deep a JSON text may be nested: answers are written with fewer levels than can be read."""


@dataclass(frozen=True, slots=True)
class MediaRule:
    """One media type of a request body. `streamed` bodies go to the disk and are not parsed."""

    media_type: str
    streamed: bool
    validator: Validator | None
    field_types: dict[str, frozenset[str]]
    item_types: dict[str, frozenset[str]]
    parse: Callable[[MediaRule, Any], Any]


@dataclass(frozen=True, slots=True)
class BodyRule:
    """The body of one operation."""

    required: bool
    media: dict[str, MediaRule]
    streamed: bool

    @classmethod
    def compile(cls, raw: dict[str, Any], book: SchemaBook) -> BodyRule:
        """The rule of a Request Body Object (its `$ref` already followed)."""
        media = {
            name.lower(): _media(name.lower(), content, book) for name, content in raw["content"].items()
        }
        return cls(bool(raw.get("required")), media, any(rule.streamed for rule in media.values()))

    def choose(self, content_type: str | None) -> MediaRule:
        """The rule for the request's Content-Type.

        Raises:
            Refusal: UNSUPPORTED_FORMAT, naming what is taken.
        """
        taken = ", ".join(sorted(self.media))
        if content_type is None:
            raise Refusal("UNSUPPORTED_FORMAT", f"The body has no Content-Type; send one of: {taken}.")
        name, _, parameters = content_type.partition(";")
        rule = self.media.get(name.strip().lower())
        if rule is None:
            raise Refusal(
                "UNSUPPORTED_FORMAT", f"A body of this Content-Type is not taken; send one of: {taken}."
            )
        charset = _charset(parameters)
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise Refusal("UNSUPPORTED_FORMAT", "The charset of the body is not taken; send UTF-8.")
        return rule

    def check(self, rule: MediaRule, value: Any) -> Any:
        """The parsed and validated body.

        Raises:
            Refusal: MALFORMED_REQUEST when it cannot be parsed, VALIDATION_ERROR with every fault otherwise.
        """
        body = rule.parse(rule, value)
        if rule.validator is not None:
            seen = _without_files(body) if rule.media_type == MULTIPART else body
            if not rule.validator.is_valid(seen):
                raise refuse(field_errors(rule.validator, seen, "/body"))
        return body

    def absent(self) -> Any:
        """What an empty request means.

        Raises:
            Refusal: VALIDATION_ERROR when the body is required.
        """
        if self.required:
            raise refuse([FieldError("/body", "required", "a body is required and there is none")])
        return None


def _media(name: str, content: dict[str, Any], book: SchemaBook) -> MediaRule:
    schema = content.get("schema", {})
    plain = book.deref(schema)
    json_like = name == "application/json" or name.endswith("+json")
    if json_like:
        return MediaRule(name, False, book.validator(schema, "request"), {}, {}, parse_json)
    if name in (FORM, MULTIPART):
        properties = _properties(plain, book)
        types = {key: schema_types(sub, book) for key, sub in properties.items()}
        items = {key: item_types(sub, book) for key, sub in properties.items() if "array" in types[key]}
        validator = book.validator(schema, "request")
        parse = parse_form if name == FORM else parse_fields
        return MediaRule(name, False, validator, types, items, parse)
    if plain.get("format") == "binary":
        return MediaRule(name, True, None, {}, {}, lambda _rule, value: value)
    return MediaRule(name, False, book.validator(schema, "request"), {}, {}, _parse_text)


def _properties(schema: dict[str, Any], book: SchemaBook) -> dict[str, Any]:
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= _properties(book.deref(part), book)
    return found


def _without_files(body: dict[str, Any]) -> dict[str, Any]:
    # To the schema a file is a text of format binary; what it holds is the handler's business.
    return {
        name: [_as_text(v) for v in value] if isinstance(value, list) else _as_text(value)
        for name, value in body.items()
    }


def _as_text(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else ""


def _charset(parameters: str) -> str:
    for part in parameters.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def _parse_text(_rule: MediaRule, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None


def parse_json(_rule: MediaRule, raw: bytes) -> Any:
    """The value of a JSON text (RFC 8259), refusing NaN, lone surrogates, invalid UTF-8 and repeated names.

    Raises:
        Refusal: MALFORMED_REQUEST that says what and where.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError as wrong:
            raise _not_utf8(wrong) from None
        raise Refusal(
            "MALFORMED_REQUEST",
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
        ) from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_deep(value):
        raise Refusal("MALFORMED_REQUEST", f"The body is nested more than {DEEPEST} levels deep.")
    if raw.count(b'"') > 3:
        # Two names need four quotes; below that nothing can be repeated.
        json.loads(raw, object_pairs_hook=_unique)
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Refusal(
            "MALFORMED_REQUEST", f"The body has the name {repeated[:80]!r} twice in one object; give it once."
        )
    return found


def _not_utf8(error: UnicodeDecodeError) -> Refusal:
    return Refusal("MALFORMED_REQUEST", f"The body is not UTF-8: byte {error.start} cannot be read.")


def parse_form(rule: MediaRule, raw: bytes) -> dict[str, Any]:
    """The fields of an application/x-www-form-urlencoded body, decoded by their schemas.

    Raises:
        Refusal: MALFORMED_REQUEST when it is not UTF-8.
    """
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise Refusal("MALFORMED_REQUEST", "The form is not UTF-8 or has too many fields.") from None
    fields: dict[str, Any] = {}
    for name, text in pairs:
        fields.setdefault(name, []).append(text)
    return parse_fields(rule, fields)


def parse_fields(rule: MediaRule, fields: dict[str, list[Any]]) -> dict[str, Any]:
    """Form fields (text) decoded by their schemas; files pass as they are.

    Raises:
        Refusal: VALIDATION_ERROR when a single field is repeated.
    """
    body: dict[str, Any] = {}
    for name, values in fields.items():
        types = rule.field_types.get(name, frozenset(("string",)))
        if "array" in types:
            of_items = rule.item_types.get(name, frozenset(("string",)))
            body[name] = [decode_text(v, of_items) if isinstance(v, str) else v for v in values]
        elif len(values) > 1:
            place = f"/body/{escape(name)}"
            raise refuse([FieldError(place, "repeated", "is given more than once; give it once")])
        else:
            body[name] = decode_text(values[0], types) if isinstance(values[0], str) else values[0]
    return body
