"""Routing: the five-hundredth operation costs what the first one costs, by construction."""

from __future__ import annotations

from typing import Any

import pytest

from writ.contract import routing
from writ.contract.routing import Router


def filled(count: int) -> Router[str]:
    router: Router[str] = Router()
    for n in range(count):
        for path in (f"/api/nouns{n}", f"/api/nouns{n}/{{id}}", f"/api/nouns{n}/{{id}}/parts/{{part}}"):
            router.add(path, "GET", path)
    return router


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each node of the tree that is looked at."""
    seen: list[int] = []
    find = routing._find

    def counted(node: Any, parts: list[str], position: int, values: tuple[str, ...]) -> Any:
        seen.append(position)
        return find(node, parts, position, values)

    monkeypatch.setattr(routing, "_find", counted)
    return seen


def cost(router: Router[str], path: str, visits: list[int]) -> int:
    visits.clear()
    router.find(path)
    return len(visits)


def test_the_last_operation_costs_what_the_first_costs(visits: list[int]) -> None:
    small, large = filled(1), filled(500)
    for tail, steps in (("", 0), ("/7", 4), ("/7/parts/8", 6), ("/7/parts", 5), ("/7/parts/8/9/10/11", 6)):
        costs = [cost(small, f"/api/nouns0{tail}", visits)]
        costs += [cost(large, f"/api/nouns{n}{tail}", visits) for n in (0, 250, 499)]
        # One for the root and one for each segment; none at all for a path without parameters.
        assert costs == [steps] * 4, tail


def test_an_unknown_path_costs_no_more(visits: list[int]) -> None:
    assert cost(filled(500), "/api/others/1/2/3", visits) == 2


def test_what_is_found_is_the_same_for_all(visits: list[int]) -> None:
    router = filled(500)
    for n in range(500):
        found = router.find(f"/api/nouns{n}/a/parts/b")
        assert found is not None
        assert found[0].path == f"/api/nouns{n}/{{id}}/parts/{{part}}"
        assert found[1] == ("a", "b")


def test_a_literal_wins_and_a_parameter_takes_the_rest() -> None:
    router: Router[str] = Router()
    for path in ("/a/{x}", "/a/b", "/a/{x}/c", "/a/b/d", "/{y}/b/e"):
        router.add(path, "GET", path)
    for path, want, values in (
        ("/a/b", "/a/b", ()),
        ("/a/z", "/a/{x}", ("z",)),
        ("/a/b/c", "/a/{x}/c", ("b",)),
        ("/a/b/e", "/{y}/b/e", ("a",)),
    ):
        found = router.find(path)
        assert found is not None
        assert (found[0].path, found[1]) == (want, values)
    for path in ("/a", "/a/", "/a/b/", "//b", "/a//c", "", "a/b", "/"):
        assert router.find(path) is None, path


def test_a_path_is_there_once() -> None:
    router: Router[str] = Router()
    router.add("/a/{x}", "GET", "one")
    router.add("/a/{x}", "PUT", "two")
    with pytest.raises(ValueError, match=r"GET /a/\{y\} is there already, as /a/\{x\}"):
        router.add("/a/{y}", "GET", "three")
