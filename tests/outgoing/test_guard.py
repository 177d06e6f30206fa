from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from writ.contract.errors import Refusal
from writ.outgoing.guard import HostUnknown, is_public, parse_url, resolve_allowed
from writ.outgoing.redact import strip_credentials

LOOPBACK = [ip_network("127.0.0.0/8")]

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:c0a8:101::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "5f00::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "2606:4700::1111",
    "2002:808:808::",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are(text: str) -> None:
    assert is_public(ip_address(text))


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0X7F.0.0.0x1",
    "localhost",
    "LOCALHOST",
    "a.localhost",
    "localhost.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::]",
    "0",
    "0.0.0.0",
    "[fe80::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "127.0.0.1.",
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_every_spelling_of_loopback_is_refused_without_a_lookup(host: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_url(f"https://{host}/a.zip")
    assert refused.value.code == "URL_NOT_ALLOWED"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "::1"])
def test_every_spelling_of_loopback_is_refused_by_its_address(host: str) -> None:
    """By the system's own resolver: what counts is the address that it gives."""
    with pytest.raises(Refusal) as refused:
        resolve_allowed(host, 443, ())
    assert refused.value.code == "URL_NOT_ALLOWED"


def test_a_trusted_network_opens_itself_only() -> None:
    assert [str(a) for a in resolve_allowed("127.1", 443, LOOPBACK)] == ["127.0.0.1"]
    with pytest.raises(Refusal):
        resolve_allowed("10.0.0.1", 443, LOOPBACK)
    assert str(resolve_allowed("::ffff:127.0.0.1", 443, LOOPBACK)[0]) in (
        "127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:127.0.0.1",
    )


def answering(*addresses: str) -> Callable[..., list[tuple[Any, ...]]]:
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in addresses]


def test_a_name_with_one_private_address_is_refused() -> None:
    assert resolve_allowed("a.example", 443, (), resolver=answering("8.8.8.8", "1.1.1.1", "8.8.8.8"))
    with pytest.raises(Refusal):
        resolve_allowed("a.example", 443, (), resolver=answering("8.8.8.8", "10.0.0.1"))


def test_unencrypted_calls_reach_trusted_networks_only() -> None:
    with pytest.raises(Refusal, match="Use https"):
        resolve_allowed("a.example", 80, LOOPBACK, only_trusted=True, resolver=answering("8.8.8.8"))
    assert resolve_allowed("a.example", 80, LOOPBACK, only_trusted=True, resolver=answering("127.0.0.1"))


def test_a_name_without_addresses_is_unknown() -> None:
    with pytest.raises(HostUnknown):
        resolve_allowed("no-such-host.invalid", 443, ())


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com/",
        "https:///a",
        "https://",
        "example.com/a",
        "//example.com/a",
        "javascript:alert(1)",
        "https://exa%6dple.com/",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://-x.example.com/",
        "https://exаmple.com/",
        "https://[::1",
        "http://example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://user@127.0.0.1/",
        "https://example.com@127.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://exam\tple.com/",
        "",
        "https://a/" + "x" * 5000,
    ],
)
def test_hostile_urls_are_refused(url: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_url(url)
    assert refused.value.code == "URL_NOT_ALLOWED"


def test_a_url_is_shown_without_credentials() -> None:
    target = parse_url("https://me:p%40ss@Example.com:8443/a.zip?token=abc")
    assert target.shown == "https://example.com:8443/a.zip"
    assert target.url == "https://example.com:8443/a.zip?token=abc"
    assert target.userinfo == "me:p%40ss"


@pytest.mark.parametrize("text", ["https://a:b@host/x", "ssh://a:b@host/x y", "'https://a:b@c@host/x'"])
def test_credentials_are_stripped_from_text(text: str) -> None:
    assert "b" not in strip_credentials(f"fatal: {text}")
    assert "host/x" in strip_credentials(text)
