"""The Operation table: what the contract says of each operation, computed once at start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from writ.contract.body import BodyRule
from writ.contract.parameters import ParameterRule
from writ.contract.schemas import SchemaBook, Validator


class ContractFault(Exception):
    """The contract cannot be served; the message says where and what to do."""


REQUIRED_FIELDS = (
    "operationId",
    "x-openapi-router-controller",
    "x-scopes",
    "x-rate-class",
    "x-errors",
    "x-emits",
    "x-audit",
    "x-requirements",
)


@dataclass(slots=True)
class Operation:
    """One operation: its place, its handler, and everything that is checked for it.

    `endpoint` is its method and its path as the contract writes it, such as `GET /sites/{id}`. `once` says
    that it takes an Idempotency-Key, `surface` to which of the contract's x-surfaces it belongs,
    `errors_oauth` that OAuth clients read its refusals.
    """

    id: str
    method: str
    path: str
    endpoint: str
    handler: Callable[..., Any]
    scopes: frozenset[str]
    rate_class: str
    surface: str
    needs_credential: bool
    errors_lower: bool
    errors_oauth: bool
    once: bool
    path_rules: tuple[ParameterRule, ...]
    query_rules: dict[str, ParameterRule]
    header_rules: tuple[ParameterRule, ...]
    body: BodyRule | None
    produces: frozenset[str]
    answers: dict[str, AnswerRule]
    raw: dict[str, Any] = field(repr=False)


@dataclass(slots=True)
class AnswerRule:
    """What an answer of one status may be: a schema by media type; no media type means no body."""

    schemas: dict[str, Validator | None]
    required_headers: tuple[str, ...]


def compile_operations(
    document: dict[str, Any], base_path: str, resolve: Callable[[str], Callable[..., Any]]
) -> list[Operation]:
    """Every operation of the bundled contract, ready to serve.

    `resolve` turns `module.operationId` into the handler.

    Raises:
        ContractFault: an operation lacks a field, repeats an operationId, or has no handler.
    """
    book = SchemaBook(document)
    operations: list[Operation] = []
    seen: dict[str, str] = {}
    for path, item in document["paths"].items():
        shared = [book.deref(p) for p in item.get("parameters", ())]
        for method in ("get", "put", "post", "delete", "patch", "head", "options", "trace"):
            raw = item.get(method)
            if raw is None:
                continue
            place = f"{method.upper()} {path}"
            for name in REQUIRED_FIELDS:
                if name not in raw:
                    raise ContractFault(f"{place} lacks {name}; add it to the contract and generate again")
            operation_id = raw["operationId"]
            if operation_id in seen:
                raise ContractFault(
                    f"{place} repeats the operationId {operation_id} of {seen[operation_id]}; "
                    "give it one of its own"
                )
            seen[operation_id] = place
            operations.append(_compile(document, book, base_path, path, method, raw, shared, resolve))
    return operations


def _compile(
    document: dict[str, Any],
    book: SchemaBook,
    base_path: str,
    path: str,
    method: str,
    raw: dict[str, Any],
    shared: list[dict[str, Any]],
    resolve: Callable[[str], Callable[..., Any]],
) -> Operation:
    place = f"{method.upper()} {path}"
    name = f"{raw['x-openapi-router-controller']}.{raw['operationId']}"
    try:
        handler = resolve(name)
    except Exception as error:
        raise ContractFault(
            f"{place} has no handler {name}: {error}; write it (scripts/new-operation makes a stub)"
        ) from error
    merged = {(p["in"], p["name"]): p for p in shared}
    merged.update({(p["in"], p["name"]): p for p in map(book.deref, raw.get("parameters", ()))})
    try:
        rules = [ParameterRule.compile(p, book) for p in merged.values()]
    except ValueError as error:
        raise ContractFault(f"{place}: {error}") from error
    by_name = {r.name: r for r in rules if r.place == "path"}
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    missing = [n for n in names if n not in by_name]
    if missing:
        raise ContractFault(f"{place} does not describe its path parameters {missing}; add them to it")
    answers = {status: _answer(book, book.deref(r)) for status, r in raw["responses"].items()}
    produces = frozenset(
        media for status, rule in answers.items() if status.startswith("2") for media in rule.schemas
    )
    security = raw.get("security", document.get("security", []))
    case = raw.get("x-error-case", document.get("x-error-case", "upper"))
    return Operation(
        id=raw["operationId"],
        method=method.upper(),
        path=base_path + path,
        endpoint=place,
        handler=handler,
        scopes=frozenset(raw["x-scopes"]),
        rate_class=raw["x-rate-class"],
        surface=surface_of(document, path),
        needs_credential=bool(security) and {} not in security,
        errors_lower=case == "lower",
        errors_oauth=raw.get("x-error-shape") == "oauth",
        once=any(r.place == "header" and r.name == "idempotency-key" for r in rules),
        path_rules=tuple(by_name[n] for n in names),
        query_rules={r.name: r for r in rules if r.place == "query"},
        header_rules=tuple(r for r in rules if r.place == "header"),
        body=BodyRule.compile(book.deref(raw["requestBody"]), book) if "requestBody" in raw else None,
        produces=produces,
        answers=answers,
        raw=raw,
    )


def surface_of(document: dict[str, Any], path: str) -> str:
    """The surface of a path, which decides its limits: that of the longest prefix in x-surfaces."""
    found = [entry for entry in document.get("x-surfaces", ()) if path.startswith(entry["prefix"])]
    return str(max(found, key=lambda entry: len(entry["prefix"]))["surface"]) if found else ""


def _answer(book: SchemaBook, response: dict[str, Any]) -> AnswerRule:
    schemas: dict[str, Validator | None] = {}
    for media, content in response.get("content", {}).items():
        schema = content.get("schema")
        json = media == "application/json" and schema is not None
        schemas[media] = book.validator(schema, "response") if json else None
    headers = {name: book.deref(h) for name, h in response.get("headers", {}).items()}
    return AnswerRule(schemas, tuple(n.lower() for n, h in headers.items() if h.get("required")))
