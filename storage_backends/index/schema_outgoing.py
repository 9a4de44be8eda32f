"""The tables of outgoing mail: the queue, what was sent to whom, and what is not sent. `schema` says how columns are
written.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Text, text

from storage_backends.index.schema_columns import Id, count, of_account, own_id, sealed, table, word

# A message on its way out, shared by the rows of its recipients; it goes with the last of them.
outgoing = table(
    "outgoing",
    own_id(),
    of_account(),
    Column("object_id", Text, nullable=False),  # names the message in logs; binds what is sealed
    Column("store", Text, nullable=False),  # the body, in the account's name
    Column("ref", Text, nullable=False),
    sealed("prefix"),  # headers in front of the body: Received, DKIM-Signature
    sealed("summary"),  # subject and Message-ID
    count("size"),  # prefix + body
    word("body"),  # 7BIT, 8BITMIME, BINARYMIME
    count("smtputf8"),
    word("ret"),  # FULL, HDRS (RFC 3461 4.3)
    word("envelope_id"),
    word("release_request"),  # FUTURERELEASE as it was asked for (RFC 4865)
    count("queued"),
    count("waiting"),  # recipients that are in the queue
    Index("ix_outgoing_account_id", "account_id", "id"),
    Index("ix_outgoing_store", "store", "id"),
    sqlite_autoincrement=True,
)

# One recipient of a message on its way out. In delivery while lease_until is not 0.
queued = table(
    "queued",
    own_id(),
    of_account(),
    Column("outgoing_id", Id, ForeignKey("outgoing.id", ondelete="CASCADE"), nullable=False),
    word("sender"),  # reverse-path with brackets
    word("from_id"),  # what makes the reverse-path this recipient's own
    Column("recipient", Text, nullable=False),  # forward-path with brackets
    Column("destination", Text, nullable=False),  # its domain in A-labels, or address literal
    Column("notify", BigInteger),  # bits (RFC 3461 4.1); NULL: not said
    word("original"),  # ORCPT, decoded
    count("held"),
    count("urgency", 1),  # 0 before 1 before 2
    count("next_attempt"),
    count("attempts"),  # begun ones
    count("max_attempts"),  # 0: as configured
    count("last_attempt"),
    count("expires"),  # no attempt later than that; 0: never
    count("delay_told"),
    Column("require_tls", BigInteger),  # 1: RFC 8689 REQUIRETLS, 0: TLS-Required: No
    word("transport"),  # chosen by hand
    word("dialled"),  # JSON: addresses tried, by host
    word("results"),  # JSON: how the last attempts ended
    count("claim"),
    word("holder"),
    count("lease_until"),  # by the database's clock
    Index("ix_queued_due", "lease_until", "held", "urgency", "next_attempt"),
    Index("ix_queued_outgoing_id", "outgoing_id"),
    Index("ix_queued_account_id", "account_id", "id"),
    Index(
        "ix_queued_from_id",
        "from_id",
        sqlite_where=text("from_id <> ''"),
        postgresql_where=text("from_id <> ''"),
    ),
    sqlite_autoincrement=True,
)

# A recipient that was delivered or given up, for as long as the account keeps the record.
retired = table(
    "retired",
    Column("id", Id, primary_key=True, autoincrement=False),  # as in the queue
    of_account(),
    count("outgoing_id"),
    Column("object_id", Text, nullable=False),
    sealed("summary"),
    count("size"),
    word("sender"),
    word("from_id"),
    Column("recipient", Text, nullable=False),
    count("queued"),
    count("attempts"),
    count("retired"),
    word("outcome"),  # delivered, relayed, failed, suppressed, canceled
    word("results"),
    count("keep_until"),
    Index("ix_retired_account_id", "account_id", "id"),
    Index("ix_retired_keep_until", "keep_until"),
    Index(
        "ix_retired_from_id",
        "from_id",
        sqlite_where=text("from_id <> ''"),
        postgresql_where=text("from_id <> ''"),
    ),
)

# New rows of the queue that match every field that is set are held. No account is all accounts.
hold_rule = table(
    "hold_rule",
    own_id(),
    Column("account_id", Id, ForeignKey("account.id", ondelete="CASCADE")),
    word("sender_domain"),
    word("recipient_domain"),
    count("created"),
    sqlite_autoincrement=True,
)

# Addresses that an account sends nothing to.
suppression = table(
    "suppression",
    own_id(),
    of_account(),
    Column("base_address", Text, nullable=False),  # without what is after + and -, dots and case
    Column("address", Text, nullable=False),  # as it was given
    count("manual"),
    word("reason"),
    count("created"),
    Index("uq_suppression_base_address", "account_id", "base_address", unique=True),
    sqlite_autoincrement=True,
)

# Recipients of submitted mail by the hour, for the limits of a day.
sent_count = table(
    "sent_count",
    of_account(primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # hours since 1970 UTC
    count("recipients"),
    count("first_time"),  # never written to before
)

# Whom an account wrote to.
correspondent = table(
    "correspondent",
    of_account(primary_key=True),
    Column("address_key", BigInteger, primary_key=True, autoincrement=False),
    count("domain_key"),
    count("org_domain_key"),  # of the organizational domain
    sealed("address"),
    count("first_sent"),
    count("last_sent"),
    count("messages"),
    count("failures"),  # permanent ones in a row
    Index("ix_correspondent_domain_key", "account_id", "domain_key"),
    Index("ix_correspondent_org_domain_key", "account_id", "org_domain_key"),
)
