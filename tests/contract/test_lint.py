"""Every rule of the contract's policy has a case that breaks it, and only it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.project import Project
from writ.contract import lint

Change = Callable[[Project], Any]


def _list(project: Project) -> dict[str, Any]:
    return project.operation("list_widgets")


def _create(project: Project) -> dict[str, Any]:
    return project.operation("create_widget")


def _start(project: Project) -> dict[str, Any]:
    return project.operation("start_widget")


def _schema(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] = project.widgets["schemas"][name]
    return found


def _body(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = _create(project)["requestBody"]["content"]["application/json"]
    return found


def _events(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.widgets["events"]
    return found


def _code(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] = project.files["contracts/common/error-codes.yaml"]
    return found if name == "*" else found[name]


def _answers(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] = project.operation(name)["responses"]
    return found


def _takes_key(operation: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "string"}
    parameter = {"name": "Idempotency-Key", "in": "header", "description": "A key.", "schema": schema}
    operation["parameters"] = [*operation.get("parameters", ()), parameter]
    return operation


CASES: list[tuple[str, str, Change]] = [
    ("is_openapi", "is not 3.0.x", lambda p: p.root_file.update(openapi="3.1.0")),
    ("is_openapi", "", lambda p: _list(p)["parameters"][0].update({"in": "body"})),
    ("fields_are_complete", "has no operationId", lambda p: _list(p).pop("operationId")),
    (
        "fields_are_complete",
        "has no x-openapi-router-controller",
        lambda p: _list(p).pop("x-openapi-router-controller"),
    ),
    (
        "fields_are_complete",
        "x-openapi-router-controller is",
        lambda p: _list(p).update({"x-openapi-router-controller": "x"}),
    ),
    ("fields_are_complete", "has no x-scopes", lambda p: _list(p).pop("x-scopes")),
    ("fields_are_complete", "x-rate-class is", lambda p: _list(p).update({"x-rate-class": "fast"})),
    ("fields_are_complete", "has no x-errors", lambda p: _list(p).pop("x-errors")),
    ("fields_are_complete", "has no x-emits", lambda p: _list(p).pop("x-emits")),
    ("fields_are_complete", "x-audit is", lambda p: _list(p).update({"x-audit": {}})),
    ("fields_are_complete", "x-requirements is", lambda p: _list(p).update({"x-requirements": []})),
    ("fields_are_complete", "x-job is", lambda p: _start(p)["x-job"].pop("locks")),
    ("fields_are_complete", "is malformed", lambda p: _code(p, "WIDGET_JAMMED").pop("remedy")),
    (
        "fields_are_complete",
        "x-general-errors",
        lambda p: p.root_file["x-general-errors"].update(INTERNAL_ERROR="often"),
    ),
    ("is_openapi", "not unique", lambda p: _create(p).update(operationId="start_widget")),
    ("operation_ids", "is not snake_case", lambda p: _create(p).update(operationId="createWidget")),
    ("operation_ids", "begins with no verb of POST", lambda p: _create(p).update(operationId="get_widget")),
    (
        "operation_ids",
        "begins with no verb of POST",
        lambda p: _create(p).update(operationId="update_widget"),
    ),
    ("scopes", "is malformed", lambda p: _list(p).update({"x-scopes": ["READ"]})),
    ("scopes", "asks for scopes but for no credentials", lambda p: _list(p).update(security=[])),
    ("error_codes", "is not in the catalogue", lambda p: _start(p)["x-job"].update(errors=["RUST"])),
    ("error_codes", "has no status", lambda p: _start(p)["x-errors"].append("WIDGET_JAMMED")),
    ("error_codes", "is said twice", lambda p: _start(p)["x-errors"].append("INTERNAL_ERROR")),
    (
        "error_codes",
        "is not UPPER_SNAKE",
        lambda p: _code(p, "*").update(odd={"status": 400, "message": "Odd.", "remedy": "Even it."}),
    ),
    ("statuses", "has no answer 404", lambda p: _answers(p, "start_widget").pop("404")),
    ("statuses", "no code implies the answer 404", lambda p: _start(p).update({"x-errors": []})),
    ("words", "has no summary", lambda p: _list(p).pop("summary")),
    ("words", "has no description", lambda p: _list(p).pop("description")),
    ("words", "has no tags", lambda p: _list(p).pop("tags")),
    ("words", "parameter limit has no description", lambda p: _list(p)["parameters"][0].pop("description")),
    ("examples", "has no example", lambda p: _body(p).pop("example")),
    (
        "examples",
        "has no example",
        lambda p: _answers(p, "create_widget")["201"]["content"]["application/json"].pop("example"),
    ),
    ("examples", "is not one of", lambda p: _body(p)["example"].update(size="huge")),
    ("examples", "is not of type 'string'", lambda p: _body(p)["example"].update(name=None)),
    (
        "examples",
        "is not a 'uuid'",
        lambda p: p.widgets["paths"]["/widgets/{widget_id}/turn"]["parameters"][0].update(example="seven"),
    ),
    (
        "error_examples",
        "no code of this status",
        lambda p: p.files["contracts/common/errors.yaml"]["responses"]["InternalError"]["content"][
            "application/json"
        ]["example"].update(code="widget_not_found"),
    ),
    ("states", "broken is not both", lambda p: _schema(p, "WidgetState")["x-states"].pop("broken")),
    ("states", "leads to gone", lambda p: _schema(p, "WidgetState")["x-states"].update(broken=["gone"])),
    ("jobs", "answers 202 but orders no job", lambda p: _start(p).pop("x-job")),
    (
        "jobs",
        "orders a job but does not answer 202",
        lambda p: _answers(p, "start_widget").update({"200": _answers(p, "start_widget").pop("202")}),
    ),
    ("closed_bodies", "takes any property", lambda p: _schema(p, "WidgetNew").pop("additionalProperties")),
    ("paging", "has no query parameter limit", lambda p: _list(p)["parameters"].pop(0)),
    ("paging", "answers no pagination", lambda p: _schema(p, "WidgetPage")["properties"].pop("pagination")),
    ("repeats", "asks for no credentials", lambda p: _takes_key(_create(p)).update(security=[])),
    ("repeats", "asks for no credentials", lambda p: _takes_key(_create(p)).update(security=[{}])),
    ("requirements", "T-99 is unknown", lambda p: _list(p).update({"x-requirements": ["T-99"]})),
    ("requirements", "T-98 is unknown", lambda p: p.root_file.update({"x-requirements": ["T-98"]})),
    ("events", "widget.lost is described nowhere", lambda p: _list(p)["x-emits"].append("widget.lost")),
    ("events", "is caused by nothing", lambda p: _create(p).update({"x-emits": []})),
    ("events", "is no cause", lambda p: p.root_file.update({"x-general-emits": {"widget.created": "fun"}})),
    ("events", "is described nowhere", lambda p: p.root_file.update({"x-general-emits": {"x.y": "system"}})),
    ("events", "said twice", lambda p: p.root_file.update({"x-general-emits": {"widget.turned": "job"}})),
    ("events", "is malformed", lambda p: _events(p).update(Turned=_events(p).pop("widget.turned"))),
    (
        "examples",
        "event widget.turned",
        lambda p: _events(p)["widget.turned"].update(data={"$ref": "#/schemas/WidgetPage"}),
    ),
    ("unused", "is used by nothing", lambda p: p.widgets["schemas"].update(Spare={"type": "object"})),
]


def test_the_small_contract_is_without_fault(project: Project) -> None:
    assert lint.lint(project.source()) == []


@pytest.mark.parametrize(("rule", "wrong", "change"), CASES, ids=[f"{c[0]}-{c[1] or 'x'}" for c in CASES])
def test_a_broken_rule_is_told(project: Project, rule: str, wrong: str, change: Change) -> None:
    change(project)
    findings = [finding for finding in lint.lint(project.source()) if finding.rule == rule]
    assert findings
    assert any(wrong in finding.wrong or wrong in finding.place for finding in findings), findings
    assert all(finding.place and finding.remedy for finding in findings)


def test_every_rule_has_a_case() -> None:
    rules = {rule.__name__ for rule in (lint.is_openapi, lint.fields_are_complete, *lint.RULES)}
    assert rules == {case[0] for case in CASES}


def test_a_job_of_another_kind_is_accepted_without_a_kind_of_its_own(project: Project) -> None:
    _start(project)["x-job"] = None
    assert [finding for finding in lint.lint(project.source()) if finding.rule == "jobs"] == []


def test_an_order_may_update(project: Project) -> None:
    _start(project)["operationId"] = "update_widget"
    assert lint.lint(project.source()) == []


def test_what_only_answers_have_is_refused_in_the_example_of_a_body(project: Project) -> None:
    _schema(project, "WidgetNew")["properties"]["id"] = {"type": "string", "readOnly": True}
    _body(project)["example"]["id"] = "1"
    assert any(finding.rule == "examples" for finding in lint.lint(project.source()))


def test_form_bodies_are_closed_too(project: Project) -> None:
    _create(project)["requestBody"]["content"]["application/x-www-form-urlencoded"] = {
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}}
    }
    rules = {finding.rule for finding in lint.lint(project.source())}
    assert rules == {"closed_bodies"}
