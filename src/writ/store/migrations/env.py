"""Alembic's environment: it works on the connection that `writ.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from writ.store.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
