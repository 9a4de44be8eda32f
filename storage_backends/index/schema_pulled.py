"""The table of mail that was pulled from other servers. `schema` says how columns are written."""

from sqlalchemy import BigInteger, Column, Text

from storage_backends.index.schema_columns import count, of_account, table, word

# A message of a folder of another server that is here now, so that it is not pulled again and its flags follow.
pulled = table(
    "pulled",
    of_account(primary_key=True),
    Column("folder", Text, primary_key=True),  # server, user, folder and its UIDVALIDITY, hashed
    Column("uid", BigInteger, primary_key=True, autoincrement=False),  # there
    count("mailbox_id"),  # here; perhaps gone by now
    count("message_uid"),
    word("flags"),  # as they are there
)
