"""Every operation is called with every example that the contract gives for it, and keeps its word."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.contract import OPERATIONS, Operation, check_answer, encode
from tests.support.scene import Scene


def calls() -> list[tuple[str, str]]:
    """(operation, example): each example of a body; else one bare call; and one with the whole query."""
    found: list[tuple[str, str]] = []
    for operation in OPERATIONS.values():
        names = [name for name, _, _ in operation.bodies()] or ["bare"]
        if operation.query():
            names.append("query")
        found += [(operation.id, name) for name in names]
    return found


@pytest.mark.parametrize(("operation_id", "example"), calls())
def test_the_example_gets_the_documented_success(scene: Scene, operation_id: str, example: str) -> None:
    operation = OPERATIONS[operation_id]
    media, content = next(
        ((media, encode(media, value)) for name, media, value in operation.bodies() if name == example),
        (None, None),
    )
    # These two change the client's own session, which the other tests need.
    client = scene.product.client() if operation_id in ("login", "logout") else scene.client
    if operation_id == "login":
        # The example's password is nobody's: the operation is called with its shape and a good password.
        content = encode(
            "application/json", {"email": "admin@example.com", "password": "correct-horse-battery"}
        )
    answer = client.request(
        operation.method,
        operation.path_with(),
        params=operation.query() if example == "query" else operation.needed_query(),
        content=content,
        headers={"Content-Type": media} if media else None,
    )
    assert answer.status_code == operation.success, answer.text
    check_answer(operation, answer)
    if operation.success == 202:
        check_job(scene, operation, answer.json()["job_id"], answer.headers["location"])


def check_job(scene: Scene, operation: Operation, job_id: str, location: str) -> None:
    """What was accepted can be read at once, and is of the kind that the contract names."""
    assert location == f"/api/jobs/{job_id}"
    job = scene.client.get(f"/jobs/{job_id}")
    check_answer(OPERATIONS["get_job"], job)
    if operation.raw["x-job"] is not None:
        assert job.json()["kind"] == operation.raw["x-job"]["kind"]
        assert job.json()["status"] == "queued"


def test_every_operation_is_called() -> None:
    called = {operation_id for operation_id, _ in calls()}
    assert called == set(OPERATIONS), "an operation of the contract is called by no example"


@pytest.mark.parametrize("operation_id", [o for o, e in calls() if e == "query" and o.startswith("list_")])
def test_the_query_of_the_example_finds_something(scene: Scene, operation_id: str) -> None:
    """A filter that finds nothing would prove nothing."""
    operation = OPERATIONS[operation_id]
    found = scene.client.request(operation.method, operation.path_with(), params=operation.query()).json()
    assert found["data"], f"{operation_id} finds nothing with the examples of its parameters"


def test_the_event_of_a_delivery_is_found_under_the_id_that_the_delivery_shows(scene: Scene) -> None:
    deliveries = scene.client.get(OPERATIONS["list_webhook_deliveries"].path_with()).json()["data"]
    shown = scene.client.get(OPERATIONS["get_webhook_delivery"].path_with()).json()
    assert shown["event_id"] in {delivery["event_id"] for delivery in deliveries}
    event = scene.client.get(f"/v1/events/{shown['event_id']}")
    assert event.status_code == 200, event.text
    assert event.json()["type"] == shown["event_type"]


def lists() -> list[tuple[str, str]]:
    """(operation, sort): every list, in every order that it has."""
    found: list[tuple[str, str]] = []
    for operation in OPERATIONS.values():
        names = {p["name"]: p for p in operation.parameters}
        if "cursor" in names:
            sorts = names["sort"]["schema"]["enum"] if "sort" in names else [""]
            found += [(operation.id, sort) for sort in sorts]
    return found


@pytest.mark.parametrize(("operation_id", "sort"), lists())
def test_a_list_is_the_same_in_small_pages(scene: Scene, operation_id: str, sort: str) -> None:
    """Every row once, in order, and the cursor of each page is good for the next one."""
    operation, query = OPERATIONS[operation_id], {"sort": sort} if sort else {}
    path = operation.path_with()
    whole = scene.client.get(path, params=query | {"limit": 100}).json()["data"]
    rows: list[Any] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = scene.client.get(path, params={**query, "limit": 1, **cursor})
        check_answer(operation, page)
        assert page.status_code == 200, page.text
        rows += page.json()["data"]
        following = page.json()["pagination"]["next_cursor"]
        cursor = {"cursor": following} if following else None
    assert rows == whole
    assert whole, "an empty list proves nothing"
    if sort:
        turned = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
        assert scene.client.get(path, params={"sort": turned, "limit": 100}).json()["data"] == whole[::-1]
