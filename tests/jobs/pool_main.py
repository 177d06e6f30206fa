"""A pool of real workers in a process of its own: `python -m tests.jobs.pool_main <count>`."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import writ.access.models  # noqa: F401 - jobs tell events, whose organizations are a table of these
from tests.jobs import kinds  # noqa: F401 - registers the kinds
from writ.jobs.pool import run_pool
from writ.jobs.worker import connect
from writ.settings import Settings, get_settings
from writ.store.work import Store


def build(settings: Settings) -> SimpleNamespace:
    store = Store(settings.database, pool_size=3)
    return SimpleNamespace(settings=settings, store=store, redis=connect(settings))


if __name__ == "__main__":
    run_pool(get_settings(), int(sys.argv[1]), build)
