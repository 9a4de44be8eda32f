"""Reverse DNS: does a name of the client's address lead back to that address? RFC 8601 3.

When something fails: trouble with the names of the address, or with those that were not refuted while none leads back, is
TEMPERROR; an address without names is PERMERROR.
"""

from mox_trio.base import limits
from mox_trio.policy.questions import Asking, Kind, Question, Status
from mox_trio.policy.results import Iprev, IprevStatus
from mox_trio.protocol.smtp.envelope import IpAddress


def check(client: IpAddress, *, most: int = limits.IPREV_NAMES) -> Asking[Iprev]:
    """Check the address of a client. At most `most` of its names are looked at."""
    address = getattr(client, "ipv4_mapped", None) or client
    answer = yield Question(address.reverse_pointer, Kind.PTR)
    if answer.status is Status.TROUBLE:
        return Iprev(IprevStatus.TEMPERROR, detail=f"names could not be looked up: {answer.detail}")
    names = [str(name) for name in answer.records if name][:most]
    if not names:
        return Iprev(IprevStatus.PERMERROR, authentic=answer.authentic, detail="the address has no name")
    kind = Kind.A if address.version == 4 else Kind.AAAA
    leading: list[str] = []
    authentic, trouble = answer.authentic, ""
    for name in names:
        back = yield Question(name.lower().rstrip("."), kind)
        if back.status is Status.TROUBLE:
            trouble = back.detail or "no answer"
        elif str(address) in back.records:
            leading.append(name)
            authentic = authentic and back.authentic
    if leading:
        return Iprev(IprevStatus.PASS, tuple(leading), authentic)
    if trouble:
        return Iprev(IprevStatus.TEMPERROR, detail=f"a name could not be looked up: {trouble}")
    return Iprev(IprevStatus.FAIL, detail="no name leads back to the address")
