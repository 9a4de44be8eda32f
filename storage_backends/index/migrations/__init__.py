"""Steps from the schema of each release to the next, as Alembic revisions in `versions/`, run by `migrate`.

A change of `schema` comes with a revision whose number is then `migrate.HEAD`. A test compares a database that went
through all of them with one made from the schema, on both engines.
"""
