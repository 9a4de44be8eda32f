"""What a sender wants repeated in webhook calls about a message: of the API's request, or fields `X-Mox-Extra-Key: value`.

Names are written as header fields are: each word begins with a capital. Of a name that comes twice the first counts. The
fields stay in the message. It is kept sealed, beside the message, until neither the queue nor the records have it any more.
"""

import json
from collections.abc import Mapping
from typing import Final

from mox_trio.mailstore.codec import Codec
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import summary
from mox_trio.protocol.mime import words
from mox_trio.protocol.mime.header import Header
from storage_backends.index.api import Transaction
from storage_backends.index.tables import api_requests as rows
from storage_backends.index.tables.api_requests import Extra
from storage_backends.index.tables.queue import OutgoingId

PREFIX: Final = b"x-mox-extra-"
MOST: Final = 100
LONGEST: Final = 1000
"""Characters of a value."""


def of_header(fields: Header) -> dict[str, str]:
    """What the fields of a header say."""
    found: dict[str, str] = {}
    for key, body in fields.starting_with(PREFIX).items():
        name = key[len(PREFIX) :].decode("ascii", "replace").title()
        if name and len(found) < MOST:
            found.setdefault(name, words.decode(body).strip()[:LONGEST])
    return found


def add(tx: Transaction, account: Account, outgoing_id: OutgoingId, object_id: str, extra: Mapping[str, str]) -> None:
    """Keep it, in the transaction that queues the message."""
    value = json.dumps(dict(extra), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    sealed = account.codec.seal(summary.place("extra", object_id), value)
    rows.add_extra(tx, Extra(outgoing_id, account.id, object_id, sealed))


def of_message(tx: Transaction, codec: Codec, outgoing_id: int) -> dict[str, str]:
    """What the sender of a message wants repeated. Corrupt."""
    row = rows.extra_of(tx, outgoing_id)
    if row is None:
        return {}
    found: dict[str, str] = json.loads(codec.open(summary.place("extra", row.object_id), row.extra))
    return found
