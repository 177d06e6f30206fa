"""docs/error-codes.md, docs/state-machines.md and docs/event-types.md."""

from __future__ import annotations

import json
from collections import defaultdict

from writ.contract.emit.source import Source, texts

NOTE = "<!-- Written by scripts/generate from contracts/; not edited by hand. -->\n\n"


_CONDITIONS = {
    "always": "every operation",
    "body": "every operation with a body",
    "secured": "every operation with credentials",
    "parameters": "every operation with parameters",
    "key": "every operation that takes an `Idempotency-Key`",
}


_CAUSES = {"job": "the end of every job", "system": "Writ itself"}


def cell(text: str) -> str:
    """Return `text` as it can stand in a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def emit(source: Source) -> dict[str, str]:
    """Return the texts of the pages by path."""
    return {
        "docs/error-codes.md": _error_codes(source),
        "docs/state-machines.md": _states(source),
        "docs/event-types.md": _event_types(source),
    }


def _event_types(source: Source) -> str:
    causes: dict[str, list[str]] = defaultdict(list)
    for _, _, operation in source.operations():
        for name in texts(operation["x-emits"]):
            causes[name].append(f"`{operation['operationId']}`")
    general = source.document.get("x-general-emits") or {}
    table, examples = [], []
    for name, webhook in source.webhooks().items():
        content = webhook["requestBody"]["content"]["application/json"]
        data = content["schema"]["properties"]["data"]["$ref"].rpartition("/")[2]
        by = ", ".join(causes[name]) or _CAUSES[general[name]]
        words = webhook["description"]
        if not words.startswith(webhook["summary"]):
            words = f"{webhook['summary']}. {words}"
        table.append(f"| `{name}` | {cell(words)} | `{data}` | {by} |\n")
        example = json.dumps(content["example"], indent=2, ensure_ascii=False)
        examples.append(f"\n## {name}\n\n```json\n{example}\n```\n")
    return "".join(
        [
            NOTE,
            "# Types of events\n\n",
            "What webhooks, the log and the stream of events tell. `data` is a resource\n",
            "as its GET shows it; its schema is in the contract, under the name in the third column.\n\n",
            "| type | says | data | comes from |\n|---|---|---|---|\n",
            *table,
            *examples,
        ]
    )


def _error_codes(source: Source) -> str:
    answers: dict[str, list[str]] = defaultdict(list)
    jobs: dict[str, list[str]] = defaultdict(list)
    for _, _, operation in source.operations():
        for code in texts(operation["x-errors"]):
            answers[code].append(operation["operationId"])
        job = operation.get("x-job") or {}
        for code in texts(job.get("errors")):
            if job["kind"] not in jobs[code]:
                jobs[code].append(job["kind"])
    general = source.document.get("x-general-errors") or {}
    lower = source.document.get("x-error-case") == "lower"
    lines = [
        NOTE,
        "# Error codes\n\n",
        "Every refusal and every failed job has one of these codes. A code without a status is only ever\n",
        "the `error_code` of a job.\n\n",
        "| code | status | message | what to do | answered by | fails jobs of kind |\n",
        "|---|---|---|---|---|---|\n",
    ]
    for code, entry in source.catalogue.items():
        shown = code.lower() if lower else code
        where = answers.get(code, [])
        by = _CONDITIONS[general[code]] if code in general else ", ".join(f"`{name}`" for name in where)
        kinds = ", ".join(f"`{kind}`" for kind in jobs.get(code, []))
        lines.append(
            f"| `{shown}` | {entry['status'] or '—'} | {cell(entry['message'])} | {cell(entry['remedy'])} "
            f"| {by or '—'} | {kinds or '—'} |\n"
        )
    return "".join(lines)


def _states(source: Source) -> str:
    lines = [
        NOTE,
        "# States\n\n",
        "What may follow what. The first state is where it begins; one with nothing after it is final.\n",
    ]
    for name, schema in source.schemas().items():
        states = schema.get("x-states")
        if not states:
            continue
        lines.append(f"\n## {name}\n\n")
        if schema.get("description"):
            lines.append(f"{schema['description'].strip()}\n\n")
        lines.append("```mermaid\nstateDiagram-v2\n")
        lines.append(f"    [*] --> {next(iter(states))}\n")
        lines += [f"    {state} --> {after}\n" for state, following in states.items() for after in following]
        lines += [f"    {state} --> [*]\n" for state, following in states.items() if not following]
        lines.append("```\n\n| state | may become |\n|---|---|\n")
        for state, following in states.items():
            lines.append(f"| `{state}` | {', '.join(f'`{after}`' for after in following) or 'final'} |\n")
    return "".join(lines)
