"""Reads that only answer: selects of the columns that the contract's schemas name, as dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, bindparam, func, select, true
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
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


class _Lookup(NamedTuple):
    """One row by its id, if its site is the organization's: the columns shown, and where the site's id is."""

    select: Prepared
    keys: tuple[str, ...]
    site_at: int
    code: str
    noun: str


def _lookup(statement: Select[*tuple[Any, ...]], table: Any, site: Any) -> _Lookup:
    keys = tuple(statement.selected_columns.keys())
    if site.key in keys:
        site_at = keys.index(site.key)
    else:
        statement, site_at = statement.add_columns(site), len(keys)
    of_organization = Site.organization_id == bindparam("organization_id")
    noun = table.__name__.lower()
    prepared = Prepared(statement.where(table.id == bindparam("id"), of_organization))
    return _Lookup(prepared, keys, site_at, f"{noun.upper()}_NOT_FOUND", noun)


_ITS_SITE = Site.id == Environment.site_id
_ONE_SITE = _lookup(_SITE, Site, Site.id)
_ONE_ENVIRONMENT = _lookup(_ENVIRONMENT.join(Site, _ITS_SITE), Environment, Environment.site_id)
_ONE_BACKUP = _lookup(
    _BACKUP.join(Environment, Environment.id == Backup.environment_id).join(Site, _ITS_SITE),
    Backup,
    Environment.site_id,
)
_SITE_ID = _lookup(select(Site.id), Site, Site.id)
_ENVIRONMENT_ID = _lookup(select(Environment.site_id).join(Site, _ITS_SITE), Environment, Environment.site_id)
_SHOWN = {
    "site": _SITE.where(Site.id == bindparam("id")),
    "environment": _ENVIRONMENT.where(Environment.id == bindparam("id")),
    "backup": _BACKUP.where(Backup.id == bindparam("id")),
    "domain": _DOMAIN.where(Domain.id == bindparam("id")),
}


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


def get_site(connection: Connection, sight: Sight, site_id: UUID) -> dict[str, Any]:
    """The site as the contract shows it.

    Raises:
        Refusal: SITE_NOT_FOUND.
    """
    return _one(connection, sight, _ONE_SITE, site_id)


def list_sites(connection: Connection, sight: Sight, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the sites in sight."""
    filters = equals(query, {"status": Site.status, "slug": Site.slug})
    filters[Site.organization_id] = sight.organization_id
    sites = sight.sites()
    among = None if sites is None else (Site.id, sites)
    return read_page(connection, _SITE, _SITE_ORDERS, query, filters, among).as_json()


def get_environment(
    connection: Connection, sight: Sight, environment_id: UUID, settings: Settings
) -> dict[str, Any]:
    """The environment as the contract shows it.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    return _with_url(_one(connection, sight, _ONE_ENVIRONMENT, environment_id), settings)


def list_environments(
    connection: Connection, sight: Sight, site_id: UUID, query: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """A page of a site's environments.

    Raises:
        Refusal: SITE_NOT_FOUND.
    """
    _one(connection, sight, _SITE_ID, site_id)
    filters = equals(query, {"type": Environment.type, "status": Environment.status})
    filters[Environment.site_id] = site_id
    page = read_page(connection, _ENVIRONMENT, _ENVIRONMENT_ORDERS, query, filters)
    for row in page.data:
        _with_url(row, settings)
    return page.as_json()


def list_releases(
    connection: Connection, sight: Sight, environment_id: UUID, query: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of an environment's releases.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    _one(connection, sight, _ENVIRONMENT_ID, environment_id)
    filters = {Release.environment_id: environment_id, **equals(query, {"status": Release.status})}
    return read_page(connection, _RELEASE, _RELEASE_ORDERS, query, filters).as_json()


def list_backups(
    connection: Connection, sight: Sight, environment_id: UUID, query: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of an environment's backups.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    _one(connection, sight, _ENVIRONMENT_ID, environment_id)
    filters = equals(query, {"backup_scope": Backup.backup_scope, "status": Backup.status})
    filters[Backup.environment_id] = environment_id
    return read_page(connection, _BACKUP, _BACKUP_ORDERS, query, filters).as_json()


def get_backup(connection: Connection, sight: Sight, backup_id: UUID) -> dict[str, Any]:
    """The backup as the contract shows it.

    Raises:
        Refusal: BACKUP_NOT_FOUND.
    """
    return _one(connection, sight, _ONE_BACKUP, backup_id)


def list_domains(
    connection: Connection, sight: Sight, environment_id: UUID, query: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of an environment's domains.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    _one(connection, sight, _ENVIRONMENT_ID, environment_id)
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


def _metrics(jobs: ColumnElement[bool], sites: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    mine = (Job.organization_id == bindparam("organization_id"), Job.system == "hosting", jobs)
    running = select(func.count()).where(*mine, Job.status == RUNNING)
    queued = select(func.count()).where(*mine, Job.status == QUEUED)
    # Nodes belong to the installation, and to no organization.
    nodes = select(func.count(Node.id)).where(Node.status == "active")
    total = select(func.count(Site.id)).where(Site.organization_id == bindparam("organization_id"), sites)
    return select(
        running.scalar_subquery().label("jobs_running"),
        queued.scalar_subquery().label("jobs_queued"),
        nodes.scalar_subquery().label("nodes_active"),
        total.scalar_subquery().label("sites_total"),
    )


_METRICS = _metrics(true(), true())
_PROJECTS: BindParameter[Any] = bindparam("projects", expanding=True)
_METRICS_OF_PROJECTS = _metrics(Job.site_id.in_(_PROJECTS), Site.id.in_(_PROJECTS))


def read_metrics(connection: Connection, sight: Sight) -> dict[str, Any]:
    """Counters at this moment of what is in sight, from the database (no cache)."""
    projects = sight.sites()
    statement = _METRICS if projects is None else _METRICS_OF_PROJECTS
    parameters: dict[str, Any] = {"organization_id": sight.organization_id}
    if projects is not None:
        parameters["projects"] = projects
    return dict(connection.execute(statement, parameters).mappings().one())


def _one(connection: Connection, sight: Sight, lookup: _Lookup, row_id: UUID) -> dict[str, Any]:
    parameters = {"id": row_id, "organization_id": sight.organization_id}
    row = lookup.select.first(connection, parameters)
    if row is None or not sight.shows(row[lookup.site_at]):
        raise Refusal(lookup.code, f"There is no {lookup.noun} {row_id}.")
    # The site's id stands last where it is not shown.
    return dict(zip(lookup.keys, row, strict=False))


def _with_url(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    port = settings.sites_port
    row["url"] = f"http://{row['url']}:{port}/" if port and row["current_release_id"] is not None else None
    return row
