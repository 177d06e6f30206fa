"""What a caller may see: made of the actor here and nowhere else, and taken by every read and every rule."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from writ.contract.errors import Refusal
from writ.gateway.call import Call


@dataclass(frozen=True, slots=True)
class Sight:
    """The rows of one organization; of a key that is confined to projects, those of its sites only.

    `projects` are the ids of those sites, None when it is confined to none. `key_id` is the key that calls,
    if one does. What is not in sight is refused exactly as what is not there.
    """

    organization_id: UUID
    projects: frozenset[UUID] | None = None
    key_id: UUID | None = None

    def shows(self, site_id: UUID | None) -> bool:
        """Whether a row of the organization is seen that belongs to this site, or to none."""
        return self.projects is None or site_id in self.projects

    def sites(self, wanted: UUID | None = None) -> tuple[UUID, ...] | None:
        """The sites whose rows a list may show, in a fixed order; None when it may show all.

        With `wanted`, that one or none at all.
        """
        if self.projects is None:
            return None if wanted is None else (wanted,)
        if wanted is not None:
            return (wanted,) if wanted in self.projects else ()
        return tuple(sorted(self.projects))

    def require_all(self, what: str) -> None:
        """Refuse a caller who is confined to projects; `what` says what it wanted, e.g. "make sites".

        Raises:
            Refusal: FORBIDDEN.
        """
        if self.projects is not None:
            raise Refusal(
                "FORBIDDEN", f"This key is confined to projects and cannot {what}; use one that is not."
            )


def sight_of(call: Call) -> Sight:
    """What the caller sees.

    Raises:
        Refusal: UNAUTHORIZED when nobody calls, or somebody without an organization.
    """
    actor = call.actor
    if actor is None or actor.organization_id is None:
        raise Refusal("UNAUTHORIZED")
    return Sight(actor.organization_id, actor.projects, actor.key_id)
