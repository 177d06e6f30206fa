"""The front door, in process and in a real server; nothing is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import Door, Server, make, serving


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "stock: holds Writ beside stock Connexion, so that the list stays true"
    )


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The front door with the contract of these tests; every answer is checked against it."""
    opened = Door(make(tmp_path_factory.mktemp("door")))
    yield opened
    opened.close()


@pytest.fixture
def make_door(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    """Front doors with other contracts or settings."""
    doors: list[Door] = []

    def build(document: dict[str, Any] | None = None, **settings: Any) -> Door:
        doors.append(Door(make(tmp_path, document, **settings)))
        return doors[-1]

    yield build
    for opened in doors:
        opened.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The front door in a real granian."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running
