"""What Alembic runs: the revisions, on the connection and in the transaction that `migrate` gives."""

from alembic import context

from storage_backends.index import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema.metadata)
context.run_migrations()
