"""Applications: list, register, get, replace, delete, approve, reject, suspend, rotate their secret."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from writ.access.oauth import application_rules as rules
from writ.access.oauth.application_reading import read_application, read_applications
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller, organization_of


def list_applications(call: Call) -> Answer:
    """The applications of the caller's organization."""
    return ok(read_applications(call.read, organization_of(caller(call)), call.query))


def register_application(call: Call) -> Answer:
    """Register an application; its secret is shown this once."""
    application_id, secret = rules.register_application(call.session, caller(call), call.body)
    location = f"/api/v1/applications/{application_id}"
    return Answer(201, {**_written(call, application_id), "client_secret": secret}, {"Location": location})


def get_application(call: Call) -> Answer:
    """One application."""
    return ok(read_application(call.read, organization_of(caller(call)), call.path["id"]))


def replace_application(call: Call) -> Answer:
    """Replace the settings of an application."""
    rules.replace_application(call.session, caller(call), call.path["id"], call.body)
    return ok(_written(call, call.path["id"]))


def delete_application(call: Call) -> Answer:
    """Remove an application."""
    rules.delete_application(call.session, caller(call), call.path["id"])
    return ok({"success": True})


def approve_application(call: Call) -> Answer:
    """Let an application ask for tokens."""
    return _decided(call, "approved")


def reject_application(call: Call) -> Answer:
    """Refuse an application for good."""
    return _decided(call, "rejected")


def suspend_application(call: Call) -> Answer:
    """Refuse an application and its tokens until it is approved again."""
    return _decided(call, "suspended")


def rotate_application_secret(call: Call) -> Answer:
    """Put a new secret in the place of the old one and show it this once."""
    secret = rules.rotate_secret(call.session, caller(call), call.path["id"])
    return ok({**_written(call, call.path["id"]), "client_secret": secret})


def _decided(call: Call, status: str) -> Answer:
    rules.set_approval(call.session, caller(call), call.path["id"], status)
    return ok(_written(call, call.path["id"]))


def _written(call: Call, application_id: UUID) -> dict[str, Any]:
    # Read in the same unit of work, which is committed when this has become an answer.
    call.session.flush()
    return read_application(call.session, organization_of(caller(call)), application_id)
