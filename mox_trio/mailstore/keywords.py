"""Flags and keywords by their names: which bits they are.

System flags (RFC 9051 2.3.2) and the registered keywords that most clients use are fixed bits; other keywords take
one of 63 bits of the account when they are first set. Names are compared without case.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from mox_trio.base.failure import Failure, Kind
from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.tables import flags, keywords

FIXED: Final[Mapping[str, int]] = {
    "\\Seen": flags.SEEN,
    "\\Answered": flags.ANSWERED,
    "\\Flagged": flags.FLAGGED,
    "\\Deleted": flags.DELETED,
    "\\Draft": flags.DRAFT,
    "$Forwarded": flags.FORWARDED,
    "$Junk": flags.JUNK,
    "$NotJunk": flags.NOTJUNK,
    "$MDNSent": flags.MDN_SENT,
    "$Phishing": flags.PHISHING,
}
_FIXED_LOWER: Final = {name.lower(): bit for name, bit in FIXED.items()} | {
    "junk": flags.JUNK,
    "nonjunk": flags.NOTJUNK,
}
_ATOM_SPECIALS: Final = frozenset('(){%*"\\] ')

LONGEST: Final = 100
"""Characters of a keyword."""


def is_keyword(name: str) -> bool:
    """Whether it can be one: an atom (RFC 9051 9, flag-keyword) that is not too long."""
    return 0 < len(name) <= LONGEST and all(" " < each < "\x7f" and each not in _ATOM_SPECIALS for each in name)


def check(name: str) -> str:
    """The keyword, or INVALID when it cannot be one."""
    if not is_keyword(name):
        raise Failure(
            Kind.INVALID, f'a keyword is 1 to {LONGEST} ASCII characters without spaces and ( ) {{ % * " \\ ]'
        )
    return name


def check_all(names: Iterable[str]) -> None:
    """INVALID when one of these is neither a flag nor can be a keyword."""
    for name in names:
        if name.lower() not in _FIXED_LOWER:
            check(name)


def bits(tx: Transaction, account: AccountId, names: Iterable[str], *, create: bool) -> tuple[int, int]:
    """The bits of flags and the bits of keywords that these names stand for.

    A keyword that the account does not have takes a free bit when `create` is set, else it is left out. Failures:
    INVALID for a name that is none, LIMIT when all 63 bits are taken.
    """
    flag_bits = keyword_bits = 0
    wanted: dict[str, str] = {}
    for name in names:
        if (fixed := _FIXED_LOWER.get(name.lower())) is not None:
            flag_bits |= fixed
        else:
            wanted.setdefault(name.lower(), check(name))
    if wanted:
        known = {row.name.lower(): row.bit for row in keywords.listed(tx, account)}
        for lower, name in wanted.items():
            bit = known.get(lower)
            if bit is None:
                if not create:
                    continue
                bit = known[lower] = _take(tx, account, name, set(known.values()))
            keyword_bits |= 1 << bit
    return flag_bits, keyword_bits


def _take(tx: Transaction, account: AccountId, name: str, used: set[int]) -> int:
    bit = next((each for each in range(flags.KEYWORD_BITS) if each not in used), None)
    if bit is None:
        raise Failure(Kind.LIMIT, f"the account has {flags.KEYWORD_BITS} keywords already; use one of those")
    keywords.add(tx, account, bit, name)
    return bit


def names(flag_bits: int, keyword_bits: int, table: Mapping[int, str]) -> list[str]:
    """The names that bits stand for; `table` maps the account's keyword bits to names."""
    found = [name for name, bit in FIXED.items() if flag_bits & bit]
    if keyword_bits:
        found += [name for bit, name in table.items() if keyword_bits >> bit & 1]
    return found


def table(tx: Transaction, account: AccountId) -> dict[int, str]:
    """The account's keywords by the number of their bit."""
    return {row.bit: row.name for row in keywords.listed(tx, account)}
