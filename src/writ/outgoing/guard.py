"""Which addresses an outgoing call may reach: public ones, and private ones only inside the trusted networks.

The rule is a list of our own (IANA's special-purpose registries, RFC 6890 and its successors), not
`ipaddress.is_global`, whose answer depends on the patch level of Python.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from writ.contract.errors import Refusal
from writ.outgoing.redact import strip_credentials

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[..., Sequence[tuple[Any, ...]]]

_REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# 2001::/23 holds Teredo (2001::/32), whose address could lead anywhere inside.
_REFUSED_V6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_SIX_TO_FOUR = IPv6Network("2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_NUMERIC = re.compile(r"[0-9][0-9A-Fa-fxX.]*", re.ASCII)
_LOCAL_NAMES = re.compile(r"(?:^|\.)(?:localhost|localhost\.localdomain)\.?$", re.IGNORECASE)


class HostUnknown(Exception):
    """The name could not be resolved."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address on the web, taken apart. `userinfo` is None or `user:password` as written in the URL."""

    scheme: str
    host: str
    port: int
    path: str
    userinfo: str | None

    @property
    def authority(self) -> str:
        """Return host and port as they stand in a URL, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """Return the URL without credentials and query: safe to log."""
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"

    @property
    def url(self) -> str:
        """Return the URL without credentials."""
        return f"{self.scheme}://{self.authority}{self.path}"


_PORTS = {"https": 443, "http": 80}


def is_public(address: Address) -> bool:
    """Say whether the address belongs to the public internet, judging an embedded IPv4 address as itself."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address in _SIX_TO_FOUR:
        return is_public(IPv4Address((int(address) >> 80) & 0xFFFFFFFF))
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_UNICAST and not any(address in network for network in _REFUSED_V6)


def is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    """Say whether the address, or the IPv4 address that it maps, lies in one of the networks."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any(
        candidate.version == network.version and candidate in network
        for candidate in (address, mapped)
        if candidate is not None
        for network in trusted
    )


def literal_address(host: str) -> Address | None:
    """Return the address that `host` spells, in any spelling that the system's resolver takes, or None for
    a name.

    `2130706433`, `0x7f.1` and `0177.0.0.1` are spellings of 127.0.0.1.
    """
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host.rstrip("."))) if _NUMERIC.fullmatch(host) else None
    except (OSError, ValueError):
        return None


def is_plain_host(host: str) -> bool:
    """Say whether `host` is a hostname in ASCII or an address literal, with nothing else in it."""
    if len(host) > 253 or "%" in host:
        return False
    return literal_address(host) is not None or bool(_HOSTNAME.fullmatch(host))


def check_literal(host: str, trusted: Sequence[Network]) -> None:
    """Refuse a host that is seen to be private without asking anybody: for an answer at once.

    Raises Refusal URL_NOT_ALLOWED.
    """
    address = literal_address(host)
    if address is None and _LOCAL_NAMES.search(host):
        address = IPv4Address("127.0.0.1")
    if address is not None and not (is_public(address) or is_trusted(address, trusted)):
        raise _refused(host)


def resolve_allowed(
    host: str,
    port: int,
    trusted: Sequence[Network],
    *,
    only_trusted: bool = False,
    resolver: Resolver = socket.getaddrinfo,
) -> list[Address]:
    """Resolve `host` and return its addresses, vetted: connect to one of these and to nothing else.

    One private address among several refuses the name: a mixed answer is what a rebinding attack looks
    like. With `only_trusted`, public addresses are refused too (for what is not encrypted).

    Raises Refusal URL_NOT_ALLOWED, HostUnknown.
    """
    if not is_plain_host(host):
        raise Refusal(
            "URL_NOT_ALLOWED",
            "The address has a host that is not a valid name. Write the name in ASCII (xn-- for other"
            " scripts).",
        )
    try:
        answers = resolver(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise HostUnknown(host) from None
    addresses = list(dict.fromkeys(ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))
    if not addresses:
        raise HostUnknown(host)
    for address in addresses:
        if is_trusted(address, trusted):
            continue
        if only_trusted or not is_public(address):
            raise _refused(host, only_trusted and is_public(address))
    return addresses


def parse_url(url: str, trusted: Sequence[Network] = (), *, plain: bool = False) -> Target:
    """Take an http or https URL apart and refuse, without I/O, what is seen to be wrong at once.

    With `plain`, http is allowed everywhere: for what is signed and holds no secret of its own.

    Raises Refusal URL_NOT_ALLOWED.
    """
    if any(ord(letter) <= 0x20 or ord(letter) >= 0x7F for letter in url) or "\\" in url or len(url) > 4096:
        raise Refusal(
            "URL_NOT_ALLOWED",
            "The URL is too long, or holds spaces, backslashes or characters that must be encoded.",
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refusal("URL_NOT_ALLOWED", "The URL cannot be read. Expected https://host/path.") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise Refusal("URL_NOT_ALLOWED", "Only https URLs are allowed. Expected https://host/path.")
    if not is_plain_host(host):
        raise Refusal(
            "URL_NOT_ALLOWED",
            f"{strip_credentials(url)[:200]} has no valid host. Write the name in ASCII (xn-- for other"
            " scripts).",
        )
    if port == 0:
        raise Refusal("URL_NOT_ALLOWED", "The URL names port 0, where nothing can listen.")
    check_literal(host, trusted)
    if scheme == "http" and not (trusted or plain):
        raise Refusal("URL_NOT_ALLOWED", "http is not encrypted and not allowed here. Use https.")
    return Target(scheme, host, port or _PORTS[scheme], _request_path(parts), _userinfo(parts))


def _request_path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _userinfo(parts: SplitResult) -> str | None:
    return parts.netloc.rpartition("@")[0] or None


def _refused(host: str, unencrypted: bool = False) -> Refusal:
    if unencrypted:
        return Refusal(
            "URL_NOT_ALLOWED", f"{host} is not in a trusted network, so http is refused. Use https."
        )
    return Refusal(
        "URL_NOT_ALLOWED",
        f"{host} leads to a private or reserved address. Use a public one, or let the operator add its"
        " network"
        " to WRIT_TRUSTED_NETWORKS.",
    )
