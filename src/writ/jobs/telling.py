"""What others hear of jobs: events, and a notification of one that failed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from writ.events.notifications import notify
from writ.events.publish import publish
from writ.jobs.models import Job
from writ.jobs.reading import show_job


def tell_job(session: Session, event_type: str, job: Job) -> UUID:
    """Publish an event about a job, in the unit of work that changed it; the event's id."""
    return publish(
        session,
        event_type,
        organization_id=job.organization_id,
        project_id=job.site_id,
        subject=f"job:{job.id}",
        data=show_job(session, job.id),
    )


def notify_of_failure(session: Session, job: Job) -> None:
    """Notify the administrators of a job that failed."""
    notify(
        session,
        organization_id=job.organization_id,
        project_id=job.site_id,
        kind="job.failed",
        title=f"{job.kind} failed",
        message=job.error_message or "",
        link=f"/api/jobs/{job.id}",
    )
