"""A client of the released contract is told apart from one that would break."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.project import Project
from writ.contract.breaking import compare, may_break

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def released(project: Project) -> dict[str, Any]:
    return project.source().document


def _operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and operation.get("operationId") == name:
                return operation
    raise AssertionError(name)


def _schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def _properties(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = _schema(document, name)["properties"]
    return found


def _new_parameter(document: dict[str, Any], *, required: bool) -> None:
    parameter = {"name": "colour", "in": "query", "required": required, "schema": {"type": "string"}}
    _operation(document, "list_widgets")["parameters"].append(parameter)


BACKWARD: list[tuple[str, Change]] = [
    ("the operation is gone", lambda d: d["paths"]["/widgets"].pop("post")),
    ("the operation is gone", lambda d: d["paths"].pop("/widgets")),
    (
        "operationId create_widget became",
        lambda d: _operation(d, "create_widget").update(operationId="add_widget"),
    ),
    (
        "the scope shop.write no longer",
        lambda d: _operation(d, "create_widget").update({"x-scopes": ["shop.all"]}),
    ),
    ("the parameter is gone", lambda d: _operation(d, "list_widgets")["parameters"].pop(0)),
    ("became required", lambda d: _operation(d, "list_widgets")["parameters"][0].update(required=True)),
    ("is new and required", lambda d: _new_parameter(d, required=True)),
    ("is no longer taken", lambda d: _operation(d, "create_widget").pop("requestBody")),
    (
        "application/json is no longer taken",
        lambda d: _operation(d, "create_widget")["requestBody"]["content"].clear(),
    ),
    ("became required", lambda d: _schema(d, "WidgetNew")["required"].append("size")),
    ("the property is gone", lambda d: _properties(d, "WidgetNew").pop("size")),
    ("'large' is no longer taken", lambda d: _properties(d, "WidgetNew")["size"]["enum"].remove("large")),
    ("is now limited to an enum", lambda d: _properties(d, "WidgetNew")["name"].update(enum=["cog"])),
    ("maxLength 20 became 10", lambda d: _properties(d, "WidgetNew")["name"].update(maxLength=10)),
    ("minLength None became 1", lambda d: _properties(d, "WidgetNew")["name"].update(minLength=1)),
    ("pattern None became", lambda d: _properties(d, "WidgetNew")["name"].update(pattern="^a")),
    ("type string became integer", lambda d: _properties(d, "WidgetNew")["name"].update(type="integer")),
    ("is gone", lambda d: _operation(d, "create_widget")["responses"].pop("201")),
    (
        "application/json is gone",
        lambda d: _operation(d, "create_widget")["responses"]["201"]["content"].clear(),
    ),
    ("the property is gone", lambda d: _properties(d, "Widget").pop("note")),
    ("type string became boolean", lambda d: _properties(d, "Widget")["note"].update(type="boolean")),
]

FORWARD: list[tuple[str, Change]] = [
    ("'lost' is new to old clients", lambda d: _schema(d, "WidgetState")["enum"].append("lost")),
    ("may now be missing", lambda d: _schema(d, "Widget")["required"].remove("name")),
    ("may now be null", lambda d: _properties(d, "Widget")["name"].update(nullable=True)),
    (
        "is new to old clients",
        lambda d: _operation(d, "list_widgets")["responses"].update({"410": {"description": "Gone."}}),
    ),
]

HARMLESS: list[Change] = [
    lambda d: _new_parameter(d, required=False),
    lambda d: _properties(d, "WidgetNew").update(colour={"type": "string"}),
    lambda d: _properties(d, "WidgetNew")["size"]["enum"].append("huge"),
    lambda d: _properties(d, "WidgetNew")["name"].update(maxLength=200, nullable=True),
    lambda d: _properties(d, "Widget").update(colour={"type": "string"}),
    lambda d: _schema(d, "Widget")["required"].append("parts"),
    lambda d: _properties(d, "Widget")["note"].pop("nullable"),
    lambda d: _properties(d, "Widget")["name"].update(minLength=1),
    lambda d: _operation(d, "create_widget")["x-scopes"].append("shop.all"),
    lambda d: d["paths"].update({"/gadgets": d["paths"]["/widgets"]}),
    lambda d: d["info"].update(description="More words."),
    lambda d: d["paths"].update({"/widgets/{id}/turn": d["paths"].pop("/widgets/{widget_id}/turn")}),
]


def test_the_same_contract_breaks_nobody(released: dict[str, Any]) -> None:
    assert compare(released, copy.deepcopy(released)) == []


@pytest.mark.parametrize(("wrong", "change"), BACKWARD, ids=[case[0] for case in BACKWARD])
def test_what_an_old_client_sends_or_reads_is_kept(
    released: dict[str, Any], wrong: str, change: Change
) -> None:
    document = copy.deepcopy(released)
    change(document)
    findings = compare(released, document)
    assert any(f.rule == "breaking: backward" and wrong in f.wrong for f in findings), findings
    assert all(finding.place and finding.remedy for finding in findings)


@pytest.mark.parametrize(("wrong", "change"), FORWARD, ids=[case[0] for case in FORWARD])
def test_what_is_answered_now_was_to_be_expected(
    released: dict[str, Any], wrong: str, change: Change
) -> None:
    document = copy.deepcopy(released)
    change(document)
    findings = compare(released, document)
    assert any(f.rule == "breaking: forward" and wrong in f.wrong for f in findings), findings


@pytest.mark.parametrize("change", HARMLESS)
def test_growth_breaks_nobody(released: dict[str, Any], change: Change) -> None:
    document = copy.deepcopy(released)
    change(document)
    assert compare(released, document) == []


def test_a_closed_answer_may_gain_a_property(released: dict[str, Any]) -> None:
    _schema(released, "Widget")["additionalProperties"] = False
    document = copy.deepcopy(released)
    _properties(document, "Widget")["colour"] = {"type": "string"}
    assert compare(released, document) == []


def test_a_nullable_enum_may_not_lose_its_null_in_requests(released: dict[str, Any]) -> None:
    _properties(released, "WidgetNew")["size"].update(nullable=True, enum=["small", "large", None])
    document = copy.deepcopy(released)
    _properties(document, "WidgetNew")["size"].update(nullable=False, enum=["small", "large"])
    assert [finding.wrong for finding in compare(released, document)] == ["null is no longer taken"]


def test_parts_of_allof_are_compared_as_one(released: dict[str, Any]) -> None:
    document = copy.deepcopy(released)
    schema = _schema(document, "WidgetNew")
    base = {"type": "object", "properties": {"name": schema["properties"].pop("name")}}
    document["components"]["schemas"]["Base"] = base
    schema["allOf"] = [{"$ref": "#/components/schemas/Base"}]
    assert compare(released, document) == []
    del base["properties"]["name"]
    assert [finding.wrong for finding in compare(released, document)] == ["the property is gone"]


def test_a_request_may_gain_a_choice_and_an_answer_may_not(released: dict[str, Any]) -> None:
    _properties(released, "WidgetNew")["size"] = {"oneOf": [{"type": "string"}]}
    _properties(released, "Widget")["note"] = {"oneOf": [{"type": "string"}]}
    document = copy.deepcopy(released)
    for name, field in (("WidgetNew", "size"), ("Widget", "note")):
        _properties(document, name)[field]["oneOf"].append({"type": "integer"})
    findings = compare(released, document)
    assert findings
    assert {finding.rule for finding in findings} == {"breaking: forward"}
    assert all("Widget" in finding.place and "note" in finding.place for finding in findings)


def test_an_enum_that_was_announced_to_grow_may_grow(released: dict[str, Any]) -> None:
    document = copy.deepcopy(released)
    _schema(document, "WidgetState")["enum"].append("lost")
    assert [f.wrong for f in compare(released, document)] == ["the value 'lost' is new to old clients"]
    _schema(released, "WidgetState")["x-extensible-enum"] = True
    assert compare(released, document) == []


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("0.1.0", "0.1.7", False),
        ("0.1.0", "0.2.0", True),
        ("1.4.0", "1.5.0", False),
        ("1.4.0", "2.0.0", True),
        ("1.4.0", "1.4.0", False),
        ("2.0.0", "1.9.0", False),
    ],
)
def test_only_a_version_that_says_so_may_break(
    released: dict[str, Any], old: str, new: str, allowed: bool
) -> None:
    document = copy.deepcopy(released)
    released["info"]["version"], document["info"]["version"] = old, new
    assert may_break(released, document) is allowed
