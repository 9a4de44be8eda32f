"""What is announced, one row each: name, RFC, and when. The only list of it."""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


class When(enum.Enum):
    """In which states a capability is announced."""

    ALWAYS = "always"
    BEFORE_LOGIN = "before login"
    LOGGED_IN = "logged in"


@dataclass(frozen=True, slots=True)
class Capability:
    """One row."""

    name: str
    rfc: str
    when: When = When.ALWAYS


TABLE: Final = (
    Capability("IMAP4rev2", "9051"),
    Capability("IMAP4rev1", "3501"),
    Capability("ENABLE", "5161"),
    Capability("LITERAL+", "7888"),
    Capability("SASL-IR", "4959", When.BEFORE_LOGIN),
    Capability("ID", "2971"),
    Capability("IDLE", "2177"),
    Capability("BINARY", "3516"),
    Capability("UNSELECT", "3691"),
    Capability("UIDPLUS", "4315"),
    Capability("ESEARCH", "4731"),
    Capability("SEARCHRES", "5182"),
    Capability("MOVE", "6851"),
    Capability("UTF8=ACCEPT", "6855"),
    Capability("CHILDREN", "3348"),
    Capability("LIST-EXTENDED", "5258"),
    Capability("SPECIAL-USE", "6154"),
    Capability("CREATE-SPECIAL-USE", "6154"),
    Capability("LIST-STATUS", "5819"),
    Capability("LIST-METADATA", "9590"),
    Capability("STATUS=SIZE", "8438"),
    Capability("STATUS=DELETED", "9051"),
    Capability("CONDSTORE", "7162"),
    Capability("QRESYNC", "7162"),
    Capability("QUOTA", "9208"),
    Capability("QUOTA=RES-STORAGE", "9208"),
    Capability("QUOTA=RES-MESSAGE", "9208"),
    Capability("METADATA", "5464"),
    Capability("METADATA-SERVER", "5464"),
    Capability("SAVEDATE", "8514"),
    Capability("WITHIN", "5032"),
    Capability("NAMESPACE", "2342"),
    Capability("MULTIAPPEND", "3502"),
    Capability("CATENATE", "4469"),
    Capability("REPLACE", "8508"),
    Capability("PREVIEW", "8970"),
    Capability("INPROGRESS", "9585"),
    Capability("MULTISEARCH", "7377"),
    Capability("NOTIFY", "5465"),
    Capability("UIDONLY", "9586"),
    Capability("SORT", "5256"),
    Capability("SORT=DISPLAY", "5957"),
    Capability("ESORT", "5267"),
    Capability("THREAD=ORDEREDSUBJECT", "5256"),
    Capability("THREAD=REFERENCES", "5256"),
    Capability("THREAD=REFS", "draft-ietf-morg-inthread"),
    Capability("CONTEXT=SEARCH", "5267"),
    Capability("CONTEXT=SORT", "5267"),
    Capability("PARTIAL", "9394"),
    Capability("FILTERS", "5466"),
    Capability("OBJECTID", "8474"),
    Capability("UNAUTHENTICATE", "8437", When.LOGGED_IN),
)
"""Beside those that depend on the connection: see `announced`."""

ENABLED_BY_NAME: Final = frozenset(
    {"IMAP4REV2", "UTF8=ACCEPT", "CONDSTORE", "QRESYNC", "METADATA", "METADATA-SERVER", "UIDONLY"}
)
"""What ENABLE knows (RFC 9051 6.3.1, 6855, 7162, 5464, 9586), in upper case."""

ESSENTIAL: Final = frozenset({"IMAP4REV1", "IMAP4REV2"})
"""Not to be switched off: without them it is not IMAP."""

LARGEST_APPEND: Final = 2**32 - 1
"""APPENDLIMIT has 32 bits (RFC 7889 5)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What announcing depends on."""

    is_logged_in: bool
    message_bytes: int
    mechanisms: Collection[str] = ()
    """Of AUTHENTICATE, as the channel allows them."""
    may_start_tls: bool = False
    may_compress: bool = True
    disabled: frozenset[str] = frozenset()
    """In upper case."""


def announced(situation: Situation) -> tuple[str, ...]:
    """The names, in their order."""
    hidden = When.BEFORE_LOGIN if situation.is_logged_in else When.LOGGED_IN
    found = [each.name for each in TABLE if each.when is not hidden]
    found.append(f"APPENDLIMIT={min(situation.message_bytes, LARGEST_APPEND)}")  # RFC 7889
    if situation.is_logged_in:
        if situation.may_compress:
            found.append("COMPRESS=DEFLATE")  # RFC 4978
    else:
        found += [f"AUTH={each}" for each in situation.mechanisms]
        if situation.may_start_tls:
            found.append("STARTTLS")
        if "PLAIN" not in situation.mechanisms:
            found.append("LOGINDISABLED")  # RFC 9051 6.2.3
    disabled = situation.disabled - ESSENTIAL
    return tuple([each for each in found if each.upper() not in disabled])
