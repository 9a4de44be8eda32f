"""Quota (RFC 9208)."""

from dataclasses import dataclass


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
