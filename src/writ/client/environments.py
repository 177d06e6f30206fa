"""`writ env`: environments, and what is ordered for them."""

from __future__ import annotations

from pathlib import Path

import click

from writ.client.options import Session, api_command, confirm, limit_option, wait_option, yes_option

_ARCHIVES = {".zip": "application/zip", ".gz": "application/gzip", ".tgz": "application/gzip"}
_name = click.argument("name", metavar="ENV")


@click.group()
def env() -> None:
    """Work with environments. ENV is an id or site/environment, such as shop/live."""


def _path(session: Session, name: str, rest: str = "") -> str:
    from writ.client.names import find_environment

    return f"/environments/{find_environment(session.api, name)}{rest}"


def _order(
    session: Session,
    name: str,
    rest: str,
    body: dict[str, object] | None,
    wait: bool,
    method: str = "POST",
) -> None:
    from writ.client.follow import order

    order(session, method, _path(session, name, rest), body, wait=wait)


@api_command(env, "list")
@click.argument("site_name", metavar="SITE")
@limit_option
def list_environments(session: Session, site_name: str, most: int) -> None:
    """List the environments of a site."""
    from writ.client.names import find_site

    path = f"/sites/{find_site(session.api, site_name)}/environments"
    session.show.many(session.api.pages(path, most=most), ("id", "slug", "type", "status", "url"))


@api_command(env, "show")
@_name
def show(session: Session, name: str) -> None:
    """Show an environment."""
    session.show.one(session.api.call("GET", _path(session, name)))


@api_command(env, "create")
@click.argument("site_name", metavar="SITE")
@click.argument("slug")
@click.option("--name", help="What people call it; the slug when left out.")
@click.option("--type", "kind", type=click.Choice(["production", "staging", "development"]), required=True)
@click.option("--from", "source", metavar="ENV", help="The environment of the same site to copy.")
@wait_option
def create(
    session: Session, site_name: str, slug: str, name: str | None, kind: str, source: str | None, wait: bool
) -> None:
    """Order a new environment of a site."""
    from writ.client.follow import order
    from writ.client.names import find_environment, find_site

    body = {"slug": slug, "name": name or slug, "type": kind}
    if source is not None:
        body["source_environment_id"] = find_environment(session.api, source)
    order(session, "POST", f"/sites/{find_site(session.api, site_name)}/environments", body, wait=wait)


@api_command(env, "deploy")
@_name
@click.argument("source")
@click.option("--health-path", help="The page that must answer before visitors get the new release.")
@wait_option
def deploy(session: Session, name: str, source: str, health_path: str | None, wait: bool) -> None:
    """Order a deploy of SOURCE: an archive here (.zip, .tar.gz), or a git URL with #ref at its end."""
    path = Path(source)
    if "://" not in source and (kind := _ARCHIVES.get(path.suffix)) is not None:
        if not path.is_file():
            raise click.UsageError(f"There is no file {source}.")
        answer = session.api.send("POST", "/uploads", file=path, headers={"Content-Type": kind})
        body: dict[str, object] = {"source_type": "upload", "source_ref": answer.json()["upload_id"]}
    else:
        body = {"source_type": "git", "source_ref": source}
    if health_path is not None:
        body["health_path"] = health_path
    _order(session, name, "/deploy", body, wait)


@api_command(env, "backup")
@_name
@click.option("--scope", type=click.Choice(["db", "files", "full"]), default="full", show_default=True)
@wait_option
def backup(session: Session, name: str, scope: str, wait: bool) -> None:
    """Order a backup."""
    _order(session, name, "/backups", {"backup_scope": scope}, wait)


@api_command(env, "backups")
@_name
@limit_option
def backups(session: Session, name: str, most: int) -> None:
    """List backups, newest first."""
    columns = ("id", "backup_scope", "reason", "status", "size_bytes", "created_at")
    session.show.many(session.api.pages(_path(session, name, "/backups"), most=most), columns)


@api_command(env, "releases")
@_name
@limit_option
def releases(session: Session, name: str, most: int) -> None:
    """List releases, newest first."""
    columns = ("id", "source_type", "source_ref", "status", "active", "kept", "created_at")
    session.show.many(session.api.pages(_path(session, name, "/releases"), most=most), columns)


@api_command(env, "restore")
@_name
@click.argument("backup_id")
@yes_option
@wait_option
def restore(session: Session, name: str, backup_id: str, yes: bool, wait: bool) -> None:
    """Order the restore of a backup."""
    confirm(f"Put {name} back to the backup {backup_id}?", yes)
    _order(session, name, "/restore", {"backup_id": backup_id}, wait)


@api_command(env, "promote")
@_name
@click.argument("target", metavar="TARGET-ENV")
@click.option("--preset", "promotion_preset", help="What is taken over.")
@yes_option
@wait_option
def promote(
    session: Session, name: str, target: str, promotion_preset: str | None, yes: bool, wait: bool
) -> None:
    """Order that an environment's content is taken over by another one."""
    from writ.client.names import find_environment

    confirm(f"Replace what {target} has by what {name} has?", yes)
    body: dict[str, object] = {"target_environment_id": find_environment(session.api, target)}
    if promotion_preset is not None:
        body["promotion_preset"] = promotion_preset
    _order(session, name, "/promote", body, wait)


@api_command(env, "rollback")
@_name
@click.option("--release", "release_id", help="The release to go back to; the one before when left out.")
@wait_option
def rollback(session: Session, name: str, release_id: str | None, wait: bool) -> None:
    """Order the return to an earlier release."""
    _order(session, name, "/rollback", {"release_id": release_id} if release_id else None, wait)


@api_command(env, "delete")
@_name
@yes_option
@wait_option
def delete(session: Session, name: str, yes: bool, wait: bool) -> None:
    """Order the removal of an environment."""
    confirm(f"Delete the environment {name} with everything in it?", yes)
    _order(session, name, "", None, wait, "DELETE")
