"""API keys: list, create, get, replace, delete, regenerate, revoke."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from writ_contract.events import API_KEY_REVOKED, API_KEY_ROTATED, API_KEY_UPDATED

from writ.access import key_rules
from writ.access.key_events import tell_end_of_key, tell_new_key, tells_change
from writ.access.key_reading import read_key_row, read_keys
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller


def list_api_keys(call: Call) -> Answer:
    """The keys of the caller's organization."""
    return ok(read_keys(call.read, caller(call), call.query))


def create_api_key(call: Call) -> Answer:
    """Make a key and show it this once."""
    shown = key_rules.create_key(call.session, call.services.sealer, caller(call), call.body)
    tell_new_key(call.session, caller(call), shown.id)
    return Answer(201, _shown(call, shown), {"Location": f"/api/v1/api-keys/{shown.id}"})


def get_api_key(call: Call) -> Answer:
    """What is known of one key."""
    return ok(read_key_row(call.read, caller(call), call.path["id"]))


def replace_api_key(call: Call) -> Answer:
    """Replace the settings of a key."""
    with _telling(call, API_KEY_UPDATED):
        key_rules.replace_key(call.session, caller(call), call.path["id"], call.body)
    return ok(_written(call, call.path["id"]))


def delete_api_key(call: Call) -> Answer:
    """Remove a key."""
    tell_end_of_key(call.session, caller(call), call.path["id"])
    key_rules.delete_key(call.session, caller(call), call.path["id"])
    return ok({"success": True})


def regenerate_api_key(call: Call) -> Answer:
    """Put a new key in the place of the old one and show it this once."""
    grace = (call.body or {}).get("grace_seconds", 0)
    with _telling(call, API_KEY_ROTATED):
        shown = key_rules.regenerate_key(
            call.session, call.services.sealer, caller(call), call.path["id"], grace
        )
    return ok(_shown(call, shown))


def revoke_api_key(call: Call) -> Answer:
    """End a key for good."""
    with _telling(call, API_KEY_REVOKED):
        key_rules.revoke_key(call.session, caller(call), call.path["id"])
    return ok(_written(call, call.path["id"]))


def _shown(call: Call, shown: key_rules.Shown) -> dict[str, Any]:
    return {"api_key": shown.api_key, "api_secret": shown.api_secret, **_written(call, shown.id)}


def _telling(call: Call, event_type: str) -> AbstractContextManager[None]:
    return tells_change(call.session, event_type, caller(call), call.path["id"])


def _written(call: Call, key_id: UUID) -> dict[str, Any]:
    # Read in the same unit of work, which is committed when this has become an answer.
    call.session.flush()
    return read_key_row(call.session, caller(call), key_id)
