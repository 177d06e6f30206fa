"""Whom a request is counted for."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from writ.gateway.call import Actor

Subjects = tuple[tuple[str, str], ...]
"""Kinds of subject with their ids."""

_NOT_PEOPLE = ("key", "application")


def subjects_of(actor: Actor) -> Subjects:
    """The key or the person, the application and the organization.

    What a key does counts for the key and not for the person who made it, so that a script locks nobody out
    of the browser.
    """
    found: list[tuple[str, str]] = []
    if actor.key_id is not None:
        found.append(("key", actor.key_id.hex))
    elif actor.kind not in _NOT_PEOPLE:
        found.append(("user", actor.id.hex))
    if actor.application_id is not None:
        found.append(("application", actor.application_id.hex))
    if actor.organization_id is not None:
        found.append(("organization", actor.organization_id.hex))
    return tuple(found)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What a network address is counted as: an IPv6 address stands for its /64, which one customer usually
    has whole; what is no address, such as the path of a Unix socket, stands for itself.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
