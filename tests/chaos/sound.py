"""What must hold after every harm."""

from __future__ import annotations

import itertools
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from tests.chaos.chaos import Chaos
from tests.chaos.stages import Stage
from tests.chaos.visitor import Version, Visitor, code, files, version
from writ.hosting.jobs import KINDS
from writ.hosting.models import Backup, Environment, Release
from writ.jobs.models import FINAL, Job, JobHold, JobLock, JobStep

_number = itertools.count(1)
UNDO = {kind.name: {step.name: step.undo is not None for step in kind.steps} for kind in KINDS}


def assert_sound(chaos: Chaos, environment: str, serves: Version, visitor: Visitor) -> None:
    """All that was accepted has ended, nothing is left over, `serves` is served whole; a further deploy
    succeeds, and so does the way back from it, so that `serves` is served in the end too.
    """
    assert_jobs_ended(chaos)
    assert_served(chaos, environment, serves)
    assert_tidy(chaos, environment)
    further = code(version(f"further-{next(_number)}"))
    # What the environment's content is, a deploy does not change.
    then = {**serves, **further}
    visitor.known.append(then)
    chaos.client.carry_out(chaos.order_deploy(environment, files(further)), 30)
    assert_served(chaos, environment, then)
    assert_tidy(chaos, environment)
    chaos.client.carry_out(chaos.client.post(f"/environments/{environment}/rollback", json={}), 30)
    assert_served(chaos, environment, serves)
    assert_tidy(chaos, environment)


def assert_stage_sound(stage: Stage, serves: Version, visitor: Visitor) -> None:
    """As `assert_sound`; the stage goes on with what is served then."""
    stage.sound = False
    assert_sound(stage.chaos, stage.environment, serves, visitor)
    stage.now = serves
    stage.sound = True


def assert_jobs_ended(chaos: Chaos, seconds: float = 30.0) -> None:
    """No job runs for ever, nothing accepted is lost, no lock is left, and the steps fit the end."""

    def unfinished() -> int:
        with chaos.store.read() as connection:
            return connection.scalar(select(func.count()).where(Job.status.not_in(FINAL))) or 0

    chaos.until(lambda: unfinished() == 0, seconds)
    with chaos.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(JobHold)) == 0
        assert connection.scalar(select(func.count()).select_from(JobLock)) == 0
        jobs = connection.execute(select(Job.id, Job.kind, Job.status, Job.progress, Job.error_code)).all()
        steps: dict[UUID, list[tuple[str, str]]] = {}
        for step in connection.execute(select(JobStep).order_by(JobStep.job_id, JobStep.position)):
            steps.setdefault(step.job_id, []).append((step.name, step.status))
        assert connection.scalar(select(func.count()).where(Backup.status == "creating")) == 0
        assert connection.scalar(select(func.count()).where(Release.status == "building")) == 0
        busy = select(Environment.id).where(Environment.status.not_in(("active", "failed")))
        assert not connection.execute(busy).all()
    assert {UUID(job_id) for job_id in chaos.accepted} <= {job.id for job in jobs}
    for job in jobs:
        assert (job.status == "succeeded") == (job.error_code is None), job
        assert job.error_code != "INTERNAL_ERROR", chaos.get(f"/jobs/{job.id}/log")
        _assert_steps(job.kind, job.status, steps[job.id])
        assert job.status != "succeeded" or job.progress == 100


def _assert_steps(kind: str, status: str, steps: list[tuple[str, str]]) -> None:
    states = [state for _, state in steps]
    if status == "succeeded":
        assert set(states) == {"succeeded"}, steps
        return
    allowed = {"succeeded", "undone", status, "cancelled" if status == "cancelled" else "pending"}
    assert set(states) <= allowed, (kind, status, steps)
    assert states.count(status) <= 1 or status == "cancelled", steps
    # What could be undone has been.
    assert not [name for name, state in steps if state == "succeeded" and UNDO[kind][name]], steps


def assert_served(chaos: Chaos, environment: str, expected: Version) -> None:
    """Every file of exactly this version, from the sites server."""
    hostname = chaos.hostname(environment)
    found = {path: chaos.visit(hostname, path) for path in expected}
    assert {path: (it.status_code, it.text) for path, it in found.items()} == {
        path: (200, text) for path, text in expected.items()
    }


def assert_tidy(chaos: Chaos, environment: str) -> None:
    """Nothing lies about, on the node and on the control plane, and rows and disk tell the same."""
    home = chaos.home(environment)
    assert chaos.leftovers(environment) == []
    with chaos.store.read() as connection:
        query = select(Release.id, Release.status, Release.on_disk)
        rows = connection.execute(query.where(Release.environment_id == UUID(environment))).all()
        current = connection.scalar(
            select(Environment.current_release_id).where(Environment.id == UUID(environment))
        )
        backups = connection.execute(select(Backup.id, Backup.status)).all()
    on_disk = {path.name for path in (home / "releases").iterdir()}
    assert on_disk == {str(row.id) for row in rows if row.on_disk}
    assert str(current) in on_disk
    assert (home / "current").readlink() == Path("releases") / str(current)
    assert [row.status for row in rows if row.id == current] == ["good"]
    used = {
        (path / "wp-content" / "uploads").resolve().parent.parent.name
        for path in (home / "releases").iterdir()
    }
    assert {path.name for path in (home / "shared").iterdir()} == used
    known = {"releases", "shared", "current", "releases.jsonl", "cache.json", "scratch"}
    assert {path.name for path in home.iterdir()} <= known
    archives = chaos.product.home / "files" / "backups"
    stored = {path.name for path in archives.iterdir()} if archives.is_dir() else set()
    assert stored == {str(row.id) for row in backups if row.status == "available"}
    assert not list(chaos.product.home.glob("nodes/local/hosts/.*"))
