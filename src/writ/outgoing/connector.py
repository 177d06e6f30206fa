"""Outgoing calls of asynchronous code: an aiohttp connector that reaches vetted addresses only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from writ.contract.errors import Refusal
from writ.outgoing.guard import HostUnknown, Network, is_public, is_trusted, resolve_allowed

KEEP_ALIVE_SECONDS = 30.0
DNS_SECONDS = 10


class AddressRefused(OSError):
    """The address that was to be connected to is private or reserved, and in no trusted network."""


class VettingResolver(AbstractResolver):
    """Resolves in a thread and gives out the addresses only when all of them are allowed."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = trusted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises AddressRefused; OSError when there are none."""
        try:
            found = await asyncio.to_thread(resolve_allowed, host, port, self._trusted)
        except HostUnknown:
            raise OSError(f"the host {host} is not known") from None
        except Refusal as refusal:
            raise AddressRefused(refusal.message) from None
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def vetted_connector(trusted: Sequence[Network], *, limit: int = 0) -> TCPConnector:
    """A connector for one session; call it inside a running event loop.

    Addresses are vetted twice: all those of a name when it is resolved, and each one when its socket is
    made, so that an address written in the URL, in whatever spelling, is vetted as well. `limit` is the most
    connections at a time, 0 for no limit.
    """

    def make_socket(info: Any) -> socket.socket:
        family, kind, protocol, _, where = info
        address = ip_address(str(where[0]).partition("%")[0])
        if not (is_public(address) or is_trusted(address, trusted)):
            raise AddressRefused(f"{address} is private or reserved, and in no trusted network")
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    return TCPConnector(
        resolver=VettingResolver(trusted),
        socket_factory=make_socket,
        limit=limit,
        limit_per_host=0,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        ttl_dns_cache=DNS_SECONDS,
    )
