"""The contract's policy: each rule is a function that reads the bundled contract and yields its findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from openapi_spec_validator import OpenAPIV30SpecValidator

from writ.contract.emit.source import CAUSES, CONDITIONS, Source, texts
from writ.contract.examples import error_examples, examples
from writ.contract.finding import Finding, place_of
from writ.contract.webhooks import ENVELOPE

RATE_CLASSES = ("read", "write", "upload", "batch", "webhook")
# What an operationId may begin with, by method. A new verb is a decision about the whole surface, made here.
VERBS = {
    "get": "get list download stream watch export search",
    "head": "check",
    "put": "replace set",
    "patch": "update set",
    "delete": "delete remove revoke",
    "post": (
        "add apply approve attach batch cancel change check claim clone commit create deploy detach export "
        "generate import introspect invite issue lock login logout mark merge move order pause ping preview "
        "promote publish purge refresh regenerate register reject release reorder replay request restore "
        "resume retry revoke rollback rotate run search send start submit suspend test translate unlock "
        "upload upsert validate verify"
    ),
}
# What a job may do beyond that: updating what runs is an order, not a change of a resource.
ORDERS = "update"
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_DOTTED = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
Rule = Callable[[Source], Iterator[Finding]]


def lint(source: Source) -> list[Finding]:
    """Return the findings of all rules.

    When the form of the document is wrong only that is told: the other rules would guess.
    """
    found = [*is_openapi(source), *fields_are_complete(source)]
    return found or [finding for rule in RULES for finding in rule(source)]


def is_openapi(source: Source) -> Iterator[Finding]:
    """openapi-spec-validator has no objection: form, references, path parameters, unique operationIds."""
    if not str(source.document.get("openapi", "")).startswith("3.0."):
        yield Finding("is_openapi", "openapi", "is not 3.0.x", "write openapi: 3.0.3, which Connexion reads")
        return
    for error in OpenAPIV30SpecValidator(source.document).iter_errors():
        place = "/".join(str(part) for part in error.absolute_path) or "the document"
        yield Finding("is_openapi", place, error.message[:500], "see the OpenAPI 3.0.3 specification")


def fields_are_complete(source: Source) -> Iterator[Finding]:
    """Every operation has the fields that generation and start-up rely on, each of the right form."""

    def words(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)

    def job(value: Any) -> bool:
        return value is None or (
            isinstance(value, dict)
            and set(value) == {"kind", "locks", "errors"}
            and isinstance(value["kind"], str)
            and words(value["locks"])
            and words(value["errors"])
        )

    wanted: dict[str, tuple[Callable[[Any], bool], str]] = {
        "operationId": (lambda value: isinstance(value, str), "a name, verb first"),
        "x-openapi-router-controller": (
            lambda value: isinstance(value, str) and bool(_DOTTED.fullmatch(value)),
            "the module that holds the handler, like writ.hosting.handlers",
        ),
        "x-scopes": (words, "a list of scopes, [] where none is needed"),
        "x-rate-class": (lambda value: value in RATE_CLASSES, f"one of {', '.join(RATE_CLASSES)}"),
        "x-errors": (words, "a list of codes, [] where only the general ones are answered"),
        "x-emits": (words, "a list of events, [] where there are none"),
        "x-audit": (
            lambda value: isinstance(value, dict) and set(value) == {"redact"} and words(value["redact"]),
            "{redact: [...]}, [] where nothing is redacted",
        ),
        "x-requirements": (lambda value: words(value) and bool(value), "a list of ids, at least one"),
    }
    for path, method, operation in source.operations():
        place = place_of(path, method)
        for field, (good, form) in wanted.items():
            if field not in operation:
                yield Finding("fields_are_complete", place, f"has no {field}", f"add {form}")
            elif not good(operation[field]):
                yield Finding("fields_are_complete", place, f"{field} is malformed", f"write {form}")
        if not job(operation.get("x-job")):
            yield Finding(
                "fields_are_complete",
                place,
                "x-job is malformed",
                "write {kind, locks: [...], errors: [...]}",
            )
    for code, condition in (source.document.get("x-general-errors") or {}).items():
        if condition not in CONDITIONS:
            wrong = f"{code}: {condition!r} is no condition"
            yield Finding(
                "fields_are_complete", "x-general-errors", wrong, f"write one of {', '.join(CONDITIONS)}"
            )
    for code, entry in source.catalogue.items():
        if not isinstance(entry, dict) or set(entry) != {"status", "message", "remedy"}:
            yield Finding(
                "fields_are_complete", f"error {code}", "is malformed", "write {status, message, remedy}"
            )


def operation_ids(source: Source) -> Iterator[Finding]:
    """An operationId is snake_case and begins with a verb that fits its method."""
    for path, method, operation in source.operations():
        name, place = operation["operationId"], place_of(path, method)
        if not _SNAKE.fullmatch(name):
            yield Finding("operation_ids", place, f"{name} is not snake_case", "write it like get_site")
            continue
        fitting = VERBS.get(method, "") + (f" {ORDERS}" if operation.get("x-job") else "")
        if name.split("_")[0] not in fitting.split():
            yield Finding(
                "operation_ids",
                place,
                f"{name} begins with no verb of {method.upper()}",
                f"fitting are: {fitting or 'none, the method is not used'}",
            )


def scopes(source: Source) -> Iterator[Finding]:
    """A scope is `<system>.<right>`; what asks for no credentials asks for no scope either."""
    default = source.document.get("security", [])
    for path, method, operation in source.operations():
        place = place_of(path, method)
        for scope in operation["x-scopes"]:
            if not _DOTTED.fullmatch(scope):
                yield Finding("scopes", place, f"scope {scope!r} is malformed", "write <system>.<right>")
        if not operation.get("security", default) and operation["x-scopes"]:
            yield Finding(
                "scopes", place, "asks for scopes but for no credentials", "remove one or add the other"
            )


def error_codes(source: Source) -> Iterator[Finding]:
    """Codes are in the catalogue and UPPER_SNAKE, have a status where answered, and are said once."""
    for code in source.catalogue:
        if not _CODE.fullmatch(code):
            yield Finding("error_codes", f"error {code}", "is not UPPER_SNAKE", "rename it")
    for path, method, operation in source.operations():
        place = place_of(path, method)
        general = source.general_errors(path, operation)
        answered = operation["x-errors"]
        for code in [*answered, *texts((operation.get("x-job") or {}).get("errors")), *general]:
            if code not in source.catalogue:
                yield Finding("error_codes", place, f"{code} is not in the catalogue", "add it or correct it")
        for code in answered:
            if code in source.catalogue and source.catalogue[code]["status"] is None:
                yield Finding(
                    "error_codes", place, f"{code} has no status", "give it one, or let only the job have it"
                )
            if code in general or answered.count(code) > 1:
                yield Finding(
                    "error_codes", place, f"{code} is said twice", "remove it: it is general or a repetition"
                )


def statuses(source: Source) -> Iterator[Finding]:
    """The error answers of an operation are exactly those of its codes, and it has a success answer."""
    for path, method, operation in source.operations():
        place, answers = place_of(path, method), operation.get("responses", {})
        codes = [*operation["x-errors"], *source.general_errors(path, operation)]
        implied: dict[str, list[str]] = {}
        for code in codes:
            status = source.catalogue.get(code, {}).get("status")
            if status is not None:
                implied.setdefault(str(status), []).append(code)
        said = {status for status in answers if not status.startswith(("2", "3"))}
        for status in sorted(set(implied) - said):
            yield Finding(
                "statuses", place, f"has no answer {status}", f"add it, for {', '.join(implied[status])}"
            )
        for status in sorted(said - set(implied)):
            yield Finding(
                "statuses", place, f"no code implies the answer {status}", "name the code in x-errors"
            )
        if said == set(answers):
            yield Finding("statuses", place, "has no success answer", "add it")


def words(source: Source) -> Iterator[Finding]:
    """Operations have a summary, a description and a tag; parameters have a description."""
    for path, method, operation in source.operations():
        place = place_of(path, method)
        for field in ("summary", "description", "tags"):
            if not operation.get(field):
                yield Finding("words", place, f"has no {field}", "write it, for somebody who sees it first")
        for parameter in source.parameters(path, operation):
            if not parameter.get("description"):
                yield Finding("words", place, f"parameter {parameter['name']} has no description", "write it")


def states(source: Source) -> Iterator[Finding]:
    """An enumeration with x-states says for each of its values what may follow, and names no other."""
    for name, schema in source.schemas().items():
        if "x-states" not in schema:
            continue
        values, table = set(schema.get("enum", ())), schema["x-states"]
        named = set(table) | {state for following in table.values() for state in following}
        for state in sorted(values ^ set(table)):
            wrong = f"{state} is not both in enum and in x-states"
            yield Finding(
                "states", f"schema {name}", wrong, "add it where it is missing ([] for a final state)"
            )
        for state in sorted(named - values - set(table)):
            yield Finding(
                "states", f"schema {name}", f"x-states leads to {state}, which is no value", "correct it"
            )


def jobs(source: Source) -> Iterator[Finding]:
    """202 is answered if, and only if, a job is ordered; `x-job: null`: one of another operation's kind."""
    for path, method, operation in source.operations():
        place = place_of(path, method)
        accepted = "202" in operation.get("responses", {})
        if accepted and "x-job" not in operation:
            remedy = "add x-job, or x-job: null when the job is of another operation's kind"
            yield Finding("jobs", place, "answers 202 but orders no job", remedy)
        if operation.get("x-job") and not accepted:
            yield Finding("jobs", place, "orders a job but does not answer 202", "add the answer 202")


def closed_bodies(source: Source) -> Iterator[Finding]:
    """JSON and form bodies refuse what the contract does not name: additionalProperties is false."""
    for path, method, operation in source.operations():
        body = source.resolve(operation.get("requestBody", {}))
        for media, content in body.get("content", {}).items():
            schema = source.resolve(content.get("schema", {}))
            if not _closed(source, schema, frozenset()):
                wrong = f"the {media} body takes any property"
                yield Finding(
                    "closed_bodies", place_of(path, method), wrong, "set additionalProperties: false"
                )


def paging(source: Source) -> Iterator[Finding]:
    """Lists have `limit` and `cursor`, and answer `data` and `pagination`."""
    for path, method, operation in source.operations():
        if not operation["operationId"].startswith("list_"):
            continue
        place = place_of(path, method)
        names = {item["name"] for item in source.parameters(path, operation) if item["in"] == "query"}
        for name in ("limit", "cursor"):
            if name not in names:
                yield Finding("paging", place, f"has no query parameter {name}", "refer to the common one")
        content = source.resolve(operation["responses"].get("200", {})).get("content", {})
        schema = source.resolve(content.get("application/json", {}).get("schema", {}))
        for name in sorted({"data", "pagination"} - set(_properties(source, schema))):
            yield Finding("paging", place, f"answers no {name}", "answer {data, pagination}")


def repeats(source: Source) -> Iterator[Finding]:
    """What takes an Idempotency-Key asks for credentials: a kept answer belongs to somebody."""
    default = source.document.get("security", [])
    for path, method, operation in source.operations():
        security = operation.get("security", default)
        if source.takes_key(path, operation) and (not security or {} in security):
            wrong = "takes an Idempotency-Key but asks for no credentials"
            remedy = "write x-general-parameters: false, and say why"
            yield Finding("repeats", place_of(path, method), wrong, remedy)


def requirements(source: Source) -> Iterator[Finding]:
    """The ids of requirements are those of the contract's own list."""
    named = {"the whole contract": texts(source.document.get("x-requirements"))}
    for path, method, operation in source.operations():
        named[place_of(path, method)] = texts(operation["x-requirements"])
    for place, identifiers in named.items():
        for identifier in identifiers:
            if identifier not in source.requirements:
                remedy = "correct it or add it to contracts/common/requirements.yaml"
                yield Finding("requirements", place, f"{identifier} is unknown", remedy)


def events(source: Source) -> Iterator[Finding]:
    """An event that something causes is described, and one that is described is caused by something."""
    general: dict[str, str] = source.document.get("x-general-emits") or {}
    described, caused = source.webhooks(), set(general)
    for name, cause in general.items():
        if cause not in CAUSES:
            wrong = f"{name}: {cause!r} is no cause"
            yield Finding("events", "x-general-emits", wrong, f"write one of {', '.join(CAUSES)}")
        if name not in described:
            yield Finding("events", "x-general-emits", f"{name} is described nowhere", _DESCRIBE)
    for path, method, operation in source.operations():
        for name in operation["x-emits"]:
            caused.add(name)
            if name not in described:
                yield Finding("events", place_of(path, method), f"{name} is described nowhere", _DESCRIBE)
            elif name in general and operation.get("x-job"):
                wrong = f"{name} is said twice"
                yield Finding("events", place_of(path, method), wrong, "remove it: it is general")
    for name in described:
        if not _DOTTED.fullmatch(name):
            yield Finding("events", f"event {name}", "is malformed", "write <noun>.<what happened>")
        if name not in caused:
            remedy = "name it in x-emits of an operation, or in x-general-emits, or remove it"
            yield Finding("events", f"event {name}", "is caused by nothing", remedy)


_DESCRIBE = "describe it in contracts/events/types.yaml, or correct it"


def unused(source: Source) -> Iterator[Finding]:
    """What is defined is used by something that a client can reach."""
    reached: set[str] = {f"#/components/schemas/{ENVELOPE}"} if source.webhooks() else set()
    waiting: list[Any] = [source.document["paths"], source.webhooks()]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            ref = node.get("$ref")
            if isinstance(ref, str) and ref not in reached:
                reached.add("/".join(ref.split("/")[:4]))
                reached.add(ref)
                waiting.append(source.resolve(node))
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    for kind, entries in source.document.get("components", {}).items():
        for name in entries:
            if kind != "securitySchemes" and f"#/components/{kind}/{name}" not in reached:
                yield Finding("unused", f"{kind} {name}", "is used by nothing", "remove it")


RULES: tuple[Rule, ...] = (
    operation_ids,
    scopes,
    error_codes,
    statuses,
    words,
    examples,
    error_examples,
    states,
    jobs,
    closed_bodies,
    paging,
    repeats,
    requirements,
    events,
    unused,
)


def _closed(source: Source, schema: dict[str, Any], seen: frozenset[int]) -> bool:
    if id(schema) in seen:
        return True
    seen |= {id(schema)}
    for key in ("oneOf", "anyOf"):
        if key in schema and "additionalProperties" not in schema:
            return all(_closed(source, source.resolve(item), seen) for item in schema[key])
    if schema.get("type") != "object" and "properties" not in schema and "allOf" not in schema:
        return True
    return schema.get("additionalProperties") is False or isinstance(schema.get("additionalProperties"), dict)


def _properties(source: Source, schema: dict[str, Any]) -> dict[str, Any]:
    result = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        result.update(_properties(source, source.resolve(part)))
    return result
