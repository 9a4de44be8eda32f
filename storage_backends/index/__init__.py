"""Rows about mail in SQLite or Postgres: the only place where SQL exists.

Units (plain functions that get a `Transaction`) go in through `api.Index.read` and `write`; tuples of rows come out.
`schema.py` names the tables, `tables/` has one module a subject, `sqlite.py` and `postgres.py` are the engines,
`migrations/` brings an older database to the schema. Callers are the rooms on level 4 of mox_trio, through `tables/`.
Open `api.py` first.
"""
