"""The composition root: settings in, ASGI application out. Nothing connects at import."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import writ_contract
from connexion import ConnexionMiddleware
from connexion.resolver import Resolver
from redis import Redis

import writ.access.oauth.models
import writ.events.models
import writ.hosting.jobs
import writ.store.lease  # noqa: F401  (tables and kinds of job register themselves)
from writ.access.authenticator import CredentialAuthenticator
from writ.access.bootstrap import Credentials, ensure_admin
from writ.contract.document import load_mapping
from writ.contract.operation import compile_operations
from writ.gateway.front import Gateway
from writ.gateway.services import Services
from writ.gateway.without import NoLimits, NoRecords, NothingKept
from writ.hosting.nodes import ensure_embedded_node
from writ.jobs import transport
from writ.logs import configure_logging
from writ.outside.app import make_outside
from writ.settings import Settings, get_settings
from writ.store.files import FileStore
from writ.store.migrate import upgrade
from writ.store.secrets import Sealer
from writ.store.work import Store


def contract_path() -> Path:
    """The bundled contract that this version serves."""
    return Path(writ_contract.__file__).parent.parent / "openapi.json"


def check_contract() -> None:
    """Compile the contract as a server will, so that a bad one is told before anything is started.

    Raises:
        ContractFault: the contract cannot be served.
    """
    compile_operations(load_mapping(contract_path()), "", Resolver().resolve_function_from_operation_id)


def make_services(settings: Settings) -> Services:
    """The shared parts of one process; connections open when first used.

    Raises:
        ValueError: there is no Redis to use; `writ up` starts one.
    """
    if settings.redis_url is None:
        raise ValueError("WRIT_REDIS_URL is not set; set it, or start everything with `writ up`")
    store = Store(settings.database, pool_size=settings.server_threads)
    redis: Redis = transport.make_client(settings.redis_url)
    return Services(
        settings=settings,
        store=store,
        files=FileStore(settings.files_root),
        redis=redis,
        authenticator=CredentialAuthenticator(),
        sealer=Sealer(settings.secret()),
        limiter=NoLimits(),
        once=NothingKept(),
        recorder=NoRecords(),
    )


def make_app(services: Services, contract: dict[str, Any] | None = None) -> ConnexionMiddleware:
    """The ASGI application: Connexion's stack with the gateway in it, the rest behind it.

    Raises:
        ContractFault: the contract cannot be served.
    """
    app = ConnexionMiddleware(
        make_outside(services, contract_path()), middlewares=[partial(Gateway, services=services)]
    )
    app.add_api(contract or load_mapping(contract_path()))
    # Connexion would build its stack with the first request; a bad contract must stop the start.
    app.app, app.middleware_stack = app._build_middleware_stack()
    return app


def create_app() -> ConnexionMiddleware:
    """The application of one server process; the factory that `writ server` names."""
    settings = get_settings()
    configure_logging(settings.log_level)
    services = make_services(settings)
    transport.use(services.store, services.redis)
    return make_app(services)


def job_services(settings: Settings) -> Services:
    """The services of a process that carries out a job."""
    configure_logging(settings.log_level)
    return make_services(settings)


def prepare(settings: Settings) -> Credentials | None:
    """Bring the database up to date, make the first admin and register the embedded node.

    Returns the admin's credentials the first time, to be shown once. Several processes may do it at once.
    """
    store = Store(settings.database, pool_size=1)
    try:
        upgrade(store.engine)
        ensure_embedded_node(store)
        return ensure_admin(store, settings)
    finally:
        store.close()
