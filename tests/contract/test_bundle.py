"""Many files become one document whose references are local."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.project import Project
from writ.contract.bundle import bundle
from writ.contract.document import ContractError


def _bundle(project: Project) -> dict[str, Any]:
    project.save()
    return bundle(project.root / "contracts" / "openapi.yaml")


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()


def test_path_items_are_in_place_and_all_references_lead_somewhere(project: Project) -> None:
    document = _bundle(project)
    assert list(document["paths"]) == ["/widgets", "/widgets/{widget_id}/turn"]
    assert document["paths"]["/widgets"]["get"]["operationId"] == "list_widgets"
    for reference in _references(document):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind], reference


def test_what_files_share_becomes_components_in_their_order(project: Project) -> None:
    components = _bundle(project)["components"]
    assert list(components["schemas"]) == [
        "Event",
        "WidgetState",
        "Widget",
        "WidgetNew",
        "WidgetPage",
        "Error",
    ]
    assert list(components["responses"]) == ["InternalError", "NoWidget"]
    assert list(components["examples"]) == ["a_widget", "one_widget"]
    assert components["securitySchemes"]["session"]["in"] == "cookie"


def test_recursive_schemas_stay_references(project: Project) -> None:
    widget = _bundle(project)["components"]["schemas"]["Widget"]
    assert widget["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Widget"}


def test_two_runs_give_the_same_bytes(project: Project) -> None:
    assert json.dumps(_bundle(project)) == json.dumps(_bundle(project))


def test_a_name_in_two_files_is_refused_naming_both(project: Project) -> None:
    project.widgets["schemas"]["Error"] = {"type": "object"}
    with pytest.raises(ContractError, match="'Error' is defined in") as refused:
        _bundle(project)
    assert "shop/widgets.yaml" in str(refused.value)
    assert "common/errors.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("#/schemas/Nothing", "'Nothing' is missing"),
        ("nowhere.yaml#/schemas/Widget", "nowhere.yaml: cannot be read"),
        ("https://example.com/a.yaml#/schemas/A", "must be <relative file>#/<pointer>"),
        ("#/paths/~1widgets", "does not name a component"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(project: Project, reference: str, said: str) -> None:
    project.widgets["schemas"]["WidgetPage"]["properties"]["data"]["items"] = {"$ref": reference}
    with pytest.raises(ContractError, match=said):
        _bundle(project)


def test_data_that_looks_like_a_reference_is_left_alone(project: Project) -> None:
    value = {"$ref": "somebody's own", "{{ name }}": "{% raw %}"}
    project.widgets["examples"]["one_widget"]["value"] = value
    assert _bundle(project)["components"]["examples"]["one_widget"]["value"] == value


def test_a_property_may_be_named_like_a_keyword(project: Project) -> None:
    properties = {"example": {"$ref": "#/schemas/WidgetState"}, "value": {"$ref": "#/schemas/WidgetState"}}
    project.widgets["schemas"]["Widget"]["properties"].update(properties)
    found = _bundle(project)["components"]["schemas"]["Widget"]["properties"]
    assert found["example"] == found["value"] == {"$ref": "#/components/schemas/WidgetState"}


def test_a_discriminator_leads_to_the_same_schemas(project: Project) -> None:
    project.widgets["schemas"]["WidgetPage"]["discriminator"] = {
        "propertyName": "kind",
        "mapping": {"widget": "#/schemas/Widget", "other": "Widget"},
    }
    mapping = _bundle(project)["components"]["schemas"]["WidgetPage"]["discriminator"]["mapping"]
    assert mapping == {"widget": "#/components/schemas/Widget", "other": "Widget"}


def test_components_of_the_root_may_stand_in_other_files(project: Project, tmp_path: Path) -> None:
    project.files["contracts/common/security.yaml"] = {
        "securitySchemes": project.root_file["components"]["securitySchemes"]
    }
    whole = {"securitySchemes": {"$ref": "common/security.yaml#/securitySchemes"}}
    single = {"securitySchemes": {"session": {"$ref": "common/security.yaml#/securitySchemes/session"}}}
    for components in (whole, single):
        project.root_file["components"] = components
        assert _bundle(project)["components"]["securitySchemes"]["session"]["name"] == "session"


def _with_general(project: Project) -> None:
    project.root_file["x-general-parameters"] = {"post": [{"$ref": "common/errors.yaml#/parameters/Key"}]}
    project.root_file["x-general-responses"] = {
        "post": {"404": {"$ref": "common/errors.yaml#/responses/NoWidget"}}
    }
    project.files["contracts/common/errors.yaml"]["parameters"] = {
        "Key": {"name": "Key", "in": "header", "schema": {"type": "string"}}
    }


def test_what_is_general_for_a_method_is_added_to_its_operations(project: Project) -> None:
    _with_general(project)
    found = _bundle(project)
    paths, key = found["paths"], {"$ref": "#/components/parameters/Key"}
    create = paths["/widgets"]["post"]
    assert create["parameters"][-1] == key
    assert create["responses"]["404"] == {"$ref": "#/components/responses/NoWidget"}
    assert list(create["responses"]) == sorted(create["responses"])
    assert key not in paths["/widgets"]["get"].get("parameters", [])
    assert "404" not in paths["/widgets"]["get"]["responses"]
    assert not [name for name in found if name.startswith("x-general-") and name != "x-general-errors"]


def test_an_operation_may_stay_out_of_what_is_general(project: Project) -> None:
    _with_general(project)
    project.operation("create_widget")["x-general-parameters"] = False
    found = _bundle(project)["paths"]["/widgets"]["post"]
    assert "404" not in found["responses"]
    assert "parameters" not in found
    assert "x-general-parameters" not in found


def test_an_answer_of_its_own_comes_before_the_general_one(project: Project) -> None:
    _with_general(project)
    own = project.operation("start_widget")["responses"]["404"] = {"description": "Its own."}
    path = _bundle(project)["paths"]["/widgets/{widget_id}/turn"]
    assert path["post"]["responses"]["404"]["description"] == own["description"]


def test_types_of_events_become_webhooks(project: Project) -> None:
    """An entry is short; what it becomes has the envelope's schema, narrowed, and a whole example."""
    document = _bundle(project)
    assert "x-events" not in document
    assert list(document["x-webhooks"]) == ["widget.created", "widget.turned"]
    made, turned = (document["x-webhooks"][name]["post"] for name in document["x-webhooks"])
    content = made["requestBody"]["content"]["application/json"]
    assert content["schema"]["properties"] == {
        "id": {"type": "string", "example": "evt_1"},
        "type": {"type": "string", "enum": ["widget.created"]},
        "data": {"$ref": "#/components/schemas/Widget"},
    }
    assert content["example"] == {
        "id": "evt_1",
        "type": "widget.created",
        "data": {"id": "w1", "name": "cog", "state": "idle", "parts": []},
    }
    assert made["description"] == "A widget was made."
    example = turned["requestBody"]["content"]["application/json"]["example"]
    assert example["changes"] == {"state": {"before": "turning", "after": "idle"}}


def test_an_event_needs_its_parts_and_an_envelope(project: Project) -> None:
    del project.widgets["events"]["widget.turned"]["data"]
    with pytest.raises(ContractError, match=r"widget\.turned: lacks data"):
        _bundle(project)
    project.widgets["events"].pop("widget.turned")
    project.widgets["schemas"].pop("Event")
    with pytest.raises(ContractError, match="needs the schema Event"):
        _bundle(project)
