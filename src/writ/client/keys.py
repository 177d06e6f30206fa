"""`writ key`: API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from writ.client.options import Session, api_command, confirm, limit_option, yes_option

_COLUMNS = ("id", "key_name", "preset", "scopes", "is_active", "expires_at", "last_used_at")


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
@click.option("--project", "projects", multiple=True, help="A site that it is confined to; may be repeated.")
@click.option("--type", "key_type", help="standard, premium or enterprise: how much it may do.")
@click.option("--mode", type=click.Choice(["live", "test"]), help="What the key begins with.")
@click.option("--days", type=click.IntRange(1), help="How many days it is good for; for ever when left out.")
@click.option("--allow", "ip_allowlist", multiple=True, help="A network (CIDR) it may be used from.")
@click.option("--require-signature", is_flag=True, default=None, help="Refuse requests that are not signed.")
def create(session: Session, days: int | None, **given: Any) -> None:
    """Make a key. It is shown this once."""
    body = {name: list(v) if isinstance(v, tuple) else v for name, v in given.items() if v not in (None, ())}
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    session.show.one(session.api.call("POST", "/v1/api-keys", body))
    session.show.note("Keep api_key now: it is not shown again.")


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
    session.show.note("Keep api_key now: it is not shown again.")


@api_command(key, "revoke")
@click.argument("key_id")
@yes_option
def revoke(session: Session, key_id: str, yes: bool) -> None:
    """End a key for good, at once."""
    confirm(f"Revoke the key {key_id}? It cannot be taken back.", yes)
    session.show.one(session.api.call("POST", f"/v1/api-keys/{key_id}/revoke"))
