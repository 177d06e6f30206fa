"""Whose key is this? On the path of every request that brings one."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from uuid import UUID

from sqlalchemy import Connection, bindparam, select
from writ_contract.errors import ADDRESS_NOT_ALLOWED, API_KEY_EXPIRED, API_KEY_INVALID, API_KEY_REVOKED

from writ.access.key_permissions import forbidden_of, projects_of
from writ.access.key_text import KeyText
from writ.access.models import ApiKey, User
from writ.access.roles import scopes_of_key
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.store.prepared import Prepared

# Built once, and only columns. The row is found by its id, so that the secret is compared here, in constant
# time.
_FIND = Prepared(
    select(
        ApiKey.api_key,
        ApiKey.previous_api_key,
        ApiKey.previous_expires_at,
        ApiKey.is_active,
        ApiKey.expires_at,
        ApiKey.permissions,
        ApiKey.ip_allowlist,
        ApiKey.last_used_at,
        ApiKey.organization_id,
        ApiKey.key_type,
        ApiKey.rate_limits,
        ApiKey.require_signature,
        User.id,
        User.email,
        User.role,
        User.status,
    )
    .join(User, User.id == ApiKey.created_by)
    .where(ApiKey.id == bindparam("id"))
)


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A good secret, and what its key was when it was found.

    `expired` says that the secret is of a key that was regenerated without a grace period, `expires_at` when
    it ends if it has not ended yet, `networks` from where it may be used (from everywhere when empty).
    """

    id: UUID
    actor: Actor
    is_active: bool
    expired: bool
    expires_at: datetime | None
    networks: tuple[str, ...]
    last_used_at: datetime | None

    def require_good(self, at: datetime, address: str) -> None:
        """Refuse a key that cannot be used at this time from this network address.

        Raises:
            Refusal: API_KEY_REVOKED, API_KEY_EXPIRED, ADDRESS_NOT_ALLOWED.
        """
        if self.expired:
            raise Refusal(API_KEY_EXPIRED)
        if not self.is_active:
            raise Refusal(API_KEY_REVOKED)
        if self.expires_at is not None and self.expires_at <= at:
            raise Refusal(API_KEY_EXPIRED)
        if self.networks and not _is_within(address, self.networks):
            raise Refusal(ADDRESS_NOT_ALLOWED)


def find_key(connection: Connection, key: KeyText) -> FoundKey:
    """The key that a well-formed text is of. One select.

    The scopes of its actor are those of the key that its maker has as well, and of a key that is confined to
    projects only those of systems that know of projects; whether the request has to be signed, and is, is
    asked later, with the whole of it at hand.

    Raises:
        Refusal: API_KEY_INVALID when there is none with this secret.
    """
    row = _FIND.first(connection, {"id": key.id})
    if row is None:
        raise Refusal(API_KEY_INVALID)
    current, previous, previous_ends, active, ends, permissions, networks, used, organization = row[:9]
    tier, rate_limits, require_signature, user_id, email, role, status = row[9:]
    expired = False
    if not hmac.compare_digest(current, key.sha256):
        if previous is None or not hmac.compare_digest(previous, key.sha256):
            raise Refusal(API_KEY_INVALID)
        ends = previous_ends if ends is None or previous_ends is None else min(ends, previous_ends)
        expired = ends is None
    projects = projects_of(permissions)
    actor = Actor(
        id=user_id,
        kind="key",
        email=email,
        role=role,
        scopes=scopes_of_key(role, permissions["scopes"], projects is not None),
        organization_id=organization,
        key_id=key.id,
        projects=projects,
        tier=tier,
        rate_limits=rate_limits,
        forbidden=forbidden_of(permissions),
        must_sign=require_signature,
    )
    return FoundKey(key.id, actor, active and status == "active", expired, ends, tuple(networks or ()), used)


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False  # a peer without an address, such as a Unix socket
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in _network(network) for network in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)
