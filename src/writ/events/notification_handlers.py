"""Notifications: list, mark one as read, mark all."""

from __future__ import annotations

from writ_contract.errors import UNAUTHORIZED

from writ.contract.errors import Refusal
from writ.events import notifications
from writ.gateway.call import Actor, Answer, Call, ok


def list_notifications(call: Call) -> Answer:
    """A page of the caller's notifications."""
    return ok(notifications.list_notifications(call.read, _actor(call), call.query))


def mark_notification_read(call: Call) -> Answer:
    """Mark one as read."""
    return ok(notifications.mark_read(call.session, _actor(call), call.path["id"]))


def mark_all_notifications_read(call: Call) -> Answer:
    """Mark all as read."""
    return ok({"marked": notifications.mark_all_read(call.session, _actor(call))})


def _actor(call: Call) -> Actor:
    if call.actor is None:
        raise Refusal(UNAUTHORIZED)
    return call.actor
