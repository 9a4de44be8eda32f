"""What the checks say about who a message is from. The values of the statuses are the words of RFC 8601 2.7, as they are
written into Authentication-Results and rows.

`authentic` is true only where every answer of DNS that the result rests on was signed and verified (DNSSEC), also those
that say that something does not exist. `detail` is for logs and comments: one line of ASCII, bounded.
"""

import enum
from dataclasses import dataclass
from typing import Final, Literal

from mox_trio.base.domain import Domain

DETAIL_CHARACTERS: Final = 200
"""Longest `detail`: it goes into a header field and a log line, and parts of it come from outside."""


class IprevStatus(enum.Enum):
    """RFC 8601 2.7.3."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    """There are names, and none of them leads back to the address."""
    TEMPERROR = "temperror"
    PERMERROR = "permerror"
    """The address has no name."""


@dataclass(frozen=True, slots=True)
class Iprev:
    """Whether a name of the client's address leads back to that address (RFC 8601 3)."""

    status: IprevStatus
    names: tuple[str, ...] = ()
    """Names that lead back, as A-labels, in the order of DNS; at most `limits.IPREV_NAMES`."""
    authentic: bool = False
    detail: str = ""


class SpfStatus(enum.Enum):
    """RFC 7208 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Spf:
    """Whether a domain lets the client's address send for it (RFC 7208)."""

    status: SpfStatus
    identity: Literal["mailfrom", "helo"]
    domain: Domain | None
    """The domain of that identity; None where what was said is no domain."""
    explanation: str = ""
    """Why it failed, in the words of the domain: printable ASCII, for the log only; they may say anything."""
    mechanism: str = ""
    """The term of the record that decided."""
    detail: str = ""
    authentic: bool = False


class DkimStatus(enum.Enum):
    """RFC 8601 2.7.1."""

    NONE = "none"
    """Not signed; or signed for a test (t=y) that did not pass."""
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    """The signature or the hash of the body does not match."""
    POLICY = "policy"
    """Signed in a way that does not count here: SHA-1, l=, a short or huge key, From not signed."""
    NEUTRAL = "neutral"
    """The signature could not be read."""
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """What became of one DKIM-Signature field (RFC 6376)."""

    status: DkimStatus
    domain: Domain | None
    """d=; None where the field could not be read so far."""
    selector: Domain | None = None
    identity: str = ""
    """i= as written, decoded; empty where it was not given."""
    algorithm: str = ""
    """a=: rsa-sha256, ed25519-sha256; empty where it is none that is known."""
    key_bits: int = 0
    """0 where no key was read."""
    signature_b64_prefix: str = ""
    """The first 12 characters of b= or less (RFC 6008 4)."""
    authentic: bool = False
    """Of the answer with the key."""
    detail: str = ""
    testing: bool = False
    """t=y in the key record: the domain tries DKIM out."""
    signed_headers: tuple[str, ...] = ()
    """h= in lower case."""


class ArcStatus(enum.Enum):
    """RFC 8617 4.4, and what a verifier needs beside."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"
    """A key could not be asked for: nobody knows."""


@dataclass(frozen=True, slots=True)
class ArcSeal:
    """One set of a chain: who says what about the message as it came to him."""

    instance: int
    domain: Domain
    """d= of the seal."""
    selector: Domain
    authentication_results: str
    """The value of ARC-Authentication-Results without its i=; text of the sealer, to be believed only of those who
    are trusted, and only where the chain passes.
    """


@dataclass(frozen=True, slots=True)
class Arc:
    """The chain of those who handed a message on (RFC 8617)."""

    status: ArcStatus
    seals: tuple[ArcSeal, ...] = ()
    """From the first (i=1) to the last; empty where the chain does not pass."""
    oldest_pass: int = 0
    """The lowest instance whose message signature still matches (RFC 8617 5.2 step 5); 0 where all do."""
    authentic: bool = False
    detail: str = ""


class DmarcStatus(enum.Enum):
    """RFC 8601 2.7.4 and RFC 7489 11.2."""

    NONE = "none"
    """The domain says nothing about DMARC."""
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class DmarcPolicy(enum.Enum):
    """p= and sp= (RFC 7489 6.3)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Alignment(enum.Enum):
    """How near a domain that passed is to the domain of From."""

    NONE = "none"
    RELAXED = "relaxed"
    """The same organisational domain."""
    STRICT = "strict"
    """The same domain."""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """What the domain of From asks for, and whether somebody passed for it (RFC 7489)."""

    status: DmarcStatus
    policy: DmarcPolicy = DmarcPolicy.NONE
    """What the record asks for the domain of From: p=, or sp= of a parent's record."""
    applied: bool = False
    """Whether the policy counts for this message: the check failed, and pct= did not leave it out. A policy that does
    not count is not weakened to the next one.
    """
    domain: Domain | None = None
    """Where the record was found, without `_dmarc.`; None where there is none."""
    org_domain: Domain | None = None
    """The organisational domain of From."""
    aligned: Alignment = Alignment.NONE
    """The best of what passed, whether the record would accept it or not, and also where there is no record."""
    record: str = ""
    """As found, for reports; empty for none."""
    authentic: bool = False
    detail: str = ""
