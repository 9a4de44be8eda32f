"""LIST with its options, and LSUB (RFC 9051 6.3.9, RFC 5258, 5819, 6154, 9590; RFC 3501 6.3.9)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetadataReturn:
    """RETURN (METADATA ...) of RFC 9590."""

    entries: tuple[str, ...]
    """In lower case."""
    depth: int | None = 0
    """None for infinity."""
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class List:
    """LIST. Reference and patterns are decoded; options in upper case, known ones only."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    """SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE."""
    returns: frozenset[str] = frozenset()
    """SUBSCRIBED, CHILDREN, SPECIAL-USE; with `is_extended` exactly what was asked for."""
    status: tuple[str, ...] = ()
    """Items of RETURN (STATUS ...)."""
    metadata: MetadataReturn | None = None
    is_extended: bool = False
    """It has options or a list of patterns."""


@dataclass(frozen=True, slots=True)
class Lsub:
    """LSUB."""

    reference: str
    pattern: str
