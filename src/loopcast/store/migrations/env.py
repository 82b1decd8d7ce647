"""Run by Alembic: upgrades over the connection that `migrate` holds, in its transaction."""

from alembic import context

from loopcast.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
