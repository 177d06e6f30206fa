"""The page at /docs, as a person uses it: in a real browser, which asks nobody but this server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conformance.contract import OPERATIONS
from tests.docs.browser import open_chromium
from tests.support.product import EMAIL, PASSWORD, Product

SCREENSHOT = "WRIT_SCREENSHOT"
"""An environment variable: the file to which the page is photographed at the end."""


@pytest.fixture
def asked() -> list[str]:
    """Every URL that the page has asked for."""
    return []


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console said of errors."""
    return []


@pytest.fixture
def page(product: Product, tmp_path: Path, asked: list[str], complaints: list[str]) -> Iterator[Page]:
    """The documentation, loaded."""
    with open_chromium(tmp_path / "profile") as browser:
        page = browser.pages[0]
        browser.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{product.url}/docs")
        expect(page.locator(".opblock").first).to_be_visible(timeout=20_000)
        yield page


def open_operation(page: Page, operation_id: str) -> Locator:
    """The operation's block, opened."""
    operation = OPERATIONS[operation_id]
    block = page.locator(f"#operations-{operation.raw['tags'][0]}-{operation_id}")
    block.locator(".opblock-summary-control").click()
    expect(block.locator(".opblock-body")).to_be_visible()
    block.locator("button.try-out__btn").click()
    return block


def execute(block: Locator) -> Locator:
    """Press the button, and wait for the answer's status."""
    block.locator("button.execute").click()
    status = block.locator(".live-responses-table .response-col_status").last
    expect(status).to_be_visible(timeout=10_000)
    return status


def test_a_person_reads_logs_in_and_tries_an_operation(
    page: Page, product: Product, asked: list[str], complaints: list[str]
) -> None:
    shown = set(page.locator(".opblock-summary-operation-id").all_inner_texts())
    assert shown == set(OPERATIONS), "the page does not show exactly the contract's operations"

    block = open_operation(page, "list_sites")
    expect(execute(block)).to_contain_text("401")

    login = open_operation(page, "login")
    body = login.locator("textarea.body-param__text")
    assert json.loads(body.input_value()).keys() == {"email", "password"}
    assert json.loads(body.input_value())["email"].endswith("@example.com"), (
        "the contract's example is filled in"
    )
    body.fill(json.dumps({"email": EMAIL, "password": PASSWORD}))
    expect(execute(login)).to_contain_text("200")

    expect(execute(block)).to_contain_text("200")
    expect(block.locator(".live-responses-table")).to_contain_text("next_cursor")

    metrics = open_operation(page, "get_metrics")
    expect(execute(metrics)).to_contain_text("200")
    expect(metrics.locator(".live-responses-table")).to_contain_text("nodes_active")

    if os.environ.get(SCREENSHOT):
        page.screenshot(path=os.environ[SCREENSHOT])

    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:", "about:"))}
    assert hosts == {urlsplit(product.url).netloc}, f"the page asks {hosts}"
    # The first try, without a login, is refused: the browser's console says so, and nothing else.
    assert [said for said in complaints if "401" not in said] == []


def test_the_page_may_not_ask_anybody_else(page: Page, complaints: list[str]) -> None:
    """The policy that the server sends holds in the browser: whatever the page's scripts become."""
    page.evaluate("fetch('https://example.com/').catch(() => null)")
    page.wait_for_function("true")
    assert any("Content Security Policy" in said for said in complaints), complaints
