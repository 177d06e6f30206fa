"""The whole application in process, on a database of its own, with handlers that a test may put in place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Row, func, select

from tests.gateway.harness import Door, Got
from writ.app import make_app, make_services, prepare
from writ.gateway.call import Answer, Call
from writ.gateway.services import Services
from writ.jobs import transport
from writ.records.kept import KeptAnswer
from writ.settings import Settings

EMAIL, PASSWORD = "admin@example.com", "correct-horse-battery"
SITE = {"name": "Shop", "slug": "shop"}


@dataclass
class Front:
    """Asks in the name of the admin, or of an API key."""

    services: Services
    door: Door
    cookie: str = ""
    answers: list[Any] = field(default_factory=list)
    called: int = 0

    def log_in(self) -> str:
        got = self.door("POST", "/api/login", json={"email": EMAIL, "password": PASSWORD})
        assert got.status == 200, got.body
        cookie = got.header("set-cookie")
        assert cookie is not None
        return cookie.partition(";")[0]

    def headers(self, key: str | None, by: str | None, more: dict[str, str] | None = None) -> dict[str, str]:
        who = {"Cookie": self.cookie} if by is None else {"X-API-Key": by}
        return who | ({} if key is None else {"Idempotency-Key": key}) | (more or {})

    def ask(self, method: str, path: str, key: str | None = None, by: str | None = None, **more: Any) -> Got:
        headers = self.headers(key, by, more.pop("headers", None))
        return self.door(method, f"/api{path}", headers=headers, **more)

    def together(self, *asked: tuple[str, str, str, Any]) -> list[Got]:
        """Ask all at the same time: (method, path, key, JSON)."""

        async def all_of_them() -> list[Got]:
            return await asyncio.gather(
                *(
                    self.door.ask(method, f"/api{path}", headers=self.headers(key, None), json=json)
                    for method, path, key, json in asked
                )
            )

        return self.door.loop.run_until_complete(all_of_them())

    def order_site(self, key: str | None = None, slug: str = "shop", **more: Any) -> Got:
        return self.ask("POST", "/sites", key, json={**SITE, "slug": slug}, **more)

    def new_key(self, key: str | None = None, by: str | None = None, name: str = "Script") -> Got:
        body = {"key_name": name, "scopes": ["hosting.read", "hosting.write", "keys.write", "jobs.read"]}
        return self.ask("POST", "/v1/api-keys", key, by, json=body)

    def count(self, table: Any) -> int:
        with self.services.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def kept(self) -> Sequence[Row[Any]]:
        with self.services.store.read() as connection:
            return connection.execute(select(KeptAnswer.__table__)).all()

    def scripted(self, call: Call) -> Answer:
        """The handler of POST /sites in tests that say what it answers: the next of `answers`."""
        self.called += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found: Answer = answer(call) if callable(answer) else answer
        return found


@contextmanager
def opened(
    folder: Path, database_url: str, redis_url: str, *, scripted: bool = False, **settings: Any
) -> Iterator[Front]:
    """A front on an empty database; `scripted` puts `Front.scripted` in the place of POST /sites."""
    chosen = Settings(
        home=folder / "home",
        database_url=database_url,
        redis_url=redis_url,
        admin_email=EMAIL,
        admin_password=PASSWORD,
        **{"check_answers": not scripted, "server_threads": 4, **settings},
    )
    prepare(chosen)
    services = make_services(chosen)
    transport.use(services.store, services.redis)
    front = Front(services, None)  # type: ignore[arg-type]
    replaced: Callable[[Call], Answer] = front.scripted
    try:
        if scripted:
            with patch("writ.hosting.handlers.create_site", replaced):
                app = make_app(services)
        else:
            app = make_app(services)
        front.door = Door(app)
        front.cookie = front.log_in()
        yield front
    finally:
        transport.use(None, None)
        if front.door is not None:
            front.door.close()
        services.store.close()
        services.redis.close()
