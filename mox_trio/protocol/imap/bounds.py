"""The limits of one connection as a value: defaults from `base.limits`, each of them a parameter."""

from dataclasses import dataclass

from mox_trio.base import limits


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a client may send, see `base.limits`."""

    line: int = limits.IMAP_LINE_OCTETS
    literal: int = limits.IMAP_LITERAL_OCTETS
    literals: int = limits.IMAP_LITERALS
    command: int = limits.IMAP_COMMAND_OCTETS
    """Octets of a command: lines and literals together."""
    stranger: int = limits.IMAP_STRANGER_OCTETS
    """The same before a user is known."""
    skipped: int = limits.IMAP_SKIPPED_OCTETS
    depth: int = limits.IMAP_DEPTH
    part_depth: int = limits.MIME_DEPTH
    """Numbers of one part: there are no deeper ones."""
    keys: int = limits.IMAP_SEARCH_KEYS
    members: int = limits.IMAP_LIST_ITEMS
    ranges: int = limits.IMAP_SET_RANGES
    messages: int = limits.IMAP_APPEND_MESSAGES
    parts: int = limits.IMAP_CATENATE_PARTS
    bad_commands: int = limits.IMAP_BAD_COMMANDS
    sasl: int = limits.IMAP_SASL_OCTETS


DEFAULT = Bounds()
