"""Events held against the contract when they are published: for tests, as answers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from writ.contract.schemas import SchemaBook

Check = Callable[[str, Mapping[str, Any]], None]


class WrongEvent(Exception):
    """An event is not what the contract says of its type."""


def make_check(document: Mapping[str, Any]) -> Check:
    """A check of events in the form that `envelope` gives them, by the schemas of `x-webhooks`.

    An enumeration that may grow without a new version (`x-extensible-enum`) takes other values too.
    """
    schemas = {
        name: {key: value for key, value in schema.items() if key != "enum"}
        if schema.get("x-extensible-enum")
        else schema
        for name, schema in document["components"]["schemas"].items()
    }
    book = SchemaBook({**document, "components": {**document["components"], "schemas": schemas}})
    validators = {
        name: book.validator(item["post"]["requestBody"]["content"]["application/json"]["schema"], "response")
        for name, item in document["x-webhooks"].items()
    }

    def check(event_type: str, shown: Mapping[str, Any]) -> None:
        faults = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in validators[event_type].iter_errors(shown)
        ]
        if faults:
            raise WrongEvent(f"{event_type}: {'; '.join(faults[:5])}")

    return check
