"""`writ up`: what a whole Writ is, in which order it starts and stops, and what is printed when it is
ready.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from writ.supervise.child import ChildSpec
from writ.supervise.home import CannotStart, Home, choose_port
from writ.supervise.redis import EmbeddedRedis, embedded_redis
from writ.supervise.supervisor import Supervisor, environment, program

if TYPE_CHECKING:
    from writ.access.bootstrap import Credentials
    from writ.settings import Settings

STOP_ORDER = ("server", "workers", "pump", "recorder", "sites", "redis")
"""No new orders first, then the running jobs, what tells others of them and what records, then the sites that
their checks call, and the queue last."""

HAND_BACK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything of this run is."""

    settings: Settings
    port: int
    sites_port: int
    redis: EmbeddedRedis | None
    env: dict[str, str]

    @property
    def url(self) -> str:
        """The control plane's address on this machine."""
        return f"http://{_host_in_url(self.settings.host)}:{self.port}"


def up(settings: Settings, *, tour: bool = False) -> int:
    """Runs the whole of Writ until it is told to stop; returns the exit status.

    With `tour`, the tour runs as soon as all is ready, and its end stops the rest. Raises CannotStart.
    """
    home = Home(settings.home_path)
    lock = home.lock(say=click.echo)
    last = home.read()
    plan = _plan(settings, last)
    home.write(pid=os.getpid(), url=plan.url, port=plan.port, sites_port=plan.sites_port)
    if settings.redis_url:
        _ask_redis(settings.redis_url)
    _check_contract()
    credentials = prepare_database(settings)
    shown = tour

    def ready() -> None:
        nonlocal shown
        click.echo(ready_block(plan, credentials, stays=not tour))
        shown = True

    try:
        supervisor = Supervisor(
            _waves(plan),
            stop_order=STOP_ORDER,
            logs=settings.home_path / "logs",
            say=lambda text: click.echo(text, err=True),
            guard_seconds=settings.stop_grace_seconds,
            keep_open=[lock],
        )
        then: Sequence[str] | None = None
        if tour:
            then = program("tour", "--url", plan.url)
            _hand_to_tour(credentials)
        return asyncio.run(supervisor.run(ready=ready, then=then))
    finally:
        if credentials is not None and not shown:
            # The admin is made: whoever stops now would never learn the password.
            click.echo(credentials_line(credentials))
        if plan.redis is not None:
            plan.redis.clear(home.path)
        home.write(port=plan.port, sites_port=plan.sites_port)
        home.release()


def _plan(settings: Settings, last: dict[str, object]) -> Plan:
    port = choose_port(settings.host, settings.port, option="--port", last=last.get("port"))
    sites_port = choose_port(
        settings.host, settings.sites_port, option="WRIT_SITES_PORT", last=last.get("sites_port")
    )
    if port == sites_port:
        raise CannotStart(f"WRIT_PORT and WRIT_SITES_PORT are both {port}: sites need a port of their own.")
    redis = None if settings.redis_url else embedded_redis(settings.home_path)
    env = environment(
        WRIT_HOME=str(settings.home_path),
        WRIT_PORT=str(port),
        WRIT_SITES_PORT=str(sites_port),
        WRIT_REDIS_URL=settings.redis_url or (redis.url if redis else None),
        WRIT_ADMIN_PASSWORD=None,  # used once, before the children start; none of them needs it
        PYTHONUNBUFFERED="1",
    )
    return Plan(settings, port, sites_port, redis, env)


def _check_contract() -> None:
    """Raises CannotStart when the contract cannot be served: servers would only end, again and again."""
    from writ.app import check_contract
    from writ.contract.operation import ContractFault

    try:
        check_contract()
    except ContractFault as fault:
        raise CannotStart(f"The contract cannot be served: {fault}", code=1) from None


def _ask_redis(url: str) -> None:
    """Raises CannotStart when the Redis of WRIT_REDIS_URL does not answer; no password is in the message."""
    from redis import RedisError

    from writ.jobs.transport import make_client

    client = make_client(url)
    try:
        client.ping()
    except RedisError as problem:
        raise CannotStart(f"The Redis of WRIT_REDIS_URL cannot be used: {problem}", code=1) from None
    finally:
        client.close()


def credentials_line(credentials: Credentials) -> str:
    """One line that tells who the first admin is, with a generated password."""
    if not credentials.generated:
        return f"The admin is {credentials.email}, the password the one in WRIT_ADMIN_PASSWORD"
    return f"The admin is {credentials.email}, the password {credentials.password} (shown this once: keep it)"


def prepare_database(settings: Settings) -> Credentials | None:
    """Makes secret key, tables, embedded node and first admin; returns the credentials of an admin just made.

    Raises CannotStart when the database or the settings of the admin cannot be used.
    """
    from sqlalchemy.exc import OperationalError

    from writ.app import prepare

    try:
        settings.secret()
        return prepare(settings)
    except ValueError as problem:
        raise CannotStart(str(problem)) from None
    except OperationalError as problem:
        reason = " ".join(str(problem.orig).split())
        raise CannotStart(f"The database cannot be used: {reason}", code=1) from None
    except OSError as problem:
        raise CannotStart(f"{problem.filename} cannot be written: {problem.strerror}") from None


def _waves(plan: Plan) -> list[list[ChildSpec]]:
    """Redis first, as the others need it; then all of the rest together."""
    settings = plan.settings
    grace = settings.stop_grace_seconds
    rest = [
        ChildSpec(
            "sites",
            program("sites"),
            plan.env,
            grace_seconds=5.0,
            ready=_answers(settings.host, plan.sites_port, "/", any_status=True),
        ),
        ChildSpec(
            "workers",
            program("worker"),
            plan.env,
            grace_seconds=grace,
            # The pool itself gives a job that does not hand back this long, and then ends it.
            hand_back_seconds=max(grace, HAND_BACK_SECONDS) + 5.0,
        ),
        ChildSpec("pump", program("pump"), plan.env),
        ChildSpec("recorder", program("recorder"), plan.env, grace_seconds=10.0),
        ChildSpec("server", program("server"), plan.env, ready=_answers(settings.host, plan.port, "/readyz")),
    ]
    if plan.redis is None:
        return [rest]
    redis = ChildSpec(
        "redis",
        plan.redis.argv,
        plan.env,
        quiet=True,  # it warns of the machine's settings at every start
        ask_to_stop=plan.redis.save_and_stop,
        ready=_in_thread(plan.redis.answers),
    )
    return [[redis], rest]


def _in_thread(question: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return await asyncio.to_thread(question)

    return ask


def _answers(host: str, port: int, path: str, *, any_status: bool = False) -> Callable[[], Awaitable[bool]]:
    """Asks an HTTP server on this machine; true when it answers 200, or at all with `any_status`."""
    import httpx

    url = f"http://{_host_in_url(host)}:{port}{path}"

    async def ask() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            try:
                answer = await client.get(url)
            except httpx.HTTPError:
                return False
        return any_status or answer.status_code == 200

    return ask


def _host_in_url(host: str) -> str:
    """An address at which this machine reaches a server that listens on `host`."""
    if host in ("0.0.0.0", ""):  # noqa: S104 (compared, not bound)
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _hand_to_tour(credentials: Credentials | None) -> None:
    """The tour logs in as the admin: with the password made just now, or the one in WRIT_ADMIN_PASSWORD."""
    if credentials is not None:
        os.environ["WRIT_ADMIN_EMAIL"] = credentials.email
        os.environ["WRIT_ADMIN_PASSWORD"] = credentials.password


def ready_block(plan: Plan, credentials: Credentials | None, *, stays: bool) -> str:
    """The one block that is printed when everything answers."""
    settings = plan.settings
    database = urlsplit(settings.database)
    rows = [
        ("Address", plan.url),
        ("Docs", f"{plan.url}/docs"),
        ("Sites", f"http://<environment>.<site>.localhost:{plan.sites_port}/"),
        ("Home", str(settings.home_path)),
        ("Logs", str(settings.home_path / "logs")),
        ("Database", "SQLite, in the home folder" if settings.database_url is None else database.scheme),
        ("Redis", "embedded" if plan.redis else "WRIT_REDIS_URL"),
        ("Workers", str(settings.workers)),
    ]
    if credentials is not None and stays:
        rows += [
            ("Admin", credentials.email),
            (
                "Password",
                f"{credentials.password}   (shown this once: keep it)"
                if credentials.generated
                else "the one in WRIT_ADMIN_PASSWORD",
            ),
        ]
    if stays:
        rows.append(("Stop", "Ctrl-C"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(["", "Writ is ready.", *(f"  {name:<{width}}  {value}" for name, value in rows), ""])
