"""`writ site`: sites."""

from __future__ import annotations

import click

from writ.client.options import Session, api_command, confirm, limit_option, wait_option, yes_option


@click.group()
def site() -> None:
    """Make sites, look at them, import into them, delete them. SITE is an id or a slug."""


@api_command(site, "list")
@limit_option
def list_sites(session: Session, most: int) -> None:
    """List sites, newest first."""
    session.show.many(session.api.pages("/sites", most=most), ("id", "slug", "name", "status", "created_at"))


@api_command(site, "show")
@click.argument("site_name", metavar="SITE")
def show(session: Session, site_name: str) -> None:
    """Show a site."""
    from writ.client.names import find_site

    session.show.one(session.api.call("GET", f"/sites/{find_site(session.api, site_name)}"))


@api_command(site, "create")
@click.argument("slug")
@click.option("--name", help="What people call it; the slug when left out.")
@click.option("--repository", "repository_url", help="Where its deploys come from.")
@wait_option
def create(session: Session, slug: str, name: str | None, repository_url: str | None, wait: bool) -> None:
    """Order a new site."""
    from writ.client.follow import order

    body = {"slug": slug, "name": name or slug}
    if repository_url is not None:
        body["repository_url"] = repository_url
    order(session, "POST", "/sites", body, wait=wait)


@api_command(site, "import")
@click.argument("site_name", metavar="SITE")
@click.argument("archive_url")
@wait_option
def import_(session: Session, site_name: str, archive_url: str, wait: bool) -> None:
    """Order the import of an archive into a site."""
    from writ.client.follow import order
    from writ.client.names import find_site

    path = f"/sites/{find_site(session.api, site_name)}/import"
    order(session, "POST", path, {"archive_url": archive_url}, wait=wait)


@api_command(site, "delete")
@click.argument("site_name", metavar="SITE")
@yes_option
@wait_option
def delete(session: Session, site_name: str, yes: bool, wait: bool) -> None:
    """Order the removal of a site with all its environments and backups."""
    from writ.client.follow import order
    from writ.client.names import find_site

    confirm(f"Delete the site {site_name} with everything in it?", yes)
    order(session, "DELETE", f"/sites/{find_site(session.api, site_name)}", wait=wait)
