"""The tables of web sessions and of one-time codes. `schema` says how columns are written."""

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

# The secret from which an account's one-time codes are made (RFC 6238), and what was made of it.
totp = table(
    "totp",
    of_account(primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # sealed with the server key
    count("confirmed"),  # when the first code came; 0 before: the codes are not asked for
    count("step"),  # of the last code that was taken
    count("wrong"),  # codes since wrong_since
    count("wrong_since"),
)

# Codes for who has lost what makes the others: each opens the account once.
recovery_code = table(
    "recovery_code",
    of_account(primary_key=True),
    Column("hash", LargeBinary, primary_key=True, nullable=False),  # SHA-256
)
