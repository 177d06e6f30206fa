"""Start-up refuses a contract that cannot be served, and says where and what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from connexion.exceptions import InvalidSpecification

from tests.gateway.contract import contract, contract_with, operation, query
from tests.gateway.harness import ROOT, Door, make_services
from tests.support.redis import free_port
from writ.app import contract_path, is_generated, make_app
from writ.contract.operation import REQUIRED_FIELDS, ContractFault

HERE = {"name": "a", "in": "path", "required": True, "schema": {"type": "string"}}


def twice(first: str, second: str) -> dict[str, Any]:
    one = operation("get_mine", parameters=[{**HERE, "name": "a"}])
    other = operation("get_item", parameters=[{**HERE, "name": "b"}])
    return contract(paths={first: {"get": one}, second: {"get": other}})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (contract_with("/a", operationId="no_such_handler"), ["GET /a", "no_such_handler", "new-operation"]),
        (
            contract_with("/a", **{"x-openapi-router-controller": "no.such.module"}),
            ["GET /a", "no.such.module.get_mine", "new-operation"],
        ),
        (
            contract(paths={p: {"get": operation("get_mine")} for p in ("/a", "/b")}),
            ["GET /b", "get_mine", "GET /a", "one of its own"],
        ),
        (twice("/a/{a}", "/a/{b}"), ["GET /api/a/{b}", "/api/a/{a}", "keep one"]),
        (contract_with("/a/{id}"), ["GET /a/{id}", "['id']", "add them"]),
        (
            contract_with("/a", parameters=[query("x", {"type": "object"}, style="deepObject")]),
            ["GET /a", "x", "deepObject", "use form"],
        ),
        (
            contract_with("/a", parameters=[{**query("x", {"type": "string"}), "in": "cookie"}]),
            ["GET /a", "x", "cookie", "use a query parameter"],
        ),
        (
            contract_with("/a", parameters=[query("x", {"type": "object"})]),
            ["GET /a", "x", "object", "put it into the body"],
        ),
    ],
)
def test_a_contract_that_cannot_be_served_stops_the_start(
    make_door: Callable[..., Door], document: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ContractFault) as fault:
        make_door(document)
    for word in words:
        assert word in str(fault.value)


@pytest.mark.parametrize("name", [name for name in REQUIRED_FIELDS if name != "operationId"])
def test_a_missing_field_stops_the_start(make_door: Callable[..., Door], name: str) -> None:
    with pytest.raises(ContractFault, match=f"GET /a lacks {name}; add it"):
        make_door(contract_with("/a", **{name: None}))


def test_a_missing_operation_id_stops_the_start(make_door: Callable[..., Door]) -> None:
    with pytest.raises(ContractFault, match="GET /a lacks operationId; add it"):
        make_door(contract_with("/a", operationId=None))


def test_the_real_server_does_not_start_with_a_broken_contract(tmp_path: Path) -> None:
    # A copy of the generated folder stands before the real one.
    generated = tmp_path / "generated"
    shutil.copytree(ROOT / "generated", generated, ignore=shutil.ignore_patterns("__pycache__"))
    document = json.loads((generated / "openapi.json").read_text())
    document["paths"]["/login"]["post"]["operationId"] = "log_in_nowhere"
    (generated / "openapi.json").write_text(json.dumps(document))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "writ.cli", "server", "--port", str(port)],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
            "PYTHONPATH": f"{generated}{os.pathsep}{ROOT / 'src'}",
            "WRIT_HOME": str(tmp_path / "home"),
            "WRIT_REDIS_URL": "redis://127.0.0.1:1/0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait(10)
    assert process.returncode not in (0, -9)
    assert "POST /login has no handler" in output
    assert "log_in_nowhere" in output


def test_only_the_generated_contract_is_known_to_be_valid(tmp_path: Path) -> None:
    assert is_generated(contract_path())
    changed = tmp_path / "openapi.json"
    changed.write_text(contract_path().read_text().replace('"openapi": "3.0.3"', '"openapi": "3.0.2"', 1))
    assert not is_generated(changed)


def test_a_contract_that_is_not_valid_is_found_after_one_that_was_known(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    make_app(services)
    document = contract_with("/a", responses={"200": {"content": {}}})
    with pytest.raises(InvalidSpecification, match="is not valid under any of the given schemas"):
        make_app(services, document)
