"""Alembic's entry point: run the migrations on the locked connection of app.database.migrate."""

from alembic import context

from app.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    on_version_apply=context.config.attributes["on_version_apply"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
