"""FastAPI: `def` endpoints, the credential as a dependency, pydantic models, the rest in plain ASGI.

`create_app` takes the session cookie; `create_keyed_app` an API key, with scopes, limits and an audit log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Cookie, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from bench.peers import work

THREADS = 40  # AnyIO's own pool, which FastAPI runs `def` endpoints in


class Environment(BaseModel):
    id: UUID
    site_id: UUID
    name: str
    slug: str
    type: Literal["production", "staging", "development"]
    status: Literal["creating", "active", "failed", "deleting"]
    url: str | None
    current_release_id: UUID | None
    source_environment_id: UUID | None
    promotion_preset: Literal["full", "code", "content"] | None
    fastcgi_cache_enabled: bool
    redis_cache_enabled: bool
    drift_status: str
    drift_checked_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Step(BaseModel):
    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None


class Job(BaseModel):
    id: UUID
    kind: str
    status: str
    site_id: UUID | None
    environment_id: UUID | None
    backup_id: UUID | None
    retry_of: UUID | None
    cancel_requested: bool
    error_code: str | None
    error_message: str | None
    progress: int
    steps: list[Step]
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Pagination(BaseModel):
    limit: int
    next_cursor: str | None


class JobList(BaseModel):
    data: list[Job]
    pagination: Pagination


class DeployOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source_type: Literal["git", "upload"]
    source_ref: str = Field(min_length=1, max_length=2048, pattern=r"^[^\x00-\x20\x7f]+$")
    health_path: str | None = Field(None, min_length=1, max_length=1024, pattern=r"^/")


class Accepted(BaseModel):
    job_id: UUID


def create_app() -> Any:
    """The application with the cookie; granian's factory."""
    store = work.open_store(THREADS)

    def current_user(session_token: Annotated[str | None, Cookie()] = None) -> UUID:
        if session_token is not None:
            with store.read() as connection:
                user_id = work.find_user(connection, session_token)
            if user_id is not None:
                return user_id
        raise HTTPException(401)

    return _named(_make(store, lambda _scope: Depends(current_user)))


def create_keyed_app() -> Any:
    """The application with API keys; granian's factory."""
    store = work.open_store(THREADS)
    guard = work.Guard(store)

    def caller(scope: str) -> Any:
        def current_key(
            request: Request, response: Response, authorization: Annotated[str, Header()] = ""
        ) -> UUID:
            try:
                key = guard.find_key(authorization.removeprefix("Bearer "), scope)
                response.headers.update(guard.limit(key, scope))
            except work.Refused as refused:
                raise HTTPException(refused.status) from None
            request.state.key = key
            return key.user_id

        return Depends(current_key)

    app = _make(store, caller)
    return _named(_recorded(app, guard))


def _make(store: Any, caller: Callable[[str], Any]) -> FastAPI:
    app = FastAPI()

    def get_environment(id: UUID, user_id: UUID) -> Any:
        with store.read() as connection:
            found = work.find_environment(connection, id)
        if found is None:
            raise HTTPException(404)
        return found

    def list_jobs(user_id: UUID, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Any:
        with store.read() as connection:
            return work.list_jobs(connection, limit)

    def deploy_environment(id: UUID, body: DeployOrder, user_id: UUID, response: Response) -> Any:
        job_id = work.order_deploy(store, id, body.model_dump(exclude_none=True), user_id)
        response.headers["Location"] = f"/api/jobs/{job_id}"
        return {"job_id": job_id}

    # Annotations are texts in this module, and who may call is a value: so they are set by hand.
    for endpoint, scope in (
        (get_environment, "hosting.read"),
        (list_jobs, "jobs.read"),
        (deploy_environment, "hosting.deploy"),
    ):
        endpoint.__annotations__["user_id"] = Annotated[UUID, caller(scope)]
    app.get("/api/environments/{id}", response_model=Environment)(get_environment)
    app.get("/api/jobs", response_model=JobList)(list_jobs)
    app.post("/api/environments/{id}/deploy", response_model=Accepted, status_code=202)(deploy_environment)
    return app


Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def _named(app: Any) -> Any:
    async def middleware(scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        name = ("req_" + os.urandom(12).hex()).encode()

        async def send_named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", name)]
            await send(message)

        await app(scope, receive, send_named)

    return middleware


def _recorded(app: Any, guard: work.Guard) -> Any:
    async def middleware(scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        begun = time.perf_counter()
        state = scope.setdefault("state", {})

        async def send_recorded(message: MutableMapping[str, Any]) -> None:
            key = state.get("key")
            if message["type"] == "http.response.start" and key is not None:
                route, endpoint = scope["route"], scope["endpoint"]
                await run_in_threadpool(
                    guard.record,
                    key,
                    endpoint.__name__,
                    route.path,
                    scope["method"],
                    scope["path"],
                    message["status"],
                    time.perf_counter() - begun,
                )
            await send(message)

        await app(scope, receive, send_recorded)

    return middleware
