"""Everything that is written from the contract, in one pass: bundle, check, emit, then write or compare."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from writ.contract import breaking, lint
from writ.contract.bundle import bundle
from writ.contract.document import ContractError, load_mapping
from writ.contract.emit import code, config, docs, models, traceability
from writ.contract.emit.source import Source, laid_out

BUNDLE = "generated/openapi.json"
RELEASED = "contracts/released/openapi.json"
GAPS = "contracts/traceability-gaps.txt"
# A file in one of these folders that no emitter writes is a leftover, and goes.
_OWNED = ("generated",)


def read(root: Path) -> Source:
    """Read the contract of the project in the folder `root`. Raises ContractError when it cannot be read."""
    common = root / "contracts" / "common"
    return Source(
        root=root,
        document=bundle(root / "contracts" / "openapi.yaml"),
        catalogue=load_mapping(common / "error-codes.yaml"),
        requirements=load_mapping(common / "requirements.yaml"),
    )


def check(source: Source) -> list[str]:
    """Return every finding of the lint and of the comparison with the released contract, each on one line."""
    findings = [str(finding) for finding in lint.lint(source)]
    released = source.root / RELEASED
    if released.exists():
        before = load_mapping(released)
        if not breaking.may_break(before, source.document):
            findings += [str(finding) for finding in breaking.compare(before, source.document)]
    return findings


def render(source: Source) -> dict[str, str]:
    """Return all generated texts by path from the project's folder."""
    contract = json.dumps(source.document, indent=2, ensure_ascii=False) + "\n"
    files = {
        BUNDLE: contract,
        **code.emit_digest(contract),
        **code.emit(source),
        **models.emit(source),
        **docs.emit(source),
        **traceability.emit(source),
        **config.emit(source),
    }
    return laid_out(files)


def leftovers(root: Path, files: dict[str, str]) -> list[str]:
    """Return the files in generated folders that nothing writes any more."""
    found = []
    for folder in _OWNED:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            by_tools = any(
                part.startswith((".", "__pycache__")) or part.endswith(".egg-info")
                for part in path.relative_to(root).parts
            )
            if path.is_file() and not by_tools and name not in files:
                found.append(name)
    return found


def write(root: Path, files: dict[str, str]) -> list[str]:
    """Write what differs, remove leftovers, and return the paths that were touched."""
    touched = leftovers(root, files)
    for name in touched:
        (root / name).unlink()
    for name, text in files.items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            touched.append(name)
    return touched


def stale(root: Path, files: dict[str, str]) -> list[str]:
    """Return a unified diff for each file that is not what the contract says it should be."""
    diffs = []
    for name, text in files.items():
        path = root / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old != text or not path.exists():
            lines = difflib.unified_diff(
                old.splitlines(keepends=True),
                text.splitlines(keepends=True),
                name,
                f"{name} (from the contract)",
            )
            diffs.append("".join(lines) or f"{name} is missing (empty file)\n")
    diffs += [f"{name} is written by nothing any more: remove it\n" for name in leftovers(root, files)]
    return diffs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run scripts/generate.

    Returns 0 when all is well, 1 when there are findings, gaps or stale files, 2 for an unreadable contract.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/generate",
        description="Check the contract and write what follows from it: generated/ and some pages of docs/.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 with a diff if something is stale"
    )
    parser.add_argument(
        "--gaps", action="store_true", help=f"print the lines that {GAPS} would need, and stop"
    )
    parser.add_argument(
        "--root", type=Path, default=Path.cwd(), help="the project's folder (default: this one)"
    )
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    say = sys.stdout.write
    try:
        source = read(root)
        findings = check(source)
        if findings:
            say("".join(f"{finding}\n" for finding in findings))
            say(f"{len(findings)} findings; nothing was written.\n")
            return 1
        if options.gaps:
            say("".join(f"{gap}\n" for gap in traceability.gaps(source)))
            return 0
        files = render(source)
        wrong = traceability.judge(source, root / GAPS)
    except ContractError as error:
        say(f"{error}\n")
        return 2
    if not (root / RELEASED).exists():
        say(f"No contract is released yet ({RELEASED} is absent): nothing to compare with.\n")
    if options.check:
        diffs = stale(root, files)
        say("".join(diffs))
        if diffs:
            say(f"{len(diffs)} stale files: run scripts/generate and commit what it writes.\n")
        wrong_count = bool(diffs)
    else:
        for name in write(root, files):
            say(f"wrote {name}\n" if name in files else f"removed {name}\n")
        wrong_count = False
    say("".join(f"{line}\n" for line in wrong))
    return 1 if wrong or wrong_count else 0


if __name__ == "__main__":
    sys.exit(main())
