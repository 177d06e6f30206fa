"""Writ with the contract of BENCH_CONTRACT, and the handlers of the operations that the bench adds to it."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connexion import ConnexionMiddleware

from writ.app import contract_path, make_app, make_services
from writ.gateway.call import Answer, Call, ok
from writ.jobs import transport
from writ.logs import configure_logging
from writ.settings import get_settings


def grow(count: int) -> dict[str, Any]:
    """The contract with `count` more operations, ahead of its own.

    They are copies of the two most usual shapes, a GET of one thing and a POST of an order; half of them are
    below the path that is measured.
    """
    document: dict[str, Any] = json.loads(contract_path().read_text())
    get = document["paths"]["/environments/{id}"]["get"]
    post = document["paths"]["/environments/{id}/deploy"]["post"]
    more: dict[str, Any] = {}
    for number in range(count):
        method, shape = (("get", get), ("post", post))[number % 2]
        prefix = "/environments/{id}" if number % 4 < 2 else ""
        operation = copy.deepcopy(shape)
        operation["operationId"] = f"grown_{number}"
        operation["x-openapi-router-controller"] = __name__
        more[f"{prefix}/things-{number}" + ("" if prefix else "/{id}")] = {method: operation}
    document["paths"] = {**more, **document["paths"]}
    return document


def __getattr__(name: str) -> Callable[[Call], Answer]:
    """A handler for each added operation; none of them is called."""
    if name.startswith("grown_"):
        return lambda call: ok(None)
    raise AttributeError(name)


def create_app() -> ConnexionMiddleware:
    """As `writ.app.create_app`, with another contract; granian's factory."""
    settings = get_settings()
    configure_logging(settings.log_level)
    services = make_services(settings)
    transport.use(services.store, services.redis)
    return make_app(services, json.loads(Path(os.environ["BENCH_CONTRACT"]).read_text()))
