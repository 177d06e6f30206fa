"""Which hostname is served from which environment: one small file a hostname, so that jobs never overwrite
each other.

<root>/hosts/<hostname>      the environment's id
"""

from __future__ import annotations

from writ.hosting.node.base import Tools
from writ.hosting.node.layout import check_id
from writ.hosting.node.webserver import check_hostname


def publish(tools: Tools, hostname: str, environment_id: str) -> None:
    """Serve the hostname from the environment from now on."""
    folder = tools.node.root / "hosts"
    tools.make_folder(folder)
    tools.write(folder / check_hostname(hostname), check_id(environment_id).encode())


def withdraw(tools: Tools, *hostnames: str) -> None:
    """Serve the hostnames no longer; absent ones are fine."""
    tools.remove(*(tools.node.root / "hosts" / check_hostname(hostname) for hostname in hostnames))
