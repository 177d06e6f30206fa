"""The application behind the gateway: everything whose path is not below the contract's base path."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import structlog
import swagger_ui_bundle
import yaml
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from writ.contract.document import load_mapping
from writ.contract.errors import Refusal
from writ.gateway.reply import render_refusal
from writ.gateway.services import Services
from writ.store.base import new_id

log = structlog.get_logger(__name__)

PAGE = Path(__file__).with_name("docs.html")
SCRIPT = Path(__file__).with_name("docs.js")
# Nothing on the page may come from, or go to, another place than this server.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

READ_ONLY = {"Allow": "GET, HEAD, OPTIONS"}


def make_outside(services: Services, contract: Path) -> Starlette:
    """Probes, contract and documentation. `contract` is the bundled openapi.json."""
    bundled = contract.read_bytes()

    @lru_cache(maxsize=1)
    def as_yaml() -> bytes:
        return yaml.safe_dump(load_mapping(contract), sort_keys=False, allow_unicode=True).encode()

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        checks = await run_in_threadpool(_check, services)
        good = all(value == "ok" for value in checks.values())
        return JSONResponse({"status": "ok" if good else "unavailable", **checks}, 200 if good else 503)

    async def openapi_json(_request: Request) -> Response:
        return Response(bundled, media_type="application/json")

    async def openapi_yaml(_request: Request) -> Response:
        return Response(await run_in_threadpool(as_yaml), media_type="application/yaml")

    async def docs(_request: Request) -> Response:
        return HTMLResponse(PAGE.read_text(), headers={"Content-Security-Policy": POLICY})

    async def docs_script(_request: Request) -> Response:
        return FileResponse(SCRIPT, media_type="text/javascript")

    async def home(_request: Request) -> Response:
        return RedirectResponse("/docs")

    return Starlette(
        routes=[
            Route("/", home),
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/openapi.json", openapi_json),
            Route("/openapi.yaml", openapi_yaml),
            Route("/docs", docs),
            Route("/docs/writ.js", docs_script),
            Mount("/docs/ui", StaticFiles(directory=swagger_ui_bundle.swagger_ui_path)),
        ],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )


def _check(services: Services) -> dict[str, str]:
    checks = {"database": "ok", "redis": "ok"}
    try:
        with services.store.read() as connection:
            connection.execute(text("SELECT 1 FROM jobs LIMIT 1"))
    except SQLAlchemyError as error:
        log.warning("database_not_ready", exc_info=error)
        checks["database"] = "unavailable"
    try:
        services.redis.ping()
    except RedisError as error:
        log.warning("redis_not_ready", reason=str(error))
        checks["redis"] = "unavailable"
    return checks


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        # Whatever is served here can be read, and nothing else.
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=READ_ONLY)
        return _rendered(
            Refusal(
                "METHOD_NOT_ALLOWED",
                f"This path takes {READ_ONLY['Allow']}, not {request.method[:20]}.",
                headers=READ_ONLY,
            )
        )
    return _rendered(Refusal("NOT_FOUND" if status == 404 else "INTERNAL_ERROR"))


async def _fail(_request: Request, error: Exception) -> Response:
    log.error("unexpected_error", exc_info=error)
    return _rendered(Refusal("INTERNAL_ERROR"))


def _rendered(refusal: Refusal) -> Response:
    reply = render_refusal(refusal, f"req_{new_id().hex}", lower=True)
    headers = {name.decode(): value.decode("latin-1") for name, value in reply.headers}
    return Response(reply.body, reply.status, headers)
