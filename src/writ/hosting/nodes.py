"""Nodes: their rows, and the drivers that reach them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.hosting.models import Environment, Node
from writ.hosting.node import base
from writ.hosting.node.local import EmbeddedNode
from writ.settings import Settings
from writ.store.work import Store

EMBEDDED = "embedded"
EMBEDDED_NAME = "local"


def ensure_embedded_node(store: Store) -> None:
    """Register this machine as a node, once; safe when several processes start at the same time."""
    with store.read() as connection:
        if connection.scalar(select(Node.id).where(Node.name == EMBEDDED_NAME)) is not None:
            return
    try:
        with store.begin() as session:
            session.add(Node(name=EMBEDDED_NAME, driver=EMBEDDED))
    except IntegrityError:
        # Another process was faster, which is as good.
        return


def choose_node(session: Session) -> UUID:
    """The active node with the fewest environments.

    Raises:
        Refusal: SERVICE_UNAVAILABLE when no node is active.
    """
    node_id = session.scalar(
        select(Node.id)
        .outerjoin(Environment, Environment.node_id == Node.id)
        .where(Node.status == "active")
        .group_by(Node.id)
        .order_by(func.count(Environment.id), Node.id)
        .limit(1)
    )
    if node_id is None:
        raise Refusal("SERVICE_UNAVAILABLE", "No node is active; start the node, then try again.")
    return node_id


def reach_node(node: Node, settings: Settings) -> base.Node:
    """The driver of a node.

    Raises:
        Refusal: NODE_UNREACHABLE for a driver that this version does not have.
    """
    if node.driver == EMBEDDED:
        return EmbeddedNode(settings.node_root)
    raise Refusal("NODE_UNREACHABLE", f"This version cannot reach nodes of the kind {node.driver}.")
