"""How a server for tests differs from one for the world."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Testing:
    """It plays the whole network."""

    account: str
    """Gets all mail that nobody else gets."""
    port: int
    """Where other hosts, which are this one, take mail."""
