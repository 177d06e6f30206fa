"""Following a job to its end by its stream of events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from writ.client.connection import Connection, Failure, Unreachable, refused
from writ.client.options import Session

FINAL = frozenset({"succeeded", "failed", "cancelled"})
_RECONNECTS = 10

Job = dict[str, Any]


def order(session: Session, method: str, path: str, body: Job | None = None, *, wait: bool) -> None:
    """Place an order; show its job at once, or follow it to its end.

    Raises:
        Failure: the order was refused, or its job did not succeed.
    """
    job_id = session.api.call(method, path, body)["job_id"]
    if wait:
        watch(session, job_id)
    else:
        session.show.one({"job_id": job_id})


def watch(session: Session, job_id: str) -> None:
    """Show a job's progress until it ends, then the job.

    Raises:
        Failure: it failed or was cancelled.
    """
    job: Job = {}
    with _Bar(session) as bar:
        for job in states(session.api, job_id):
            bar.see(job)
    session.show.one(job, hide=() if session.show.as_json else ("steps",))
    if job["status"] != "succeeded":
        why = f": {job['error_message']}" if job.get("error_message") else ""
        raise Failure(f"The job {job['status']}{why}")


def states(api: Connection, job_id: str) -> Iterator[Job]:
    """Every state of the job that is seen, the final one last. A cut stream is taken up again."""
    job = api.call("GET", f"/jobs/{job_id}")
    yield job
    for attempt in range(_RECONNECTS):
        if job["status"] in FINAL:
            return
        try:
            with api.http.stream(
                "GET", f"/jobs/{job_id}/events", headers={"Accept": "text/event-stream"}, timeout=60.0
            ) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise refused(answer)
                for name, data in read_events(answer.iter_lines()):
                    if name == "job":
                        job = data
                        yield job
        except httpx.TransportError:
            time.sleep(min(0.2 * 2**attempt, 5.0))
        if job["status"] not in FINAL:
            job = api.call("GET", f"/jobs/{job_id}")
            yield job
    raise Unreachable(f"The stream of job {job_id} broke off too often; look with `writ job show`.")


def read_events(lines: Iterator[str]) -> Iterator[tuple[str, Job]]:
    """Server-sent events (WHATWG HTML, 9.2) as names and JSON objects; what is no object is left out."""
    name, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line:
            if data:
                found = json.loads(data)
                if isinstance(found, dict):
                    yield name, found
            name, data = "message", ""


class _Bar:
    """A progress bar on a terminal; elsewhere a line for each step, unless JSON is wanted."""

    def __init__(self, session: Session) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

        self._console = Console(stderr=True, highlight=False)
        self._lines = not self._console.is_terminal and not session.show.as_json
        self._said = ""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
        )
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._shown = self._console.is_terminal and not session.show.as_json
        self._task = self._progress.add_task("waiting", total=100)

    def __enter__(self) -> _Bar:
        if self._shown:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()

    def see(self, job: Job) -> None:
        running = [step["name"] for step in job.get("steps", ()) if step["status"] == "running"]
        text = f"{job['kind']}: {running[0] if running else job['status']}"
        if self._shown:
            self._progress.update(self._task, completed=job["progress"], description=text)
        elif self._lines and text != self._said:
            self._said = text
            self._console.print(f"{job['progress']:>3} %  {text}", markup=False)
