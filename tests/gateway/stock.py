"""Stock Connexion 3.3 on the same contract and the same handlers: the oracle where it is right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import connexion
from connexion.resolver import Resolver

from tests.gateway import handlers
from tests.gateway.harness import Door


def _serve(name: str, given: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    # Connexion hands over the body's fields and its files apart, and all parameters together.
    body = given.pop("body", None)
    files = {key: value for key, value in given.items() if key in ("file", "more")}
    call = SimpleNamespace(
        path={},
        query={key: value for key, value in given.items() if key not in files},
        body={**body, **files} if files else body,
        header_values={},
        actor=None,
    )
    answer = getattr(handlers, name)(call)
    return answer.body, answer.status, answer.headers


def _resolve_async(operation_id: str) -> Callable[..., Awaitable[Any]]:
    name = operation_id.rpartition(".")[2]
    getattr(handlers, name)

    async def serve(**given: Any) -> Any:
        return _serve(name, given)

    serve.__name__ = name
    return serve


def _resolve(operation_id: str) -> Callable[..., Any]:
    name = operation_id.rpartition(".")[2]
    getattr(handlers, name)

    def serve(**given: Any) -> Any:
        return _serve(name, given)

    serve.__name__ = name
    return serve


def stock(document: Any, *, flask: bool = False, **options: Any) -> Door:
    """A door to stock Connexion. `document` is a contract or the path of one."""
    make = connexion.FlaskApp if flask else connexion.AsyncApp
    app = make("stock", specification_dir="/")
    resolver = Resolver(_resolve if flask else _resolve_async)
    app.add_api(document, resolver=resolver, strict_validation=True, **options)
    return Door(app, tolerant=True)
