"""Hosting's kinds of job: lists of named steps, and what their end means for the rows they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from writ_contract.events import (
    BACKUP_DELETED,
    DOMAIN_ADDED,
    DOMAIN_REMOVED,
    ENVIRONMENT_CACHE_CHANGED,
    ENVIRONMENT_CACHE_PURGED,
    ENVIRONMENT_CREATED,
    ENVIRONMENT_DEPLOYED,
    ENVIRONMENT_DRIFT_CHECKED,
    ENVIRONMENT_DRIFTED,
    ENVIRONMENT_PROMOTED,
    ENVIRONMENT_RESTORED,
    ENVIRONMENT_ROLLED_BACK,
    ENVIRONMENT_UPDATED,
    SITE_CREATED,
    SITE_DELETED,
    SITE_IMPORTED,
)

from writ.hosting import backups, domains, environments, releases, sites
from writ.hosting.models import Backup, Domain, Environment, Release, Site
from writ.hosting.orders import Orders, orders_again
from writ.hosting.steps import backing_up, building, copying, keeping, serving
from writ.hosting.telling import look, tell
from writ.jobs.kinds import Effect, JobView, Kind, Step, register
from writ.jobs.models import Job
from writ.store.base import now

BUILT = (
    Step("check", building.check),
    Step("activate", serving.activate, serving.deactivate, weight=1),
    Step("verify", serving.verify),
    Step("tidy", serving.tidy),
)


def _reorder(rule: Callable[[Orders, Job], UUID]) -> Callable[[Session, Job], UUID]:
    return lambda session, job: rule(orders_again(session, job), job)


def _environment(job: Job) -> UUID:
    if job.environment_id is None:
        raise ValueError("this job has no environment")
    return job.environment_id


def _site(job: Job) -> UUID:
    if job.site_id is None:
        raise ValueError("this job has no site")
    return job.site_id


def _backup(job: Job) -> UUID:
    if job.backup_id is None:
        raise ValueError("this job has no backup")
    return job.backup_id


Key = Callable[[JobView], UUID | None]


Table = type[Site] | type[Environment] | type[Backup] | type[Domain]


def _made(table: Table, key: Key, status: str) -> Effect:
    """The row that the job was to make gets the status, unless its end was ordered meanwhile."""

    def effect(session: Session, job: JobView) -> None:
        row: Any = session.get(table, key(job))
        if row is not None and row.status == "creating":
            row.status = status

    return effect


def _not_deleted(table: Table, key: Key) -> Effect:
    """The row is still there: as it was if the deletion never began, else failed, as parts may be gone."""

    def effect(session: Session, job: JobView) -> None:
        row: Any = session.get(table, key(job))
        if row is not None:
            row.status = _after_no_deletion(session, job, row.id, job.parameters.get("was"))

    return effect


def _after_no_deletion(session: Session, job: JobView, row_id: UUID, was: str | None) -> str:
    if job.attempt > 0 or was is None:
        return "failed"
    if was != "creating":
        return was
    # Its creation went on while the deletion waited: what became of that is what it is now.
    creation = session.scalar(
        select(Job.status)
        .where(Job.kind.in_(("site.create", "environment.create", "site.import")))
        .where((Job.environment_id == row_id) | ((Job.site_id == row_id) & Job.environment_id.is_(None)))
        .order_by(Job.sequence.desc())
        .limit(1)
    )
    return {"succeeded": "active", "queued": "creating", "running": "creating"}.get(creation or "", "failed")


def _site_key(job: JobView) -> UUID | None:
    return job.site_id


def _environment_key(job: JobView) -> UUID | None:
    return job.environment_id


def _backup_key(job: JobView) -> UUID | None:
    return job.backup_id


def _domain_key(job: JobView) -> UUID:
    return UUID(job.parameters["domain_id"])


def _told(effect: Effect, event_type: str, key: Key) -> Effect:
    """The effect, and an event about the row that it is on."""

    def both(session: Session, job: JobView) -> None:
        effect(session, job)
        tell(session, event_type, key(job))

    return both


def _told_first(effect: Effect, event_type: str, key: Key) -> Effect:
    """An event about the row that the effect removes, and the effect."""

    def both(session: Session, job: JobView) -> None:
        tell(session, event_type, key(job))
        effect(session, job)

    return both


def _told_changes(effect: Effect, *event_types: str) -> Effect:
    """The effect, and events about the environment with what it changed."""

    def both(session: Session, job: JobView) -> None:
        before = look(session, "environment", job.environment_id)
        effect(session, job)
        for event_type in event_types:
            tell(session, event_type, job.environment_id, before)

    return both


def _served(session: Session, job: JobView) -> None:
    """The release that the job made (or went back to) is good, and the environment's current one."""
    release_id = UUID(str(job.parameters.get("release_id") or job.id))
    if job.environment_id is not None:
        serving.make_current(session, job.environment_id, release_id)


def _built_for_nothing(session: Session, job: JobView) -> None:
    """The release that the job was making is bad and gone; a safety backup that was not finished failed."""
    release = session.get(Release, job.id)
    if release is not None:
        release.status, release.on_disk = "bad", False
    safety = job.data.get("safety_backup_id")
    if safety is not None:
        backup = session.get(Backup, UUID(safety))
        if backup is not None and backup.status == "creating":
            backup.status = "failed"


_environment_lives = _made(Environment, _environment_key, "active")
_environment_fails = _made(Environment, _environment_key, "failed")


def _born(session: Session, job: JobView) -> None:
    _environment_lives(session, job)
    if session.get(Release, job.id) is not None:
        _served(session, job)


def _stillborn(session: Session, job: JobView) -> None:
    _built_for_nothing(session, job)
    _environment_fails(session, job)


def _imported(session: Session, job: JobView) -> None:
    environment = session.get(Environment, job.environment_id)
    # Failed: an earlier import or the creation came to nothing, and this one made it live.
    made = environment is not None and environment.status in ("creating", "failed")
    if environment is not None and made:
        environment.status = "active"
    _served(session, job)
    if made:
        tell(session, ENVIRONMENT_CREATED, job.environment_id)
    tell(session, SITE_IMPORTED, job.site_id)


def _compared(session: Session, job: JobView) -> None:
    """The verdict of a comparison is written down."""
    before = look(session, "environment", job.environment_id)
    environment = session.get(Environment, job.environment_id)
    if environment is None:
        return
    drifted = any((job.result or {}).get(kind) for kind in ("added", "changed", "deleted"))
    environment.drift_status = "drifted" if drifted else "clean"
    environment.drift_checked_at = now()
    tell(session, ENVIRONMENT_DRIFT_CHECKED, environment.id, before)
    if drifted:
        tell(session, ENVIRONMENT_DRIFTED, environment.id, before)


def _purged(session: Session, job: JobView) -> None:
    tell(session, ENVIRONMENT_CACHE_PURGED, job.environment_id)


def _cache_switched(session: Session, job: JobView) -> None:
    environment = session.get(Environment, job.environment_id)
    if environment is not None:
        for flag in ("fastcgi_cache_enabled", "redis_cache_enabled"):
            if job.parameters.get(flag) is not None:
                setattr(environment, flag, job.parameters[flag])


def _gone(table: type[Site | Backup | Domain], key: Key) -> Effect:
    """The row that the job is about is deleted."""

    def effect(session: Session, job: JobView) -> None:
        session.execute(delete(table).where(table.id == key(job)))

    return effect


def _site_not_deleted(session: Session, job: JobView) -> None:
    _not_deleted(Site, _site_key)(session, job)
    were = job.parameters.get("environments_were", {})
    for environment in session.scalars(select(Environment).where(Environment.site_id == job.site_id)):
        was = were.get(str(environment.id))
        environment.status = _after_no_deletion(session, job, environment.id, was)


def _reordered_creation(orders: Orders, job: Job) -> UUID:
    return environments.create_environment_again(orders, _environment(job))


KINDS = (
    Kind(
        "site.create",
        (Step("reach_node", keeping.reach_site_node),),
        on_success=_told(_made(Site, _site_key, "active"), SITE_CREATED, _site_key),
        on_failure=_made(Site, _site_key, "failed"),
        reorder=_reorder(lambda orders, job: sites.create_site_again(orders, _site(job))),
    ),
    Kind(
        "site.delete",
        (Step("take_down", keeping.take_down), Step("forget", keeping.forget)),
        on_success=_told_first(_gone(Site, _site_key), SITE_DELETED, _site_key),
        on_failure=_site_not_deleted,
        reorder=_reorder(lambda orders, job: sites.delete_site(orders, _site(job))),
    ),
    Kind(
        "site.import",
        (
            Step("prepare", keeping.prepare),
            Step("fetch", building.fetch_archive, serving.clear, weight=4),
            Step("back_up", backing_up.back_up_first("before_import"), backing_up.drop_unproved, weight=2),
            Step("unpack", building.unpack_import, building.discard, weight=3),
            *BUILT,
        ),
        on_success=_imported,
        on_failure=_stillborn,
        reorder=_reorder(
            lambda orders, job: sites.import_site(
                orders, _site(job), {"archive_url": job.parameters["archive_url"]}
            )
        ),
    ),
    Kind(
        "environment.delete",
        (Step("take_down", keeping.take_down), Step("forget", keeping.forget)),
        on_failure=_not_deleted(Environment, _environment_key),
        reorder=_reorder(lambda orders, job: environments.delete_environment(orders, _environment(job))),
    ),
    Kind(
        "environment.deploy",
        (
            Step("fetch", building.fetch, serving.clear, weight=4),
            Step("unpack", building.unpack, building.discard, weight=3),
            *BUILT,
        ),
        on_success=_told_changes(_served, ENVIRONMENT_DEPLOYED),
        on_failure=_built_for_nothing,
        reorder=_reorder(
            lambda orders, job: releases.deploy_environment(orders, _environment(job), dict(job.parameters))
        ),
    ),
    Kind(
        "environment.rollback",
        (Step("activate", serving.activate, serving.deactivate), Step("verify", serving.verify)),
        on_success=_told_changes(_served, ENVIRONMENT_ROLLED_BACK),
        reorder=_reorder(
            lambda orders, job: releases.rollback_environment(orders, _environment(job), dict(job.parameters))
        ),
    ),
    Kind(
        "environment.promote",
        (
            Step("back_up", backing_up.back_up_first("before_promote"), backing_up.drop_unproved, weight=3),
            Step("build", copying.build_copy("promote"), building.discard, weight=3),
            *BUILT,
        ),
        on_success=_told_changes(_served, ENVIRONMENT_PROMOTED),
        on_failure=_built_for_nothing,
        reorder=_reorder(
            lambda orders, job: releases.promote_environment(
                orders,
                UUID(job.parameters["source_environment_id"]),
                {
                    "target_environment_id": job.parameters["target_environment_id"],
                    "promotion_preset": job.parameters["preset"],
                },
            )
        ),
    ),
    Kind(
        "environment.restore",
        (
            Step("back_up", backing_up.back_up_first("before_restore"), backing_up.drop_unproved, weight=3),
            Step("build", copying.build_from_backup, building.discard, weight=3),
            *BUILT,
        ),
        on_success=_told_changes(_served, ENVIRONMENT_RESTORED),
        on_failure=_built_for_nothing,
        reorder=_reorder(
            lambda orders, job: backups.restore_environment(orders, _environment(job), dict(job.parameters))
        ),
    ),
    Kind(
        "environment.update",
        (Step("update", copying.build_update, building.discard, weight=6), *BUILT),
        on_success=_told_changes(_served, ENVIRONMENT_UPDATED),
        on_failure=_built_for_nothing,
        reorder=_reorder(
            lambda orders, job: environments.update_environment(
                orders, _environment(job), dict(job.parameters)
            )
        ),
    ),
    Kind(
        "environment.drift_check",
        (Step("compare", keeping.compare),),
        on_success=_compared,
        reorder=_reorder(lambda orders, job: environments.check_drift(orders, _environment(job))),
    ),
    Kind(
        "environment.cache",
        (Step("switch", keeping.switch_cache, keeping.switch_cache_back),),
        on_success=_told_changes(_cache_switched, ENVIRONMENT_CACHE_CHANGED),
        reorder=_reorder(
            lambda orders, job: environments.set_cache(orders, _environment(job), dict(job.parameters))
        ),
    ),
    Kind(
        "environment.cache_purge",
        (Step("purge", keeping.purge),),
        on_success=_purged,
        reorder=_reorder(lambda orders, job: environments.purge_cache(orders, _environment(job))),
    ),
    Kind(
        "backup.create",
        (
            Step("archive", backing_up.archive, backing_up.drop_archive, weight=3),
            Step("prove", backing_up.prove, weight=2),
        ),
        on_failure=_made(Backup, _backup_key, "failed"),
        reorder=_reorder(
            lambda orders, job: backups.create_backup_again(orders, _environment(job), _backup(job))
        ),
    ),
    Kind(
        "backup.delete",
        (Step("remove", keeping.drop_backup),),
        on_success=_told_first(_gone(Backup, _backup_key), BACKUP_DELETED, _backup_key),
        on_failure=_not_deleted(Backup, _backup_key),
        reorder=_reorder(lambda orders, job: backups.delete_backup(orders, _backup(job))),
    ),
    Kind(
        "domain.create",
        (Step("serve", keeping.serve_hostname, keeping.stop_hostname),),
        on_success=_told(_made(Domain, _domain_key, "active"), DOMAIN_ADDED, _domain_key),
        on_failure=_made(Domain, _domain_key, "failed"),
        reorder=_reorder(
            lambda orders, job: domains.create_domain_again(
                orders, _environment(job), UUID(job.parameters["domain_id"])
            )
        ),
    ),
    Kind(
        "domain.delete",
        (Step("withdraw", keeping.stop_hostname),),
        on_success=_told_first(_gone(Domain, _domain_key), DOMAIN_REMOVED, _domain_key),
        on_failure=_not_deleted(Domain, _domain_key),
        reorder=_reorder(
            lambda orders, job: domains.delete_domain(orders, UUID(job.parameters["domain_id"]))
        ),
    ),
    Kind(
        "environment.create",
        (
            Step("reach_node", keeping.reach),
            Step("prepare", keeping.prepare, keeping.unprepare),
            Step("copy", copying.clone, building.discard, weight=4),
            Step("activate", serving.activate_built, serving.deactivate),
            Step("verify", serving.verify_built),
        ),
        on_success=_told(_born, ENVIRONMENT_CREATED, _environment_key),
        on_failure=_stillborn,
        reorder=_reorder(_reordered_creation),
    ),
)

for _kind in KINDS:
    register(_kind)
