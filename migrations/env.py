"""Runs the migrations on the connection that `annotator.store.schema` hands over, inside its transaction."""

from alembic import context

from annotator.errors import OnetagError
from annotator.store.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise OnetagError("The migrations run through `onetag db upgrade` and `onetag db downgrade`.")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
