"""Parameters and body, checked against the contract; every fault is told, not only the first."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import escape, refuse
from writ.gateway.call import Call, Spooled


def validate_parameters(call: Call) -> None:
    """Fill `call.path` and `call.query` with decoded values and defaults.

    Raises:
        Refusal: MALFORMED_REQUEST for a query that is not UTF-8, VALIDATION_ERROR for the rest.
    """
    operation = call.operation
    errors: list[FieldError] = []
    for rule, text in zip(operation.path_rules, call.raw_path, strict=True):
        rule.read([text], call.path, errors)
    if call.raw_query or operation.query_rules:
        texts = parse_query(call.raw_query) if call.raw_query else {}
        for name in texts:
            if name not in operation.query_rules:
                place = f"/query/{escape(name)}"
                errors.append(FieldError(place, "unknown", "is not a parameter of this operation"))
        for name, rule in operation.query_rules.items():
            rule.read(texts.get(name), call.query, errors)
    for rule in operation.header_rules:
        value = call.headers.get(rule.name)
        rule.read(None if value is None else [value], call.header_values, errors)
    if errors:
        raise refuse(errors)


def parse_query(raw: bytes) -> dict[str, list[str]]:
    """The query string's texts by name (WHATWG URL, application/x-www-form-urlencoded), UTF-8 only.

    Raises:
        Refusal: MALFORMED_REQUEST when the bytes are not UTF-8.
    """
    texts: dict[str, list[str]] = {}
    try:
        for pair in raw.split(b"&"):
            if pair:
                name, _, value = pair.partition(b"=")
                texts.setdefault(_decode(name), []).append(_decode(value))
    except UnicodeDecodeError:
        raise Refusal("MALFORMED_REQUEST", "The query string is not UTF-8; encode it as UTF-8.") from None
    return texts


def _decode(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()


def validate_body(call: Call) -> None:
    """Fill `call.body` with the parsed body.

    Raises:
        Refusal: MALFORMED_REQUEST when it cannot be parsed, VALIDATION_ERROR with every fault otherwise.
    """
    rule = call.operation.body
    if rule is None:
        return
    if call.media is None or call.raw_body is None:
        call.body = rule.absent()
    elif isinstance(call.raw_body, Spooled):
        call.body = call.raw_body
    else:
        call.body = rule.check(call.media, call.raw_body)
