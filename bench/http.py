"""Writ beside stock Connexion, FastAPI and the limit: same database, same work, same server, in one run."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import table
from bench.home import PURGE, Home, add_many_jobs, seed
from bench.load import CONNECTIONS, Measured, Request, generator, press
from bench.peers.grown import grow
from bench.servers import Redis, Server

ONE, PAGE, ORDER = "GET one environment", "GET a page of jobs", "POST a deploy"
PEERS = {
    "writ": None,
    "connexion": "bench.peers.connexion:create_app",
    "fastapi": "bench.peers.fastapi:create_app",
    "limit": "bench.peers.limit:create_app",
}
AIMS = {"connexion": 4.0, "fastapi": 2.5, "limit": 0.6}
MORE_OPERATIONS, FEW_JOBS, MANY_JOBS = 500, 1_000, 1_000_000
GROWTH_AIM_PERCENT, PAGE_AIM = 5.0, 1.2
WARM_UP_SECONDS = 1.0


def requests(home: Home) -> list[Request]:
    """What is asked of every server."""
    environment = f"/api/environments/{home.environments[0]}"
    cookie = {"Cookie": f"session_token={home.token}"}
    order = {"source_type": "git", "source_ref": "https://git.example.com/site.git#main"}
    return [
        Request(ONE, "GET", [environment], cookie),
        Request(PAGE, "GET", ["/api/jobs?limit=20"], cookie),
        Request(
            ORDER,
            "POST",
            [f"{environment}/deploy"],
            {**cookie, "Content-Type": "application/json"},
            json.dumps(order),
        ),
    ]


def start(
    stack: ExitStack, name: str, home: Home, redis: Redis, factory: str | None, **variables: str
) -> Server:
    """A server on the home, ready to answer."""
    server = Server(name, home.folder, redis.url, factory=factory, **variables)
    stack.enter_context(server)
    asked = requests(home)[0]
    server.wait(asked.paths[0], asked.headers)
    return server


def rounds(
    servers: Sequence[Server], asked: Request, seconds: float, count: int
) -> dict[str, list[Measured]]:
    """Press every server in turn, again and again: what disturbs the machine disturbs all alike."""
    for server in servers:
        press(server.url, asked, min(WARM_UP_SECONDS, seconds))
    found: dict[str, list[Measured]] = {server.name: [] for server in servers}
    for number in range(count):
        # The other way round every second time, so that nobody always follows the same neighbour.
        for server in servers if number % 2 == 0 else list(reversed(servers)):
            found[server.name].append(press(server.url, asked, seconds))
    return found


def compare(
    folder: Path, redis: Redis, names: Sequence[str], seconds: float, count: int
) -> list[dict[str, Any]]:
    """The rows of all servers for all requests."""
    home = seed(folder / "seed", jobs=FEW_JOBS)
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        servers = [start(stack, name, home.copy(folder / name), redis, PEERS[name]) for name in names]
        _agree(servers, requests(home))
        for asked in requests(home):
            found = rounds(servers, asked, seconds, count)
            rows += [table.row(name, asked.name, table.middle(measured)) for name, measured in found.items()]
    return rows


def _agree(servers: Sequence[Server], asked: Sequence[Request]) -> None:
    # Servers that answer different things are not comparable.
    import httpx

    for request in asked[:2]:
        answers = {}
        for server in servers:
            body = httpx.get(server.url + request.paths[0], headers=dict(request.headers)).json()
            body.get("pagination", {}).pop("next_cursor", None)
            answers[server.name] = _plain(body)
        first = next(iter(answers.values()))
        for name, body in answers.items():
            if body != first:
                raise RuntimeError(f"{name} answers {request.name} with {body}, not {first}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    # Times are the same moment, however it is spelled.
    return value.replace("+00:00", "Z").replace(".000000Z", "Z") if isinstance(value, str) else value


def growth(folder: Path, redis: Redis, seconds: float, count: int, many: int) -> dict[str, Any]:
    """What 500 more operations cost, and what a long table costs."""
    # Jobs of one step: a million of the longest kind would fill gigabytes and change nothing about the page.
    home = seed(folder / "small", jobs=FEW_JOBS, kind=PURGE)
    contracts = {}
    for name, operations in (("as it is", 0), ("grown", MORE_OPERATIONS)):
        contracts[name] = folder / f"contract-{operations}.json"
        contracts[name].write_text(json.dumps(grow(operations)))
    one, page, _ = requests(home)
    factory = "bench.peers.grown:create_app"
    with ExitStack() as stack:
        both = [
            start(
                stack, name, home.copy(folder / f"home-{path.stem}"), redis, factory, BENCH_CONTRACT=str(path)
            )
            for name, path in contracts.items()
        ]
        measured = rounds(both, one, seconds, count)
    # Rounds in pairs: neighbours in time share whatever else the machine was doing.
    pairs = zip(measured["as it is"], measured["grown"], strict=True)
    cost = median(100.0 * (before.rps / after.rps - 1.0) for before, after in pairs)
    long = home.copy(folder / "long")
    begun = time.monotonic()
    add_many_jobs(long, many - FEW_JOBS, PURGE)
    print(f"wrote {many:,} jobs in {time.monotonic() - begun:.0f} s")
    with ExitStack() as stack:
        few = start(stack, "few", home.copy(folder / "short"), redis, None)
        lots = start(stack, "many", long, redis, None)
        pages = rounds([few, lots], page, seconds, count)
    factor = median(f.rps / m.rps for f, m in zip(pages["few"], pages["many"], strict=True))
    return {
        "operations": {
            "more": MORE_OPERATIONS,
            "cost_percent": round(cost, 1),
            "aim_percent": GROWTH_AIM_PERCENT,
        },
        "page_of_jobs": {"rows": many, "factor": round(factor, 2), "aim": PAGE_AIM},
        "rows": [
            table.row("writ", f"{ONE}, {MORE_OPERATIONS} more operations", table.middle(measured["grown"])),
            table.row("writ", f"{PAGE} among {many}", table.middle(pages["many"])),
        ],
    }


def main() -> None:
    """The command `./scripts/bench http`."""
    parser = argparse.ArgumentParser(prog="bench http", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per server and request (default 3)")
    parser.add_argument(
        "--quick", action="store_true", help="one second, one round, fewer rows: only that it runs"
    )
    parser.add_argument("--skip-growth", action="store_true", help="leave out what growth costs")
    parser.add_argument("--only", help="servers, by comma: " + ", ".join(PEERS))
    options = parser.parse_args()
    seconds, count, many = options.seconds, options.rounds, MANY_JOBS
    if options.quick:
        seconds, count, many = 1.0, 1, 20_000
    names = options.only.split(",") if options.only else list(PEERS)
    conditions = (
        f"granian, ASGI, uvloop, one process on one core; {generator()} with {CONNECTIONS} connections"
        f" on another; {count} rounds of {seconds:g} s, medians"
    )
    folder = Path(tempfile.mkdtemp(prefix="writ-bench-"))
    grown = None
    try:
        with Redis(folder) as redis:
            rows = compare(folder, redis, names, seconds, count)
            against = table.ratios(rows)
            table.show(conditions, rows, against)
            if not options.skip_growth:
                # A difference of a few per cent needs more pairs of rounds, and shorter ones.
                pairs = count if options.quick else 3 * count
                grown = growth(folder, redis, max(1.0, seconds / 2), pairs, many)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for peer, aim in AIMS.items():
        if (found := against.get(ONE, {}).get(peer)) is not None:
            print(f"{ONE}: {found:.2f} × {peer}, aim {aim} ×: {'met' if found >= aim else 'MISSED'}")
    if grown is not None:
        cost, factor = grown["operations"]["cost_percent"], grown["page_of_jobs"]["factor"]
        print(f"{MORE_OPERATIONS} more operations cost {cost:.1f} %, aim < {GROWTH_AIM_PERCENT:g} %")
        print(f"a page among {many:,} jobs costs {factor:.2f} × one among {FEW_JOBS:,}, aim <= {PAGE_AIM} ×")
        rows += grown.pop("rows")
    print(f"written to {table.write('http', rows, against, growth=grown, conditions=conditions)}")


if __name__ == "__main__":
    main()
