"""`writ job`: what orders have become."""

from __future__ import annotations

import click

from writ.client.options import Session, api_command, limit_option

_COLUMNS = ("id", "kind", "status", "progress", "error_code", "created_at", "finished_at")


@click.group()
def job() -> None:
    """Look at jobs, follow, cancel and retry them."""


@api_command(job, "list")
@click.option("--status", help="Only queued, running, succeeded, failed or cancelled ones.")
@click.option("--kind", help="Only jobs of this kind, such as environment.deploy.")
@click.option("--site", "site_id", help="Only jobs of this site (id or slug).")
@click.option("--env", "environment_id", help="Only jobs of this environment (id or site/slug).")
@limit_option
def list_jobs(
    session: Session,
    status: str | None,
    kind: str | None,
    site_id: str | None,
    environment_id: str | None,
    most: int,
) -> None:
    """List jobs, newest first."""
    from writ.client.names import find_environment, find_site

    query = {
        "status": status,
        "kind": kind,
        "site_id": site_id and find_site(session.api, site_id),
        "environment_id": environment_id and find_environment(session.api, environment_id),
    }
    session.show.many(session.api.pages("/jobs", query, most), _COLUMNS)


@api_command(job, "show")
@click.argument("job_id")
def show(session: Session, job_id: str) -> None:
    """Show a job."""
    session.show.one(session.api.call("GET", f"/jobs/{job_id}"))


@api_command(job, "watch")
@click.argument("job_id")
def watch_job(session: Session, job_id: str) -> None:
    """Follow a job to its end; exit code 1 when it does not succeed."""
    from writ.client.follow import watch

    watch(session, job_id)


@api_command(job, "log")
@click.argument("job_id")
def log(session: Session, job_id: str) -> None:
    """Print the log of a job."""
    session.show.many(session.api.pages(f"/jobs/{job_id}/log"), ("at", "level", "step", "message"))


@api_command(job, "cancel")
@click.argument("job_id")
def cancel(session: Session, job_id: str) -> None:
    """Ask for a job to be cancelled."""
    session.show.one(session.api.call("POST", f"/jobs/{job_id}/cancel"))


@api_command(job, "retry")
@click.argument("job_id")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the new job to its end.")
def retry(session: Session, job_id: str, wait: bool) -> None:
    """Order what a failed or cancelled job was to do once more."""
    from writ.client.follow import order

    order(session, "POST", f"/jobs/{job_id}/retry", wait=wait)
