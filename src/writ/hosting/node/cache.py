"""The cache flags of an environment, kept on its node beside the site.

Purging writes nothing but a number: it is part of the key of every cached page, so that all older pages are
unreachable at once, however many there are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from writ.hosting.node.base import Tools
from writ.hosting.node.layout import Layout


@dataclass(frozen=True, slots=True)
class Cache:
    """Flags, and the generation that page cache keys begin with."""

    fastcgi_cache_enabled: bool = False
    redis_cache_enabled: bool = False
    generation: int = 1


def read_cache(tools: Tools, layout: Layout) -> Cache:
    """Return the flags; an environment that never set any has both off."""
    if not tools.test("-f", layout.cache_file):
        return Cache()
    data = json.loads(tools.read(layout.cache_file))
    return Cache(
        bool(data.get("fastcgi_cache_enabled", False)),
        bool(data.get("redis_cache_enabled", False)),
        int(data.get("generation", 1)),
    )


def set_flags(
    tools: Tools, layout: Layout, *, fastcgi: bool | None = None, redis: bool | None = None
) -> Cache:
    """Change the flags that are not None, and return them all. Render the server block anew afterwards."""
    cache = read_cache(tools, layout)
    if fastcgi is not None:
        cache = replace(cache, fastcgi_cache_enabled=fastcgi)
    if redis is not None:
        cache = replace(cache, redis_cache_enabled=redis)
    _write(tools, layout, cache)
    return cache


def purge(tools: Tools, layout: Layout) -> Cache:
    """Begin a new generation, and return it. Render the server block anew afterwards."""
    cache = read_cache(tools, layout)
    cache = replace(cache, generation=cache.generation + 1)
    _write(tools, layout, cache)
    return cache


def _write(tools: Tools, layout: Layout, cache: Cache) -> None:
    data = {
        "fastcgi_cache_enabled": cache.fastcgi_cache_enabled,
        "redis_cache_enabled": cache.redis_cache_enabled,
        "generation": cache.generation,
    }
    tools.make_folder(layout.home)
    tools.write(layout.cache_file, json.dumps(data).encode())
