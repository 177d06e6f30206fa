"""Types of events, as short as they are written, in the form that OpenAPI 3.1 gives its webhooks."""

from __future__ import annotations

from typing import Any

from writ.contract.document import ContractError

ENVELOPE = "Event"
"""The schema that every event follows; `type`, `data` and `changes` are narrowed for each type."""


def as_webhooks(events: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """The entries of `x-webhooks`, a path item each, from those of `x-events` (contracts/events/types.yaml).

    Raises ContractError when an entry lacks a part, or the schema of the envelope is not there.
    """
    envelope = components["schemas"].get(ENVELOPE)
    if events and envelope is None:
        raise ContractError(f"x-events needs the schema {ENVELOPE}, which every event follows")
    return {name: {"post": _operation(name, entry, envelope, components)} for name, entry in events.items()}


def _operation(
    name: str, entry: dict[str, Any], envelope: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    missing = [key for key in ("summary", "subject", "data", "shown") if key not in entry]
    if missing:
        raise ContractError(f"x-events {name}: lacks {', '.join(missing)}")
    summary: str = entry["summary"]
    properties = {
        **envelope["properties"],
        "type": {"type": "string", "enum": [name]},
        "data": entry["data"],
    }
    if "changes" not in entry:
        properties.pop("changes", None)
    return {
        "summary": summary,
        "description": entry.get("description") or f"{summary}.",
        "tags": ["events"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {**envelope, "description": f"{summary}.", "properties": properties},
                    "example": _example(name, entry, properties, components),
                }
            },
        },
        "responses": {"2XX": {"description": "It has arrived; any other answer is tried again later."}},
        # Where the example's data comes from, which keeps it in the document.
        "x-data-example": entry["shown"],
    }


def _example(
    name: str, entry: dict[str, Any], properties: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    shown = components["examples"][entry["shown"]["$ref"].rpartition("/")[2]]["value"]
    thing = next(value for key, value in shown.items() if key == "id" or key.endswith("_id"))
    example = {key: schema["example"] for key, schema in properties.items() if "example" in schema}
    example |= {"type": name, "subject": f"{entry['subject']}:{thing}", "data": shown}
    if not entry.get("project", True):
        example["project_id"] = None
    if "changes" in entry:
        example["changes"] = entry["changes"]
    return {key: example[key] for key in properties if key in example}
