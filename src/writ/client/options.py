"""What the commands share: which Writ, with which credential, and how the answer is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from writ.client.connection import Connection
    from writ.client.show import Show

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Session:
    """One command's connection and its way of showing things."""

    api: Connection
    show: Show


def api_command(group: click.Group, name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command that is given a `Session` first; the options of all commands are added."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @wraps(function)
        def run(
            url: str, key: str | None, login: str | None, password: str | None, as_json: bool, **rest: Any
        ) -> None:
            from writ.client.connection import Connection
            from writ.client.show import Show

            if login and not key and password is None:
                password = click.prompt("Password", hide_input=True, err=True)
            api = Connection(url, key, login, password)
            try:
                function(Session(api, Show(as_json)), **rest)
            finally:
                api.close()

        for option in reversed(_OPTIONS):
            option(run)
        return group.command(name)(run)

    return decorate


_OPTIONS = (
    click.option(
        "--url", envvar="WRIT_URL", default=DEFAULT_URL, show_default=True, help="Address (WRIT_URL)."
    ),
    click.option(
        "--key", envvar="WRIT_API_KEY", help="API key; better in WRIT_API_KEY, where ps shows it not."
    ),
    click.option("--login", metavar="EMAIL", help="Log in instead of using a key."),
    click.option("--password", envvar="WRIT_PASSWORD", hidden=True),
    click.option("--json", "as_json", is_flag=True, help="Print JSON: one value, or one line an item."),
)

wait_option = click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Follow the job to its end; its failure is exit code 1.",
)
limit_option = click.option(
    "--limit",
    "most",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="Most items shown.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def confirm(question: str, yes: bool) -> None:
    """Ask a person, unless `--yes` was given; ends the command when they do not want it."""
    if not yes:
        click.confirm(question, abort=True, err=True)
