"""Stock Connexion: the same contract on `FlaskApp`, its own routing, security and validation.

`create_app` takes the session cookie; `create_keyed_app` an API key, with scopes, limits and an audit log.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

from connexion import FlaskApp, context
from connexion.resolver import Resolver
from flask import Response, g, request

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


@cache
def _guard() -> work.Guard:
    return work.Guard(_store())


_SCOPES = {
    "get_environment": "hosting.read",
    "list_jobs": "jobs.read",
    "deploy_environment": "hosting.deploy",
}


def check_key(token: str, request: Any) -> dict[str, Any] | None:
    """What Connexion asks for a bearer token: who it is, or None for 401."""
    operation = _operation(request.method, request.scope["path"])
    try:
        key = _guard().find_key(token, _SCOPES[operation])
    except work.Refused:
        return None
    return {"sub": key.user_id, "key": key, "operation": operation, "begun": time.perf_counter()}


def _operation(method: str, path: str) -> str:
    if method == "POST":
        return "deploy_environment"
    return "list_jobs" if path.startswith("/api/jobs") else "get_environment"


def _limit_and_record(app: FlaskApp) -> None:
    def before() -> Any:
        info = context.context["token_info"]
        try:
            g.headers = _guard().limit(info["key"], _SCOPES[info["operation"]])
        except work.Refused as refused:
            return {"code": "rate_limited"}, refused.status
        return None

    def after(response: Response) -> Response:
        info = context.context["token_info"]
        response.headers.update(g.headers)
        seconds = time.perf_counter() - info["begun"]
        rule = str(request.url_rule)
        _guard().record(
            info["key"],
            info["operation"],
            rule,
            request.method,
            request.path,
            response.status_code,
            seconds,
        )
        return response

    app.app.before_request(before)
    app.app.after_request(after)


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
    """The application with the cookie; granian's factory."""
    contract: dict[str, Any] = json.loads(contract_path().read_text())
    contract["components"]["securitySchemes"]["session"]["x-apikeyInfoFunc"] = f"{__name__}.check_session"
    return _make(contract)


def create_keyed_app() -> FlaskApp:
    """The application with API keys; granian's factory."""
    contract: dict[str, Any] = json.loads(contract_path().read_text())
    contract["components"]["securitySchemes"]["bearer"]["x-bearerInfoFunc"] = f"{__name__}.check_key"
    contract["security"] = [{"bearer": []}]
    app = _make(contract)
    _limit_and_record(app)
    return app


def _make(contract: dict[str, Any]) -> FlaskApp:
    app = FlaskApp(__name__)
    app.app.after_request(_name_request)
    app.add_api(contract, resolver=Resolver(_resolve))
    _store()
    return app
