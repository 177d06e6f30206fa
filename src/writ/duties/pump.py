"""What `writ pump` is made of."""

from __future__ import annotations

import writ.access.models
import writ.events.webhook_models  # noqa: F401  (tables register themselves)
from writ.events.engine import WebhookEngine
from writ.events.pump import Engine
from writ.settings import Settings
from writ.store.lease import Lease
from writ.store.secrets import Sealer
from writ.store.work import Store


def make_engine(settings: Settings, store: Store, lease: Lease) -> Engine:
    """What `writ pump` does with events that have got their positions."""
    return WebhookEngine(settings, store, Sealer(settings.secret()), lease)
