"""The rules about examples: they are there, and they are what their schemas and the catalogue say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    oas30_strict_format_checker,
)

from writ.contract.emit.source import Source
from writ.contract.finding import Finding, place_of


def examples(source: Source) -> Iterator[Finding]:
    """JSON bodies and success answers have an example, and every example is what its schema says."""
    for path, method, operation in source.operations():
        place = place_of(path, method)
        body = source.resolve(operation.get("requestBody", {}))
        for media, content in body.get("content", {}).items():
            yield from _examples(
                source, f"{place} body {media}", content, media, OAS30WriteValidator, wanted=True
            )
        for status, raw in operation.get("responses", {}).items():
            answer = source.resolve(raw)
            for media, content in answer.get("content", {}).items():
                where, success = f"{place} answer {status} {media}", status.startswith("2")
                yield from _examples(source, where, content, media, OAS30ReadValidator, wanted=success)
        for parameter in source.parameters(path, operation):
            where = f"{place} parameter {parameter['name']}"
            yield from _examples(
                source, where, parameter, "application/json", OAS30WriteValidator, wanted=False
            )
    for name, webhook in source.webhooks().items():
        for media, content in webhook["requestBody"]["content"].items():
            where = f"event {name}"
            yield from _examples(source, where, content, media, OAS30WriteValidator, wanted=True)
    for name, schema in source.schemas().items():
        if "example" in schema:
            content = {"schema": schema, "example": schema["example"]}
            yield from _examples(
                source, f"schema {name}", content, "application/json", OAS30ReadValidator, wanted=True
            )


def error_examples(source: Source) -> Iterator[Finding]:
    """The code in an error answer's example is in the catalogue, of that status, in the contract's case."""
    lower = source.document.get("x-error-case") == "lower"
    for path, method, operation in source.operations():
        for status, raw in operation.get("responses", {}).items():
            for content in source.resolve(raw).get("content", {}).values():
                for _, value in _values(source, content):
                    code = value.get("code") if isinstance(value, dict) else None
                    if status.startswith("2") or not isinstance(code, str):
                        continue
                    entry = source.catalogue.get(code.upper())
                    if entry is None or str(entry["status"]) != status or code.islower() != lower:
                        yield Finding(
                            "error_examples",
                            f"{place_of(path, method)} answer {status}",
                            f"the example's code {code} is no code of this status",
                            "use one of the catalogue, in lower case where x-error-case says so",
                        )


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json")


def _values(source: Source, content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "example" in content:
        yield "example", content["example"]
    for name, raw in content.get("examples", {}).items():
        example = source.resolve(raw)
        if "value" in example:
            yield f"example {name}", example["value"]


def _examples(
    source: Source, where: str, content: dict[str, Any], media: str, validator: Any, *, wanted: bool
) -> Iterator[Finding]:
    found = list(_values(source, content))
    if wanted and not found and _is_json(media):
        yield Finding("examples", where, "has no example", "add one that the tests can send or compare")
    if not found or "schema" not in content or not (_is_json(media) or "form" in media):
        return
    schema = {"allOf": [content["schema"]], "components": source.document.get("components", {})}
    checker = validator(schema, format_checker=oas30_strict_format_checker)
    for name, value in found:
        for error in checker.iter_errors(value):
            at = "/".join(str(part) for part in error.absolute_path)
            yield Finding(
                "examples", f"{where} {name}", f"/{at}: {error.message[:300]}", "correct it, or the schema"
            )
