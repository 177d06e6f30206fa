"""Figures as tables, and as files that other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.load import Measured

RESULTS = Path(__file__).with_name("results")


def middle(rounds: Iterable[Measured]) -> Measured:
    """The median of each figure over the rounds."""
    found = list(rounds)
    return Measured(
        median(m.rps for m in found), median(m.p50_ms for m in found), median(m.p99_ms for m in found)
    )


def row(server: str, request: str, measured: Measured) -> dict[str, Any]:
    """One row of the result file: requests a second, milliseconds."""
    return {
        "server": server,
        "request": request,
        "rps": round(measured.rps, 1),
        "p50_ms": round(measured.p50_ms, 3),
        "p99_ms": round(measured.p99_ms, 3),
    }


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """For each request, how many times a peer's figure Writ's is."""
    own = {r["request"]: r["rps"] for r in rows if r["server"] == "writ"}
    found: dict[str, dict[str, float]] = {}
    for r in rows:
        if r["server"] != "writ" and r["request"] in own and r["rps"]:
            found.setdefault(r["request"], {})[r["server"]] = round(own[r["request"]] / r["rps"], 2)
    return found


def show(title: str, rows: Sequence[dict[str, Any]], against: dict[str, dict[str, float]]) -> None:
    """Print the rows with the ratio of Writ to each peer."""
    table = Table(title=title, title_justify="left")
    table.add_column("request")
    table.add_column("server")
    for name in ("per second", "p50 ms", "p99 ms", "writ is"):
        table.add_column(name, justify="right")
    before = None
    for r in rows:
        factor = against.get(r["request"], {}).get(r["server"])
        if before is not None and r["request"] != before:
            table.add_section()
        table.add_row(
            r["request"] if r["request"] != before else "",
            r["server"],
            f"{r['rps']:,.0f}" if r["rps"] is not None else "",
            f"{r['p50_ms']:.2f}",
            f"{r['p99_ms']:.2f}",
            f"{factor:.2f} ×" if factor is not None else "",
        )
        before = r["request"]
    Console(width=110).print(table)


def write(
    name: str, rows: Sequence[dict[str, Any]], against: dict[str, dict[str, float]], **more: Any
) -> Path:
    """Write bench/results/<name>.json and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"rows": list(rows), "ratios": against, **more}, indent=1) + "\n")
    return path
