"""Hosting's operations: call a rule, then answer."""

from __future__ import annotations

from writ.gateway.call import Answer, Call, accepted, ok
from writ.gateway.sight import sight_of
from writ.hosting import (
    backups,
    domains,
    environments,
    magic_login,
    reading,
    releases,
    sites,
    uploads,
)
from writ.hosting.orders import orders_of


def list_sites(call: Call) -> Answer:
    """A page of sites."""
    return ok(reading.list_sites(call.read, sight_of(call), call.query))


def create_site(call: Call) -> Answer:
    """Order a site."""
    return accepted(sites.create_site(orders_of(call), call.body))


def get_site(call: Call) -> Answer:
    """One site."""
    return ok(reading.get_site(call.read, sight_of(call), call.path["id"]))


def delete_site(call: Call) -> Answer:
    """Order the end of a site."""
    return accepted(sites.delete_site(orders_of(call), call.path["id"]))


def import_site(call: Call) -> Answer:
    """Order the import of an archive."""
    return accepted(sites.import_site(orders_of(call), call.path["id"], call.body))


def list_site_environments(call: Call) -> Answer:
    """A page of a site's environments."""
    settings = call.services.settings
    return ok(reading.list_environments(call.read, sight_of(call), call.path["id"], call.query, settings))


def create_environment(call: Call) -> Answer:
    """Order an environment."""
    return accepted(environments.create_environment(orders_of(call), call.path["id"], call.body))


def get_environment(call: Call) -> Answer:
    """One environment."""
    return ok(reading.get_environment(call.read, sight_of(call), call.path["id"], call.services.settings))


def delete_environment(call: Call) -> Answer:
    """Order the end of an environment."""
    return accepted(environments.delete_environment(orders_of(call), call.path["id"]))


def check_drift(call: Call) -> Answer:
    """Order a comparison with the current release's manifest."""
    return accepted(environments.check_drift(orders_of(call), call.path["id"]))


def deploy_environment(call: Call) -> Answer:
    """Order a release."""
    return accepted(releases.deploy_environment(orders_of(call), call.path["id"], call.body))


def update_environment(call: Call) -> Answer:
    """Order updates."""
    return accepted(environments.update_environment(orders_of(call), call.path["id"], call.body))


def restore_environment(call: Call) -> Answer:
    """Order a restore."""
    return accepted(backups.restore_environment(orders_of(call), call.path["id"], call.body))


def promote_environment(call: Call) -> Answer:
    """Order a promotion."""
    return accepted(releases.promote_environment(orders_of(call), call.path["id"], call.body))


def rollback_environment(call: Call) -> Answer:
    """Order the way back to an earlier release."""
    return accepted(releases.rollback_environment(orders_of(call), call.path["id"], call.body))


def list_releases(call: Call) -> Answer:
    """A page of releases."""
    return ok(reading.list_releases(call.read, sight_of(call), call.path["id"], call.query))


def set_cache(call: Call) -> Answer:
    """Order a change of the caches."""
    return accepted(environments.set_cache(orders_of(call), call.path["id"], call.body))


def purge_cache(call: Call) -> Answer:
    """Order the caches emptied."""
    return accepted(environments.purge_cache(orders_of(call), call.path["id"]))


def create_magic_login(call: Call) -> Answer:
    """A one-time login, made now."""
    return ok(magic_login.create_magic_login(call.read, sight_of(call), call.services, call.path["id"]))


def create_backup(call: Call) -> Answer:
    """Order a backup."""
    return accepted(backups.create_backup(orders_of(call), call.path["id"], call.body))


def list_backups(call: Call) -> Answer:
    """A page of backups."""
    return ok(reading.list_backups(call.read, sight_of(call), call.path["id"], call.query))


def get_backup(call: Call) -> Answer:
    """One backup."""
    return ok(reading.get_backup(call.read, sight_of(call), call.path["id"]))


def download_backup(call: Call) -> Answer:
    """The archive of a backup."""
    stream, row = backups.open_backup(call.read, sight_of(call), call.services.files, call.path["id"])
    headers = {
        "Content-Disposition": f'attachment; filename="backup-{row["id"]}.tar.gz"',
        "Content-Length": str(row["size_bytes"]),
    }
    return Answer(200, headers=headers, stream=stream, media_type="application/gzip")


def delete_backup(call: Call) -> Answer:
    """Order the end of a backup."""
    return accepted(backups.delete_backup(orders_of(call), call.path["id"]))


def list_domains(call: Call) -> Answer:
    """A page of domains."""
    return ok(reading.list_domains(call.read, sight_of(call), call.path["id"], call.query))


def create_domain(call: Call) -> Answer:
    """Order a hostname."""
    return accepted(domains.create_domain(orders_of(call), call.path["id"], call.body))


def delete_domain(call: Call) -> Answer:
    """Order the end of a hostname."""
    return accepted(domains.delete_domain(orders_of(call), call.path["id"]))


def create_upload(call: Call) -> Answer:
    """Keep an archive."""
    by, services = call.actor.id if call.actor is not None else None, call.services
    kept = uploads.keep_upload(call.session, sight_of(call), services.files, services.settings, call.body, by)
    return Answer(201, kept)


def get_metrics(call: Call) -> Answer:
    """Counters at this moment."""
    return ok(reading.read_metrics(call.read, sight_of(call)))
