"""From many files to one OpenAPI document whose every `$ref` is local.

`contracts/openapi.yaml` names path items of resource files by `$ref`; they are put in place of the
reference. What the resource files keep under `schemas`, `parameters`, `responses`, `examples`, `headers`,
`requestBodies` and `links` becomes `components/<kind>/<Name>`. Names are therefore unique in the whole
contract, and the order of the result is the order of the sources.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from writ.contract.document import ContractError, load_mapping, pointer
from writ.contract.webhooks import as_webhooks

KINDS = (
    "schemas",
    "responses",
    "parameters",
    "examples",
    "requestBodies",
    "headers",
    "securitySchemes",
    "links",
)
# Below these keys stands data, not structure: a `$ref` there is an example of somebody's JSON.
_DATA_KEYS = frozenset({"example", "default", "enum", "value"})


def bundle(root: Path) -> dict[str, Any]:
    """Return the contract that begins in the file `root` as one OpenAPI document.

    Raises ContractError when a file or the target of a reference is missing, or when two files define the
    same component.
    """
    return _Bundler(root.resolve()).run()


class _Bundler:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[Path, dict[str, Any]] = {root: load_mapping(root)}
        self.components: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.homes: dict[tuple[str, str], Path] = {}
        self.taken: set[Path] = set()

    def run(self) -> dict[str, Any]:
        source = self.files[self.root]
        result: dict[str, Any] = {}
        for key, value in source.items():
            if key == "paths":
                result[key] = {path: self.path_item(item, path) for path, item in value.items()}
            elif key == "components":
                result[key] = self.components
                self.take_root(value)
            else:
                result[key] = self.walk(value, self.root, (key,))
        self.add_general(source, result)
        if "x-events" in result:
            result["x-webhooks"] = as_webhooks(result.pop("x-events"), self.components)
        result["components"] = {kind: entries for kind, entries in self.components.items() if entries}
        return result

    def add_general(self, source: dict[str, Any], result: dict[str, Any]) -> None:
        """Add what every operation shares, so that no operation has to repeat it.

        `x-general-headers` maps names of headers to their references, for every answer;
        `x-general-parameters` maps methods to references of parameters, for every operation with that method,
        and `x-general-responses` to answers by status, for those of them that have none of that status. An
        operation with `x-general-parameters: false` takes neither.
        """
        headers = result.pop("x-general-headers", {})
        parameters = result.pop("x-general-parameters", {})
        responses = result.pop("x-general-responses", {})
        operations = [
            (method, operation)
            for item in result["paths"].values()
            for method, operation in item.items()
            if isinstance(operation, dict) and "responses" in operation
        ]
        inline = [
            r for _, operation in operations for r in operation["responses"].values() if "$ref" not in r
        ]
        for response in (*inline, *self.components["responses"].values()):
            response["headers"] = {**response.get("headers", {}), **headers}
        for method, operation in operations:
            if not operation.pop("x-general-parameters", True):
                continue
            if method in parameters:
                operation["parameters"] = [*operation.get("parameters", ()), *parameters[method]]
            if method in responses:
                found = {**responses[method], **operation["responses"]}
                operation["responses"] = dict(sorted(found.items()))

    def name(self, file: Path) -> str:
        base = self.root.parent
        return str(file.relative_to(base)) if file.is_relative_to(base) else str(file)

    def path_item(self, item: Any, path: str) -> Any:
        if not isinstance(item, dict) or "$ref" not in item:
            return self.walk(item, self.root, ("paths", path))
        file, where = self.target(item["$ref"], self.root)
        place = f"{self.name(self.root)}: paths {path}"
        return self.walk(pointer(self.file(file), where, place=place), file, ("paths", path))

    def target(self, ref: Any, file: Path) -> tuple[Path, str]:
        """Split a `$ref` found in `file` into the file and the pointer that it names."""
        if not isinstance(ref, str) or "#" not in ref or "://" in ref:
            raise ContractError(
                f"{self.name(file)}: $ref {ref!r} must be <relative file>#/<pointer> or #/<pointer>"
            )
        name, _, where = ref.partition("#")
        return ((file.parent / name).resolve() if name else file), where

    def file(self, file: Path) -> dict[str, Any]:
        if file not in self.files:
            self.files[file] = load_mapping(file)
        return self.files[file]

    def take_root(self, components: Any) -> None:
        for kind, entries in components.items():
            if kind not in self.components:
                raise ContractError(f"{self.name(self.root)}: components/{kind} is no kind of component")
            home = self.root
            if "$ref" in entries:
                home, where = self.target(entries["$ref"], self.root)
                entries = pointer(self.file(home), where, place=f"{self.name(self.root)}: components/{kind}")
            for name, value in entries.items():
                file, found = home, value
                if isinstance(value, dict) and set(value) == {"$ref"}:
                    file, where = self.target(value["$ref"], home)
                    found = pointer(
                        self.file(file), where, place=f"{self.name(home)}: components/{kind}/{name}"
                    )
                self.add(kind, name, found, file)

    def add(self, kind: str, name: str, value: Any, file: Path) -> None:
        home = self.homes.get((kind, name))
        if home == file:
            return
        if home is not None:
            raise ContractError(
                f"{kind} {name!r} is defined in {self.name(home)} and in {self.name(file)}; rename one"
            )
        self.homes[kind, name] = file
        # Its place in the order is before what it refers to, and recursion ends here.
        self.components[kind][name] = None
        self.components[kind][name] = self.walk(value, file, (kind, name))

    def take(self, file: Path) -> None:
        """Make components of all that a file shares, so that the bundle does not depend on who asks first."""
        if file in self.taken:
            return
        self.taken.add(file)
        for kind in KINDS:
            for name, value in self.file(file).get(kind, {}).items():
                self.add(kind, name, value, file)

    def reference(self, ref: Any, file: Path) -> str:
        """Return the local reference that stands for `ref` in the bundle."""
        target, where = self.target(ref, file)
        place = f"{self.name(file)}: $ref {ref}"
        value = pointer(self.file(target), where, place=place)
        parts = where.split("/")[1:]
        if parts[:1] == ["components"]:
            parts = parts[1:]
        if len(parts) < 2 or parts[0] not in self.components:
            raise ContractError(f"{place}: does not name a component ({', '.join(KINDS)})")
        kind, name = parts[0], parts[1].replace("~1", "/").replace("~0", "~")
        if target == self.root:
            if where.startswith("/components/"):
                return "#" + where
        else:
            self.take(target)
        if len(parts) == 2:
            self.add(kind, name, value, target)
        return "#/components/" + "/".join(parts)

    def walk(self, node: Any, file: Path, at: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [self.walk(item, file, (*at, str(index))) for index, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        # A schema may have a property named like a keyword, so what stands under `properties` is never data.
        in_properties = at[-1] == "properties"
        if "$ref" in node and not in_properties:
            if at[-1].startswith("x-"):
                target, where = self.target(node["$ref"], file)
                found = pointer(self.file(target), where, place=f"{self.name(file)}: {'/'.join(at)}")
                return self.walk(found, target, at)
            return {"$ref": self.reference(node["$ref"], file)}
        result: dict[str, Any] = {}
        for key, value in node.items():
            if key in _DATA_KEYS and not in_properties:
                result[key] = value
            elif key == "mapping" and at[-1] == "discriminator":
                result[key] = {
                    name: self.reference(ref, file) if "#" in ref else ref for name, ref in value.items()
                }
            else:
                result[key] = self.walk(value, file, (*at, key))
        return result
