"""Kinds of job for tests. Steps write a trace; parameters say where they fail, wait or block."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.jobs.context import JobContext
from writ.jobs.kinds import REGISTRY, JobView, Kind, Step
from writ.jobs.models import Job
from writ.processes import run


def trace(folder: str, line: str) -> None:
    """Append a line; whole lines of several processes never mix."""
    descriptor = os.open(Path(folder) / "trace", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def do(name: str) -> Callable[[JobContext], None]:
    """A step that behaves as the parameters say: `fail`, `bug`, `full`, `block`, `slow` name the step."""

    def step(context: JobContext) -> None:
        said = context.parameters
        trace(said["folder"], f"do {name} {context.attempt}")
        context.log(f"doing {name}")
        context.data[name] = context.attempt
        if said.get("keep") == name:
            context.keep(kept=name)
        if said.get("fail") == name:
            raise Refusal("SOURCE_REF_NOT_FOUND")
        if said.get("bug") == name:
            raise RuntimeError("a bug with a secret place")
        if said.get("full") == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        if said.get("block") == name and context.attempt <= said.get("blocks", 1):
            Path(said["folder"], f"pid-{name}").write_text(str(os.getpid()))
            run(["sleep", "60"], timeout=60, stop=context.signal)
        if said.get("slow") == name:
            time.sleep(said["seconds"])
        trace(said["folder"], f"done {name} {context.attempt}")

    return step


def undo(name: str) -> Callable[[JobContext], None]:
    def step(context: JobContext) -> None:
        trace(context.parameters["folder"], f"undo {name} {context.attempt}")
        if context.parameters.get("undo_fails") == name:
            raise RuntimeError("the undo has a bug")

    return step


def steps(*, once: str | None = None) -> tuple[Step, ...]:
    return tuple(Step(n, do(n), undo(n), repeatable=n != once) for n in ("one", "two", "three"))


def mark_success(session: Session, view: JobView) -> None:
    if view.parameters.get("effect_fails"):
        raise RuntimeError("the effect of success has a bug")
    session.execute(update(Job).where(Job.id == view.id).values(result={"effect": "success"}))


def mark_failure(session: Session, view: JobView) -> None:
    session.execute(update(Job).where(Job.id == view.id).values(result={"effect": view.status}))
    if view.parameters.get("effect_fails"):
        raise RuntimeError("the effect of failure has a bug")


def occupy(context: JobContext) -> None:
    """Hold all resources of the job for a moment; notice anybody else who does."""
    folder = context.parameters["folder"]
    for name in context.parameters["resources"]:
        try:
            os.close(os.open(Path(folder) / name, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            trace(folder, f"violation {name}")
        trace(folder, f"{name} {context.parameters['number']}")
    time.sleep(0.01)
    for name in context.parameters["resources"]:
        (Path(folder) / name).unlink(missing_ok=True)


KINDS = (
    Kind("test.three", steps(), on_success=mark_success, on_failure=mark_failure),
    Kind("test.once", steps(once="two"), on_failure=mark_failure),
    Kind("test.occupy", (Step("occupy", occupy),)),
    Kind("test.quick", (Step("quick", lambda context: None),)),
    Kind("test.hasty", (Step("one", do("one"), undo("one"), timeout_seconds=0.5),)),
)
for kind in KINDS:
    REGISTRY.setdefault(kind.name, kind)
