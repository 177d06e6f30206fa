"""`writ webhook` and what `writ key create` can say, against a product that may call this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.product import EMAIL, PASSWORD, Client, Product, running_product
from tests.support.redis import free_port
from writ.cli import writ

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("webhooks")
    with running_product(folder, WRIT_TRUSTED_NETWORKS="127.0.0.0/8") as product:
        yield product


@pytest.fixture(scope="module")
def client(product: Product) -> Client:
    return product.client()


@pytest.fixture(scope="module")
def run(product: Product) -> Run:
    environment: dict[str, str | None] = {"WRIT_URL": product.url, "WRIT_PASSWORD": PASSWORD}
    words = ("key", "create", "--name", "hooks", "--preset", "full", "--login", EMAIL, "--json")
    made = CliRunner(env={"WRIT_API_KEY": None, **environment}).invoke(writ, words)
    environment["WRIT_API_KEY"] = only(made)["api_key"]

    def run(*words: str) -> Result:
        return CliRunner(env=environment).invoke(writ, words)

    run.environment = environment  # type: ignore[attr-defined]
    return run


def only(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def every(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def listen(run: Run, *words: str) -> subprocess.Popen[str]:
    """The listener as a process of its own, ready to receive."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
        **run.environment,  # type: ignore[attr-defined]
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "writ.cli", "webhook", "listen", "--json", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them ignore it, and so would the listener.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    ready = process.stderr.readline()
    assert ready.startswith("Listening on http://127.0.0.1:"), ready
    return process


def end(process: subprocess.Popen[str], seconds: float = 30.0) -> list[dict[str, Any]]:
    try:
        out, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return [json.loads(line) for line in out.splitlines()]


def test_events_are_received_and_verified_here(run: Run, client: Client) -> None:
    process = listen(run, "--count", "2", "--event", "site.*", "--event", "job.completed")
    (made,) = every(run("webhook", "list", "--json"))
    assert made["event_types"] == ["site.*", "job.completed"]
    job = client.carry_out(client.post("/sites", json={"name": "Heard", "slug": "heard"}))
    got = end(process)
    assert {item["type"] for item in got} == {"site.created", "job.completed"}
    assert [item["verified"] for item in got] == [True, True]
    site = next(item for item in got if item["type"] == "site.created")
    assert site["id"] == site["body"]["id"]
    assert site["body"]["data"]["id"] == job["site_id"]
    assert every(run("webhook", "list", "--json")) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_listener_that_is_ended_leaves_no_webhook_behind(run: Run, sent: signal.Signals) -> None:
    process = listen(run)
    assert len(every(run("webhook", "list", "--json"))) == 1
    process.send_signal(sent)
    assert end(process) == []
    assert every(run("webhook", "list", "--json")) == []


def test_a_wrong_secret_is_told_and_makes_no_webhook(run: Run, client: Client) -> None:
    port = free_port()
    made = only(run("webhook", "create", f"http://127.0.0.1:{port}/", "--event", "job.*", "--json"))
    wrong = listen(run, "--port", str(port), "--count", "1", "--secret", "another-secret")
    assert run("webhook", "test", made["id"]).exit_code == 0
    (got,) = end(wrong)
    assert (got["type"], got["verified"]) == ("job.completed", False)
    right = listen(run, "--port", str(port), "--count", "1", "--secret", made["secret_key"])
    assert run("webhook", "test", made["id"], "--event", "environment.deployed").exit_code == 0
    (got,) = end(right)
    assert (got["type"], got["verified"]) == ("environment.deployed", True)
    assert [item["id"] for item in every(run("webhook", "list", "--json"))] == [made["id"]]
    assert only(run("webhook", "delete", made["id"], "--yes", "--json")) == {"success": True}


def test_a_webhook_is_made_tried_looked_at_and_replayed(run: Run, client: Client) -> None:
    port = free_port()
    words = ("--event", "site.created", "--description", "Shop", "--secret", "a-secret-of-mine", "--json")
    made = only(run("webhook", "create", f"http://127.0.0.1:{port}/", *words))
    assert (made["secret_key"], made["description"]) == ("a-secret-of-mine", "Shop")
    shown = only(run("webhook", "show", made["id"], "--json"))
    assert "secret_key" not in shown
    assert shown["webhook_url"] == f"http://127.0.0.1:{port}/"

    # Nobody listens: the test says so, by its exit code and in the list.
    silent = run("webhook", "test", made["id"], "--event", "site.created")
    assert silent.exit_code == 1
    assert "The receiver did not take it" in silent.stderr
    (failed,) = every(run("webhook", "deliveries", made["id"], "--status", "failed", "--json"))
    assert (failed["event_type"], failed["http_status_code"]) == ("site.created", None)
    table = run("webhook", "deliveries", made["id"]).stdout.splitlines()
    assert table[0].split("\t")[:3] == ["id", "event_type", "status"]
    assert failed["id"] in table[1]

    rotated = only(run("webhook", "rotate", made["id"], "--grace", "0", "--json"))
    assert rotated["secret_key"] != made["secret_key"]
    assert rotated["previous_secret_expires_at"] is None
    process = listen(run, "--port", str(port), "--count", "1", "--secret", rotated["secret_key"])
    client.carry_out(client.post("/sites", json={"name": "Again", "slug": "again"}))
    (first,) = end(process)
    assert first["verified"] is True

    found = every(run("webhook", "deliveries", made["id"], "--event", "site.created", "--json"))
    delivered = next(item for item in found if item["status"] == "delivered")
    process = listen(run, "--port", str(port), "--count", "2", "--secret", rotated["secret_key"])
    once_more = run("webhook", "replay", made["id"], "--delivery", delivered["id"])
    assert once_more.exit_code == 0, once_more.output
    assert "payload" not in once_more.stdout
    start = first["body"]["timestamp"]
    count = only(run("webhook", "replay", made["id"], "--from", start, "--event", "site.*", "--json"))
    assert count == {"count": 1}
    assert [item["id"] for item in end(process)] == [first["id"], first["id"]]
    assert run("webhook", "delete", made["id"], "--yes").exit_code == 0


def test_a_key_says_what_it_is_confined_to(run: Run, client: Client) -> None:
    site = client.carry_out(client.post("/sites", json={"name": "Mine", "slug": "mine"}))["site_id"]
    words = (
        "--preset",
        "project-specific",
        "--project",
        "mine",
        "--require-signature",
        "--allow",
        "127.0.0.0/8",
    )
    limits = ("--rate-limit", "per_hour=2000", "--rate-limit", "burst=5")
    made = only(run("key", "create", "--name", "agency", *words, *limits, "--json"))
    assert made["projects"] == [site]
    assert made["rate_limits"] == {"per_hour": 2000, "burst": 5}
    assert made["require_signature"] is True
    assert made["api_secret"].startswith("writ_secret_")
    header, *rows = run("key", "list").stdout.splitlines()
    assert header.split("\t") == [
        "id",
        "key_name",
        "mode",
        "scopes",
        "is_active",
        "expires_at",
        "last_used_at",
    ]
    assert any(made["id"] in row and "hosting.read" in row for row in rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("key", "create", "--name", "x", "--rate-limit", "hourly=3"), "is not like per_hour=2000"),
        (("key", "create", "--name", "x", "--rate-limit", "burst=many"), "is not like per_hour=2000"),
        (("key", "create", "--name", "x", "--project", "nowhere"), "There is no site 'nowhere'"),
        (("webhook", "replay", "some-id", "--from", "yesterday"), "is not a time like"),
        (("webhook", "replay", "some-id", "--delivery", "d", "--event", "site.*"), "go with --from"),
        (("webhook", "deliveries", "some-id", "--status", "lost"), "Invalid value for '--status'"),
    ],
)
def test_wrong_usage_is_two(run: Run, words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_what_the_server_refuses_names_the_field(run: Run) -> None:
    refused = run("webhook", "create", "http://10.0.0.1/", "--event", "site.*")
    assert (refused.exit_code, "url_not_allowed" in refused.stderr) == (1, True), refused.stderr
    unknown = run("webhook", "create", "http://127.0.0.1:9/", "--event", "site.sold")
    assert (unknown.exit_code, "event_type_unknown" in unknown.stderr) == (1, True), unknown.stderr
    missing = run("webhook", "test", "01890000-0000-7000-8000-0000000009ff")
    assert (missing.exit_code, "webhook_not_found" in missing.stderr) == (1, True), missing.stderr
