"""The tables, the same on SQLite and Postgres.

Instants are milliseconds since 1970 UTC, sizes and offsets are bytes, flags are bits, yes and no are 1 and 0: no
column needs conversion between the driver and Python. A `modseq` is that of the account when the row last changed, a
`createseq` when it came to be; rows that others must see going away stay as tombstones. Columns marked `sealed` hold
what reveals content: through the codec of `mox_trio.mailstore`, sealed with the account's key where bodies are
encrypted. Columns named `*_key` are keyed 64-bit hashes for exact look-ups on sealed values.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, text

from storage_backends.index.schema_columns import Id, count, metadata, of_account, own_id, sealed, table, word
from storage_backends.index.schema_outgoing import (
    correspondent,
    hold_rule,
    outgoing,
    queued,
    retired,
    sent_count,
    suppression,
)
from storage_backends.index.schema_pulled import pulled
from storage_backends.index.schema_sessions import recovery_code, totp, web_session
from storage_backends.index.schema_web import api_key, hook, idempotency, message_extra, webhook

__all__ = [
    "account",
    "annotation",
    "api_key",
    "body_store",
    "client_certificate",
    "correspondent",
    "credential",
    "document",
    "email",
    "expunged",
    "hold_rule",
    "hook",
    "idempotency",
    "import_progress",
    "keyword",
    "lease",
    "login_attempt",
    "mailbox",
    "message",
    "message_extra",
    "metadata",
    "outgoing",
    "pulled",
    "queued",
    "recovery_code",
    "release",
    "retired",
    "scram_salt",
    "sent_count",
    "setting",
    "subscription",
    "suppression",
    "thread_key",
    "totp",
    "web_session",
    "webhook",
]

# Ids are never used again, so that nothing left over from a removed account can meet a new one.
account = table(
    "account",
    own_id(),
    Column("name", Text, nullable=False),
    word("state"),  # creating, active, disabled, removing
    count("modseq", 1),  # the first change has 2
    count("next_uidvalidity"),
    count("created"),
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

mailbox = table(
    "mailbox",
    own_id(),
    of_account(),
    Column("name", Text, nullable=False),  # NFC, levels divided by "/"
    count("uidvalidity"),
    count("uidnext", 1),
    count("createseq"),
    count("modseq"),  # of the mailbox itself: name, special use
    count("highest_modseq"),  # of its messages, also gone ones: HIGHESTMODSEQ (RFC 7162)
    count("pruned_modseq"),  # tombstones up to here are gone
    count("special_use"),  # bits, as in tables.mailboxes
    count("gone"),  # 1: deleted; the name is then empty and the row is a tombstone
    count("messages"),
    count("unseen"),
    count("deleted"),  # messages with \Deleted
    count("size"),  # sum of the messages' sizes
    count("deleted_size"),  # of those with \Deleted
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
subscription = table(
    "subscription",
    of_account(primary_key=True),
    Column("name", Text, primary_key=True),
    count("subscribed", 1),
    count("modseq"),
)

# Which bit of message.keywords stands for which keyword.
keyword = table(
    "keyword",
    of_account(primary_key=True),
    Column("bit", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),  # as first written; compared without case
    count("modseq"),
    Index("uq_keyword_name", "account_id", text("lower(name)"), unique=True),
)

# What never changes about a mail and exists once, however many mailboxes hold it.
email = table(
    "email",
    own_id(),
    of_account(),
    Column("object_id", Text, nullable=False),  # EMAILID (RFC 8474)
    Column("thread_id", Text, nullable=False),  # THREADID: the object_id of the thread's first mail
    Column("store", Text, nullable=False),  # the body store's configured name
    Column("ref", Text, nullable=False),  # and its reference
    sealed("prefix"),  # headers added on delivery; the mail is prefix + body
    sealed("header"),  # the first 32 KiB of the whole header block
    count("header_size"),  # of the whole header block, with its blank line
    count("size"),  # prefix + body
    sealed("envelope"),  # rendered (RFC 9051 7.5.2), 8-bit text as UTF-8
    sealed("bodystructure"),  # rendered, extensible form; BODY without extension data is made from the parts
    sealed("parts"),  # the part tree with offsets
    sealed("summary"),  # decoded subject, base subject, first From/To/Cc, preview
    count("parsed_version"),
    Column("sent", BigInteger),  # Date field
    Column("message_id_key", BigInteger),
    Column("subject_key", BigInteger),  # of the base subject
    Column("from_key", BigInteger),  # of the first From address
    # Of the From address's domain and its organizational domain, where mail came from outside and was checked.
    Column("from_domain_key", BigInteger),
    Column("from_org_domain_key", BigInteger),
    Column("content_key", BigInteger),  # of the body as stored, without prefix
    # What the checks of the receiving server found; empty for mail that did not come by SMTP from outside.
    word("remote_ip"),
    word("remote_ip_masked1"),  # /32 or /64
    word("remote_ip_masked2"),  # /26 or /48
    word("remote_ip_masked3"),  # /21 or /32
    word("ehlo_domain"),
    word("mail_from"),
    word("mail_from_localpart"),
    word("mail_from_domain"),
    word("rcpt_to_localpart"),
    word("rcpt_to_domain"),
    word(
        "ehlo_validation"
    ),  # unknown, strict, dmarc, relaxed, pass, neutral, temperror, permerror, fail, softfail, none
    word("mail_from_validation"),
    word("msg_from_validation"),
    word("dkim_domains"),  # verified ones, divided by spaces
    word("orig_ehlo_domain"),  # before a forwarding rule cleared them
    word("orig_dkim_domains"),
    word("tls_version"),
    word("tls_cipher"),
    count("require_tls"),
    count("is_dsn"),
    count("is_reject"),
    count("is_forward"),
    count("is_mailing_list"),
    word("reason"),  # named reason of the verdict
    Column("destined_mailbox_id", BigInteger),
    Column("original_mailbox_id", BigInteger),
    Index("ix_email_message_id_key", "account_id", "message_id_key"),
    Index("ix_email_content_key", "account_id", "content_key"),
    Index("ix_email_account_id", "account_id", "id"),
    Index("ix_email_store", "store", "id"),
    Index("ix_email_thread_id", "account_id", "thread_id", "id"),
    sqlite_autoincrement=True,
)

# One placement of a mail in a mailbox: narrow, because STORE and COPY touch many.
message = table(
    "message",
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("email_id", Id, ForeignKey("email.id"), nullable=False),
    count("modseq"),
    count("createseq"),
    count("flags"),  # bits, as in tables.flags
    count("keywords"),  # bits, named by the keyword table
    count("received"),  # INTERNALDATE
    count("saved"),  # SAVEDATE (RFC 8514)
    count("size"),  # of the email, so that counts need no join
    Index("ix_message_modseq", "mailbox_id", "modseq"),
    Index("ix_message_email_id", "email_id"),
    sqlite_with_rowid=False,
)

# Tombstones of messages, for QRESYNC (RFC 7162 3.2.10), and what they were: who has not heard of their going can read them
# until the mail is erased.
expunged = table(
    "expunged",
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    count("modseq"),  # of the going
    count("at"),
    count("email_id"),
    count("createseq"),
    count("flags"),
    count("keywords"),
    count("received"),
    count("saved"),
    count("size"),
    Index("ix_expunged_modseq", "mailbox_id", "modseq"),
    Index("ix_expunged_at", "at"),
    sqlite_with_rowid=False,
)

# Which thread a Message-ID with a base subject belongs to, also of mails that have not arrived.
thread_key = table(
    "thread_key",
    of_account(primary_key=True),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Mails without a placement and bodies without a mail, to be erased when due.
release = table(
    "release",
    own_id(),
    of_account(),
    Column("email_id", BigInteger),
    Column("store", Text),
    Column("ref", Text),
    count("due"),
    Index("ix_release_due", "due"),
    Index("ix_release_account_id", "account_id"),
    Index("ix_release_store", "store"),
)

# RFC 5464; an empty value with gone = 1 is a tombstone. mailbox_id 0 is the account.
annotation = table(
    "annotation",
    of_account(primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", Text, primary_key=True),  # lower case
    sealed("value"),
    count("gone"),
    count("createseq"),
    count("modseq"),
)

# What users set for themselves: JSON by name; an empty value with gone = 1 is a tombstone.
setting = table(
    "setting",
    of_account(primary_key=True),
    Column("name", Text, primary_key=True),
    sealed("value"),
    count("gone"),
    count("modseq"),
)

credential = table(
    "credential",
    own_id(),
    of_account(),
    Column("kind", Text, nullable=False),  # main, app, api, certificate
    word("name"),
    Column("hash", LargeBinary, nullable=False),  # main: argon2id (PHC string); else SHA-256
    count("protocols"),  # bits
    count("created"),
    Column("last_used", BigInteger),
    Column("expires", BigInteger),
    Column("scram_sha1", LargeBinary),  # sealed with the server key: StoredKey and ServerKey (RFC 5802 3)
    Column("scram_sha256", LargeBinary),
    Column("cram_md5", LargeBinary),
    Index("ix_credential_account_id", "account_id"),
    Index("ix_credential_hash", "hash"),
    sqlite_autoincrement=True,
)

# What a credential of the kind "certificate" is; its hash is that of the public key (SubjectPublicKeyInfo).
client_certificate = table(
    "client_certificate",
    Column("credential_id", Id, ForeignKey("credential.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),  # it logs in as
    Column("certificate", LargeBinary, nullable=False),  # DER: a trust anchor of the handshake
    count("asks"),  # 1: IMAP waits for AUTHENTICATE EXTERNAL instead of beginning with PREAUTH
    sqlite_with_rowid=False,
)

# Attempts to log in that are alike in all but their time are one row.
login_attempt = table(
    "login_attempt",
    Column("key", LargeBinary, primary_key=True),  # hash of the columns before first
    Column("account_id", Id, ForeignKey("account.id", ondelete="CASCADE")),  # none: a name that is nobody's
    word("login"),  # as it was sent
    word("remote_ip"),
    word("local_ip"),
    word("tls"),
    word("protocol"),
    word("mechanism"),
    word("result"),  # as in mailstore.attempts
    word("user_agent"),  # what the client says of itself
    count("first"),
    count("last"),
    count("times", 1),
    Index("ix_login_attempt_account_id", "account_id", "last"),
    Index("ix_login_attempt_last", "last"),
)

# One salt and iteration count for each account and mechanism (RFC 5802 5.1).
scram_salt = table(
    "scram_salt",
    of_account(primary_key=True),
    Column("mechanism", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    count("iterations"),
)

# Work of which one process at a time does a kind; a claim that is not the row's own settles nothing.
lease = table(
    "lease",
    Column("name", Text, primary_key=True),
    count("claim"),
    word("holder"),
    count("expires"),
)

# Documents of several nodes: the dynamic configuration when it lives here. Versions start at 1.
document = table(
    "document",
    Column("name", Text, primary_key=True),
    count("version"),
    Column("text", Text, nullable=False),
    count("changed"),
)

# Configured body stores, each with the key of the body that marks it as this index's.
body_store = table(
    "body_store",
    Column("name", Text, primary_key=True),
    Column("mark", Text, nullable=False),
)

# How far an import came, so that it can go on after a crash. Positions name files and folders of the source.
import_progress = table(
    "import_progress",
    of_account(primary_key=True),
    Column("source", Text, primary_key=True),  # what is imported, and into where, hashed
    sealed("position"),
    count("imported"),
    count("at"),
)
