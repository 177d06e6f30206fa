"""Fuzz the contract with Schemathesis, all phases, against the product as a user starts it (`writ up`).

`python -m tests.conformance.run_schemathesis [--seconds N]`. Exits with Schemathesis' own status (0 passed, 1
found something, 2 wrong configuration), and with 1 when a job broke or the run was hollow: operations that
were not called, or that never once succeeded.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from tests.conformance.contract import CONTRACT, OPERATIONS
from tests.support.product import ROOT
from tests.support.world import World, install_programs
from writ.jobs.models import Job, JobLog
from writ.settings import Settings
from writ.store.work import Store

CREDENTIALS = CONTRACT["components"]["examples"]["CredentialsOfAdmin"]["value"]

COOKIE_IN_CONFIGURATION = '[auth.openapi.session]\napi_key = "${WRIT_SESSION_TOKEN}"'
KEY_IN_CONFIGURATION = '[auth.openapi.bearer]\nbearer = "${WRIT_API_KEY}"'

LINKS_FOLLOWED = 3
"""Fewer different links than this make the stateful phase hollow."""

LOGIN_ONLY = ("change_password", "get_consent_page", "submit_consent")
"""What only people who are logged in can do: a key gets nothing but 403, which would be told as a fault."""

NEVER_SUCCEEDS: dict[str, str] = {}
"""Operations that need not succeed in a run, each with its reason. It may only shrink."""


def start(home: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """Start `writ up` in the home and wait until all of it answers; the process, and its run.json."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
        "PATH": install_programs(home / "bin"),
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'generated'}",
        "WRIT_HOME": str(home),
        "WRIT_PORT": "0",
        "WRIT_ADMIN_EMAIL": CREDENTIALS["email"],
        "WRIT_ADMIN_PASSWORD": CREDENTIALS["password"],
        "WRIT_CHECK_ANSWERS": "true",
        "WRIT_STOP_GRACE_SECONDS": "3",
        "WRIT_RATE_LIMIT_FACTOR": "1000000",
        "WRIT_STREAM_SECONDS": "0.2",
        "WRIT_LOG_LEVEL": "warning",
    }
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "writ.cli", "up"], env=environment, stdout=log, stderr=log
        )
    give_up = time.monotonic() + 60
    while "Writ is ready." not in (home / "up.log").read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > give_up:
            stop(process)
            raise SystemExit(f"writ up did not start:\n{(home / 'up.log').read_text(errors='replace')}")
        time.sleep(0.1)
    state: dict[str, Any] = json.loads((home / "run.json").read_text())
    return process, state


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the product as Ctrl-C does."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def make_world(home: Path, state: dict[str, Any]) -> None:
    """Make what the contract's examples speak of."""
    settings = Settings(
        home=home, redis_url=f"unix://{home / 'redis' / 'redis.sock'}?db=0", sites_port=state["sites_port"]
    )
    world = World(settings, CONTRACT)
    try:
        world.build()
        world.wait_for_positions()
        world.add_webhooks()
    finally:
        world.close()


def fuzz(command: list[str], environment: dict[str, str], folder: Path) -> tuple[int, int]:
    """Run Schemathesis, showing what it says; its exit status, and how many links it followed."""
    links = 0
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if found := re.search(r"API Links:\s+(\d+) covered", line):
                links = int(found[1])
    return process.returncode, links


def make_runs(seconds: int) -> list[tuple[str, list[str]]]:
    """The credential and the options of each run: a fixed number of cases of single requests, with the cookie
    and, fewer, with a key; then sequences with the key until time is up.

    What a sequence finds depends on what the jobs have done by then, so a fixed number of sequences may end
    after a few: they are begun anew as long as there is time.
    """
    keyed = [option for operation in LOGIN_ONLY for option in ("--exclude-operation-id", operation)]
    return [
        ("cookie", ["--phases", "examples,coverage,fuzzing"]),
        ("key", [*keyed, "--phases", "examples,fuzzing", "--max-examples", "5"]),
        ("key", [*keyed, "--phases", "stateful", "--max-time", str(seconds)]),
    ]


def write_configurations(folder: Path) -> dict[str, Path]:
    """schemathesis.toml for each credential, by its name: as it is for the cookie."""
    source = ROOT / "schemathesis.toml"
    text = source.read_text()
    if COOKIE_IN_CONFIGURATION not in text:
        raise SystemExit(f"{source} does not say {COOKIE_IN_CONFIGURATION!r}; change both alike")
    keyed = folder / "schemathesis-key.toml"
    keyed.write_text(text.replace(COOKIE_IN_CONFIGURATION, KEY_IN_CONFIGURATION))
    return {"cookie": source, "key": keyed}


def make_key(url: str, client: httpx.Client) -> str:
    """A key that may do everything, made as people make one."""
    body = {"key_name": "conformance", "preset": "full", "key_type": "enterprise"}
    answer = client.post(f"{url}/api/v1/api-keys", json=body, timeout=20)
    answer.raise_for_status()
    key: str = answer.json()["api_key"]
    return key


def read_counts(folder: Path) -> dict[str, dict[str, int]]:
    """How often each operation gave each status, in all runs together."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file in folder.glob("*.json"):
        for operation_id, answers in json.loads(file.read_text()).items():
            counts[operation_id].update(answers)
    return {operation_id: dict(answers) for operation_id, answers in counts.items()}


def find_broken_jobs(home: Path) -> list[str]:
    """The jobs that ended by a fault of the program, in lines."""
    store = Store(f"sqlite:///{home / 'writ.db'}", pool_size=1)
    try:
        with store.read() as connection:
            rows = connection.execute(
                select(Job.kind, Job.parameters, JobLog.message)
                .join(JobLog, JobLog.job_id == Job.id)
                .where(Job.error_code == "INTERNAL_ERROR", JobLog.level == "error")
            ).all()
    finally:
        store.close()
    return [f"{row.kind} {row.parameters}: {row.message[-1500:]}" for row in rows]


def judge(counts: dict[str, dict[str, int]]) -> list[str]:
    """What makes the run hollow, in lines."""
    faults = []
    for operation_id in OPERATIONS:
        answers = counts.get(operation_id, {})
        if not answers:
            faults.append(f"{operation_id} was never called")
        elif str(OPERATIONS[operation_id].success) not in answers and operation_id not in NEVER_SUCCEEDS:
            faults.append(f"{operation_id} never succeeded: {answers}")
    return faults


def main() -> int:
    """Run, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--seconds", type=int, default=40, help="How long sequences of requests are tried (40)."
    )
    parser.add_argument("--keep", type=Path, help="Copy the product's logs into this folder afterwards.")
    parser.add_argument("options", nargs="*", help="Options for `st run`, after `--`.")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="writ-st-", ignore_cleanup_errors=True))
        )
        process, state = start(home)
        stack.callback(stop, process)
        if arguments.keep:
            stack.callback(shutil.copytree, home / "logs", arguments.keep, dirs_exist_ok=True)
        make_world(home, state)
        (home / "counts").mkdir()
        url = state["url"]
        client = stack.enter_context(httpx.Client())
        client.post(f"{url}/api/login", json=CREDENTIALS, timeout=20).raise_for_status()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "src", ROOT / "generated"))),
            "WRIT_SESSION_TOKEN": client.cookies["session_token"],
            "WRIT_API_KEY": make_key(url, client),
            "WRIT_CONFORMANCE_URL": url,
            "WRIT_CONFORMANCE_HOME": str(home),
            "WRIT_CONFORMANCE_COUNTS": str(home / "counts"),
        }
        configurations = write_configurations(home)
        program = str(Path(sys.executable).with_name("st"))
        runs = [("cookie", arguments.options), ("key", arguments.options)]
        results = [
            fuzz(
                [
                    *(program, "--config-file", str(configurations[credential])),
                    *("run", f"{url}/openapi.json", *options),
                ],
                environment,
                home,
            )
            for credential, options in (runs if arguments.options else make_runs(arguments.seconds))
        ]
        broken = find_broken_jobs(home)
        counts = read_counts(home / "counts")
    total = sum(sum(answers.values()) for answers in counts.values())
    print(f"{len(counts)} of {len(OPERATIONS)} operations called, {total} requests; answers:")
    for operation_id, answers in sorted(counts.items()):
        print(f"  {operation_id:<24}", "  ".join(f"{s}×{n}" for s, n in sorted(answers.items())))
    faults = judge(counts)
    links = sum(followed for _, followed in results)
    if links < LINKS_FOLLOWED:
        faults.append(f"the stateful phase followed {links} links, not {LINKS_FOLLOWED}")
    for fault in faults:
        print(f"hollow: {fault}")
    for fault in broken:
        print(f"broken job: {fault}")
    return max(status for status, _ in results) or (1 if faults or broken else 0)


if __name__ == "__main__":
    sys.exit(main())
