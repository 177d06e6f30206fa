"""Sites and environments by the names that people know: slugs, where the API takes ids."""

from __future__ import annotations

from uuid import UUID

import click

from writ.client.connection import Connection


def find_site(api: Connection, name: str) -> str:
    """The id of a site that is named by its id or slug.

    Raises:
        click.UsageError: there is no such site.
    """
    if _is_id(name):
        return name
    for site in api.pages("/sites", {"slug": name}):
        return str(site["id"])
    raise click.UsageError(f"There is no site {name!r}; `writ site list` shows what there is.")


def find_environment(api: Connection, name: str) -> str:
    """The id of an environment that is named by its id or as site/environment.

    Raises:
        click.UsageError: there is no such environment, or the name has another form.
    """
    if _is_id(name):
        return name
    site, slash, slug = name.partition("/")
    if not slash:
        raise click.UsageError(f"{name!r} is neither an id nor like site/environment.")
    for environment in api.pages(f"/sites/{find_site(api, site)}/environments"):
        if environment["slug"] == slug:
            return str(environment["id"])
    raise click.UsageError(f"The site {site!r} has no environment {slug!r}; see `writ env list {site}`.")


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
