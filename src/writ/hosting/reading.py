"""Reads that only answer: selects of the columns that the contract's schemas name, as dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, func, select
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.hosting.models import Backup, Domain, Environment, Node, Release, Site
from writ.jobs.models import QUEUED, RUNNING, Job
from writ.settings import Settings
from writ.store.paging import Order, equals, read_page
from writ.store.prepared import Prepared

_SITE = select(
    Site.id, Site.name, Site.slug, Site.repository_url, Site.status, Site.created_at, Site.updated_at
)
_ENVIRONMENT = select(
    Environment.id,
    Environment.site_id,
    Environment.name,
    Environment.slug,
    Environment.type,
    Environment.status,
    Environment.hostname.label("url"),
    Environment.current_release_id,
    Environment.source_environment_id,
    Environment.promotion_preset,
    Environment.fastcgi_cache_enabled,
    Environment.redis_cache_enabled,
    Environment.drift_status,
    Environment.drift_checked_at,
    Environment.created_at,
    Environment.updated_at,
)
_RELEASE = select(
    Release.id,
    Release.environment_id,
    Release.source_type,
    Release.source_ref,
    Release.commit,
    Release.sha256,
    Release.status,
    and_(Environment.current_release_id.is_not(None), Environment.current_release_id == Release.id).label(
        "active"
    ),
    Release.on_disk.label("kept"),
    Release.file_count,
    Release.size_bytes,
    Release.created_at,
    Release.activated_at,
).join(Environment, Environment.id == Release.environment_id)
_BACKUP = select(
    Backup.id,
    Backup.environment_id,
    Backup.backup_scope,
    Backup.reason,
    Backup.status,
    Backup.size_bytes,
    Backup.sha256,
    Backup.verified_at,
    Backup.created_at,
)
_DOMAIN = select(Domain.id, Domain.environment_id, Domain.hostname, Domain.status, Domain.created_at)

_ONE_SITE = Prepared(_SITE.where(Site.id == bindparam("id")))
_ONE_ENVIRONMENT = Prepared(_ENVIRONMENT.where(Environment.id == bindparam("id")))
_ONE_BACKUP = Prepared(_BACKUP.where(Backup.id == bindparam("id")))
_SHOWN = {
    "site": _SITE.where(Site.id == bindparam("id")),
    "environment": _ENVIRONMENT.where(Environment.id == bindparam("id")),
    "backup": _BACKUP.where(Backup.id == bindparam("id")),
    "domain": _DOMAIN.where(Domain.id == bindparam("id")),
}
_SITE_EXISTS = Prepared(select(Site.id).where(Site.id == bindparam("id")))
_ENVIRONMENT_EXISTS = Prepared(select(Environment.id).where(Environment.id == bindparam("id")))


def _by_creation(table: Any) -> dict[str, Order]:
    key = (table.created_at, table.id)
    return {"-created_at": Order(key, True), "created_at": Order(key, False)}


_SITE_ORDERS = {
    **_by_creation(Site),
    "slug": Order((Site.slug,), False),
    "-slug": Order((Site.slug,), True),
}
_ENVIRONMENT_ORDERS = _by_creation(Environment)
_RELEASE_ORDERS = _by_creation(Release)
_BACKUP_ORDERS = _by_creation(Backup)
_DOMAIN_ORDERS = _by_creation(Domain)


def get_site(connection: Connection, site_id: UUID) -> dict[str, Any]:
    """The site as the contract shows it.

    Raises:
        Refusal: SITE_NOT_FOUND.
    """
    return _one(connection, _ONE_SITE, site_id, "SITE_NOT_FOUND", "site")


def list_sites(connection: Connection, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of sites."""
    filters = equals(query, {"status": Site.status, "slug": Site.slug})
    return read_page(connection, _SITE, _SITE_ORDERS, query, filters).as_json()


def get_environment(connection: Connection, environment_id: UUID, settings: Settings) -> dict[str, Any]:
    """The environment as the contract shows it.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    row = _one(connection, _ONE_ENVIRONMENT, environment_id, "ENVIRONMENT_NOT_FOUND", "environment")
    return _with_url(row, settings)


def list_environments(
    connection: Connection, site_id: UUID, query: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """A page of a site's environments.

    Raises:
        Refusal: SITE_NOT_FOUND.
    """
    _require(connection, _SITE_EXISTS, site_id, "SITE_NOT_FOUND", "site")
    filters = equals(query, {"type": Environment.type, "status": Environment.status})
    filters[Environment.site_id] = site_id
    page = read_page(connection, _ENVIRONMENT, _ENVIRONMENT_ORDERS, query, filters)
    for row in page.data:
        _with_url(row, settings)
    return page.as_json()


def list_releases(connection: Connection, environment_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of an environment's releases.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    _require(connection, _ENVIRONMENT_EXISTS, environment_id, "ENVIRONMENT_NOT_FOUND", "environment")
    filters = {Release.environment_id: environment_id, **equals(query, {"status": Release.status})}
    return read_page(connection, _RELEASE, _RELEASE_ORDERS, query, filters).as_json()


def list_backups(connection: Connection, environment_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of an environment's backups.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    _require(connection, _ENVIRONMENT_EXISTS, environment_id, "ENVIRONMENT_NOT_FOUND", "environment")
    filters = equals(query, {"backup_scope": Backup.backup_scope, "status": Backup.status})
    filters[Backup.environment_id] = environment_id
    return read_page(connection, _BACKUP, _BACKUP_ORDERS, query, filters).as_json()


def get_backup(connection: Connection, backup_id: UUID) -> dict[str, Any]:
    """The backup as the contract shows it.

    Raises:
        Refusal: BACKUP_NOT_FOUND.
    """
    return _one(connection, _ONE_BACKUP, backup_id, "BACKUP_NOT_FOUND", "backup")


def list_domains(connection: Connection, environment_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of an environment's domains.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    _require(connection, _ENVIRONMENT_EXISTS, environment_id, "ENVIRONMENT_NOT_FOUND", "environment")
    filters = {Domain.environment_id: environment_id, **equals(query, {"status": Domain.status})}
    return read_page(connection, _DOMAIN, _DOMAIN_ORDERS, query, filters).as_json()


def show(session: Session, noun: str, row_id: UUID, settings: Settings) -> dict[str, Any] | None:
    """A site, environment, backup or domain as its GET or list shows it; None when there is none.

    It is read in a unit of work that is not committed yet, by what the session executes.
    """
    session.flush()
    row = session.execute(_SHOWN[noun], {"id": row_id}).mappings().one_or_none()
    if row is None:
        return None
    return _with_url(dict(row), settings) if noun == "environment" else dict(row)


_METRICS = select(
    select(func.count())
    .where(Job.system == "hosting", Job.status == RUNNING)
    .scalar_subquery()
    .label("jobs_running"),
    select(func.count())
    .where(Job.system == "hosting", Job.status == QUEUED)
    .scalar_subquery()
    .label("jobs_queued"),
    select(func.count(Node.id)).where(Node.status == "active").scalar_subquery().label("nodes_active"),
    select(func.count(Site.id)).scalar_subquery().label("sites_total"),
)


def read_metrics(connection: Connection) -> dict[str, Any]:
    """Counters at this moment, from the database (no cache)."""
    return dict(connection.execute(_METRICS).mappings().one())


def _one(connection: Connection, select_one: Prepared, row_id: UUID, code: str, noun: str) -> dict[str, Any]:
    row = select_one.first(connection, {"id": row_id})
    if row is None:
        raise Refusal(code, f"There is no {noun} {row_id}.")
    return dict(zip(select_one.keys, row, strict=True))


def _require(connection: Connection, select_one: Prepared, row_id: UUID, code: str, noun: str) -> None:
    if select_one.first(connection, {"id": row_id}) is None:
        raise Refusal(code, f"There is no {noun} {row_id}.")


def _with_url(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    port = settings.sites_port
    row["url"] = f"http://{row['url']}:{port}/" if port and row["current_release_id"] is not None else None
    return row
