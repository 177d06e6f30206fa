"""scripts/generate writes what the contract implies, once, and notices when that is not what is there."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NotRequired, get_type_hints

import pytest

from tests.contract.project import REPOSITORY, Project
from writ.contract import generate
from writ.contract.emit import config, traceability
from writ.contract.emit.source import Source


def _run(project: Project, *arguments: str) -> int:
    project.save()
    return generate.main(["--root", str(project.root), *arguments])


def _module(project: Project, name: str) -> ModuleType:
    """Import one generated module by its file, so that it does not take the place of the real one."""
    path = project.root / "generated" / "writ_contract" / f"{name}.py"
    specification = importlib.util.spec_from_file_location(f"generated_{name}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    specification.loader.exec_module(module)
    return module


def test_it_writes_once_and_is_then_content(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(project) == 0
    said = capsys.readouterr().out
    assert "wrote generated/openapi.json" in said
    assert "No contract is released yet" in said
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    assert _run(project) == 0
    assert "wrote" not in capsys.readouterr().out
    assert _run(project, "--check") == 0
    assert before == {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}


def test_the_bundle_keeps_the_order_of_its_sources(project: Project) -> None:
    _run(project)
    text = (project.root / "generated" / "openapi.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text))[:3] == ["openapi", "info", "servers"]


def test_check_shows_the_difference_and_writes_nothing(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(project)
    project.files["contracts/common/error-codes.yaml"]["WIDGET_JAMMED"]["message"] = "It is stuck."
    target = project.root / "generated" / "writ_contract" / "errors.py"
    before = target.read_bytes()
    capsys.readouterr()
    assert _run(project, "--check") == 1
    said = capsys.readouterr().out
    assert "--- generated/writ_contract/errors.py" in said
    assert "It is stuck." in said
    assert "2 stale files" in said
    assert target.read_bytes() == before


def test_a_leftover_is_stale_and_goes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    _run(project)
    leftover = project.put("generated/writ_contract/old.py", "")
    assert _run(project, "--check") == 1
    assert "generated/writ_contract/old.py is written by nothing" in capsys.readouterr().out
    assert _run(project) == 0
    assert not leftover.exists()


def test_findings_stop_it_before_it_writes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.operation("list_widgets").pop("summary")
    assert _run(project) == 1
    assert "GET /widgets: has no summary; write it" in capsys.readouterr().out
    assert not (project.root / "generated").exists()


def test_an_unreadable_contract_is_told_in_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.root_file["paths"]["/widgets"]["$ref"] = "shop/gone.yaml#/paths/~1widgets"
    assert _run(project) == 2
    assert "gone.yaml: cannot be read" in capsys.readouterr().out


def test_a_breaking_change_stops_it(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    _run(project)
    released = (project.root / generate.BUNDLE).read_text(encoding="utf-8")
    project.put(generate.RELEASED, released)
    capsys.readouterr()
    assert _run(project, "--check") == 0
    assert "No contract is released yet" not in capsys.readouterr().out
    project.widgets["schemas"]["WidgetNew"]["required"].append("size")
    project.operation("create_widget")["requestBody"]["content"]["application/json"]["example"]["size"] = (
        "small"
    )
    project.operation("create_widget")["requestBody"]["content"]["application/json"]["example"]["parts"] = []
    assert _run(project, "--check") == 1
    assert (
        "size: became required; leave it optional, with a default [breaking: backward]"
        in capsys.readouterr().out
    )


def test_the_constants_say_what_the_contract_says(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(project)
    operations = _module(project, "operations")
    start = operations.OPERATIONS["start_widget"]
    assert list(operations.OPERATIONS) == ["list_widgets", "create_widget", "start_widget"]
    assert (start.method, start.path) == ("POST", "/widgets/{widget_id}/turn")
    assert (start.job_kind, start.locks, start.job_errors) == ("turn", ("widget",), ("WIDGET_JAMMED",))
    assert operations.OPERATIONS["create_widget"].redact == ("/body/name",)
    assert operations.JOB_KINDS["turn"].operations == ("start_widget",)
    errors = _module(project, "errors")
    assert errors.ERRORS[errors.WIDGET_NOT_FOUND].status == 404
    assert errors.ERRORS["WIDGET_JAMMED"].status is None
    scopes = _module(project, "scopes")
    assert {scopes.SHOP_READ, scopes.SHOP_WRITE} == {"shop.read", "shop.write"}
    assert {"shop.read", "shop.write"} == scopes.ALL_SCOPES
    assert {"widget.created", "widget.turned"} == _module(project, "events").ALL_EVENTS
    enums = _module(project, "enums")
    assert [state.value for state in enums.WidgetState] == ["idle", "turning", "broken"]
    monkeypatch.setitem(sys.modules, "writ_contract.enums", enums)
    states = _module(project, "states")
    assert states.TRANSITIONS[enums.WidgetState][enums.WidgetState.TURNING] == {"idle", "broken"}
    assert states.TRANSITIONS[enums.WidgetState][enums.WidgetState.BROKEN] == frozenset()


def test_the_models_tell_missing_from_null(project: Project) -> None:
    _run(project)
    models = _module(project, "models")
    hints = get_type_hints(models.Widget, vars(models), include_extras=True)
    assert hints["name"] is str
    assert hints["note"] == NotRequired[str | None]
    assert hints["parts"] == NotRequired[list[models.Widget]]


def test_generated_python_is_strictly_typed(project: Project, tmp_path: Path) -> None:
    _run(project)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-incremental",
            "--config-file",
            "/dev/null",
            "writ_contract",
        ],
        cwd=project.root / "generated",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_pages_tell_the_catalogue_and_the_states(project: Project) -> None:
    _run(project)
    errors = (project.root / "docs" / "error-codes.md").read_text(encoding="utf-8")
    assert "| `widget_not_found` | 404 | No such widget. | List the widgets. | `start_widget` | — |" in errors
    assert "| `widget_jammed` | — | It does not turn. | Oil it. | — | `turn` |" in errors
    assert "| `internal_error` | 500 | A bug. | Tell us. | every operation | — |" in errors
    states = (project.root / "docs" / "state-machines.md").read_text(encoding="utf-8")
    for line in (
        "[*] --> idle",
        "idle --> turning",
        "turning --> broken",
        "broken --> [*]",
        "| `broken` | final |",
    ):
        assert line in states


def test_requirements_are_traced_to_their_tests(project: Project) -> None:
    _run(project)
    page = (project.root / "docs" / "contract-traceability.md").read_text(encoding="utf-8")
    assert "2 requirements, 2 of them whole." in page
    assert (
        "| T-02 | widgets are made and turned | `create_widget`<br>`start_widget` "
        "| `writ.shop.handlers.create_widget`<br>`writ.shop.handlers.start_widget` | `turn` "
        "| `tests/shop/test_widgets.py` | — |"
    ) in page


def test_gaps_are_only_those_that_are_listed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.put("tests/shop/test_widgets.py", "# T-01\n")
    project.put("src/writ/shop/handlers.py", "def create_widget(call): ...\ndef list_widgets(call): ...\n")
    assert _run(project) == 1
    said = capsys.readouterr().out
    assert "T-02: has no handler; add it" in said
    assert "T-02: has no test; add it" in said
    capsys.readouterr()
    _run(project, "--gaps")
    gaps = capsys.readouterr().out
    assert gaps == "T-02 handler\nT-02 test\n"
    project.put(generate.GAPS, f"# known\n{gaps}")
    assert _run(project) == 0
    project.put("tests/shop/test_widgets.py", "# T-01 T-02\n")
    capsys.readouterr()
    assert _run(project) == 1
    assert "'T-02 test' is no gap any more; remove the line" in capsys.readouterr().out


def test_a_requirement_of_nobody_needs_at_least_a_test(project: Project) -> None:
    project.files["contracts/common/requirements.yaml"]["T-03"] = "the whole is quick"
    assert traceability.gaps(project.source()) == ["T-03 operation", "T-03 test"]
    project.root_file["x-requirements"] = ["T-03"]
    assert traceability.gaps(project.source()) == ["T-03 test"]
    project.put("tests/test_speed.py", "# T-03\n")
    assert traceability.gaps(project.source()) == []


@pytest.mark.parametrize(("text", "named"), [('"login"', True), ("/login", True), ("the login", False)])
def test_an_operation_of_one_word_is_not_named_by_the_word_alone(
    project: Project, text: str, named: bool
) -> None:
    project.operation("create_widget").update({"operationId": "login", "x-requirements": ["T-04"]})
    project.files["contracts/common/requirements.yaml"]["T-04"] = "one logs in"
    project.put("tests/shop/test_login.py", f"# {text}\n")
    assert ("T-04 test" not in traceability.gaps(project.source())) is named


def test_every_setting_is_on_its_page() -> None:
    page = config.emit(Source(REPOSITORY, {}, {}))["docs/config-matrix.md"]
    tree = ast.parse((REPOSITORY / "src" / "writ" / "settings.py").read_text(encoding="utf-8"))
    settings = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    names = [
        node.target.id for node in settings.body if isinstance(node, ast.AnnAssign) and _plain(node.target)
    ]
    assert "port" in names
    for name in names:
        assert f"| `WRIT_{name.upper()}` |" in page
    assert "| `WRIT_PORT` | whole number | `8080` |" in page


def _plain(target: Any) -> bool:
    return isinstance(target, ast.Name) and target.id != "model_config"


def test_the_script_explains_itself() -> None:
    run = subprocess.run(
        [REPOSITORY / "scripts" / "generate", "--help"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert "--check" in run.stdout
