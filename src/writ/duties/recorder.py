"""What `writ recorder` does beside recording."""

from __future__ import annotations

from functools import partial

from writ.access.oauth.grants import purge_grants
from writ.access.rate_flush import flush_quotas
from writ.jobs import transport
from writ.records.kept import purge_kept
from writ.records.recorder import Duty
from writ.settings import Settings
from writ.store.work import Store

ANSWERS_AT_ONCE = 500


def recorder_duties(settings: Settings) -> list[Duty]:
    """The duties of which one process at a time takes care.

    Without a Redis to look at there are no hours of keys to write down.
    """
    store = Store(settings.database, pool_size=1)

    def purge_answers() -> bool:
        return purge_kept(store, ANSWERS_AT_ONCE) == ANSWERS_AT_ONCE

    def purge_oauth() -> bool:
        with store.begin() as session:
            return purge_grants(session)

    duties = [Duty("kept_answers", purge_answers, 3600.0), Duty("oauth", purge_oauth, 3600.0)]
    if settings.redis_url is not None:
        # What is recorded waits for a duty, and must not wait long for a Redis that hangs.
        redis = transport.make_client(settings.redis_url, answer_seconds=1.0)
        duties.append(Duty("quotas", partial(flush_quotas, store, redis), 60.0))
    return duties
