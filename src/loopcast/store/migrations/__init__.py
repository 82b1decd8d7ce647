"""Alembic's scripts; `loopcast.store.database.migrate` runs them."""
