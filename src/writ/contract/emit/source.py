"""The contract as the emitters see it, and how generated Python is laid out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# When a general error may be the answer of an operation.
CONDITIONS = ("always", "body", "secured", "parameters", "key")
# What publishes an event that no operation names: the end of every job, or Writ by itself.
CAUSES = ("job", "system")
HEADER = '"""{title}\n\nWritten by scripts/generate from contracts/; not edited by hand.\n"""\n\n'


@dataclass(frozen=True, slots=True)
class Source:
    """A project's folder, and its contract: bundled document, error catalogue, requirements."""

    root: Path
    document: dict[str, Any]
    catalogue: dict[str, dict[str, Any]]
    requirements: dict[str, str] = field(default_factory=dict)

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (path, method, operation) in the contract's order."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]

    def resolve(self, node: Any) -> Any:
        """Follow local references from `node` until something that is none."""
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            ref = node["$ref"]
            node = self.document
            for part in ref.split("/")[1:]:
                node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def parameters(self, path: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the parameters of an operation, those of its path item first, each resolved."""
        shared = self.document["paths"][path].get("parameters", [])
        found = {}
        for raw in [*shared, *operation.get("parameters", [])]:
            parameter = self.resolve(raw)
            found[parameter["in"], parameter["name"]] = parameter
        return list(found.values())

    def takes_key(self, path: str, operation: dict[str, Any]) -> bool:
        """Return whether an operation takes an Idempotency-Key."""
        found = self.parameters(path, operation)
        return any(p["in"] == "header" and p["name"].lower() == "idempotency-key" for p in found)

    def general_errors(self, path: str, operation: dict[str, Any]) -> tuple[str, ...]:
        """Return the codes that an operation may answer without naming them.

        `x-general-errors` says for each when: `always`, `body` (the operation takes one), `secured` (it asks
        for credentials), `parameters` (it has some) or `key` (it takes an Idempotency-Key).
        """
        holds = {
            "always": True,
            "body": "requestBody" in operation,
            "secured": bool(operation.get("security", self.document.get("security"))),
            "parameters": bool(self.parameters(path, operation)),
            "key": self.takes_key(path, operation),
        }
        general: dict[str, str] = self.document.get("x-general-errors") or {}
        return tuple(code for code, condition in general.items() if holds[condition])

    def webhooks(self) -> dict[str, dict[str, Any]]:
        """Return what is said of each type of event, by its name, in the form of an operation."""
        return {name: item["post"] for name, item in self.document.get("x-webhooks", {}).items()}

    def emits(self, operation: dict[str, Any]) -> tuple[str, ...]:
        """Return the events that an operation can cause: its own, and those of every order if it is one."""
        general: dict[str, str] = self.document.get("x-general-emits") or {}
        of_jobs = [name for name, cause in general.items() if cause == "job" and operation.get("x-job")]
        return (*texts(operation["x-emits"]), *of_jobs)

    def schemas(self) -> dict[str, dict[str, Any]]:
        """Return the named schemas."""
        found: dict[str, dict[str, Any]] = self.document.get("components", {}).get("schemas", {})
        return found

    def enums(self) -> dict[str, list[str]]:
        """Return the named schemas that are enumerations of strings, null left out."""
        result = {}
        for name, schema in self.schemas().items():
            values = [value for value in schema.get("enum", ()) if value is not None]
            if values and all(isinstance(value, str) for value in values):
                result[name] = values
        return result


def texts(value: Any) -> tuple[str, ...]:
    """Read a field that holds no word, one word or a list of words."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value)


def constant(word: str) -> str:
    """Return the name of the constant that stands for `word`: `hosting.deploy` is HOSTING_DEPLOY."""
    name = "".join(letter if letter.isalnum() else "_" for letter in word).upper()
    return f"_{name}" if name[:1].isdigit() else name


def python(title: str, body: str) -> str:
    """Return the text of a generated module, to be laid out by `laid_out`."""
    return HEADER.format(title=title) + body


def laid_out(files: dict[str, str]) -> dict[str, str]:
    """Return the texts by path, those of Python laid out by ruff with settings of its own."""
    modules = {name: text for name, text in files.items() if name.endswith(".py")}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in modules.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for command in (["check", "--fix", "--select", "I"], ["format"]):
            options = [
                "--isolated",
                "--no-cache",
                "--quiet",
                "--line-length",
                "110",
                "--target-version",
                "py311",
            ]
            subprocess.run([sys.executable, "-m", "ruff", *command, *options, folder], check=True)
        return files | {name: Path(folder, name).read_text(encoding="utf-8") for name in modules}
