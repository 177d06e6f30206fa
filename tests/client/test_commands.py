"""The commands of people and scripts, against a running product."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.product import EMAIL, PASSWORD, Product, running_product
from tests.support.redis import free_port
from writ.cli import writ

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("cli")) as product:
        yield product


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    made = invoke(
        {"WRIT_URL": product.url, "WRIT_PASSWORD": PASSWORD},
        *("key", "create", "--name", "scripts", "--preset", "full", "--login", EMAIL, "--json"),
    )
    text: str = only(made)["api_key"]
    return text


@pytest.fixture
def run(product: Product, key: str) -> Run:
    def run(*words: str, **environment: str) -> Result:
        return invoke({"WRIT_URL": product.url, "WRIT_API_KEY": key, **environment}, *words)

    return run


def invoke(environment: dict[str, str], *words: str) -> Result:
    return CliRunner(env={"WRIT_API_KEY": None, "WRIT_PASSWORD": None, **environment}).invoke(writ, words)


def only(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_keys_are_made_listed_rotated_and_revoked(run: Run, product: Product) -> None:
    made = only(run("key", "create", "--name", "reader", "--preset", "read-only", "--days", "2", "--json"))
    assert made["api_key"].startswith("writ_live_")
    assert made["expires_at"] is not None
    listed = [json.loads(line) for line in run("key", "list", "--json").stdout.splitlines()]
    assert [item["key_name"] for item in listed] == ["reader", "scripts"]
    table = run("key", "list").stdout.splitlines()
    assert table[0].split("\t")[:2] == ["id", "key_name"]
    rotated = only(run("key", "rotate", made["id"], "--grace", "60", "--json"))
    assert rotated["api_key"] != made["api_key"]
    for text in (made["api_key"], rotated["api_key"]):
        assert run("site", "list", WRIT_API_KEY=text).exit_code == 0
    assert run("key", "revoke", made["id"]).exit_code == 1  # asks, and nobody answers
    assert only(run("key", "revoke", made["id"], "--yes", "--json"))["is_active"] is False
    refused = run("site", "list", WRIT_API_KEY=rotated["api_key"])
    assert refused.exit_code == 4
    assert "api_key_revoked" in refused.stderr


def test_a_site_is_made_deployed_and_deleted_by_names(run: Run, tmp_path: Path) -> None:
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("index.html", "<h1>Hello</h1>\n")
    assert only(run("site", "create", "shop", "--name", "Shop", "--json"))["status"] == "succeeded"
    assert (
        only(run("env", "create", "shop", "live", "--type", "production", "--json"))["status"] == "succeeded"
    )
    deployed = run("env", "deploy", "shop/live", str(archive))
    assert deployed.exit_code == 0, deployed.output
    assert "environment.deploy: " in deployed.stderr
    assert "succeeded" in deployed.stdout
    assert only(run("env", "show", "shop/live", "--json"))["status"] == "active"
    assert len(run("env", "releases", "shop/live", "--json").stdout.splitlines()) == 1
    backup = only(run("env", "backup", "shop/live", "--scope", "files", "--json"))
    assert only(run("env", "restore", "shop/live", backup["backup_id"], "--yes", "--json"))["progress"] == 100
    kinds = [
        json.loads(line)["kind"]
        for line in run("job", "list", "--site", "shop", "--json").stdout.splitlines()
    ]
    assert kinds[0] == "environment.restore"
    assert kinds[-1] == "site.create"
    ordered = only(run("site", "delete", "shop", "--yes", "--no-wait", "--json"))
    assert only(run("job", "watch", ordered["job_id"], "--json"))["status"] == "succeeded"
    assert run("job", "log", ordered["job_id"]).exit_code == 0


def test_a_job_that_fails_ends_the_command_with_one(run: Run) -> None:
    assert run("site", "create", "broken").exit_code == 0
    assert run("env", "create", "broken", "live", "--type", "production").exit_code == 0
    failed = run("env", "deploy", "broken/live", "https://127.0.0.1:9/repository.git#main")
    assert failed.exit_code == 1
    assert "Error: " in failed.stderr


def test_what_is_refused_names_each_fault_and_the_request(run: Run) -> None:
    refused = run("site", "create", "Not A Slug")
    assert refused.exit_code == 1
    assert "/body/slug" in refused.stderr
    assert "422 validation_error, req_" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("env", "show", "nothing"), 2, "neither an id nor like site/environment"),
        (("site", "show", "nothing"), 2, "There is no site 'nothing'"),
        (("site", "show"), 2, "Missing argument 'SITE'"),
        (("webhook", "replay", "some-id"), 2, "either --delivery or --from"),
    ],
)
def test_wrong_usage_is_two(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    result = run(*words)
    assert result.exit_code == code
    assert said in result.stderr


def test_without_a_key_and_without_a_server(product: Product) -> None:
    nothing = invoke({"WRIT_URL": product.url}, "site", "list")
    assert nothing.exit_code == 4
    assert "WRIT_API_KEY" in nothing.stderr
    wrong = invoke({"WRIT_URL": product.url, "WRIT_PASSWORD": "wrong"}, "site", "list", "--login", EMAIL)
    assert wrong.exit_code == 4
    silent = invoke({"WRIT_URL": f"http://127.0.0.1:{free_port()}", "WRIT_API_KEY": "writ_x"}, "site", "list")
    assert silent.exit_code == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_it(shell: str) -> None:
    assert "_WRIT_COMPLETE" in invoke({}, "completion", shell).stdout
    completed = CliRunner(
        env={"_WRIT_COMPLETE": "bash_complete", "COMP_WORDS": "writ webh", "COMP_CWORD": "1"}
    ).invoke(writ, prog_name="writ")
    assert "webhook" in completed.output
