"""Routing: a tree of path segments compiled at start, so that every operation costs the same to find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Endpoint(Generic[T]):
    """All methods of one path; `allow` is the value of the Allow header."""

    path: str
    methods: dict[str, T] = field(default_factory=dict)
    allow: str = ""


@dataclass(slots=True)
class _Node(Generic[T]):
    literal: dict[str, _Node[T]] = field(default_factory=dict)
    parameter: _Node[T] | None = None
    endpoint: Endpoint[T] | None = None


class Router(Generic[T]):
    """Paths with `{parameters}`; a literal segment wins over a parameter (OpenAPI 3.0, section 4.7.8.2)."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._static: dict[str, Endpoint[T]] = {}

    def add(self, path: str, method: str, value: T) -> None:
        """Register a method of a path.

        Raises:
            ValueError: the path has this method already, under this or another parameter name.
        """
        node = self._root
        for part in path.strip("/").split("/"):
            if part.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(part, _Node())
        if node.endpoint is None:
            node.endpoint = Endpoint(path)
        endpoint = node.endpoint
        if method in endpoint.methods:
            raise ValueError(f"{method} {path} is there already, as {endpoint.path}")
        endpoint.methods[method] = value
        names = set(endpoint.methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in endpoint.methods else set())
        endpoint.allow = ", ".join(sorted(names))
        if "{" not in path:
            self._static[path] = endpoint

    def find(self, path: str) -> tuple[Endpoint[T], tuple[str, ...]] | None:
        """The endpoint of a path and the texts of its parameters, in the order of the path."""
        static = self._static.get(path)
        if static is not None:
            return static, ()
        if not path.startswith("/"):
            return None
        return _find(self._root, path[1:].split("/"), 0, ())


def _find(
    node: _Node[T], parts: list[str], position: int, values: tuple[str, ...]
) -> tuple[Endpoint[T], tuple[str, ...]] | None:
    if position == len(parts):
        return (node.endpoint, values) if node.endpoint is not None else None
    part = parts[position]
    child = node.literal.get(part)
    if child is not None:
        found = _find(child, parts, position + 1, values)
        if found is not None:
            return found
    if node.parameter is not None and part:
        return _find(node.parameter, parts, position + 1, (*values, part))
    return None
