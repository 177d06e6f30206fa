"""What changed in a live release behind the control plane's back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from writ.contract.errors import Refusal
from writ.hosting.node import releases
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import Layout
from writ.hosting.node.manifest import Manifest

LISTED = 1000


@dataclass(frozen=True, slots=True)
class Drift:
    """Paths by what happened to them, sorted, at most 1000 of each; `counts` holds the whole numbers."""

    added: list[str]
    changed: list[str]
    deleted: list[str]
    counts: dict[str, int]

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not any(self.counts.values())

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"added": self.added, "changed": self.changed, "deleted": self.deleted, "counts": self.counts}


def compare(expected: Manifest, found: Manifest, *, listed: int = LISTED) -> Drift:
    """Compare two manifests. A file that became a symlink, or another kind of thing, is changed."""
    before, after = _marks(expected), _marks(found)
    groups = {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(path for path in before.keys() & after.keys() if before[path] != after[path]),
        "deleted": sorted(before.keys() - after.keys()),
    }
    return Drift(
        **{name: paths[:listed] for name, paths in groups.items()},
        counts={name: len(paths) for name, paths in groups.items()},
    )


def check_drift(tools: Tools, layout: Layout, release_id: str, expected: Manifest) -> Drift:
    """Compare a release on the node with the manifest that it had when it was made. Content is not part of
    it.

    Raises Refusal RELEASE_INVALID when the release is not there.
    """
    if not tools.test("-d", layout.release(release_id)):
        raise Refusal("RELEASE_INVALID", "The release is no longer on the node. Deploy again.")
    return compare(expected, releases.describe(tools, layout, release_id))


def _marks(manifest: Manifest) -> dict[str, str]:
    marks = {path: f"file {entry.sha256}" for path, entry in manifest.files.items()}
    marks |= {path: f"link {target}" for path, target in manifest.links.items()}
    return marks | {path: f"special {kind}" for path, kind in manifest.special.items()}
