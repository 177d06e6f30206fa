from __future__ import annotations

import pytest

from writ.access.origin import check_origin
from writ.contract.errors import Refusal

HOST = "panel.example.com:8080"
OWN = f"http://{HOST}"


def passes(
    headers: dict[str, str], method: str = "POST", scheme: str = "http", public: str | None = None
) -> bool:
    try:
        check_origin(method, {"host": HOST, **headers}, scheme, public)
    except Refusal as refusal:
        return refusal.code != "ORIGIN_NOT_ALLOWED"
    return True


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"origin": OWN}, True),
        ({"origin": "HTTP://PANEL.example.com:8080"}, True),
        ({"origin": "https://panel.example.com:8080"}, False),
        ({"origin": "http://panel.example.com"}, False),
        ({"origin": "http://panel.example.com:9090"}, False),
        ({"origin": "http://evil.example.com:8080"}, False),
        ({"origin": "http://panel.example.com.evil.test:8080"}, False),
        ({"origin": "http://panel.example.com:8080@evil.test"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://[::1"}, False),
        ({"origin": "http://a:port"}, False),
        ({"origin": "http://evil.test", "referer": OWN + "/"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "referer": OWN + "/"}, False),
        ({"sec-fetch-site": OWN}, False),
        ({"referer": OWN + "/page?x=1"}, True),
        ({"referer": "http://evil.test/" + OWN}, False),
        ({}, True),
    ],
)
def test_who_may_send_an_unsafe_request(headers: dict[str, str], allowed: bool) -> None:
    assert passes(headers) is allowed
    for method in ("PUT", "PATCH", "DELETE"):
        assert passes(headers, method) is allowed
    for method in ("GET", "HEAD", "OPTIONS"):
        assert passes(headers, method)


def test_a_default_port_is_the_same_as_none() -> None:
    assert passes({"host": "a.example.com", "origin": "https://a.example.com:443"}, scheme="https")
    assert passes({"host": "a.example.com:80", "origin": "http://a.example.com"})


def test_behind_a_proxy_the_public_address_counts() -> None:
    assert not passes({"origin": "https://writ.example.com"})
    assert passes({"origin": "https://writ.example.com"}, public="https://writ.example.com/")
    assert not passes({"origin": "null"}, public="null")


def test_a_request_without_a_host_has_no_origin_of_its_own() -> None:
    with pytest.raises(Refusal):
        check_origin("POST", {"origin": "http://"}, "http")
