"""What is asked of WP-CLI and how its answers are read; a stand-in writes down its arguments."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.hosting.mechanics.world import World
from writ.contract.errors import Refusal
from writ.hosting.node import wp

SITE = {"index.php": b"<?php", "wp-includes/version.php": b"<?php"}


class StandIn:
    """A `wp` on the search path whose behaviour is a few lines of shell; `$*` are its arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answers(self, cases: str) -> None:
        script = f'#!/bin/sh\nshift 2\necho "$*" >> {self.folder}/calls\ncase "$*" in\n{cases}\nesac\n'
        for name, text in {"wp": script, "php": "#!/bin/sh\n"}.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def cli(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    made = StandIn(folder)
    made.answers("*) exit 0;;")
    world.deploy("r1", SITE)
    return made


def test_a_login_url_is_for_the_first_administrator_and_ends_after_a_minute(
    world: World, cli: StandIn
) -> None:
    cli.answers('*"user list"*) echo 7;;\n*"login create"*) echo https://example.com/x/y;;')
    before = datetime.now(UTC)
    login = wp.magic_login(world.tools, world.layout.current)
    assert login.url == "https://example.com/x/y"
    assert 59 <= (login.expires_at - before).total_seconds() <= 62
    assert "--role=administrator" in cli.calls[0]
    assert cli.calls[1] == "login create 7 --url-only --expires=60"


@pytest.mark.parametrize(
    "cases",
    [
        '*"user list"*) ;;',
        '*"user list"*) echo "Error: no database" >&2; exit 1;;',
        '*"user list"*) echo 7;;\n*"login create"*) echo "Error: not a registered command" >&2; exit 1;;',
        '*"user list"*) echo 7;;\n*"login create"*) echo "javascript:alert(1)";;',
        '*"user list"*) echo 7;;\n*"login create"*) ;;',
    ],
    ids=["no administrator", "no database", "no login command", "not a web address", "nothing"],
)
def test_what_goes_wrong_is_a_wp_cli_error(cases: str, world: World, cli: StandIn) -> None:
    cli.answers(cases)
    with pytest.raises(Refusal) as refused:
        wp.magic_login(world.tools, world.layout.current)
    assert refused.value.code == "WP_CLI_ERROR"
    assert "user list" in cli.calls[0]


def test_a_login_has_one_time_limit_for_all_of_it(
    world: World, cli: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wp, "MAGIC_LOGIN_SECONDS", 1.0)
    cli.answers('*"user list"*) sleep 0.6; echo 7;;\n*"login create"*) sleep 60;;')
    began = time.monotonic()
    with pytest.raises(Refusal) as refused:
        wp.magic_login(world.tools, world.layout.current)
    assert refused.value.code == "STEP_TIMEOUT"
    assert time.monotonic() - began < 4


def test_updates_report_what_changed(world: World, cli: StandIn) -> None:
    cli.answers(
        '*"core version"*) echo 6.1;;\n*"core update"*) echo Success;;\n'
        '*"plugin update"*) echo "Enabling Maintenance mode...";'
        ' echo \'[{"name":"a","status":"Updated"}]\';;\n'
        "*\"theme update\"*) echo 'Success: nothing to do.';;"
    )
    assert wp.update(world.tools, world.layout.release("r1"), "all") == {
        "core": {"old_version": "6.1", "new_version": "6.1"},
        "plugin": [{"name": "a", "status": "Updated"}],
        "theme": [],
    }
    assert [call.replace("--skip-plugins --skip-themes ", "") for call in cli.calls] == [
        "core version",
        "core update",
        "core update-db",
        "core version",
        "plugin update --all --format=json",
        "theme update --all --format=json",
    ]
    cli.answers("*) exit 255;;")
    with pytest.raises(Refusal, match="WP_CLI_ERROR"):
        wp.update(world.tools, world.layout.release("r1"), "plugins")


def test_a_site_that_is_not_wordpress(world: World, cli: StandIn) -> None:
    cli.answers("*) exit 0;;")
    world.deploy("r2", {"index.html": b""})
    with pytest.raises(Refusal, match="not WordPress"):
        wp.update(world.tools, world.layout.current, "core")
