"""How much TLS a delivery to one host needs: a decision from what the administrator, the message and the destination say.

A direct delivery uses TLS where the host offers it and sends in the clear where not, because nothing that came over DNS says
what to expect of the host; a relay was named by the administrator and is held to what the configuration says. REQUIRETLS
(RFC 8689) wants a host whose identity is known: where there is no ground for that, the level is `unmet` and says why.

What a destination publishes about itself (MTA-STS, DANE) becomes further fields of `Evidence`, and a rule each here.
"""

import enum
from dataclasses import dataclass


class Use(enum.Enum):
    """Whether TLS is begun. The value is the name in logs, metrics and keys of connections."""

    NEVER = "never"
    WHERE_OFFERED = "opportunistic"
    """RFC 7435: any certificate will do, and in the clear when it fails."""
    ALWAYS = "required"


@dataclass(frozen=True, slots=True)
class Relay:
    """What the configuration says of a relay."""

    tls: bool = True
    """Use TLS at all."""
    verify: bool = True
    """Its certificate must be good (RFC 5280) and name it (RFC 9525)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known before the first byte."""

    require_tls: bool | None = None
    """The message says REQUIRETLS (true) or TLS-Required: No (false)."""
    relay: Relay | None = None
    """None: the host comes from DNS."""


@dataclass(frozen=True, slots=True)
class TlsLevel:
    """What the connection has to be."""

    use: Use
    verify: bool = False
    """The certificate is verified for the name of the host by the authorities that the configuration believes."""
    require_tls: bool = False
    """The host must offer REQUIRETLS, and is told it with the message."""
    reasons: tuple[str, ...] = ()
    """Why, as named reasons for the log."""
    unmet: str = ""
    """Named reason why no connection will do; empty when one may."""


def decide(evidence: Evidence) -> TlsLevel:
    """The level for one host."""
    level = _direct(evidence) if evidence.relay is None else _relayed(evidence.relay)
    if not evidence.require_tls:
        return level
    reasons = (*level.reasons, "requiretls")
    if level.use is not Use.ALWAYS or not level.verify:  # RFC 8689 4.2.1
        unmet = "no-policy" if evidence.relay is None else "unverified-transport"
        return TlsLevel(level.use, level.verify, True, reasons, unmet)
    return TlsLevel(level.use, level.verify, True, reasons)


def _direct(evidence: Evidence) -> TlsLevel:
    reason = "tls-required-no" if evidence.require_tls is False else "opportunistic"
    return TlsLevel(Use.WHERE_OFFERED, reasons=(reason,))


def _relayed(relay: Relay) -> TlsLevel:
    if not relay.tls:
        return TlsLevel(Use.NEVER, reasons=("relay-in-the-clear",))
    return TlsLevel(Use.ALWAYS, relay.verify, reasons=("relay-verified" if relay.verify else "relay-unverified",))
