"""A kind of job with one empty step, and the pool of workers: `python -m bench.peers.empty <count>`."""

from __future__ import annotations

import sys

import writ.hosting.jobs  # noqa: F401 - registers the product's kinds
from writ.app import job_services
from writ.jobs.context import JobContext
from writ.jobs.kinds import Kind, Step, register
from writ.jobs.pool import run_pool
from writ.logs import configure_logging
from writ.settings import get_settings

KIND = "bench.empty"


def _nothing(_ctx: JobContext) -> None:
    pass


register(Kind(KIND, (Step("nothing", _nothing),)))

if __name__ == "__main__":
    configure_logging("warning")
    run_pool(get_settings(), int(sys.argv[1]), job_services)
