"""The rules of backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
from writ.hosting.find import find_active_environment, find_backup, require_failed
from writ.hosting.models import Backup, Environment
from writ.hosting.orders import Orders
from writ.hosting.reading import get_backup
from writ.jobs.models import QUEUED, RUNNING, Job
from writ.store.base import new_id
from writ.store.files import FileStore

KIND_OF_FILE = "backups"


def add_backup(
    session: Session, environment_id: UUID, scope: str, reason: str, backup_id: UUID | None = None
) -> Backup:
    """Write the row of a backup that is about to be made, under a new id unless one is given."""
    backup = Backup(
        id=backup_id or new_id(), environment_id=environment_id, backup_scope=scope, reason=reason
    )
    session.add(backup)
    session.flush()
    return backup


def create_backup(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order a backup.

    Raises:
        Refusal: as `find_active_environment`.
    """
    environment = find_active_environment(orders.session, orders.sight, environment_id)
    backup = add_backup(orders.session, environment_id, body["backup_scope"], "requested")
    return _place_creation(orders, environment, backup)


def create_backup_again(orders: Orders, environment_id: UUID, backup_id: UUID) -> UUID:
    """Order a backup that failed once more, under its id.

    Raises:
        Refusal: BACKUP_NOT_FOUND, JOB_NOT_RETRYABLE, and as `find_active_environment`.
    """
    environment = find_active_environment(orders.session, orders.sight, environment_id)
    backup = find_backup(orders.session, orders.sight, backup_id)
    require_failed("backup", backup.status)
    backup.status = "creating"
    return _place_creation(orders, environment, backup)


def _place_creation(orders: Orders, environment: Environment, backup: Backup) -> UUID:
    return orders.place(
        "backup.create",
        {"backup_scope": backup.backup_scope},
        environments=[environment.id],
        site_id=environment.site_id,
        environment_id=environment.id,
        backup_id=backup.id,
    )


def restore_environment(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order an environment put back to what a backup holds; what is there now is backed up first.

    Raises:
        Refusal: BACKUP_NOT_FOUND, BACKUP_ENVIRONMENT_MISMATCH, BACKUP_NOT_AVAILABLE, and as
            `find_active_environment`.
    """
    environment = find_active_environment(orders.session, orders.sight, environment_id)
    backup = find_backup(orders.session, orders.sight, UUID(body["backup_id"]))
    if backup.environment_id != environment_id:
        raise Refusal("BACKUP_ENVIRONMENT_MISMATCH", field="/body/backup_id")
    if backup.status != "available":
        raise _not_available(backup.status)
    return orders.place(
        "environment.restore",
        {"backup_id": str(backup.id)},
        environments=[environment_id],
        site_id=environment.site_id,
        environment_id=environment_id,
        backup_id=backup.id,
    )


def _not_available(status: str) -> Refusal:
    return Refusal("BACKUP_NOT_AVAILABLE", f"The backup is {status}, not available.")


def delete_backup(orders: Orders, backup_id: UUID) -> UUID:
    """Order the end of a backup.

    Raises:
        Refusal: BACKUP_NOT_FOUND; BACKUP_IN_USE while a job makes, restores or deletes it.
    """
    backup = find_backup(orders.session, orders.sight, backup_id)
    in_use = select(Job.id).where(
        Job.environment_id == backup.environment_id,
        Job.status.in_((QUEUED, RUNNING)),
        Job.backup_id == backup_id,
    )
    if backup.status == "creating" or orders.session.scalar(in_use.limit(1)) is not None:
        raise Refusal("BACKUP_IN_USE", "A job is at work with this backup; wait for it.")
    was, backup.status = backup.status, "deleting"
    environment = orders.session.get_one(Environment, backup.environment_id)
    return orders.place(
        "backup.delete",
        {"was": was},
        environments=[environment.id],
        site_id=environment.site_id,
        environment_id=environment.id,
        backup_id=backup_id,
    )


def open_backup(
    connection: Connection, sight: Sight, files: FileStore, backup_id: UUID
) -> tuple[Iterator[bytes], dict[str, Any]]:
    """The bytes of a backup's archive, and its row.

    Raises:
        Refusal: BACKUP_NOT_FOUND, BACKUP_NOT_AVAILABLE.
    """
    row = get_backup(connection, sight, backup_id)
    if row["status"] != "available":
        raise _not_available(row["status"])
    if not files.path(KIND_OF_FILE, backup_id).is_file():
        raise Refusal("BACKUP_NOT_AVAILABLE", "The archive of this backup is not in the file store.")
    return files.chunks(KIND_OF_FILE, backup_id), row
