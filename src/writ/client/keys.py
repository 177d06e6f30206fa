"""`writ key`: API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from writ.client.options import Session, api_command, confirm, limit_option, yes_option

_COLUMNS = ("id", "key_name", "mode", "scopes", "is_active", "expires_at", "last_used_at")
_LIMITS = ("read_per_minute", "write_per_minute", "per_hour", "burst")
_KEEP = "Keep api_key and api_secret now: they are not shown again."


class RateLimit(click.ParamType[tuple[str, int]]):
    """A limit of a key's own, as `per_hour=2000`: its name and how many requests."""

    name = "limit"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, int]:
        """Name and amount.

        Raises:
            click.BadParameter: it has another form, or there is no limit of that name.
        """
        if isinstance(value, tuple):
            return value
        name, _, amount = str(value).partition("=")
        if name not in _LIMITS or not (amount.isascii() and amount.isdigit()):
            self.fail(
                f"{value!r} is not like per_hour=2000; limits are {', '.join(_LIMITS)}.", param, context
            )
        return name, int(amount)


@click.group()
def key() -> None:
    """Make and look after API keys.

    The first key is made with a login:

    writ key create --name scripts --preset full --login you@example.com
    """


@api_command(key, "create")
@click.option("--name", "key_name", required=True, help="What the key is called.")
@click.option("--description", help="What it is for.")
@click.option("--scope", "scopes", multiple=True, help="A scope, such as hosting.read; may be repeated.")
@click.option("--preset", help="read-only, full, write or project-specific.")
@click.option(
    "--project", "sites", multiple=True, metavar="SITE", help="A site (id or slug) it is confined to."
)
@click.option("--type", "key_type", help="standard, premium or enterprise: how much it may do.")
@click.option("--mode", type=click.Choice(["live", "test"]), help="What the key begins with.")
@click.option("--days", type=click.IntRange(1), help="How many days it is good for; for ever when left out.")
@click.option("--allow", "ip_allowlist", multiple=True, help="A network (CIDR) it may be used from.")
@click.option("--rate-limit", "limits", multiple=True, type=RateLimit(), help="Its own, as per_hour=2000.")
@click.option("--require-signature", is_flag=True, default=None, help="Refuse requests that are not signed.")
def create(
    session: Session,
    days: int | None,
    sites: tuple[str, ...],
    limits: tuple[tuple[str, int], ...],
    **given: Any,
) -> None:
    """Make a key. It is shown this once, with the secret that requests are signed with.

    What may be given several times: --scope, --project, --allow and --rate-limit.
    """
    from writ.client.names import find_site

    body = {name: list(v) if isinstance(v, tuple) else v for name, v in given.items() if v not in (None, ())}
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    if sites:
        body["projects"] = [find_site(session.api, site) for site in sites]
    if limits:
        body["rate_limits"] = dict(limits)
    session.show.one(session.api.call("POST", "/v1/api-keys", body))
    session.show.note(_KEEP)


@api_command(key, "list")
@limit_option
def list_keys(session: Session, most: int) -> None:
    """List keys, newest first."""
    session.show.many(session.api.pages("/v1/api-keys", most=most), _COLUMNS)


@api_command(key, "show")
@click.argument("key_id")
def show(session: Session, key_id: str) -> None:
    """Show what is known of a key."""
    session.show.one(session.api.call("GET", f"/v1/api-keys/{key_id}"))


@api_command(key, "rotate")
@click.argument("key_id")
@click.option(
    "--grace", "grace_seconds", type=click.IntRange(0), default=0, show_default=True, help="Seconds."
)
def rotate(session: Session, key_id: str, grace_seconds: int) -> None:
    """Put a new key in the place of the old one, which stays good for --grace seconds."""
    body = {"grace_seconds": grace_seconds}
    session.show.one(session.api.call("POST", f"/v1/api-keys/{key_id}/regenerate", body))
    session.show.note(_KEEP)


@api_command(key, "revoke")
@click.argument("key_id")
@yes_option
def revoke(session: Session, key_id: str, yes: bool) -> None:
    """End a key for good, at once."""
    confirm(f"Revoke the key {key_id}? It cannot be taken back.", yes)
    session.show.one(session.api.call("POST", f"/v1/api-keys/{key_id}/revoke"))
