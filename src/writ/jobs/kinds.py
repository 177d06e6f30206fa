"""Kinds of job: lists of named steps that a system registers when it is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from writ.jobs.models import Job

if TYPE_CHECKING:
    from writ.jobs.context import JobContext


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a kind of job.

    `do` does the work. `undo` takes back what `do` did, wholly or in part; it may be called for a step that
    was cut off anywhere, and more than once, so it must find out what there is to undo. A step that is not
    `repeatable` is never begun a second time. `weight` is its share of the progress; `timeout_seconds`
    replaces the setting `step_timeout_seconds`.
    """

    name: str
    do: Callable[[JobContext], None]
    undo: Callable[[JobContext], None] | None = None
    repeatable: bool = True
    weight: int = 1
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the effects of a kind see it; changing it changes nothing."""

    id: UUID
    organization_id: UUID
    kind: str
    status: str
    site_id: UUID | None
    environment_id: UUID | None
    backup_id: UUID | None
    parameters: Mapping[str, Any]
    data: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error_code: str | None
    error_message: str | None
    retry_of: UUID | None
    created_by: UUID | None
    attempt: int


Effect = Callable[[Session, JobView], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job, e.g. `deploy` of `hosting`.

    `on_success` and `on_failure` (failed or cancelled: see the view's status) run in the transaction that
    sets the final state. `reorder` makes the new job of a retry by the system's own rules; without it the
    job is ordered again with the same parameters and resources. `max_attempts` replaces the setting.
    """

    name: str
    steps: tuple[Step, ...]
    system: str = "hosting"
    on_success: Effect | None = None
    on_failure: Effect | None = None
    reorder: Callable[[Session, Job], UUID] | None = None
    max_attempts: int | None = None
    _weights: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"kind {self.name}: needs at least one step, and no name twice")
        object.__setattr__(self, "_weights", sum(step.weight for step in self.steps) or 1)

    def percent(self, done: int, fraction: float = 0.0) -> int:
        """The progress, 0 to 99, with `done` steps behind it and a fraction of the next one."""
        weight = float(sum(step.weight for step in self.steps[:done]))
        if done < len(self.steps):
            weight += self.steps[done].weight * min(max(fraction, 0.0), 1.0)
        return min(99, int(100 * weight / self._weights))


REGISTRY: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind known to this process, under its name.

    Raises ValueError when another kind has that name.
    """
    if REGISTRY.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"two kinds of job are named {kind.name}")
    return kind


def view(job: Job) -> JobView:
    """The view of a job's row."""
    return JobView(
        id=job.id,
        organization_id=job.organization_id,
        kind=job.kind,
        status=job.status,
        site_id=job.site_id,
        environment_id=job.environment_id,
        backup_id=job.backup_id,
        parameters=job.parameters,
        data=job.data,
        result=job.result,
        error_code=job.error_code,
        error_message=job.error_message,
        retry_of=job.retry_of,
        created_by=job.created_by,
        attempt=job.attempt,
    )
