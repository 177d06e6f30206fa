"""scripts/new-operation: the stub of a handler, and a test that fails until it is more than a stub.

The test asks for the operation's first example in the contract through the `client` fixture of the tests.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from writ.contract.bundle import bundle
from writ.contract.document import ContractError
from writ.contract.emit.source import Source, laid_out

_MODULE = '''"""Handlers: one function an operation, named by its operationId."""

from __future__ import annotations

from writ.gateway.call import Answer, Call
'''

_HANDLER = '''

def {name}(call: Call) -> Answer:
    """{summary}."""
    raise NotImplementedError("{name} has no handler yet")
'''

_TEST = '''"""{summary}: {method} {path}."""

from __future__ import annotations

import pytest

from tests.support.product import Client

pytestmark = pytest.mark.requirement({requirements})


def test_{name}_does_what_its_example_says(client: Client) -> None:
    answer = client.request({arguments})

    assert answer.status_code == {status}, answer.text
{expected}'''


def scaffold(root: Path, name: str) -> list[Path]:
    """Write what the operation `name` lacks, its handler, its test or both, and return the files.

    Raises ContractError when the contract has no such operation, or when it has both already.
    """
    source = Source(root, bundle(root / "contracts" / "openapi.yaml"), {})
    found = [entry for entry in source.operations() if entry[2]["operationId"] == name]
    if not found:
        raise ContractError(f"{name}: no operation of the contract has this operationId; add it there first")
    path, method, operation = found[0]
    controller = operation["x-openapi-router-controller"]
    module = root.joinpath("src", *controller.split(".")).with_suffix(".py")
    test = root / "tests" / controller.split(".")[1] / f"test_{name}.py"
    written = []
    if name not in _functions(module):
        module.parent.mkdir(parents=True, exist_ok=True)
        before = module.read_text(encoding="utf-8") if module.exists() else _MODULE
        stub = _HANDLER.format(name=name, summary=operation["summary"].rstrip("."))
        module.write_text(before.rstrip("\n") + "\n" + stub, encoding="utf-8")
        written.append(module)
    if not test.exists():
        test.parent.mkdir(parents=True, exist_ok=True)
        text = laid_out({test.name: _test(source, path, method, operation)})[test.name]
        test.write_text(text, encoding="utf-8")
        written.append(test)
    if not written:
        raise ContractError(
            f"{name}: has its handler in {controller} and its test in {test.relative_to(root)}"
        )
    return written


def _functions(module: Path) -> set[str]:
    if not module.exists():
        return set()
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _test(source: Source, path: str, method: str, operation: dict[str, Any]) -> str:
    base = source.document.get("servers", [{"url": ""}])[0]["url"]
    filled = base + path
    query: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    for parameter in source.parameters(path, operation):
        value = _value(source, parameter)
        if parameter["in"] == "path":
            filled = filled.replace("{" + parameter["name"] + "}", str(value))
        elif parameter.get("required"):
            {"query": query, "header": headers}.get(parameter["in"], {})[parameter["name"]] = value
    arguments = [repr(method.upper()), repr(filled)]
    for media, content in source.resolve(operation.get("requestBody", {})).get("content", {}).items():
        body = _value(source, content)
        if media == "application/json":
            arguments.append(f"json={body!r}")
        else:
            headers["Content-Type"] = media
            arguments.append(f"content={body!r}")
        break
    if query:
        arguments.append(f"params={query!r}")
    if headers:
        arguments.append(f"headers={headers!r}")
    status = next(status for status in operation["responses"] if status.startswith("2"))
    answer = source.resolve(operation["responses"][status]).get("content", {}).get("application/json")
    expected = ""
    if answer is not None:
        fields = sorted(value) if isinstance(value := _value(source, answer), dict) else []
        expected = (
            f"    assert sorted(answer.json()) == {fields!r}\n" if fields else "    assert answer.json()\n"
        )
    return _TEST.format(
        name=operation["operationId"],
        summary=operation["summary"].rstrip("."),
        method=method.upper(),
        path=path,
        requirements=", ".join(repr(item) for item in operation["x-requirements"]),
        arguments=", ".join(arguments),
        status=status,
        expected=expected,
    )


def _value(source: Source, content: dict[str, Any]) -> Any:
    """Return the first example of a parameter or a body, None where it has none."""
    if "example" in content:
        return content["example"]
    for raw in content.get("examples", {}).values():
        return source.resolve(raw).get("value")
    return source.resolve(content.get("schema", {})).get("example")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run scripts/new-operation. Returns 0, or 2 when there is nothing to write."""
    parser = argparse.ArgumentParser(
        prog="scripts/new-operation",
        description="Write the handler's stub and the test of an operation that has none.",
    )
    parser.add_argument("operation", metavar="OPERATION_ID", help="its operationId in the contract")
    parser.add_argument(
        "--root", type=Path, default=Path.cwd(), help="the project's folder (default: this one)"
    )
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        written = scaffold(root, options.operation)
    except ContractError as error:
        sys.stdout.write(f"{error}\n")
        return 2
    for path in written:
        sys.stdout.write(f"wrote {path.relative_to(root)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
