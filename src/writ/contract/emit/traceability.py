"""docs/contract-traceability.md: requirement → operation → handler → kind of job → test, and the gaps."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from writ.contract.emit.docs import NOTE, cell
from writ.contract.emit.source import Source, texts

WHOLE = ("all",)
PATH = "docs/contract-traceability.md"
_WORD = re.compile(r"""["'/]?[A-Za-z][A-Za-z0-9_-]*""")


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement with all that was found for it, and the links that are missing."""

    id: str
    words: str
    operations: tuple[str, ...]
    handlers: tuple[str, ...]
    job_kinds: tuple[str, ...]
    tests: tuple[str, ...]
    missing: tuple[str, ...]


def rows(source: Source) -> list[Row]:
    """Return a row for each requirement that the contract's own list names, in its order.

    A requirement needs a test that names it or one of its operations; an operation of it needs a handler. A
    requirement of the whole contract (`x-requirements` at its root), or one that no operation meets, needs a
    test that names it.
    """
    by_requirement = defaultdict(list)
    for _, _, operation in source.operations():
        for identifier in texts(operation["x-requirements"]):
            by_requirement[identifier].append(operation)
    tests = _tests(source.root / "tests")
    functions: dict[str, set[str]] = {}
    result = []
    for identifier, words in source.requirements.items():
        operations = by_requirement[identifier]
        names = tuple(operation["operationId"] for operation in operations)
        handlers, kinds = [], []
        for operation in operations:
            controller = operation["x-openapi-router-controller"]
            if controller not in functions:
                functions[controller] = _functions(source.root, controller)
            if operation["operationId"] in functions[controller]:
                handlers.append(f"{controller}.{operation['operationId']}")
            kind = (operation.get("x-job") or {}).get("kind")
            if kind and kind not in kinds:
                kinds.append(kind)
        whole = identifier in texts(source.document.get("x-requirements"))
        direct = tests.get(identifier, set())
        found = sorted(direct | {file for name in names for file in _naming(tests, name)})
        missing = []
        if not names and not whole and not direct:
            missing.append("operation")
        if len(handlers) < len(names):
            missing.append("handler")
        if not found:
            missing.append("test")
        result.append(
            Row(
                identifier,
                words,
                names or WHOLE * whole,
                tuple(handlers),
                tuple(kinds),
                tuple(found),
                tuple(missing),
            )
        )
    return result


def gaps(source: Source) -> list[str]:
    """Return each missing link as the list of known gaps has it: `<requirement> <operation|handler|test>`."""
    return [f"{row.id} {link}" for row in rows(source) for link in row.missing]


def judge(source: Source, listed: Path) -> list[str]:
    """Return what is wrong with the list of known gaps: a gap it lacks, or a line that is no gap any more."""
    known: list[str] = []
    if listed.exists():
        lines = (line.split("#")[0].strip() for line in listed.read_text(encoding="utf-8").splitlines())
        known = [line for line in lines if line]
    found = gaps(source)
    where = f"contracts/{listed.name}"
    return [
        *(
            f"{gap.split()[0]}: has no {gap.split()[1]}; add it (a test names the id or the operation). "
            f"{where} is for gaps of old and does not grow"
            for gap in found
            if gap not in known
        ),
        *(f"{where}: {line!r} is no gap any more; remove the line" for line in known if line not in found),
        *(f"{where}: {line!r} is there twice" for line in sorted({x for x in known if known.count(x) > 1})),
    ]


def emit(source: Source) -> dict[str, str]:
    """Return the page's text by its path."""
    table = rows(source)
    missing = [row for row in table if row.missing]
    lines = [
        NOTE,
        "# From requirement to test\n\n",
        f"{len(table)} requirements, {len(table) - len(missing)} of them whole. A test counts if it names\n",
        "the requirement or one of its operations.\n\n",
        "| requirement | in a few words | operation | handler | kind of job | test | missing |\n",
        "|---|---|---|---|---|---|---|\n",
    ]
    for row in table:
        cells = (row.operations, row.handlers, row.job_kinds, row.tests)
        shown = " | ".join("<br>".join(f"`{item}`" for item in items) or "—" for items in cells)
        lines.append(f"| {row.id} | {cell(row.words)} | {shown} | {', '.join(row.missing) or '—'} |\n")
    return {PATH: "".join(lines)}


def _naming(tests: dict[str, set[str]], name: str) -> set[str]:
    """Return the tests that name an operation: `"login"` and `/login` are names, the word alone is not."""
    forms = [f"{before}{name}" for before in ('"', "'", "/")]
    if "_" in name:
        forms.append(name)
    return {file for form in forms for file in tests.get(form, ())}


def _tests(folder: Path) -> dict[str, set[str]]:
    """Return for each word of the test files the files that hold it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.rglob("test_*.py")):
        name = path.relative_to(folder.parent).as_posix()
        for word in set(_WORD.findall(path.read_text(encoding="utf-8"))):
            found[word].add(name)
            if "-" in word:
                found[word.lstrip("\"'/")].add(name)
    return found


def _functions(root: Path, module: str) -> set[str]:
    path = root.joinpath("src", *module.split(".")).with_suffix(".py")
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
