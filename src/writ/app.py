"""The composition root: settings in, ASGI application out. Nothing connects at import."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import writ_contract
from connexion import ConnexionMiddleware
from connexion.resolver import Resolver
from connexion.spec import OpenAPISpecification
from redis import Redis
from writ_contract.digest import SHA256

import writ.access.oauth.models
import writ.access.rate_models
import writ.events.models
import writ.events.webhook_models
import writ.hosting.jobs
import writ.store.lease  # noqa: F401  (tables and kinds of job register themselves)
from writ.access import key_marks, projects
from writ.access.authenticator import CredentialAuthenticator
from writ.access.bootstrap import Credentials, ensure_admin
from writ.access.models import DEFAULT_ORGANIZATION_ID
from writ.access.rate_policies import load_policies
from writ.contract.document import load_mapping
from writ.contract.operation import compile_operations
from writ.events.checking import make_check
from writ.events.publish import check_events
from writ.gateway.front import Gateway
from writ.gateway.limits.limiter import RedisLimiter
from writ.gateway.services import Services
from writ.hosting.find import find_site_ids
from writ.hosting.nodes import ensure_embedded_node
from writ.jobs import transport
from writ.logs import configure_logging
from writ.outside.app import make_outside
from writ.records.journal import FOLDER, Journal
from writ.records.once import KeptAnswers
from writ.records.recording import AuditRecorder
from writ.settings import Settings, get_settings
from writ.store.files import FileStore
from writ.store.migrate import upgrade
from writ.store.secrets import Sealer
from writ.store.work import Store


def contract_path() -> Path:
    """The bundled contract that this version serves."""
    return Path(writ_contract.__file__).parent.parent / "openapi.json"


def is_generated(contract: Path) -> bool:
    """Whether the file is, to the byte, the contract that scripts/generate has found to be valid."""
    return hashlib.sha256(contract.read_bytes()).hexdigest() == SHA256


@contextmanager
def _without_validation(known: bool) -> Iterator[None]:
    # Connexion validates whatever it loads, which takes seconds for a large contract, and has no option for
    # one that is known to be valid. What is set here hides what the class inherits.
    if not known:
        yield
        return
    OpenAPISpecification._validate_spec = classmethod(lambda _cls, _spec: None)
    try:
        yield
    finally:
        del OpenAPISpecification._validate_spec


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
    if settings.check_answers:
        check_events(make_check(load_mapping(contract_path())))
    store = Store(settings.database, pool_size=settings.server_threads)
    projects.use(find_site_ids)
    redis: Redis = transport.make_client(settings.redis_url)
    key_marks.use(store, transport.make_client(settings.redis_url, answer_seconds=1.0))
    authenticator = CredentialAuthenticator()
    sealer = Sealer(settings.secret())
    return Services(
        settings=settings,
        store=store,
        files=FileStore(settings.files_root),
        redis=redis,
        authenticator=authenticator,
        sealer=sealer,
        limiter=RedisLimiter(
            settings.redis_url,
            partial(load_policies, store),
            DEFAULT_ORGANIZATION_ID,
            factor=settings.rate_limit_factor,
            without_redis=settings.rate_limit_without_redis,
            watch=authenticator.keys,
        ),
        once=KeptAnswers(settings, store, sealer),
        recorder=AuditRecorder(Journal(settings.home_path / FOLDER, fsync=settings.audit_fsync)),
    )


def make_app(services: Services, contract: dict[str, Any] | None = None) -> ConnexionMiddleware:
    """The ASGI application: Connexion's stack with the gateway in it, the rest behind it.

    Raises:
        ContractFault: the contract cannot be served.
    """
    app = ConnexionMiddleware(
        make_outside(services, contract_path()), middlewares=[partial(Gateway, services=services)]
    )
    with _without_validation(contract is None and is_generated(contract_path())):
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
