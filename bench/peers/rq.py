"""Bare RQ: its own worker, which forks a process for each job, as Writ's does. `python -m bench.peers.rq`."""

from __future__ import annotations

import os

from redis import Redis
from rq import Worker

import bench.peers.noop  # noqa: F401 - loaded before the fork, as Writ loads its kinds

QUEUE = "bench"

if __name__ == "__main__":
    worker = Worker(
        [QUEUE], connection=Redis.from_url(os.environ["WRIT_REDIS_URL"]), log_job_description=False
    )
    worker.work(logging_level="WARNING")
