"""The page that asks for consent, as a person uses it: in a real browser, which asks only this server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.docs.browser import open_chromium
from tests.docs.test_docs_page import SCREENSHOT
from tests.support.product import Product, running_product

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def arrived() -> list[str]:
    """The paths that the application's own server was asked for."""
    return []


@pytest.fixture
def callback(arrived: list[str]) -> Iterator[str]:
    """An application on this machine that waits for the user to come back."""

    class Application(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            arrived.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"Welcome back")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with running_product(tmp_path) as product:
        yield product


@pytest.mark.requirement("S3-91")
def test_a_person_allows_and_denies_it(
    product: Product, callback: str, arrived: list[str], tmp_path: Path
) -> None:
    with product.client() as owner:
        settings = {
            "application_name": '<script>alert("x")</script> & Planner',
            "contact_email": "dev@example.com",
            "scopes": ["hosting.read", "hosting.deploy", "jobs.read"],
            "grant_types": ["authorization_code"],
            "redirect_uris": [callback],
        }
        application = owner.post("/v1/applications", json=settings).json()
        owner.post(f"/v1/applications/{application['id']}/approve")
        token = owner.cookies["session_token"]
    query = {
        "response_type": "code",
        "client_id": application["client_id"],
        "redirect_uri": callback,
        "state": "a\"b<c>&d'e",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    asked: list[str] = []
    complaints: list[str] = []
    with open_chromium(tmp_path / "profile") as browser:
        browser.add_cookies([{"name": "session_token", "value": token, "url": product.url}])
        browser.on("request", lambda request: asked.append(request.url))
        page = browser.pages[0]
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: complaints.append("a dialog"))
        for button in ("Deny", "Allow"):
            page.goto(f"{product.url}/oauth/authorize?{urlencode(query)}")
            expect(page.locator("h1")).to_contain_text('<script>alert("x")</script> & Planner')
            expect(page.locator("li")).to_have_count(3)
            if button == "Allow" and (photo := os.environ.get(SCREENSHOT)):
                page.screenshot(path=photo)
            page.get_by_role("button", name=button).click()
            expect(page.locator("body")).to_contain_text("Welcome back")
    answers = [parse_qs(urlsplit(path).query) for path in arrived if path.startswith("/callback")]
    assert [answer["state"] for answer in answers] == [[query["state"]]] * 2
    assert answers[0]["error"] == ["access_denied"]
    assert answers[1]["code"][0].startswith("writ_ac_")
    assert not [c for c in complaints if "favicon" not in c]
    hosts = {urlsplit(url).netloc for url in asked}
    assert hosts == {urlsplit(product.url).netloc, urlsplit(callback).netloc}
