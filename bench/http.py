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
from bench.servers import Postgres, Recorder, Redis, Server

ONE, PAGE, ORDER = "GET one environment", "GET a page of jobs", "POST a deploy"
PEERS = {
    "writ": None,
    "connexion": "bench.peers.connexion:create_app",
    "fastapi": "bench.peers.fastapi:create_app",
    "limit": "bench.peers.limit:create_app",
}
KEYED_PEERS = {
    **PEERS,
    "connexion": "bench.peers.connexion:create_keyed_app",
    "fastapi": "bench.peers.fastapi:create_keyed_app",
}
KEYED = ", with a key"
DATABASES = ("sqlite", "postgresql")
AIMS = {"connexion": 6.0, "fastapi": 4.0, "limit": 0.55}
FRONT_DOOR_AIM_MS = 0.2
MORE_OPERATIONS, FEW_JOBS, MANY_JOBS = 500, 1_000, 1_000_000
GROWTH_AIM_PERCENT, PAGE_AIM = 5.0, 1.2
WARM_UP_SECONDS = 1.0


def requests(home: Home, suffix: str = "") -> list[Request]:
    """What is asked of every server, with the cookie, or with the key where the names have its suffix."""
    environment = f"/api/environments/{home.environments[0]}"
    caller = {"Cookie": f"session_token={home.token}"}
    if KEYED in suffix:
        caller = {"Authorization": f"Bearer {home.key}"}
    order = {"source_type": "git", "source_ref": "https://git.example.com/site.git#main"}
    return [
        Request(ONE + suffix, "GET", [environment], caller),
        Request(PAGE + suffix, "GET", ["/api/jobs?limit=20"], caller),
        Request(
            ORDER + suffix,
            "POST",
            [f"{environment}/deploy"],
            {**caller, "Content-Type": "application/json"},
            json.dumps(order),
        ),
    ]


def start(
    stack: ExitStack, name: str, home: Home, redis: Redis, factory: str | None, **variables: str
) -> Server:
    """A server on the home, ready to answer."""
    server = Server(
        name, home.folder, redis.url, factory=factory, WRIT_DATABASE_URL=home.database_url, **variables
    )
    stack.enter_context(server)
    asked = requests(home, KEYED if factory in KEYED_PEERS.values() else "")[0]
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
    """The rows of all servers for all requests with a cookie, where the peers know sessions and no more."""
    home = seed(folder / "seed", jobs=FEW_JOBS)
    with ExitStack() as stack:
        servers = [start(stack, name, home.copy(folder / name), redis, PEERS[name]) for name in names]
        return _rows(servers, requests(home), seconds, count)


def compare_keyed(
    folder: Path, redis: Redis, names: Sequence[str], databases: Sequence[str], seconds: float, count: int
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The rows of all servers for requests with a key, where the peers have scopes, limits and an audit log
    too; only the limit has nothing but the reads and orders themselves. Beside them, for each database, what
    the front door costs (see `front_door`).
    """
    home = seed(folder / "keyed-seed", jobs=FEW_JOBS)
    rows: list[dict[str, Any]] = []
    costs: dict[str, float] = {}
    for database in databases:
        with ExitStack() as stack:
            homes = {name: folder / f"keyed-{database}-{name}" for name in names}
            if database == "postgresql":
                postgres = stack.enter_context(Postgres(folder / "postgres"))
                own = {
                    name: home.copy_to(at, postgres.create_database(f"bench_{name}"))
                    for name, at in homes.items()
                }
            else:
                own = {name: home.copy(at) for name, at in homes.items()}
            if "writ" in own:
                stack.enter_context(Recorder(own["writ"].folder, own["writ"].database_url))
            servers = [start(stack, name, own[name], redis, KEYED_PEERS[name]) for name in names]
            asked = requests(home, f"{KEYED}, {database}")
            rows += _rows(servers, asked, seconds, count)
            if {"writ", "limit"} <= set(names):
                costs[database] = round(front_door(servers, asked[0], seconds, count), 3)
    return rows, costs


def front_door(servers: Sequence[Server], asked: Request, seconds: float, count: int) -> float:
    """Milliseconds of processor that a request costs at Writ beyond the bare handler's, median of pairs."""
    costs: dict[str, list[float]] = {"writ": [], "limit": []}
    for _ in range(count):
        for server in servers:
            if server.name in costs:
                before = server.processor_seconds()
                measured = press(server.url, asked, seconds)
                spent = server.processor_seconds() - before
                costs[server.name].append(1000 * spent / (measured.rps * seconds))
    return median(writ - bare for writ, bare in zip(costs["writ"], costs["limit"], strict=True))


def _rows(
    servers: Sequence[Server], asked: Sequence[Request], seconds: float, count: int
) -> list[dict[str, Any]]:
    _agree(servers, asked)
    rows: list[dict[str, Any]] = []
    for request in asked:
        found = rounds(servers, request, seconds, count)
        rows += [table.row(name, request.name, table.middle(measured)) for name, measured in found.items()]
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


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    """The command `./scripts/bench http`."""
    parser = argparse.ArgumentParser(prog="bench http", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per server and request (default 3)")
    parser.add_argument(
        "--quick", action="store_true", help="one second, one round, fewer rows: only that it runs"
    )
    parser.add_argument("--skip-growth", action="store_true", help="leave out what growth costs")
    parser.add_argument("--skip-cookie", action="store_true", help="leave out the requests with a cookie")
    parser.add_argument("--databases", default=",".join(DATABASES), help="for the requests with a key")
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
            rows = [] if options.skip_cookie else compare(folder, redis, names, seconds, count)
            databases = [name for name in options.databases.split(",") if name]
            keyed, costs = compare_keyed(folder, redis, names, databases, seconds, count)
            rows += keyed
            against = table.ratios(rows)
            table.show(conditions, rows, against)
            if not options.skip_growth:
                # A difference of a few per cent needs more pairs of rounds, and shorter ones.
                pairs = count if options.quick else 3 * count
                grown = growth(folder, redis, max(1.0, seconds / 2), pairs, many)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for request in (f"{ONE}{KEYED}, {database}" for database in databases):
        for peer, aim in AIMS.items():
            if (found := against.get(request, {}).get(peer)) is not None:
                print(f"{request}: {found:.2f} × {peer}, aim {aim} ×: {_verdict(found >= aim)}")
    for database, cost in costs.items():
        verdict = _verdict(cost <= FRONT_DOOR_AIM_MS)
        print(f"the front door, {database}: {cost:.3f} ms of processor, aim {FRONT_DOOR_AIM_MS}: {verdict}")
    if grown is not None:
        cost, factor = grown["operations"]["cost_percent"], grown["page_of_jobs"]["factor"]
        print(f"{MORE_OPERATIONS} more operations cost {cost:.1f} %, aim < {GROWTH_AIM_PERCENT:g} %")
        print(f"a page among {many:,} jobs costs {factor:.2f} × one among {FEW_JOBS:,}, aim <= {PAGE_AIM} ×")
        rows += grown.pop("rows")
    more = {"growth": grown, "front_door_ms": costs, "conditions": conditions}
    print(f"written to {table.write('http', rows, against, **more)}")


if __name__ == "__main__":
    main()
