"""Whether a domain can receive mail: what is sent in its name could not be answered otherwise (RFC 5321 5.1, RFC 7505)."""

import enum

from mox_trio.base.domain import Domain
from mox_trio.policy.questions import Answer, Asking, Kind, Mx, Question, Status


class Receives(enum.Enum):
    """What DNS says."""

    YES = "yes"
    NULL_MX = "null-mx"
    """It says itself that it takes no mail (RFC 7505)."""
    NOTHING = "nothing"
    """There is neither a mail host nor an address."""
    UNKNOWN = "unknown"
    """DNS did not answer."""


def receives(domain: Domain) -> Asking[Receives]:
    """Ask for MX, then, without any, for addresses of the domain itself."""
    mx = yield Question(domain.ascii, Kind.MX)
    if mx.status is Status.FOUND:
        # RFC 7505 3: a null MX stands alone; beside others it is an error and means nothing.
        return Receives.NULL_MX if all(not each.host for each in mx.records if isinstance(each, Mx)) else Receives.YES
    if mx.status is Status.NO_NAME:
        return Receives.NOTHING
    if mx.status is Status.TROUBLE:
        return Receives.UNKNOWN
    trouble = False
    for kind in (Kind.A, Kind.AAAA):
        answer: Answer = yield Question(domain.ascii, kind)
        if answer.status is Status.FOUND:
            return Receives.YES
        trouble = trouble or answer.status is Status.TROUBLE
    return Receives.UNKNOWN if trouble else Receives.NOTHING
