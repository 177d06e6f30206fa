"""Stock Connexion: the same contract on `FlaskApp`, its own routing, security and validation."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

from connexion import FlaskApp, context
from connexion.resolver import Resolver
from flask import Response

from bench.peers import work
from writ.app import contract_path
from writ.store.work import Store

THREADS = 10  # a2wsgi's own pool, which Connexion runs Flask in


@cache
def _store() -> Store:
    return work.open_store(THREADS)


def check_session(token: str) -> dict[str, Any] | None:
    """What Connexion asks for an apiKey in a cookie: who it is, or None for 401."""
    with _store().read() as connection:
        user_id = work.find_user(connection, token)
    return {"sub": user_id} if user_id is not None else None


def get_environment(id: str) -> Any:
    with _store().read() as connection:
        found = work.find_environment(connection, UUID(id))
    return found if found is not None else ({"code": "environment_not_found"}, 404)


def list_jobs(limit: int = 20, **_query: Any) -> Any:
    with _store().read() as connection:
        return work.list_jobs(connection, limit)


def deploy_environment(id: str, body: dict[str, Any]) -> Any:
    user_id = context.context["token_info"]["sub"]
    job_id = work.order_deploy(_store(), UUID(id), body, user_id)
    return {"job_id": str(job_id)}, 202, {"Location": f"/api/jobs/{job_id}"}


def _not_measured(**_arguments: Any) -> tuple[dict[str, str], int]:
    return {"code": "not_measured"}, 501


def _resolve(operation_id: str) -> Callable[..., Any]:
    measured = {f.__name__: f for f in (get_environment, list_jobs, deploy_environment)}
    return measured.get(operation_id.rpartition(".")[2], _not_measured)


def _name_request(response: Response) -> Response:
    response.headers["X-Request-Id"] = "req_" + os.urandom(12).hex()
    return response


def create_app() -> FlaskApp:
    """The application; granian's factory."""
    contract: dict[str, Any] = json.loads(contract_path().read_text())
    contract["components"]["securitySchemes"]["session"]["x-apikeyInfoFunc"] = f"{__name__}.check_session"
    app = FlaskApp(__name__)
    app.app.after_request(_name_request)
    app.add_api(contract, resolver=Resolver(_resolve))
    _store()
    return app
