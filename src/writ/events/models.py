"""The tables of events, and of what people are notified of."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import Base, Json, new_id, now

Sequence = BigInteger().with_variant(Integer, "sqlite")


class Event(Base):
    """One thing that happened, written in the transaction of the change.

    `sequence` is given out before the commit, so the later of two transactions may have the lower number.
    `position` is given after it, by one process, without gaps: whoever saw a position has seen all before.
    `data` is the resource as its GET shows it, `changes` by field what it was before and is now.
    `subscription_id` is set for an event that only one webhook hears of: a test.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_organization_id_position", "organization_id", "position"),
        Index("ix_events_organization_id_type_position", "organization_id", "type", "position"),
        Index("ix_events_project_id_position", "project_id", "position"),
        Index(
            "ix_events_without_position",
            "sequence",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    id: Mapped[UUID] = mapped_column(unique=True, default=new_id)
    type: Mapped[str] = mapped_column(String(100))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    project_id: Mapped[UUID | None] = mapped_column()
    subject: Mapped[str] = mapped_column(String(120))
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    changes: Mapped[dict[str, Any] | None] = mapped_column(Json)
    subscription_id: Mapped[UUID | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


_EVENT_COLUMNS = cast(Table, Event.__table__).c
TOLD_COLUMNS = tuple(
    _EVENT_COLUMNS[name]
    for name in (
        "position",
        "id",
        "type",
        "organization_id",
        "project_id",
        "subject",
        "data",
        "changes",
        "created_at",
    )
)
"""What is told of an event."""


class EventLog(Base):
    """Where the log stands: one row, which outlives the events.

    `last_position` is the last one that was given out, `purged_position` the last one that was removed.
    """

    __tablename__ = "event_log"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_position: Mapped[int] = mapped_column(BigInteger)
    purged_position: Mapped[int] = mapped_column(BigInteger)


class Notification(Base):
    """What a person is to know. Without `user_id` it is for the administrators of the organization.

    One for all of them counts as read when the first of them has read it.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_organization_id_created_at_id", "organization_id", "created_at", "id"),
        Index(
            "ix_notifications_unread",
            "organization_id",
            "created_at",
            "id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[UUID | None] = mapped_column()
    project_id: Mapped[UUID | None] = mapped_column()
    kind: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(String(2000))
    link: Mapped[str | None] = mapped_column(String(2048))
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    read_at: Mapped[datetime | None] = mapped_column()
