"""What becomes of deliveries that nobody will look at any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import SQLAlchemyError

from writ.events.webhook_models import WebhookDelivery, WebhookSubscription
from writ.settings import Settings
from writ.store.base import new_id, now
from writ.store.work import Store

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
ROWS_AT_A_TIME = 500


class Housekeeper:
    """Removes the deliveries whose days are over, and what subscriptions that were deleted left behind.

    A few rows at a time, so that nobody waits for it.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._days = store, settings.webhook_days

    async def run(self, stop: asyncio.Event) -> None:
        """Tidy up now and then until `stop` is set."""
        while not stop.is_set():
            try:
                more = await asyncio.to_thread(self.tidy)
            except SQLAlchemyError:
                log.warning("webhooks_not_tidied", exc_info=True)
                more = False
            try:
                await asyncio.wait_for(stop.wait(), 0.2 if more else EVERY_SECONDS)
            except TimeoutError:
                continue

    def tidy(self) -> bool:
        """Remove some rows; whether there may be more."""
        # Ids begin with the time (RFC 9562, version 7): the oldest rows come first.
        limit = new_id(now() - timedelta(days=self._days))
        old = (WebhookDelivery.id < limit) & WebhookDelivery.next_retry_at.is_(None)
        more = self._remove(old)
        gone = select(WebhookSubscription.id).where(WebhookSubscription.deleted_at.is_not(None)).limit(1)
        with self._store.read() as connection:
            deleted = connection.execute(gone).scalar_one_or_none()
        if deleted is None:
            return more
        if not self._remove(WebhookDelivery.subscription_id == deleted):
            with self._store.begin() as session:
                session.execute(delete(WebhookSubscription).where(WebhookSubscription.id == deleted))
        return True

    def _remove(self, condition: ColumnElement[bool]) -> bool:
        chosen = select(WebhookDelivery.id).where(condition).order_by(WebhookDelivery.id)
        with self._store.read() as connection:
            found = list(connection.execute(chosen.limit(ROWS_AT_A_TIME)).scalars())
        if found:
            with self._store.begin() as session:
                session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(found)))
        return len(found) == ROWS_AT_A_TIME
