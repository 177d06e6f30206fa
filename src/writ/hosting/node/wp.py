"""What WP-CLI does for a WordPress site, on a node that has it.

A node without WP-CLI or PHP is a node for sites of files; what is asked here is then refused by naming what
is missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from writ.contract.errors import Refusal
from writ.hosting.node.base import Tools

MAGIC_LOGIN_SECONDS = 10.0
LOGIN_VALID_SECONDS = 60
SCOPES = {
    "core": ("core",),
    "plugins": ("plugin",),
    "themes": ("theme",),
    "all": ("core", "plugin", "theme"),
}
_NAMES = {"wp": "WP-CLI (wp)", "php": "PHP (php)", "mysql": "the MariaDB client (mysql)"}


@dataclass(frozen=True, slots=True)
class Login:
    """A URL that logs in once, and when it ends (UTC)."""

    url: str
    expires_at: datetime


def require(tools: Tools, *names: str) -> None:
    """Refuse when the node lacks one of the programs. Raises WP_CLI_ERROR naming all that are missing."""
    missing = [_NAMES.get(name, name) for name in names if not tools.node.which(name)]
    if missing:
        raise Refusal(
            "WP_CLI_ERROR",
            f"The node has no {' and no '.join(missing)}, which this needs. Install it on the node, or"
            " move the"
            " site to a node that has it.",
        )


def is_wordpress(tools: Tools, site: PurePosixPath) -> bool:
    """Say whether a tree holds WordPress."""
    return tools.test("-f", site / "wp-includes" / "version.php")


def magic_login(tools: Tools, site: PurePosixPath) -> Login:
    """Make a one-time login URL for the site's first administrator, good for 60 s, within 10 s in all.

    It is made by WP-CLI's `login` command (the package aaemnnosttv/wp-cli-login-command and its server
    plugin).

    Raises Refusal WP_CLI_ERROR, STEP_TIMEOUT, NODE_UNREACHABLE.
    """
    limit = datetime.now(UTC) + timedelta(seconds=MAGIC_LOGIN_SECONDS)

    def left() -> Tools:
        return tools.within(max(0.1, (limit - datetime.now(UTC)).total_seconds()))

    _ready(tools, site)
    admins = _wp(
        left(), site, "user", "list", "--role=administrator", "--field=ID", "--number=1", "--orderby=ID"
    )
    user = admins.strip()
    if not user.isdigit():
        raise Refusal("WP_CLI_ERROR", "The site has no administrator. Make one with `wp user create`.")
    expires_at = datetime.now(UTC) + timedelta(seconds=LOGIN_VALID_SECONDS)
    url = _wp(left(), site, "login", "create", user, "--url-only", f"--expires={LOGIN_VALID_SECONDS}").strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or any(c.isspace() for c in url):
        raise Refusal("WP_CLI_ERROR", "WP-CLI gave no login URL. Check the site with `wp login create`.")
    return Login(url, expires_at)


def update(tools: Tools, site: PurePosixPath, scope: str) -> dict[str, Any]:
    """Update core, plugins, themes or all of a site's tree in place, and return what WP-CLI reports for each.

    Give it the tree of a new release that is not live yet, and whose files are its own: updates write in
    place.

    Raises Refusal WP_CLI_ERROR, STEP_TIMEOUT, DISK_FULL.
    """
    _ready(tools, site)
    report: dict[str, Any] = {}
    for subject in SCOPES[scope]:
        if subject == "core":
            before = _wp(tools, site, "core", "version").strip()
            _wp(tools, site, "core", "update")
            _wp(tools, site, "core", "update-db")
            report["core"] = {
                "old_version": before,
                "new_version": _wp(tools, site, "core", "version").strip(),
            }
        else:
            report[subject] = _last_json(_wp(tools, site, subject, "update", "--all", "--format=json"))
    return report


def switch_object_cache(tools: Tools, site: PurePosixPath, on: bool) -> None:
    """Put the Redis drop-in of the plugin redis-cache in place, or take it away.

    Raises Refusal WP_CLI_ERROR, STEP_TIMEOUT.
    """
    _ready(tools, site)
    _wp(tools, site, "redis", "enable" if on else "disable")


def flush_object_cache(tools: Tools, site: PurePosixPath) -> None:
    """Empty the site's object cache. Raises Refusal WP_CLI_ERROR, STEP_TIMEOUT."""
    _ready(tools, site)
    _wp(tools, site, "cache", "flush")


def _ready(tools: Tools, site: PurePosixPath) -> None:
    require(tools, "wp", "php")
    if not is_wordpress(tools, site):
        raise Refusal("WP_CLI_ERROR", "The live release is not WordPress: it has no wp-includes/version.php.")


def _wp(tools: Tools, site: PurePosixPath, *command: str) -> str:
    quiet = () if command[0] in ("login", "redis") else ("--skip-plugins", "--skip-themes")
    done = tools.attempt("wp", f"--path={site}", "--no-color", *quiet, *command, cwd=site)
    if done.code != 0:
        raise Refusal("WP_CLI_ERROR", tools.failure(f"wp {' '.join(command[:2])}", done))
    return done.text


def _last_json(text: str) -> Any:
    """Return the JSON at the end of the output: WP-CLI prints its progress before it."""
    for line in reversed(text.splitlines()):
        if line.startswith(("[", "{")):
            try:
                return json.loads(line)
            except ValueError:
                break
    return []
