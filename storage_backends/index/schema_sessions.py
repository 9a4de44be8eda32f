"""The table of web sessions. `schema` says how columns are written."""

from sqlalchemy import Column, Index, LargeBinary, Text

from storage_backends.index.schema_columns import count, of_account, table, word

# Who is logged in to web pages, so that every process knows it. The token itself is known to the browser alone.
web_session = table(
    "web_session",
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the token
    of_account(),
    Column("kind", Text, nullable=False),  # webmail, account
    word("login"),  # the address, as it was typed
    word("remote_ip"),
    word("user_agent"),
    count("created"),
    count("last_used"),
    Index("ix_web_session_account_id", "account_id", "last_used"),
    Index("ix_web_session_last_used", "last_used"),
)
