"""The Python package `writ_contract`: operations, errors, scopes, events, enumerations and states."""

from __future__ import annotations

import hashlib

from writ.contract.emit.source import Source, constant, python, texts

PACKAGE = "generated/writ_contract"

_OPERATION = '''
from dataclasses import dataclass

@dataclass(frozen=True, slots=True)
class OperationSpec:
    """One operation of the contract. `locks` and `job_errors` belong to the job that it orders, if any."""

    operation_id: str
    method: str
    path: str
    controller: str
    scopes: tuple[str, ...]
    rate_class: str
    job_kind: str | None
    locks: tuple[str, ...]
    job_errors: tuple[str, ...]
    errors: tuple[str, ...]
    emits: tuple[str, ...]
    redact: tuple[str, ...]
    requirements: tuple[str, ...]

@dataclass(frozen=True, slots=True)
class JobKindSpec:
    """One kind of job: what it locks, the codes it may fail with, and the operations that order it."""

    kind: str
    locks: tuple[str, ...]
    errors: tuple[str, ...]
    operations: tuple[str, ...]

'''


def emit(source: Source) -> dict[str, str]:
    """Return the texts of the package by path from the project's folder."""
    modules = {
        "__init__": ("The contract as Python: generated constants, nothing that acts.", ""),
        "operations": ("The operations of the contract, by operationId.", _operations(source)),
        "errors": ("The error catalogue: what every code means, and what to do about it.", _errors(source)),
        "scopes": ("The scopes that operations ask for.", _scopes(source)),
        "events": ("The types of events that others hear of.", _events(source)),
        "enums": ("The named enumerations of the contract.", _enums(source)),
        "states": ("Which state may follow which, as `x-states` says.", _states(source)),
    }
    return {f"{PACKAGE}/{name}.py": python(title, body) for name, (title, body) in modules.items()}


def emit_digest(contract: str) -> dict[str, str]:
    """Return the module that knows the bundled contract which was found to be valid."""
    digest = hashlib.sha256(contract.encode()).hexdigest()
    body = f'SHA256 = "{digest}"\n"""Of the file openapi.json, in hexadecimal."""\n'
    return {f"{PACKAGE}/digest.py": python("The contract that all of this was made of.", body)}


def _operations(source: Source) -> str:
    lines = []
    kinds: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for path, method, operation in source.operations():
        job = operation.get("x-job") or {}
        name = operation["operationId"]
        fields = {
            "operation_id": name,
            "method": method.upper(),
            "path": path,
            "controller": operation["x-openapi-router-controller"],
            "scopes": texts(operation["x-scopes"]),
            "rate_class": operation["x-rate-class"],
            "job_kind": job.get("kind"),
            "locks": texts(job.get("locks")),
            "job_errors": texts(job.get("errors")),
            "errors": texts(operation["x-errors"]),
            "emits": source.emits(operation),
            "redact": texts((operation["x-audit"] or {}).get("redact")),
            "requirements": texts(operation["x-requirements"]),
        }
        lines.append(f"{name!r}: OperationSpec({', '.join(f'{k}={v!r}' for k, v in fields.items())},),")
        if job:
            kind = kinds.setdefault(job["kind"], ([], [], []))
            for known, new in zip(
                kind, (texts(job.get("locks")), texts(job.get("errors")), (name,)), strict=True
            ):
                known.extend(item for item in new if item not in known)
    specs = [
        f"{kind!r}: JobKindSpec({kind!r}, {tuple(locks)!r}, {tuple(errors)!r}, {tuple(names)!r}),"
        for kind, (locks, errors, names) in kinds.items()
    ]
    return (
        _OPERATION
        + "OPERATIONS: dict[str, OperationSpec] = {\n"
        + "\n".join(lines)
        + "\n}\n\nJOB_KINDS: dict[str, JobKindSpec] = {\n"
        + "\n".join(specs)
        + "\n}\n"
    )


def _errors(source: Source) -> str:
    names = "\n".join(f"{code} = {code!r}" for code in source.catalogue)
    specs = "\n".join(
        f"{code!r}: ErrorSpec({code!r}, {entry['status']!r}, {entry['message']!r}, {entry['remedy']!r}),"
        for code, entry in source.catalogue.items()
    )
    return f'''
from dataclasses import dataclass

@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One code of the catalogue. `status` is the HTTP status; None for a code that only a failed job has."""

    code: str
    status: int | None
    message: str
    remedy: str

{names}

ERRORS: dict[str, ErrorSpec] = {{
{specs}
}}
'''


def _words(source: Source, field: str) -> list[str]:
    return sorted({word for _, _, operation in source.operations() for word in texts(operation[field])})


def _constants(words: list[str], name: str) -> str:
    lines = "".join(f"{constant(word)} = {word!r}\n" for word in words)
    members = "".join(f"{constant(word)}, " for word in words)
    return f"{lines}\n{name}: frozenset[str] = frozenset([{members}])\n"


def _scopes(source: Source) -> str:
    return _constants(_words(source, "x-scopes"), "ALL_SCOPES")


def _events(source: Source) -> str:
    return _constants(sorted(source.webhooks()), "ALL_EVENTS")


def _enums(source: Source) -> str:
    blocks = ["from enum import StrEnum\n"]
    for name, values in source.enums().items():
        description = str(source.schemas()[name].get("description", f"The values of {name}.")).strip()
        members = "\n".join(f"    {constant(value)} = {value!r}" for value in values)
        blocks.append(f"class {name}(StrEnum):\n    {_docstring(description)}\n\n{members}\n")
    return "\n".join(blocks)


def _docstring(text: str) -> str:
    safe = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    words, lines, line = safe.split(" "), [], ""
    for word in words:
        if line and len(line) + len(word) > 100:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    lines.append(line)
    if len(lines) == 1:
        return f'"""{lines[0]}"""'
    return '"""' + "\n    ".join(lines) + '\n    """'


def _states(source: Source) -> str:
    names = [name for name in source.enums() if "x-states" in source.schemas()[name]]
    imports = f"from writ_contract.enums import {', '.join(names)}\n" if names else ""
    blocks = []
    for name in names:
        rows = []
        for state, following in source.schemas()[name]["x-states"].items():
            members = ", ".join(f"{name}.{constant(value)}" for value in following)
            rows.append(f"    {name}.{constant(state)}: frozenset([{members}]),")
        body = "\n".join(rows)
        blocks.append(f"{constant(_snake(name))}: dict[{name}, frozenset[{name}]] = {{\n{body}\n}}\n")
    table = "".join(f"    {name}: {constant(_snake(name))},\n" for name in names)
    return (
        f"from collections.abc import Mapping\nfrom enum import StrEnum\nfrom typing import Any\n{imports}\n"
        + "\n".join(blocks)
        + f"\nTRANSITIONS: dict[type[StrEnum], Mapping[Any, frozenset[Any]]] = {{\n{table}}}\n"
    )


def _snake(name: str) -> str:
    return "".join(
        f"_{letter}" if letter.isupper() and index else letter for index, letter in enumerate(name)
    )
