"""Every command: how it is parsed, and in which states it is allowed (RFC 9051 6)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.protocol.imap.commands import (
    append,
    copying,
    fetch,
    general,
    listing,
    login,
    mailboxes,
    metadata,
    notify,
    quota,
    search,
    selecting,
    store,
)
from mox_trio.protocol.imap.events import Body, State
from mox_trio.protocol.imap.lexer import Lexer, Malformed

ANY: Final = tuple(State)
STRANGER: Final = (State.NOT_AUTHENTICATED,)
USER: Final = (State.AUTHENTICATED, State.SELECTED)
SELECTED: Final = (State.SELECTED,)


@dataclass(frozen=True, slots=True)
class Row:
    """One command."""

    parse: Callable[[Lexer], Body]
    states: tuple[State, ...]
    by_number: bool = False
    """It names messages by sequence numbers: not allowed with UIDONLY (RFC 9586 3)."""
    has_messages: bool = False
    """Messages stand behind what is parsed."""
    is_special: bool = False
    """What follows it is no command."""


COMMANDS: Final[dict[str, Row]] = {
    "CAPABILITY": Row(general.parse_capability, ANY),
    "NOOP": Row(general.parse_noop, ANY),
    "LOGOUT": Row(general.parse_logout, ANY),
    "ID": Row(general.parse_id, ANY),
    "STARTTLS": Row(login.parse_starttls, STRANGER, is_special=True),
    "AUTHENTICATE": Row(login.parse_authenticate, STRANGER),
    "LOGIN": Row(login.parse_login, STRANGER),
    "ENABLE": Row(general.parse_enable, USER),
    "SELECT": Row(partial(selecting.parse_select, read_only=False), USER),
    "EXAMINE": Row(partial(selecting.parse_select, read_only=True), USER),
    "CREATE": Row(mailboxes.parse_create, USER),
    "DELETE": Row(mailboxes.parse_delete, USER),
    "RENAME": Row(mailboxes.parse_rename, USER),
    "SUBSCRIBE": Row(mailboxes.parse_subscribe, USER),
    "UNSUBSCRIBE": Row(mailboxes.parse_unsubscribe, USER),
    "LIST": Row(listing.parse_list, USER),
    "LSUB": Row(listing.parse_lsub, USER),
    "NAMESPACE": Row(general.parse_namespace, USER),
    "STATUS": Row(mailboxes.parse_status, USER),
    "APPEND": Row(append.parse_append, USER, has_messages=True),
    "IDLE": Row(general.parse_idle, USER, is_special=True),
    "COMPRESS": Row(general.parse_compress, USER),
    "UNAUTHENTICATE": Row(general.parse_unauthenticate, USER),
    "GETQUOTA": Row(quota.parse_get_quota, USER),
    "GETQUOTAROOT": Row(quota.parse_get_quota_root, USER),
    "SETQUOTA": Row(quota.parse_set_quota, USER),
    "GETMETADATA": Row(metadata.parse_get, USER),
    "SETMETADATA": Row(metadata.parse_set, USER),
    "ESEARCH": Row(search.parse_multi_search, USER),
    "NOTIFY": Row(notify.parse_notify, USER),
    "CANCELUPDATE": Row(search.parse_cancel_update, SELECTED),
    "CHECK": Row(general.parse_check, SELECTED),
    "CLOSE": Row(partial(selecting.parse_close, expunge=True), SELECTED),
    "UNSELECT": Row(partial(selecting.parse_close, expunge=False), SELECTED),
    "EXPUNGE": Row(copying.parse_expunge, SELECTED),
    "SEARCH": Row(partial(search.parse_search, uid=False), SELECTED, by_number=True),
    "SORT": Row(partial(search.parse_sort, uid=False), SELECTED, by_number=True),
    "THREAD": Row(partial(search.parse_thread, uid=False), SELECTED, by_number=True),
    "FETCH": Row(partial(fetch.parse_fetch, uid=False), SELECTED, by_number=True),
    "STORE": Row(partial(store.parse_store, uid=False), SELECTED, by_number=True),
    "COPY": Row(partial(copying.parse_copy, uid=False, move=False), SELECTED, by_number=True),
    "MOVE": Row(partial(copying.parse_copy, uid=False, move=True), SELECTED, by_number=True),
    "REPLACE": Row(partial(append.parse_replace, uid=False), SELECTED, by_number=True, has_messages=True),
    "UID EXPUNGE": Row(copying.parse_uid_expunge, SELECTED),
    "UID SEARCH": Row(partial(search.parse_search, uid=True), SELECTED),
    "UID SORT": Row(partial(search.parse_sort, uid=True), SELECTED),
    "UID THREAD": Row(partial(search.parse_thread, uid=True), SELECTED),
    "UID FETCH": Row(partial(fetch.parse_fetch, uid=True), SELECTED),
    "UID STORE": Row(partial(store.parse_store, uid=True), SELECTED),
    "UID COPY": Row(partial(copying.parse_copy, uid=True, move=False), SELECTED),
    "UID MOVE": Row(partial(copying.parse_copy, uid=True, move=True), SELECTED),
    "UID REPLACE": Row(partial(append.parse_replace, uid=True), SELECTED, has_messages=True),
}

_WRITTEN: Final = {name.encode("ascii"): (name, row) for name, row in COMMANDS.items()}


def maybe_named(octets: bytes) -> tuple[str, Row] | None:
    """A command by its name as a client wrote it: in any case, with spaces behind UID."""
    return _WRITTEN.get(octets) or _WRITTEN.get(b" ".join(octets.upper().split()))


def misplaced(row: Row, state: State) -> Malformed:
    """Why a command is not allowed now: because of the state, or because it uses sequence numbers with UIDONLY."""
    if state in row.states:
        return Malformed("sequence numbers are not used with UIDONLY", code=b"UIDREQUIRED")
    if state is State.NOT_AUTHENTICATED:
        return Malformed("log in first")
    return Malformed("no mailbox is selected" if row.states is SELECTED else "you are logged in already")
