"""Notifications: list, mark one as read, mark all."""

from __future__ import annotations

from writ.events import notifications
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller


def list_notifications(call: Call) -> Answer:
    """A page of the caller's notifications."""
    return ok(notifications.list_notifications(call.read, caller(call), call.query))


def mark_notification_read(call: Call) -> Answer:
    """Mark one as read."""
    return ok(notifications.mark_read(call.session, caller(call), call.path["id"]))


def mark_all_notifications_read(call: Call) -> Answer:
    """Mark all as read."""
    return ok({"marked": notifications.mark_all_read(call.session, caller(call))})
