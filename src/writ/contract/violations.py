"""What a validator found, as the errors of an answer: every fault with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from writ.contract.errors import FieldError, Refusal
from writ.contract.schemas import WHOLE, Validator

MOST = 50
"""How many faults one answer lists."""


def field_errors(validator: Validator, instance: Any, place: str) -> list[FieldError]:
    """Every fault of the value; `place` is where it stands, e.g. `/body`."""
    found: list[FieldError] = []
    for error in validator.iter_errors(instance):
        found.extend(_errors_of(error, place))
        if len(found) >= MOST:
            break
    return found[:MOST]


def _errors_of(error: Any, place: str) -> Iterator[FieldError]:
    pointer = place + "".join("/" + escape(str(part)) for part in error.instance_path)
    name = error.kind.name
    if name == "required":
        yield FieldError(f"{pointer}/{escape(error.kind.property)}", name, "is required and missing")
    elif name == "additionalProperties":
        for extra in error.kind.unexpected:
            yield FieldError(
                f"{pointer}/{escape(extra)}", name, "is not a field of the contract; leave it out"
            )
    elif name == "falseSchema":
        yield FieldError(pointer, "readOnly", "is read-only; leave it out")
    elif name in ("anyOf", "oneOf") and (branch := _meant(error)):
        for inner in branch:
            yield from _errors_of(inner, place)
    elif name == WHOLE:
        yield FieldError(pointer, "type", 'the value is not of type "integer", or has more than 64 bits')
    elif name == "enum":
        known = ", ".join("null" if option is None else str(option) for option in error.kind.options)
        yield FieldError(pointer, name, f"the value is not one of: {known}")
    else:
        yield FieldError(pointer, name, error.message)


def _meant(error: Any) -> list[Any]:
    # Of several alternatives the only one whose type the value has is the one that was meant: what is wrong
    # in a nullable object is told field by field.
    here = error.instance_path
    fitting = [
        branch
        for branch in error.kind.context
        if branch and not any(e.kind.name == "type" and e.instance_path == here for e in branch)
    ]
    return fitting[0] if len(fitting) == 1 else []


def escape(part: str) -> str:
    """A name as a part of a JSON pointer (RFC 6901, section 3)."""
    return part.replace("~", "~0").replace("/", "~1")


def refuse(errors: list[FieldError]) -> Refusal:
    """The 422 that lists the faults, at most `MOST` of them."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Refusal("VALIDATION_ERROR", f"{first.field}: {first.message}{more}", errors=errors[:MOST])
