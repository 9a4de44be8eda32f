"""Which keywords of an account are labels: those that people gave, not those that mail programs write for themselves."""

from collections.abc import Iterable
from typing import Final

OF_PEOPLE: Final = "$label"
"""Begins the keywords of Thunderbird's tags; others with a dollar sign are registered for programs (RFC 5788)."""
OF_PROGRAMS: Final = frozenset({"old", "notjunk", "junkrecorded", "receipt-handled", "forwarded", "redirected"})
"""In lower case: of mutt, Apple Mail, Thunderbird and KMail."""


def among(keywords: Iterable[str]) -> list[str]:
    """The labels, in the same order."""
    return [name for name in keywords if _is_label(name.lower())]


def _is_label(name: str) -> bool:
    return name.startswith(OF_PEOPLE) or not (name.startswith("$") or name in OF_PROGRAMS)
