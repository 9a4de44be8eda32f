"""Searches that an account keeps under a name (RFC 5466): annotations of the server, read when FILTER asks for them.

An account's own filter goes before one that is shared. A filter may name others; one that names itself, directly or by
others, one that is not there, and one that cannot be read are all undefined, and NO says which.
"""

from collections.abc import Mapping
from typing import Final

from mox_trio.imapd import replies
from mox_trio.mailstore import annotating
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.imap import encoding, search_keys, search_program
from mox_trio.protocol.imap.lexer import Lexer, Malformed
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.imap.search_keys import SearchKey

PLACES: Final = ("/private/filters/values/", "/shared/filters/values/")
"""Entries in which filters are, the nearest first (RFC 5466 3.2)."""
MOST: Final = 100
"""Different filters that one search may use."""
BROKEN: Final = Status("NO", "what a filter holds is a search", b"CANNOT")


async def named(store: MailStore, account: Account, key: SearchKey) -> dict[str, SearchKey]:
    """The filters that keys name, and those that these name, by their names in lower case. Refused."""
    asked = _names(key)
    if not asked:
        return {}
    values = await annotating.listed(store, account, 0)
    found: dict[str, SearchKey] = {}
    for name in asked:
        _define(name, values, found, ())
    return found


def refuse_broken(values: Mapping[str, bytes | None]) -> None:
    """Of entries of the server that are about to be set, those that are filters have to be searches (RFC 5466 3.2). Refused.

    What they name may come later.
    """
    for entry, value in values.items():
        if value is not None and entry.startswith(PLACES):
            try:
                _read(entry, value)
            except replies.Refused:
                raise replies.Refused(BROKEN) from None


def _define(name: str, values: dict[str, bytes], found: dict[str, SearchKey], above: tuple[str, ...]) -> None:
    """Read a filter and those below it; `above` are those that it is part of."""
    lower = name.lower()
    if lower in above or len(above) >= MOST or len(found) >= MOST:
        raise _undefined(name)
    if lower in found:
        return
    value = next((values[place + lower] for place in PLACES if place + lower in values), None)
    if value is None:
        raise _undefined(name)
    key = _read(name, value)
    for each in _names(key):
        _define(each, values, found, (*above, lower))
    found[lower] = key


def _read(name: str, value: bytes) -> SearchKey:
    lexer = Lexer(value)
    try:
        if lexer.maybe_word("CHARSET"):
            lexer.space()
            search_program.required_charset(lexer)
            lexer.space()
        key, _ = search_program.parse(lexer)
    except Malformed:
        raise _undefined(name) from None
    return key


def _undefined(name: str) -> replies.Refused:
    code = b"UNDEFINED-FILTER " + encoding.astring(name.encode())  # RFC 5466 3.1
    return replies.Refused(Status("NO", "there is no such filter, or it cannot be used", code))


def _names(key: SearchKey) -> list[str]:
    names: list[str] = []
    waiting = [key]
    while waiting:
        match waiting.pop():
            case search_keys.FilterKey(name):
                names.append(name)
            case search_keys.AndKey(keys):
                waiting += keys
            case search_keys.OrKey(first, second):
                waiting += (first, second)
            case search_keys.NotKey(inner):
                waiting.append(inner)
            case _:
                continue
    return list(dict.fromkeys(names))
