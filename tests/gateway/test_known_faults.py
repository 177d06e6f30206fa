"""The known faults of stock Connexion 3.3, one by one: Writ does not have them, and stock still does.

When a test says that stock no longer has a fault, it has been mended there: take it off the list here and
in test_differential.py.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from connexion.exceptions import InvalidSpecification
from jsonschema import Draft4Validator
from starlette.routing import Route
from werkzeug.routing import MapAdapter

from tests.gateway import handlers
from tests.gateway.contract import body, contract, contract_of, contract_with, operation, query
from tests.gateway.harness import Door
from tests.gateway.stock import stock
from writ.contract import lint
from writ.contract.document import load_mapping
from writ.contract.emit.source import Source
from writ.contract.operation import ContractFault
from writ.contract.routing import Router

pytestmark = pytest.mark.stock

needs_flask = pytest.mark.skipif(
    find_spec("a2wsgi") is None,
    reason="connexion[flask], which stock Connexion's FlaskApp needs, is not installed",
)
MakeDoor = Callable[..., Door]
JSON = "application/json"


def accepts(door: Door, method: str, target: str, **options: Any) -> bool:
    got = door(method, target, **options)
    assert 200 <= got.status < 300 or 400 <= got.status < 500, got.body
    return got.status < 300


def findings(rule: lint.Rule, document: dict[str, Any]) -> str:
    return " ".join(map(str, rule(Source(Path(), document, {}))))


def test_openapi_31(make_door: MakeDoor) -> None:
    # Connexion reads the contract for Writ too. Here it is a decision: 3.0 is what is written; the lint says
    # so before anything is started.
    document = contract(openapi="3.1.0")
    assert "write openapi: 3.0.3" in findings(lint.is_openapi, document)
    for start in (make_door, stock):
        with pytest.raises(InvalidSpecification):
            start(document)


def test_duplicate_operation_ids(make_door: MakeDoor) -> None:
    private = operation("get_private", security=[{"session": []}])
    public = operation("get_private")
    with pytest.raises(ContractFault, match="repeats the operationId get_private"):
        make_door(contract(paths={"/private": {"get": private}, "/public": {"get": public}}))
    # Stock: the open operation replaces the guarded one, and nobody is asked for a credential.
    key = {"type": "apiKey", "in": "header", "name": "X-Key", "x-apikeyInfoFunc": f"{__name__}.nobody"}
    components = {**contract()["components"], "securitySchemes": {"session": key}}
    alone = contract(paths={"/private": {"get": private}}, components=components)
    assert stock(alone)("GET", "/api/private").status == 401
    both = contract(paths={"/private": {"get": private}, "/public": {"get": public}}, components=components)
    assert stock(both)("GET", "/api/private").status == 200


def nobody(*_given: Any, **_more: Any) -> None:
    """No credential is good."""


def test_unresolved_operation_id(make_door: MakeDoor) -> None:
    document = contract_with("/a", operationId="no_such_handler")
    with pytest.raises(ContractFault, match="no handler"):
        make_door(document)
    door = stock(document)
    assert door("GET", "/api/a").status == 500


def test_extra_property() -> None:
    # An object without additionalProperties is open by the rules of JSON Schema: the lint lets none in.
    open_body = body({"type": "object", "properties": {"a": {"type": "integer"}}})
    document = contract_with("/a", "post", operationId="create_loose", **open_body)
    assert accepts(stock(document), "POST", "/api/a", json={"b": 1})
    assert "set additionalProperties: false" in findings(lint.closed_bodies, document)


@pytest.mark.parametrize(
    "target", ["/api/items?who=nonsense", "/api/items?when=yesterday", "/api/items/nonsense"]
)
def test_formats(door: Door, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stock enforces date-time only where a library that it does not ask for happens to be installed.
    monkeypatch.delitem(Draft4Validator.FORMAT_CHECKER.checkers, "date-time", raising=False)
    assert door("GET", target).status == 422
    assert accepts(stock(contract_of(["/items", "/items/{item_id}"])), "GET", target)


@pytest.mark.parametrize("wrong", [{"when": "yesterday"}, {"big": 2**31}])
def test_formats_in_a_body(door: Door, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Draft4Validator.FORMAT_CHECKER.checkers, "date-time", raising=False)
    item = {"name": "a", **wrong}
    assert door("POST", "/api/items", json=item).status == 422
    assert accepts(stock(contract_of(["/items"])), "POST", "/api/items", json=item)


def test_nan_in_a_body(door: Door) -> None:
    raw = b'{"name": "a", "x": NaN}'
    assert door("POST", "/api/loose", body=raw, type=JSON).status == 400
    assert stock(contract_of(["/loose"]))("POST", "/api/loose", body=raw, type=JSON).status == 200


@pytest.mark.parametrize("text", ["1_0", "%D9%A1%D9%A2"])
def test_spellings_of_an_integer(door: Door, text: str) -> None:
    assert door("GET", f"/api/items?limit={text}").status == 422
    assert accepts(stock(contract_of(["/items"])), "GET", f"/api/items?limit={text}")


def test_invalid_utf8(door: Door) -> None:
    raw = b'{"name": "\xff"}'
    assert door("POST", "/api/items", body=raw, type=JSON).status == 400
    assert stock(contract_of(["/items"]))("POST", "/api/items", body=raw, type=JSON).status == 500


def test_unknown_charset(door: Door) -> None:
    options: dict[str, Any] = {"body": b'{"name": "a"}', "type": f"{JSON};charset=nonsense"}
    assert door("POST", "/api/items", **options).status == 415
    assert stock(contract_of(["/items"]))("POST", "/api/items", **options).status == 500


def test_chunked_body(door: Door) -> None:
    options: dict[str, Any] = {"body": [b'{"name": ', b'"a"}'], "type": JSON}
    assert door("POST", "/api/items", **options).status == 201
    got = stock(contract_of(["/items"]))("POST", "/api/items", **options)
    assert (got.status, b"RequestBody is required" in got.body) == (400, True)


@pytest.mark.parametrize("union", ["oneOf", "anyOf", "allOf"])
def test_union_in_the_query(make_door: MakeDoor, union: str) -> None:
    schema = {union: [{"type": "integer"}]}
    document = contract_with("/a", parameters=[query("size", schema)])
    door = make_door(document)
    assert door("GET", "/api/a?size=4").json["query"] == {"size": 4}
    assert door("GET", "/api/a?size=x").status == 422
    assert stock(document)("GET", "/api/a?size=4").status == 500


def test_required_read_only_property(door: Door) -> None:
    account = {"email": "a@example.com", "password": "correct-horse"}
    assert door("POST", "/api/accounts", json=account).status == 201
    got = stock(contract_of(["/accounts"]))("POST", "/api/accounts", json=account)
    assert (got.status, b"'id' is a required property" in got.body) == (400, True)


def test_two_media_types_of_an_answer(door: Door) -> None:
    got = door("GET", "/api/plain")
    assert (got.status, got.header("content-type")) == (200, JSON)
    assert stock(contract_of(["/plain"]))("GET", "/api/plain").status == 500


def test_status_that_the_contract_does_not_name(door: Door) -> None:
    assert door("GET", "/api/wrong?how=status").status == 500
    assert (
        stock(contract_of(["/wrong"]), validate_responses=True)("GET", "/api/wrong?how=status").status == 201
    )


def test_only_the_first_error(door: Door) -> None:
    wrong = {"name": "A", "count": -1, "flag": "x"}
    fields = {e["field"] for e in door("POST", "/api/items", json=wrong).json["errors"]}
    assert fields == {"/body/name", "/body/count", "/body/flag"}
    got = stock(contract_of(["/items"]))("POST", "/api/items", json=wrong)
    assert got.status == 400
    assert sum(name in got.json["detail"] for name in wrong) == 1


@needs_flask
def test_head(door: Door) -> None:
    assert door("HEAD", "/api/items/mine").status == 200
    got = stock(contract_of(["/items/mine"]), flask=True, validate_responses=True)("HEAD", "/api/items/mine")
    assert got.status == 500


def test_braces_in_the_contract(make_door: MakeDoor, tmp_path: Path) -> None:
    words = "Use {{ name }} in the text."
    document = contract_with("/a", description=words)
    del document["components"]["schemas"]["Tree"], document["components"]["schemas"]["Item"]
    door = make_door(document)
    served = door("GET", "/openapi.json").json
    assert served["paths"]["/a"]["get"]["description"] == words
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document))
    assert load_mapping(path)["paths"]["/a"]["get"]["description"] == words
    served = stock(path)("GET", "/api/openapi.json").json
    assert served["paths"]["/a"]["get"]["description"] == "Use  in the text."


def test_recursive_schemas(door: Door) -> None:
    assert door("GET", "/openapi.json").json == contract()
    assert door("GET", "/openapi.yaml").status == 200
    assert stock(contract_of(["/trees"]))("GET", "/api/openapi.json").status == 500


def waits_together(door: Door, count: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(handlers, "GATE", threading.Barrier(count))
    monkeypatch.setattr(handlers, "WAIT_SECONDS", 1.0)

    async def all_at_once() -> list[int]:
        waits = [door.ask("GET", "/api/waits") for _ in range(count)]
        return [got.status for got in await asyncio.gather(*waits)]

    return door.loop.run_until_complete(all_at_once()) == [200] * count


@needs_flask
def test_threads_of_flask_app(make_door: MakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits_together(make_door(server_threads=11), 11, monkeypatch)
    flask = stock(contract_of(["/waits"]), flask=True)
    assert waits_together(flask, 10, monkeypatch)
    assert not waits_together(flask, 11, monkeypatch)


@needs_flask
def test_routing_twice(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    find = Router.find
    monkeypatch.setattr(Router, "find", lambda self, path: [found.append(path), find(self, path)][1])
    door("GET", "/api/items/mine")
    assert found == ["/api/items/mine"]
    # Stock: the path is matched by Connexion's router, and once more by Flask's.
    flask = stock(contract_of(["/items/mine"]), flask=True)
    matched: list[str] = []

    def watched(name: str, function: Any) -> Any:
        def match(*given: Any, **more: Any) -> Any:
            matched.append(name)
            return function(*given, **more)

        return match

    monkeypatch.setattr(Route, "matches", watched("starlette", Route.matches))
    monkeypatch.setattr(MapAdapter, "match", watched("werkzeug", MapAdapter.match))
    assert flask("GET", "/api/items/mine").status == 200
    assert {"starlette", "werkzeug"} <= set(matched)
