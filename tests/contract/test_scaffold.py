"""scripts/new-operation writes what an operation lacks, and nothing twice."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contract.project import HANDLERS, Project
from writ.contract import scaffold


def _run(project: Project, name: str) -> int:
    project.save()
    return scaffold.main([name, "--root", str(project.root)])


def _handlers(project: Project) -> Path:
    return project.root / "src" / "writ" / "shop" / "handlers.py"


def _test_file(project: Project, name: str) -> Path:
    return project.root / "tests" / "shop" / f"test_{name}.py"


def test_a_stub_says_that_it_is_none_and_a_test_says_what_it_owes(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.put("src/writ/shop/handlers.py", HANDLERS.replace("create_widget", "make_widget"))
    assert _run(project, "create_widget") == 0
    assert capsys.readouterr().out == (
        "wrote src/writ/shop/handlers.py\nwrote tests/shop/test_create_widget.py\n"
    )
    text = _handlers(project).read_text(encoding="utf-8")
    assert text.startswith(HANDLERS.replace("create_widget", "make_widget"))
    stub = next(
        n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == "create_widget"
    )
    space: dict[str, object] = {"Call": object, "Answer": object}
    exec(compile(ast.Module([stub], []), "stub", "exec"), space)
    with pytest.raises(NotImplementedError, match="create_widget"):
        space["create_widget"](None)  # type: ignore[operator]
    test = _test_file(project, "create_widget").read_text(encoding="utf-8")
    ast.parse(test)
    assert '"POST", "/api/widgets", json={"name": "cog"' in test
    assert "answer.status_code == 201" in test
    assert '["name", "parts", "state"]' in test
    assert 'pytest.mark.requirement("T-02")' in test


def test_path_parameters_are_those_of_their_examples(project: Project) -> None:
    _run(project, "start_widget")
    test = _test_file(project, "start_widget").read_text(encoding="utf-8")
    assert '"/api/widgets/0198c5d2-7a10-7cc3-8f5e-2f3a4b5c6d7e/turn"' in test
    assert "answer.status_code == 202" in test


def test_a_module_that_is_not_there_is_begun(project: Project) -> None:
    project.operation("create_widget")["x-openapi-router-controller"] = "writ.shop.makers"
    assert _run(project, "create_widget") == 0
    text = (project.root / "src" / "writ" / "shop" / "makers.py").read_text(encoding="utf-8")
    assert "from writ.gateway.call import Answer, Call" in text
    assert "def create_widget(call: Call) -> Answer:" in text


def test_only_what_is_missing_is_written(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = _handlers(project).read_bytes()
    assert _run(project, "create_widget") == 0
    assert capsys.readouterr().out == "wrote tests/shop/test_create_widget.py\n"
    assert _handlers(project).read_bytes() == before


def test_what_has_both_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    _run(project, "create_widget")
    capsys.readouterr()
    assert _run(project, "create_widget") == 2
    said = capsys.readouterr().out
    assert "has its handler in writ.shop.handlers and its test in tests/shop/test_create_widget.py" in said


def test_an_operation_that_the_contract_lacks_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(project, "paint_widget") == 2
    assert "no operation of the contract has this operationId" in capsys.readouterr().out
