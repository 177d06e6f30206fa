"""Whole numbers of requests have bounds: more than 64 bits is refused, and the contract has to say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.contract import OPERATIONS, Operation, resolve

HIGHEST = 2**63 - 1


def numbers(schema: dict[str, Any], place: str, above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """(place, schema) of every integer without a list of its values."""
    schema = resolve(schema)
    if id(schema) in above:
        return
    above = (*above, id(schema))
    if schema.get("type") == "integer" and "enum" not in schema:
        yield place, schema
    for name in ("allOf", "anyOf", "oneOf"):
        for at, part in enumerate(schema.get(name, ())):
            yield from numbers(part, f"{place}/{name}/{at}", above)
    for name, part in schema.get("properties", {}).items():
        yield from numbers(part, f"{place}/{name}", above)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from numbers(schema[name], f"{place}/{name}", above)


def numbers_of(operation: Operation) -> Iterator[tuple[str, Any]]:
    """Every integer that the operation takes."""
    for parameter in operation.parameters:
        yield from numbers(parameter["schema"], parameter["name"])
    for content in resolve(operation.raw.get("requestBody", {})).get("content", {}).values():
        yield from numbers(content["schema"], "body")


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_a_number_has_bounds_of_64_bits(operation_id: str) -> None:
    faults = [
        place
        for place, schema in numbers_of(OPERATIONS[operation_id])
        if not -HIGHEST - 1
        <= schema.get("minimum", -HIGHEST - 2)
        <= schema.get("maximum", HIGHEST + 1)
        <= HIGHEST
    ]
    assert faults == [], f"{operation_id} takes numbers without bounds"


def test_numbers_are_found() -> None:
    found = [place for operation in OPERATIONS.values() for place, _ in numbers_of(operation)]
    assert "body/filters/data/additionalProperties/anyOf/1" in found
