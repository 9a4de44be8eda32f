"""The tables of the HTTP API and of calls to customers' URLs. `schema` says how columns are written."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Text, text

from storage_backends.index.schema_columns import Id, count, of_account, own_id, sealed, table, word

# What a key of the HTTP API opens; a key without a row opens everything.
api_key = table(
    "api_key",
    Column(
        "credential_id",
        Id,
        ForeignKey("credential.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        nullable=False,
    ),
    count("scopes"),  # bits
    word("addresses"),  # JSON: addresses it may send from; empty for all of the account
)

# The URLs of an account that are told what becomes of its mail (outgoing) and what arrives (incoming).
webhook = table(
    "webhook",
    of_account(primary_key=True),
    Column("direction", Text, primary_key=True, nullable=False),
    Column("url", Text, nullable=False),
    Column("authorization", LargeBinary, nullable=False),  # sealed under the server's key, as is the next
    Column("secret", LargeBinary, nullable=False),
    word("events"),  # JSON; empty for all
    count("changed"),
)

# One call, waiting or kept for the record.
hook = table(
    "hook",
    own_id(),
    of_account(),
    Column("object_id", Text, nullable=False),  # binds what is sealed
    Column("direction", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event", Text, nullable=False),
    count("queued_id"),  # the row of the queue it tells of; 0 for none
    sealed("payload"),
    Column("state", Text, nullable=False),  # waiting, delivered, failed, canceled, superseded
    count("created"),
    count("next_attempt"),
    count("attempts"),  # begun ones
    count("finished"),
    count("superseded_by"),
    word("results"),  # JSON: how the attempts ended
    count("keep_until"),  # 0 while it waits
    Index("ix_hook_state", "state", "next_attempt"),
    Index("ix_hook_account_id", "account_id", "id"),
    Index("ix_hook_keep_until", "keep_until"),
    Index(
        "ix_hook_queued_id",
        "queued_id",
        sqlite_where=text("queued_id <> 0"),
        postgresql_where=text("queued_id <> 0"),
    ),
    sqlite_autoincrement=True,
)

# What a sender wants repeated in calls about a message, for as long as the message is in the queue or the records.
message_extra = table(
    "message_extra",
    Column("outgoing_id", Id, primary_key=True, autoincrement=False, nullable=False),
    of_account(),
    Column("object_id", Text, nullable=False),
    sealed("extra"),
    Index("ix_message_extra_account_id", "account_id"),
)

# Requests with an Idempotency-Key that were carried out, and what they were answered.
idempotency = table(
    "idempotency",
    of_account(primary_key=True),
    Column("name", Text, primary_key=True, nullable=False),
    Column("request", LargeBinary, nullable=False),  # hash
    sealed("answer"),
    Column("created", BigInteger, nullable=False),
    Index("ix_idempotency_created", "created"),
)
