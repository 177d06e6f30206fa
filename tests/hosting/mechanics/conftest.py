"""A node in a temporary folder, an environment on it, and trees to release there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.hosting.mechanics.world import ENVIRONMENT, World
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import Layout
from writ.hosting.node.local import EmbeddedNode


@pytest.fixture
def node(tmp_path: Path) -> EmbeddedNode:
    return EmbeddedNode(tmp_path / "node")


@pytest.fixture
def layout(node: EmbeddedNode) -> Layout:
    return Layout(node.root, ENVIRONMENT)


@pytest.fixture
def lines() -> list[str]:
    """What the step logged."""
    return []


@pytest.fixture
def tools(node: EmbeddedNode, lines: list[str]) -> Tools:
    return Tools(node, timeout=30, log=lines.append)


@pytest.fixture
def scratch(layout: Layout) -> PurePosixPath:
    return layout.scratch("job", 1)


@pytest.fixture
def world(tools: Tools, layout: Layout, scratch: PurePosixPath, tmp_path: Path) -> World:
    return World(tools, layout, scratch, tmp_path)
