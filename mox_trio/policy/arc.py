"""ARC: the chain of those who handed a message on, each sealing what it found (RFC 8617 5.2). Nothing is sealed here.

    chain = examine(fields)            # of the header block, as dkim.verify.examine read it
    hashes = BodyHashes(examined.wanted | chain.wanted, body_start)
    result = yield from check(chain, digests)

When something fails: a chain with anything wrong in it is FAIL as a whole, and nothing that it says counts; trouble with DNS is
TEMPERROR. A chain that passes proves who sealed it, no more: whether to believe them is decided elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from mox_trio.base import limits
from mox_trio.policy.dkim import fields, keys
from mox_trio.policy.dkim.body import Canonical
from mox_trio.policy.dkim.fields import Fields, Malformed
from mox_trio.policy.questions import Asking, Kind, Question, Status
from mox_trio.policy.results import Arc, ArcSeal, ArcStatus

RESULTS: Final = b"arc-authentication-results"
MESSAGE: Final = b"arc-message-signature"
SEAL: Final = b"arc-seal"
_INSTANCE: Final = re.compile(rb"\s*i\s*=\s*([1-9][0-9]?)\s*;")


@dataclass(frozen=True, slots=True)
class Set:
    """One ARC set: the three fields that one party added."""

    instance: int
    results: bytes
    message: bytes
    """The ARC-Message-Signature, raw."""
    message_tags: Mapping[bytes, bytes]
    seal: bytes
    seal_tags: Mapping[bytes, bytes]
    header_form: Canonical
    body_form: Canonical


@dataclass(frozen=True, slots=True)
class Chain:
    """The sets of a message in their order, or what is wrong with them."""

    fields: Fields
    sets: tuple[Set, ...]
    fault: str = ""

    @property
    def wanted(self) -> frozenset[Canonical]:
        """The hashes of the body that the check needs."""
        return frozenset(each.body_form for each in self.sets)


class _Trouble(Exception):
    """DNS did not answer."""


def examine(parsed: Fields) -> Chain:
    """Read the sets of a header and check what needs no key (RFC 8617 5.2, steps 1 to 3). Never fails."""
    if not parsed.may_hold(b"arc-"):
        return Chain(parsed, ())
    found: dict[bytes, dict[int, bytes]] = {RESULTS: {}, MESSAGE: {}, SEAL: {}}
    try:
        for name, by_instance in found.items():
            for raw in parsed.all(name):
                instance = _instance(raw, name)
                if instance in by_instance:
                    raise Malformed(f"two fields of the same name have i={instance}")
                by_instance[instance] = raw
        count = len(found[SEAL])
        if any(set(each) != set(range(1, count + 1)) for each in found.values()):
            raise Malformed("the sets are not complete")
        sets = tuple(
            _read(number, found[RESULTS][number], found[MESSAGE][number], found[SEAL][number])
            for number in range(1, count + 1)
        )
    except Malformed as fault:
        return Chain(parsed, (), str(fault))
    return Chain(parsed, sets)


def check(chain: Chain, digests: Mapping[Canonical, bytes]) -> Asking[Arc]:
    """Whether the chain holds. `digests` are those of the whole body."""
    if chain.fault:
        return Arc(ArcStatus.FAIL, detail=chain.fault)
    if not chain.sets:
        return Arc(ArcStatus.NONE)
    authentic: list[bool] = []
    try:
        fault = yield from _maybe_fault(chain, digests, authentic)
        if fault is not None:
            return Arc(ArcStatus.FAIL, authentic=bool(authentic) and all(authentic), detail=fault)
        oldest = yield from _oldest_pass(chain, digests, authentic)
    except _Trouble as trouble:
        return Arc(ArcStatus.TEMPERROR, detail=str(trouble))
    seals = tuple(
        ArcSeal(each.instance, fields.domain(each.seal_tags, b"d"), fields.domain(each.seal_tags, b"s"), _said(each))
        for each in chain.sets
    )
    return Arc(ArcStatus.PASS, seals, oldest, all(authentic))


def _maybe_fault(chain: Chain, digests: Mapping[Canonical, bytes], authentic: list[bool]) -> Asking[str | None]:
    """Steps 4 and 6: the last message signature and all seals, or what is wrong."""
    last = chain.sets[-1]
    if not (yield from _message_holds(chain, last, digests, authentic)):
        return f"the message signature {last.instance} does not match"
    so_far = sha256()
    prefixes = []
    for each in chain.sets:  # RFC 8617 5.1.1: what a seal covers, in the order it was added
        for raw in (each.results, each.message):
            so_far.update(fields.relaxed(raw))
        prefixes.append(so_far.copy())
        so_far.update(fields.relaxed(each.seal))
    for each, prefix in zip(reversed(chain.sets), reversed(prefixes), strict=True):
        prefix.update(fields.own_form(each.seal, Canonical.RELAXED))
        if not (yield from _holds(each.seal_tags, prefix.digest(), authentic)):
            return f"the seal {each.instance} does not match"
    return None


def _oldest_pass(chain: Chain, digests: Mapping[Canonical, bytes], authentic: list[bool]) -> Asking[int]:
    """Step 5: since which instance the message was not changed; 0 is since the first."""
    for each in reversed(chain.sets[:-1]):
        if not (yield from _message_holds(chain, each, digests, authentic)):
            return each.instance + 1
    return 0


def _message_holds(chain: Chain, one: Set, digests: Mapping[Canonical, bytes], authentic: list[bool]) -> Asking[bool]:
    """Whether an ARC-Message-Signature matches the message."""
    if digests[one.body_form] != fields.octets(one.message_tags, b"bh"):
        return False
    names = fields.names(one.message_tags, limits.DKIM_SIGNED_FIELDS)
    digest = chain.fields.digest(names, one.message, one.header_form)
    return (yield from _holds(one.message_tags, digest, authentic))


def _holds(tags: Mapping[bytes, bytes], digest: bytes, authentic: list[bool]) -> Asking[bool]:
    """Whether the b= of a field signs the digest. Raises _Trouble."""
    name = f"{fields.domain(tags, b's').ascii}._domainkey.{fields.domain(tags, b'd').ascii}"
    answer = yield Question(name, Kind.TXT)
    if answer.status is Status.TROUBLE:
        raise _Trouble(f"a key could not be looked up: {answer.detail}")
    authentic.append(answer.authentic)
    records = [record for record in answer.records if isinstance(record, bytes)]
    key = keys.read(records[0]) if len(records) == 1 else keys.BadKey("there is no key")
    if isinstance(key, keys.BadKey) or key.is_too_short or key.algorithm.encode() != tags[b"a"]:
        return False
    return key.verifies(fields.octets(tags, b"b"), digest)


def _instance(raw: bytes, name: bytes) -> int:
    """i= of a field. Raises Malformed."""
    if name == RESULTS:
        found = _INSTANCE.match(raw.partition(b":")[2][: limits.DKIM_FIELD_BYTES])
        written = found[1] if found else b""
    else:
        written = fields.tags_of(raw, limits.DKIM_FIELD_BYTES).get(b"i", b"")
    if not (written.isdigit() and len(written) <= 2 and 1 <= int(written) <= limits.ARC_SETS):
        raise Malformed("a field of the chain has no i= that can be")
    return int(written)


def _read(instance: int, results: bytes, message: bytes, seal: bytes) -> Set:
    """A set, checked as far as it goes without keys. Raises Malformed."""
    message_tags = fields.tags_of(message, limits.DKIM_FIELD_BYTES)
    seal_tags = fields.tags_of(seal, limits.DKIM_FIELD_BYTES)
    _check_tags(message_tags, (b"bh", b"h"))
    _check_tags(seal_tags, (b"cv",))
    if seal_tags[b"cv"] != (b"none" if instance == 1 else b"pass"):
        raise Malformed(f"the seal {instance} says cv={seal_tags[b'cv'].decode('ascii', 'replace')[:20]}")
    if b"h" in seal_tags:  # RFC 8617 4.1.3
        raise Malformed(f"the seal {instance} has h=")
    if SEAL in fields.names(message_tags, limits.DKIM_SIGNED_FIELDS):  # RFC 8617 4.1.2
        raise Malformed(f"the message signature {instance} covers seals")
    forms = fields.forms(message_tags.get(b"c", b"simple"))
    return Set(instance, results, message, message_tags, seal, seal_tags, *forms)


def _check_tags(tags: Mapping[bytes, bytes], more: Sequence[bytes]) -> None:
    """Raises Malformed where a signature would not be fit for use."""
    for name in (b"a", *more):
        fields.needed(tags, name)
    if tags[b"a"] not in (b"rsa-sha256", b"ed25519-sha256"):
        raise Malformed("the algorithm is not known")
    fields.octets(tags, b"b")
    fields.octets(tags, b"bh" if b"bh" in more else b"b")
    fields.domain(tags, b"d")
    fields.domain(tags, b"s")
    fields.number(tags, b"t")


def _said(one: Set) -> str:
    value = one.results.partition(b":")[2]
    found = _INSTANCE.match(value)
    return b" ".join(value[found.end() if found else 0 :].split()).decode("utf-8", "replace")
