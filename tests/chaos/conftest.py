"""One product for each database; every test puts it together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.chaos import Chaos, running
from tests.chaos.stages import Stage, make_stage
from tests.support.postgres import PostgresServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Killing and starting again takes long: every test here is slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def _on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    folder = tmp_path_factory.mktemp("chaos-sqlite")
    with running(folder, f"sqlite:///{folder / 'writ.db'}") as chaos:
        yield chaos


@pytest.fixture(scope="session")
def _on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Chaos]:
    url = postgres_server.create_database()
    with running(tmp_path_factory.mktemp("chaos-postgresql"), url) as chaos:
        yield chaos
    postgres_server.drop_database(url)


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Iterator[Chaos]:
    """The running product; on SQLite, unless a test is parametrised with another database."""
    found: Chaos = request.getfixturevalue(f"_on_{getattr(request, 'param', 'sqlite')}")
    found.mend()
    yield found
    found.mend()


@pytest.fixture(scope="session")
def _stages() -> dict[tuple[int, str], Stage]:
    return {}


@pytest.fixture
def stage(chaos: Chaos, _stages: dict[tuple[int, str], Stage]) -> Iterator[Callable[[str], Stage]]:
    """The stage of a kind of job, made when it is first asked for."""

    def find(kind: str) -> Stage:
        key = (id(chaos), kind)
        used[key] = _stages.pop(key, None) or make_stage(chaos, kind)
        used[key].sound = False
        return used[key]

    used: dict[tuple[int, str], Stage] = {}
    yield find
    # One that a failed test has left in some state is not for the next test.
    _stages.update({key: found for key, found in used.items() if found.sound})
