"""Callers of every kind, beside the people and keys of the examples' world.

People of each role, keys with the scopes of one operation or without them, a key that is confined to another
site than that of the examples, and a person with keys in another organization.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.product import EMAIL
from tests.support.scene import Scene
from tests.support.world import OTHER_BACKUP, OTHER_ENVIRONMENT, OTHER_SITE, known_id
from writ.access.key_text import hash_key, make_key
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, Organization, User
from writ.access.roles import KNOWN_SCOPES, SCOPES_OF_ROLE
from writ.access.sessions import create_session
from writ.events.models import Event
from writ.events.sequencer import number_events
from writ.hosting.models import Environment, Node, Release, Site
from writ.jobs.models import SUCCEEDED, Job
from writ.settings import Settings
from writ.store.base import Base, new_id, now

ELSEWHERE = known_id(901)
"""Another organization."""

FOREIGN_SITE, FOREIGN_ENVIRONMENT, FOREIGN_JOB = known_id(902), known_id(903), known_id(904)
"""What is in it."""

OTHER_JOB, OTHER_RELEASE, OTHER_EVENT, FOREIGN_EVENT = map(known_id, range(905, 909))
CONFINED_KEY = known_id(909)
OTHERS = (OTHER_SITE, OTHER_ENVIRONMENT, OTHER_BACKUP, OTHER_JOB, OTHER_RELEASE, OTHER_EVENT, CONFINED_KEY)
"""The other site of the examples' organization, what belongs to it, and the key that is confined to it."""


class Cast:
    """The headers with which each caller calls. Made once, into a scene that is put back with them in it."""

    def __init__(self, scene: Scene, scopes_of_operations: Mapping[str, frozenset[str]]) -> None:
        with scene.store.begin() as session:
            owner = session.scalars(select(User.id).order_by(User.created_at)).first()
            assert owner is not None
            stranger = _add_elsewhere(session)
            _complete_other_site(session)
            _add_event(session, OTHER_EVENT, OTHER_SITE, DEFAULT_ORGANIZATION_ID)
            _add_event(session, FOREIGN_EVENT, FOREIGN_SITE, ELSEWHERE)
            number_events(session)
            self.roles = {role: _log_in(session, role) for role in SCOPES_OF_ROLE}
            exact = {scopes for scopes in scopes_of_operations.values() if scopes}
            self.with_scopes = {scopes: _add_key(session, owner, scopes) for scopes in exact}
            self.without = {scopes: _add_key(session, owner, KNOWN_SCOPES - scopes) for scopes in exact}
            self.confined = _add_key(session, owner, KNOWN_SCOPES, projects=[OTHER_SITE], key_id=CONFINED_KEY)
            self.foreign = _add_key(session, stranger, KNOWN_SCOPES, ELSEWHERE)
            self.confined_elsewhere = _add_key(
                session, stranger, KNOWN_SCOPES, ELSEWHERE, projects=[FOREIGN_SITE, OTHER_SITE]
            )
        with scene.store.read() as connection:
            scene.rows[:] = [
                (table, [dict(row) for row in connection.execute(select(table)).mappings()])
                for table in Base.metadata.sorted_tables
            ]


def _add_key(
    session: Session,
    maker: UUID,
    scopes: Iterable[str],
    organization: UUID = DEFAULT_ORGANIZATION_ID,
    projects: Iterable[UUID] | None = None,
    key_id: UUID | None = None,
) -> dict[str, str]:
    key_id = key_id or new_id()
    text = make_key(key_id, "live")
    permissions = {"scopes": sorted(scopes)}
    if projects is not None:
        permissions["projects"] = [str(project) for project in projects]
    session.add(
        ApiKey(
            id=key_id,
            organization_id=organization,
            key_name="Cast",
            api_key=hash_key(text),
            permissions=permissions,
            created_by=maker,
            # A key that was just used is not noted again, which would change rows behind the tests.
            last_used_at=now().replace(year=2099),
        )
    )
    session.flush()
    return {"Authorization": f"Bearer {text}"}


def _add_user(session: Session, role: str, organization: UUID) -> UUID:
    user = User(
        id=new_id(),
        organization_id=organization,
        email=f"{role}-{new_id().hex}@example.com",
        # The password of the examples, with which everybody may change their own.
        password_hash=session.scalars(select(User.password_hash).where(User.email == EMAIL)).one(),
        role=role,
    )
    session.add(user)
    session.flush()
    return user.id


def _log_in(session: Session, role: str) -> dict[str, str]:
    user_id = _add_user(session, role, DEFAULT_ORGANIZATION_ID)
    return {"Cookie": f"session_token={create_session(session, user_id, Settings())}"}


def _add_elsewhere(session: Session) -> UUID:
    session.add(Organization(id=ELSEWHERE, name="Elsewhere"))
    session.flush()
    _add_site(session, FOREIGN_SITE, FOREIGN_ENVIRONMENT, ELSEWHERE)
    _add_job(session, FOREIGN_JOB, FOREIGN_SITE, FOREIGN_ENVIRONMENT, ELSEWHERE)
    return _add_user(session, "owner", ELSEWHERE)


def _add_site(session: Session, site_id: UUID, environment_id: UUID, organization: UUID) -> None:
    session.add(Site(id=site_id, organization_id=organization, name="x", slug=site_id.hex, status="active"))
    session.flush()
    session.add(
        Environment(
            id=environment_id,
            site_id=site_id,
            node_id=session.scalars(select(Node.id)).one(),
            name="Production",
            slug="production",
            type="production",
            hostname=f"production.{site_id.hex}.localhost",
            status="active",
        )
    )
    session.flush()


def _add_job(session: Session, job_id: UUID, site_id: UUID, environment_id: UUID, organization: UUID) -> None:
    session.add(
        Job(
            id=job_id,
            organization_id=organization,
            system="hosting",
            kind="environment.cache_purge",
            status=SUCCEEDED,
            site_id=site_id,
            environment_id=environment_id,
        )
    )


def _add_event(session: Session, event_id: UUID, site_id: UUID, organization: UUID) -> None:
    session.add(
        Event(
            id=event_id,
            type="site.created",
            organization_id=organization,
            project_id=site_id,
            subject=f"site:{site_id}",
            data={"id": str(site_id)},
        )
    )
    session.flush()


def _complete_other_site(session: Session) -> None:
    """Give the other site a job and a release, so that orders on it are refused for nothing else."""
    _add_job(session, OTHER_JOB, OTHER_SITE, OTHER_ENVIRONMENT, DEFAULT_ORGANIZATION_ID)
    session.add(Release(id=OTHER_RELEASE, environment_id=OTHER_ENVIRONMENT, source_type="git", status="good"))
    session.get_one(Environment, OTHER_ENVIRONMENT).current_release_id = OTHER_RELEASE
