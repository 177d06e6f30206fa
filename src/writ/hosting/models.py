"""The tables of hosting."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import DEFAULT_ORGANIZATION_ID, Base, new_id, now


class Node(Base):
    """A machine that sites live on. `driver` says how it is reached (embedded: this machine)."""

    __tablename__ = "nodes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    driver: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), index=True, default="active")
    created_at: Mapped[datetime] = mapped_column(default=now)


class Site(Base):
    """A site; its content lives in environments."""

    __tablename__ = "sites"
    __table_args__ = (
        Index("ix_sites_organization_id_created_at_id", "organization_id", "created_at", "id"),
        Index("ix_sites_organization_id_slug", "organization_id", "slug"),
        Index("ix_sites_organization_id_status", "organization_id", "status", "created_at", "id"),
        Index("ix_sites_organization_id_status_slug", "organization_id", "status", "slug"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # Its type is said because the other table is known only when everything is imported.
    organization_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("organizations.id"), default=DEFAULT_ORGANIZATION_ID
    )
    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    repository_url: Mapped[str | None] = mapped_column(String(2048))
    status: Mapped[str] = mapped_column(String(16), default="creating")
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Environment(Base):
    """One running copy of a site on one node."""

    __tablename__ = "environments"
    __table_args__ = (
        UniqueConstraint("site_id", "slug"),
        Index("ix_environments_site_id_created_at_id", "site_id", "created_at", "id"),
        Index("ix_environments_site_id_type", "site_id", "type", "created_at", "id"),
        Index("ix_environments_site_id_status", "site_id", "status", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    node_id: Mapped[UUID] = mapped_column(ForeignKey("nodes.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(63))
    type: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), default="creating")
    hostname: Mapped[str] = mapped_column(String(253), unique=True)
    current_release_id: Mapped[UUID | None] = mapped_column()
    source_environment_id: Mapped[UUID | None] = mapped_column()
    promotion_preset: Mapped[str | None] = mapped_column(String(16))
    fastcgi_cache_enabled: Mapped[bool] = mapped_column(Boolean, default=False)
    redis_cache_enabled: Mapped[bool] = mapped_column(Boolean, default=False)
    drift_status: Mapped[str] = mapped_column(String(16), default="unknown")
    drift_checked_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Release(Base):
    """A tree of files that an environment serves or served. `manifest` is deflated JSON (steps/bench.py)."""

    __tablename__ = "releases"
    __table_args__ = (
        Index("ix_releases_environment_id_created_at_id", "environment_id", "created_at", "id"),
        Index("ix_releases_environment_id_status", "environment_id", "status", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("environments.id"))
    source_type: Mapped[str] = mapped_column(String(16))
    source_ref: Mapped[str | None] = mapped_column(String(4096))
    commit: Mapped[str | None] = mapped_column(String(64))
    sha256: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default="building")
    file_count: Mapped[int] = mapped_column(default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    on_disk: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    manifest: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    activated_at: Mapped[datetime | None] = mapped_column()


class Backup(Base):
    """An archive of an environment in the file store, under `backups/<id>`."""

    __tablename__ = "backups"
    __table_args__ = (
        Index("ix_backups_environment_id_created_at_id", "environment_id", "created_at", "id"),
        Index("ix_backups_environment_id_scope", "environment_id", "backup_scope", "created_at", "id"),
        Index("ix_backups_environment_id_status", "environment_id", "status", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("environments.id"))
    backup_scope: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32), default="requested")
    status: Mapped[str] = mapped_column(String(16), default="creating")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    verified_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class Domain(Base):
    """A hostname that an environment answers to."""

    __tablename__ = "domains"
    __table_args__ = (
        Index("ix_domains_environment_id_created_at_id", "environment_id", "created_at", "id"),
        Index("ix_domains_environment_id_status", "environment_id", "status", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("environments.id"))
    hostname: Mapped[str] = mapped_column(String(253), unique=True)
    status: Mapped[str] = mapped_column(String(16), default="creating")
    created_at: Mapped[datetime] = mapped_column(default=now)


class Upload(Base):
    """An archive that a client sent, in the file store under `uploads/<id>`.

    `created_by` is the person, `key_id` the key that it was sent with, if it was; a key may be gone by now.
    """

    __tablename__ = "uploads"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # Its type is said because the other table is known only when everything is imported.
    organization_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("organizations.id"), default=DEFAULT_ORGANIZATION_ID
    )
    media_type: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[UUID | None] = mapped_column()
    key_id: Mapped[UUID | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
