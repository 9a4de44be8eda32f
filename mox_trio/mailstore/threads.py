"""Which thread a new mail belongs to (RFC 8474 5.2, RFC 8621 3).

A thread is held together by pairs of Message-ID and base subject: a mail joins the thread that its own Message-ID, or
the nearest of its references, already stands for. Ids of mails that have not arrived stand for the thread too, so a
parent that comes late joins its children. A reply without references joins the newest mail of the same subject among the
last thousand of its mailbox from the last four weeks. Threads never merge and a mail never changes its thread, so a
THREADID that was handed out stays true.
"""

from collections.abc import Callable, Iterable
from typing import Final

from mox_trio.mailstore.codec import Codec
from mox_trio.mailstore.rendering import Threading
from storage_backends.index.api import AccountId, MailboxId, Transaction, Uid
from storage_backends.index.tables import threads

WEEK: Final = 7 * 24 * 3_600_000
DAY: Final = 24 * 3_600_000
NEAR: Final = 1000
"""Messages before a reply among which its subject is looked for, so that a full mailbox costs no more than a small one."""

Known = dict[int, str]
"""Threads by the keys that stand for them."""


def keys(codec: Codec, threading: Threading) -> tuple[int, ...]:
    """The keys that a mail stands for: its own first, then its references, the nearest first."""
    ids = [threading.message_id, *reversed(threading.references)]
    subject = threading.base_subject
    return tuple(
        dict.fromkeys(codec.key("thread", f"{each}\0{subject}".encode("utf-8", "replace")) for each in ids if each)
    )


def known(tx: Transaction, account: AccountId, wanted: Iterable[tuple[int, ...]]) -> Callable[[], Known]:
    """Asks for the threads that the keys of some mails stand for, for `assign`."""
    keys = {key for each in wanted for key in each}
    return threads.find(tx, account, list(keys)) if keys else dict


def assign(
    tx: Transaction,
    account: AccountId,
    known: Known,
    wanted: tuple[int, ...],
    new_thread: str,
    by_subject: tuple[MailboxId, Uid, int, int] | None,
) -> str:
    """The thread of a mail with these keys: a known one, or `new_thread`. What it learns it adds to `known`.

    `by_subject` is given for a reply without references: its mailbox and UID, its subject key and when it was received.
    """
    thread = next((known[key] for key in wanted if key in known), None)
    if thread is None and by_subject is not None:
        mailbox, uid, subject, received = by_subject
        near = (uid - NEAR, received - 4 * WEEK, received + DAY)
        thread = threads.by_subject(tx, account, mailbox, subject, near)
    thread = thread or new_thread
    missing = [key for key in wanted if key not in known]
    threads.add(tx, account, missing, thread)
    known.update(dict.fromkeys(missing, thread))
    return thread
