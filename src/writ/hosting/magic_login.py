"""The rule of magic logins: the one question that is asked of a node while the client waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from writ.contract.errors import Refusal
from writ.gateway.services import Services
from writ.gateway.sight import Sight
from writ.hosting.models import Environment, Node, Site
from writ.hosting.node import wp
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import Layout
from writ.hosting.nodes import reach_node


def create_magic_login(
    connection: Connection, sight: Sight, services: Services, environment_id: UUID
) -> dict[str, Any]:
    """A login URL that works once, for 60 seconds.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND, ENVIRONMENT_NOT_ACTIVE, WP_CLI_ERROR, NODE_UNREACHABLE.
    """
    row = connection.execute(
        select(Environment.status, Environment.site_id, Node.driver)
        .join(Node, Node.id == Environment.node_id)
        .join(Site, Site.id == Environment.site_id)
        .where(Environment.id == environment_id, Site.organization_id == sight.organization_id)
    ).first()
    if row is None or not sight.shows(row.site_id):
        raise Refusal("ENVIRONMENT_NOT_FOUND", f"There is no environment {environment_id}.")
    if row.status != "active":
        raise Refusal("ENVIRONMENT_NOT_ACTIVE", f"The environment is {row.status}, not active.")
    node = reach_node(Node(driver=row.driver), services.settings)
    tools = Tools(node, timeout=wp.MAGIC_LOGIN_SECONDS)
    try:
        login = wp.magic_login(tools, Layout(node.root, str(environment_id)).current)
    except Refusal as refusal:
        if refusal.code == "STEP_TIMEOUT":
            raise Refusal("NODE_UNREACHABLE", "The node did not answer within 10 seconds.") from refusal
        raise
    return {"login_url": login.url, "expires_at": login.expires_at}
