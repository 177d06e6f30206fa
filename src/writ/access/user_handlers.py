"""Users: list, create, get, replace, delete; oneself, and one's own password."""

from __future__ import annotations

from writ.access import user_reading, user_rules
from writ.access.login import check_credentials
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller, organization_of


def list_users(call: Call) -> Answer:
    """The users of the caller's organization."""
    return ok(user_reading.read_users(call.read, organization_of(caller(call)), call.query))


def create_user(call: Call) -> Answer:
    """Make a user; a password that was made here is shown this once."""
    actor = caller(call)
    password_hash, made = user_rules.make_password(call.body.get("password"))
    user_id = user_rules.create_user(call.session, actor, call.body, password_hash)
    user = user_reading.read_user(call.session, organization_of(actor), user_id)
    return Answer(201, {**user, "password": made}, {"Location": f"/api/v1/users/{user_id}"})


def get_user(call: Call) -> Answer:
    """One user."""
    return ok(user_reading.read_user(call.read, organization_of(caller(call)), call.path["id"]))


def replace_user(call: Call) -> Answer:
    """Replace what can be set of a user."""
    actor, user_id = caller(call), call.path["id"]
    user_rules.replace_user(call.session, actor, user_id, call.body)
    return ok(user_reading.read_user(call.session, organization_of(actor), user_id))


def delete_user(call: Call) -> Answer:
    """Deactivate a user."""
    user_rules.deactivate_user(call.session, caller(call), call.path["id"])
    return ok({"success": True})


def get_current_user(call: Call) -> Answer:
    """Who calls, and with what."""
    actor = caller(call)
    return ok(user_reading.read_caller(call.read, organization_of(actor), actor))


def change_password(call: Call) -> Answer:
    """Change one's own password."""
    actor, body, services = caller(call), call.body, call.services
    user_rules.require_login(actor)
    proof = check_credentials(
        services.store, services.settings, actor.email, body["old_password"], call.client_address
    )
    password_hash, _ = user_rules.make_password(body["new_password"])
    user_rules.change_password(call.session, actor, proof, password_hash)
    return ok({"success": True})
