"""The contract as these tests read it: by a library that the product does not check its answers with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from openapi_schema_validator import OAS30ReadValidator, oas30_strict_format_checker

from tests.support.product import ROOT

CONTRACT: dict[str, Any] = json.loads((ROOT / "generated" / "openapi.json").read_text())


def resolve(node: Any) -> Any:
    """Follow the node's `$ref`, if it is one."""
    while isinstance(node, dict) and "$ref" in node:
        found: Any = CONTRACT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


@dataclass(frozen=True)
class Operation:
    """One operation of the contract."""

    id: str
    method: str
    path: str
    raw: dict[str, Any]

    @property
    def success(self) -> int:
        """The one status of success; a redirect where nothing else is one."""
        answers = self.raw["responses"]
        (status,) = [s for s in answers if s.startswith("2")] or [s for s in answers if s.startswith("3")]
        return int(status)

    @property
    def in_oauth_shape(self) -> bool:
        """Whether `error` is a word in its refusals."""
        return self.raw.get("x-error-shape") == "oauth"

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [resolve(parameter) for parameter in self.raw.get("parameters", ())]

    @property
    def needs_login(self) -> bool:
        return bool(self.raw.get("security", CONTRACT["security"]))

    def path_with(self, **values: str) -> str:
        """The path with the parameters' examples, or with what is given instead."""
        path = self.path
        for parameter in self.parameters:
            if parameter["in"] == "path":
                value = values.get(parameter["name"], parameter.get("example"))
                path = path.replace(f"{{{parameter['name']}}}", str(value))
        return path

    def query(self) -> dict[str, str]:
        """The examples of the query's parameters."""
        return {
            p["name"]: _as_text(p["example"])
            for p in self.parameters
            if p["in"] == "query" and "example" in p
        }

    def needed_query(self) -> dict[str, str]:
        """The query without which it is refused; whole if there is such a one."""
        needed = any(p["in"] == "query" and p.get("required") for p in self.parameters)
        return self.query() if needed else {}

    def bodies(self) -> Iterator[tuple[str, str, Any]]:
        """Name, media type and value of each example of the body."""
        body = resolve(self.raw.get("requestBody", {}))
        for media, content in body.get("content", {}).items():
            for name, example in content.get("examples", {}).items():
                yield name, media, resolve(example)["value"]


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def encode(media: str, value: Any) -> bytes:
    """An example's value as it goes over the wire; binary ones are written a character a byte."""
    if media == "application/x-www-form-urlencoded":
        return urlencode(value).encode()
    return json.dumps(value).encode() if media == "application/json" else value.encode("latin-1")


def operations() -> list[Operation]:
    """All operations, in the order of the contract."""
    return [
        Operation(raw["operationId"], method.upper(), path, raw)
        for path, item in CONTRACT["paths"].items()
        for method, raw in item.items()
        if method != "parameters"
    ]


OPERATIONS = {operation.id: operation for operation in operations()}


def check_answer(operation: Operation, answer: httpx.Response) -> None:
    """Hold an answer against the contract: status, required headers, media type, schema."""
    responses = operation.raw["responses"]
    assert str(answer.status_code) in responses, (
        f"{answer.status_code} is not documented: {answer.text[:300]}"
    )
    documented = resolve(responses[str(answer.status_code)])
    for name, header in documented.get("headers", {}).items():
        header = resolve(header)
        if header.get("required"):
            assert name in answer.headers, f"{answer.status_code} lacks {name}"
        if name in answer.headers:
            kind = header["schema"].get("type")
            value: Any = int(answer.headers[name]) if kind == "integer" else answer.headers[name]
            _check(header["schema"], value)
    if "content" not in documented:
        assert answer.content == b""
        return
    media = answer.headers["content-type"].partition(";")[0]
    assert media in documented["content"], f"{media} is not documented"
    if media == "application/json":
        _check(documented["content"][media]["schema"], answer.json())


def _check(schema: dict[str, Any], value: Any) -> None:
    whole = {"allOf": [schema], "components": CONTRACT["components"]}
    faults = [
        f"/{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in OAS30ReadValidator(whole, format_checker=oas30_strict_format_checker).iter_errors(value)
    ]
    assert not faults, "\n".join(faults)
