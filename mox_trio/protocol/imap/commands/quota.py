"""Quota (RFC 9208)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.commands import mailboxes
from mox_trio.protocol.imap.lexer import NUMBER_63, Lexer


@dataclass(frozen=True, slots=True)
class GetQuota:
    """GETQUOTA."""

    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """GETQUOTAROOT."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class SetQuota:
    """SETQUOTA: resources in upper case and their limits."""

    root: str
    limits: tuple[tuple[str, int], ...]


def parse_get_quota(lexer: Lexer) -> GetQuota:
    """A root."""
    lexer.space()
    root = lexer.text_string()
    lexer.end()
    return GetQuota(root)


def parse_get_quota_root(lexer: Lexer) -> GetQuotaRoot:
    """A mailbox."""
    return GetQuotaRoot(mailboxes.only_mailbox(lexer))


def parse_set_quota(lexer: Lexer) -> SetQuota:
    """A root and its limits."""
    lexer.space()
    root = lexer.text_string()
    lexer.space()
    limits = lexer.members(lambda: _limit(lexer), may_be_empty=True)
    lexer.end()
    return SetQuota(root, tuple(limits))


def _limit(lexer: Lexer) -> tuple[str, int]:
    resource = lexer.atom().upper()
    lexer.space()
    return resource, lexer.number(NUMBER_63)
