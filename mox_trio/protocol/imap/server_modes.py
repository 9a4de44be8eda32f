"""What the next bytes of a client are to `server.ServerConnection`."""

import enum


class Mode(enum.Enum):
    """What the next bytes are."""

    COMMAND = enum.auto()
    """A command begins."""
    LITERAL = enum.auto()
    """Octets that belong to the command."""
    REST = enum.auto()
    """The line behind a literal."""
    MESSAGES = enum.auto()
    """Nothing: a line of an append is being taken apart."""
    OCTETS = enum.auto()
    """Octets of a message."""
    SKIP = enum.auto()
    """Octets that nobody wants."""
    SKIP_REST = enum.auto()
    """The line behind them."""
    SASL = enum.auto()
    """The answer to a challenge."""
    IDLE = enum.auto()
    """DONE."""
