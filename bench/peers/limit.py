"""The limit: bare Starlette, the product's own reads and orders, no session, no validation, no contract.

The database is called in the event loop, without a thread hop. One slow select then holds everybody up, so no
server should do it, but it is the fastest there is. BENCH_LIMIT=thread takes the threads of AnyIO instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers import work
from writ.hosting.reading import get_environment
from writ.jobs.reading import list_jobs
from writ.settings import get_settings

THREADS = 40


def create_app() -> Starlette:
    """The application; granian's factory."""
    store = work.open_store(THREADS)
    settings = get_settings()
    in_loop = os.environ.get("BENCH_LIMIT", "async") == "async"

    async def answer(do: Callable[[], bytes], status: int = 200) -> Response:
        body = do() if in_loop else await run_in_threadpool(do)
        return Response(body, status, media_type="application/json")

    async def environment(request: Request) -> Response:
        def do() -> bytes:
            wanted = UUID(request.path_params["id"])
            found = get_environment(store.thread_reader(), work.SIGHT, wanted, settings)
            return orjson.dumps(found)

        return await answer(do)

    async def jobs(request: Request) -> Response:
        query = {"limit": int(request.query_params.get("limit", "20")), "sort": "-created_at"}

        def do() -> bytes:
            return orjson.dumps(list_jobs(store.thread_reader(), work.SIGHT, query))

        return await answer(do)

    async def deploy(request: Request) -> Response:
        body = orjson.loads(await request.body())

        def do() -> bytes:
            job_id = work.order_deploy(store, UUID(request.path_params["id"]), body, None)
            return orjson.dumps({"job_id": job_id})

        return await answer(do, 202)

    return Starlette(
        routes=[
            Route("/api/environments/{id}", environment),
            Route("/api/jobs", jobs),
            Route("/api/environments/{id}/deploy", deploy, methods=["POST"]),
        ]
    )
