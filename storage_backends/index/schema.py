"""The tables, the same on SQLite and Postgres.

Instants are milliseconds since 1970 UTC, sizes and offsets are bytes, flags are bits, yes and no are 1 and 0: no
column needs conversion between the driver and Python. A `modseq` is that of the account when the row last changed, a
`createseq` when it came to be; rows that others must see going away stay as tombstones. Columns marked `sealed` hold
what reveals content: through the codec of `mox_trio.mailstore`, sealed with the account's key where bodies are
encrypted. Columns named `*_key` are keyed 64-bit hashes for exact look-ups on sealed values.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives rowids to INTEGER PRIMARY KEY only; Postgres needs 64 bits.
Id: Final = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _account(*, primary_key: bool = False) -> Column[int]:
    return Column(
        "account_id", Id, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key
    )


def _count(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


def _sealed(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, server_default=text("''"))


def _word(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def _table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, **options)


# Ids are never used again, so that nothing left over from a removed account can meet a new one.
account = _table(
    "account",
    _id(),
    Column("name", Text, nullable=False),
    _word("state"),  # creating, active, disabled, removing
    _count("modseq", 1),  # the first change has 2
    _count("next_uidvalidity"),
    _count("created"),
    Column("wrapped_key", LargeBinary),  # by the keyring; dropping it erases the account
    Index(
        "uq_account_name",
        "name",
        unique=True,
        sqlite_where=text("state <> 'removing'"),
        postgresql_where=text("state <> 'removing'"),
    ),
    sqlite_autoincrement=True,
)

mailbox = _table(
    "mailbox",
    _id(),
    _account(),
    Column("name", Text, nullable=False),  # NFC, levels divided by "/"
    _count("uidvalidity"),
    _count("uidnext", 1),
    _count("createseq"),
    _count("modseq"),  # of the mailbox itself: name, special use
    _count("highest_modseq"),  # of its messages, also gone ones: HIGHESTMODSEQ (RFC 7162)
    _count("pruned_modseq"),  # tombstones up to here are gone
    _count("special_use"),  # bits, as in tables.mailboxes
    _count("gone"),  # 1: deleted; the name is then empty and the row is a tombstone
    _count("messages"),
    _count("unseen"),
    _count("deleted"),  # messages with \Deleted
    _count("size"),  # sum of the messages' sizes
    _count("deleted_size"),  # of those with \Deleted
    Index(
        "uq_mailbox_name",
        "account_id",
        "name",
        unique=True,
        sqlite_where=text("gone = 0"),
        postgresql_where=text("gone = 0"),
    ),
    Index("ix_mailbox_modseq", "account_id", "modseq"),
    sqlite_autoincrement=True,
)

# A name may be subscribed that is no mailbox (RFC 9051 6.3.7); subscribed = 0 is a tombstone.
subscription = _table(
    "subscription",
    _account(primary_key=True),
    Column("name", Text, primary_key=True),
    _count("subscribed", 1),
    _count("modseq"),
)

# Which bit of message.keywords stands for which keyword.
keyword = _table(
    "keyword",
    _account(primary_key=True),
    Column("bit", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),  # as first written; compared without case
    _count("modseq"),
    Index("uq_keyword_name", "account_id", text("lower(name)"), unique=True),
)

# What never changes about a mail and exists once, however many mailboxes hold it.
email = _table(
    "email",
    _id(),
    _account(),
    Column("object_id", Text, nullable=False),  # EMAILID (RFC 8474)
    Column("thread_id", Text, nullable=False),  # THREADID: the object_id of the thread's first mail
    Column("store", Text, nullable=False),  # the body store's configured name
    Column("ref", Text, nullable=False),  # and its reference
    _sealed("prefix"),  # headers added on delivery; the mail is prefix + body
    _sealed("header"),  # the first 32 KiB of the whole header block
    _count("header_size"),  # of the whole header block, with its blank line
    _count("size"),  # prefix + body
    _sealed("envelope"),  # rendered (RFC 9051 7.5.2), 8-bit text as UTF-8
    _sealed("bodystructure"),  # rendered, extensible form; BODY without extension data is made from the parts
    _sealed("parts"),  # the part tree with offsets
    _sealed("summary"),  # decoded subject, base subject, first From/To/Cc, preview
    _count("parsed_version"),
    Column("sent", BigInteger),  # Date field
    Column("message_id_key", BigInteger),
    Column("subject_key", BigInteger),  # of the base subject
    Column("from_key", BigInteger),  # of the first From address
    # Of the From address's domain and its organizational domain, where mail came from outside and was checked.
    Column("from_domain_key", BigInteger),
    Column("from_org_domain_key", BigInteger),
    Column("content_key", BigInteger),  # of the body as stored, without prefix
    # What the checks of the receiving server found; empty for mail that did not come by SMTP from outside.
    _word("remote_ip"),
    _word("remote_ip_masked1"),  # /32 or /64
    _word("remote_ip_masked2"),  # /26 or /48
    _word("remote_ip_masked3"),  # /21 or /32
    _word("ehlo_domain"),
    _word("mail_from"),
    _word("mail_from_localpart"),
    _word("mail_from_domain"),
    _word("rcpt_to_localpart"),
    _word("rcpt_to_domain"),
    _word(
        "ehlo_validation"
    ),  # unknown, strict, dmarc, relaxed, pass, neutral, temperror, permerror, fail, softfail, none
    _word("mail_from_validation"),
    _word("msg_from_validation"),
    _word("dkim_domains"),  # verified ones, divided by spaces
    _word("orig_ehlo_domain"),  # before a forwarding rule cleared them
    _word("orig_dkim_domains"),
    _word("tls_version"),
    _word("tls_cipher"),
    _count("require_tls"),
    _count("is_dsn"),
    _count("is_reject"),
    _count("is_forward"),
    _count("is_mailing_list"),
    _word("reason"),  # named reason of the verdict
    Column("destined_mailbox_id", BigInteger),
    Column("original_mailbox_id", BigInteger),
    Index("ix_email_message_id_key", "account_id", "message_id_key"),
    Index("ix_email_content_key", "account_id", "content_key"),
    Index("ix_email_account_id", "account_id", "id"),
    Index("ix_email_store", "store", "id"),
    sqlite_autoincrement=True,
)

# One placement of a mail in a mailbox: narrow, because STORE and COPY touch many.
message = _table(
    "message",
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("email_id", Id, ForeignKey("email.id"), nullable=False),
    _count("modseq"),
    _count("createseq"),
    _count("flags"),  # bits, as in tables.flags
    _count("keywords"),  # bits, named by the keyword table
    _count("received"),  # INTERNALDATE
    _count("saved"),  # SAVEDATE (RFC 8514)
    _count("size"),  # of the email, so that counts need no join
    Index("ix_message_modseq", "mailbox_id", "modseq"),
    Index("ix_message_email_id", "email_id"),
    sqlite_with_rowid=False,
)

# Tombstones of messages, for QRESYNC (RFC 7162 3.2.10).
expunged = _table(
    "expunged",
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    _count("modseq"),
    _count("at"),
    Index("ix_expunged_modseq", "mailbox_id", "modseq"),
    Index("ix_expunged_at", "at"),
    sqlite_with_rowid=False,
)

# Which thread a Message-ID with a base subject belongs to, also of mails that have not arrived.
thread_key = _table(
    "thread_key",
    _account(primary_key=True),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Mails without a placement and bodies without a mail, to be erased when due.
release = _table(
    "release",
    _id(),
    _account(),
    Column("email_id", BigInteger),
    Column("store", Text),
    Column("ref", Text),
    _count("due"),
    Index("ix_release_due", "due"),
    Index("ix_release_account_id", "account_id"),
    Index("ix_release_store", "store"),
)

# RFC 5464; an empty value with gone = 1 is a tombstone. mailbox_id 0 is the account.
annotation = _table(
    "annotation",
    _account(primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", Text, primary_key=True),  # lower case
    _sealed("value"),
    _count("gone"),
    _count("createseq"),
    _count("modseq"),
)

# What users set for themselves: JSON by name; an empty value with gone = 1 is a tombstone.
setting = _table(
    "setting",
    _account(primary_key=True),
    Column("name", Text, primary_key=True),
    _sealed("value"),
    _count("gone"),
    _count("modseq"),
)

credential = _table(
    "credential",
    _id(),
    _account(),
    Column("kind", Text, nullable=False),  # main, app, api
    _word("name"),
    Column("hash", LargeBinary, nullable=False),  # main: argon2id (PHC string); else SHA-256
    _count("protocols"),  # bits
    _count("created"),
    Column("last_used", BigInteger),
    Column("expires", BigInteger),
    Column("scram_sha1", LargeBinary),  # sealed with the server key: StoredKey and ServerKey (RFC 5802 3)
    Column("scram_sha256", LargeBinary),
    Column("cram_md5", LargeBinary),
    Index("ix_credential_account_id", "account_id"),
    Index("ix_credential_hash", "hash"),
    sqlite_autoincrement=True,
)

# One salt and iteration count for each account and mechanism (RFC 5802 5.1).
scram_salt = _table(
    "scram_salt",
    _account(primary_key=True),
    Column("mechanism", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    _count("iterations"),
)

# Work of which one process at a time does a kind; a claim that is not the row's own settles nothing.
lease = _table(
    "lease",
    Column("name", Text, primary_key=True),
    _count("claim"),
    _word("holder"),
    _count("expires"),
)

# Documents of several nodes: the dynamic configuration when it lives here. Versions start at 1.
document = _table(
    "document",
    Column("name", Text, primary_key=True),
    _count("version"),
    Column("text", Text, nullable=False),
    _count("changed"),
)

# Configured body stores, each with the key of the body that marks it as this index's.
body_store = _table(
    "body_store",
    Column("name", Text, primary_key=True),
    Column("mark", Text, nullable=False),
)

# How far an import came, so that it can go on after a crash. Positions name files and folders of the source.
import_progress = _table(
    "import_progress",
    _account(primary_key=True),
    Column("source", Text, primary_key=True),  # what is imported, and into where, hashed
    _sealed("position"),
    _count("imported"),
    _count("at"),
)
