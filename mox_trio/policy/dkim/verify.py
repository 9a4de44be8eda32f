"""What the signatures of a message say (RFC 6376 6.1, 8301, 8463).

    examined = examine(header_block)
    hashes = BodyHashes(examined.wanted, body_start); ... hashes.update(block)
    for signature in examined.signatures:
        result = yield from check(examined, signature, digests, now)

The checks of one message ask DNS one question each and may run side by side.

When something fails: a field that cannot be read is NEUTRAL; one that counts for nothing here (SHA-1, l=, a From or Subject
that is not signed, a key that is too short or too long) is POLICY; a field that contradicts itself, has expired or has no usable
key is PERMERROR; trouble with DNS is TEMPERROR; a hash or signature that does not match is FAIL. While a domain tries DKIM
out (t=y), all these are NONE: RFC 6376 3.6.1 forbids to treat its mail worse than unsigned mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mox_trio.base import limits
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy import public_suffix
from mox_trio.policy.dkim import fields, keys
from mox_trio.policy.dkim.body import Canonical
from mox_trio.policy.dkim.fields import Fields, Malformed
from mox_trio.policy.questions import Asking, Kind, Question, Status
from mox_trio.policy.results import DkimSignature, DkimStatus
from mox_trio.protocol.mime import header

ALGORITHMS: Final = (b"rsa-sha256", b"ed25519-sha256")
MOST_RECORDS: Final = 3
"""Key records of one name that are tried: there should be one (RFC 6376 3.6.2.2)."""
PREFIX_CHARACTERS: Final = 12
"""Of b=, to tell signatures apart (RFC 6008 4)."""
NEVER: Final = DkimSignature(DkimStatus.NEUTRAL, None)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature field that was read."""

    result: DkimSignature
    """What can be said before DNS is asked."""
    raw: bytes = b""
    """Empty where the result stands already."""
    names: tuple[bytes, ...] = ()
    header_form: Canonical = Canonical.SIMPLE
    body_form: Canonical = Canonical.SIMPLE
    body_hash: bytes = b""
    value: bytes = b""
    identity_domain: Domain | None = None
    expires: int | None = None
    """Seconds since 1970."""

    @property
    def is_decided(self) -> bool:
        """Whether nothing more needs to be asked."""
        return not self.raw


@dataclass(frozen=True, slots=True)
class Examined:
    """A header block whose signatures were read."""

    fields: Fields
    signatures: tuple[Signature, ...]
    """From the top; at most so many as are checked."""
    left_out: int
    """Signatures beyond that."""

    @property
    def wanted(self) -> frozenset[Canonical]:
        """The hashes of the body that the checks need."""
        return frozenset(each.body_form for each in self.signatures if not each.is_decided)


def examine(block: bytes, *, most: int = limits.DKIM_SIGNATURES) -> Examined:
    """Read the signatures of a header block, as it was received. Never fails."""
    if len(block) > limits.DKIM_HEADER_BYTES or block.count(b"\n") > limits.DKIM_HEADER_LINES:
        signed = b"dkim-signature" in block.lower()
        too_large = Signature(_said(NEVER, DkimStatus.NEUTRAL, "the header is too large"))
        return Examined(Fields(header.parse(b"")), (too_large,) if signed else (), 0)
    parsed = Fields(header.parse(block))
    raws = parsed.all(b"dkim-signature") if parsed.may_hold(b"dkim-signature") else ()
    signatures = tuple(_read(parsed, raw) for raw in raws[:most])
    return Examined(parsed, signatures, len(raws) - len(signatures))


def check(
    examined: Examined, signature: Signature, digests: Mapping[Canonical, bytes], now: float
) -> Asking[DkimSignature]:
    """What becomes of one signature. `digests` are those of the whole body, `now` is in seconds since 1970."""
    result = signature.result
    if signature.is_decided or result.domain is None or result.selector is None:
        return result
    if signature.expires is not None and signature.expires < now:
        return _said(result, DkimStatus.PERMERROR, "the signature has expired")
    answer = yield Question(f"{result.selector.ascii}._domainkey.{result.domain.ascii}", Kind.TXT)
    result = replace(result, authentic=answer.authentic)
    if answer.status is Status.TROUBLE:
        return _said(result, DkimStatus.TEMPERROR, f"the key could not be looked up: {answer.detail}")
    records = [record for record in answer.records if isinstance(record, bytes)][:MOST_RECORDS]
    if not records:
        return _said(result, DkimStatus.PERMERROR, "there is no key")
    tried = result
    for record in records:
        tried = _with_key(examined, signature, result, keys.read(record), digests)
        if tried.status is DkimStatus.PASS:
            break
    return tried


def verify(examined: Examined, digests: Mapping[Canonical, bytes], now: float) -> Asking[tuple[DkimSignature, ...]]:
    """All signatures, one after another."""
    results = []
    for signature in examined.signatures:
        results.append((yield from check(examined, signature, digests, now)))
    return tuple(results)


def _with_key(
    examined: Examined,
    signature: Signature,
    result: DkimSignature,
    key: keys.Key | keys.BadKey,
    digests: Mapping[Canonical, bytes],
) -> DkimSignature:
    result = replace(result, key_bits=key.bits, testing=key.testing)
    status, detail = _verdict(examined, signature, result, key, digests)
    if key.testing and status is not DkimStatus.PASS:
        return _said(result, DkimStatus.NONE, f"the domain tries DKIM out: {detail}")
    return _said(result, status, detail)


def _verdict(
    examined: Examined,
    signature: Signature,
    result: DkimSignature,
    key: keys.Key | keys.BadKey,
    digests: Mapping[Canonical, bytes],
) -> tuple[DkimStatus, str]:
    if isinstance(key, keys.BadKey):
        too_long = key.bits > keys.MOST_BITS
        return (DkimStatus.POLICY if too_long else DkimStatus.PERMERROR), key.detail
    if key.algorithm != result.algorithm:
        return DkimStatus.PERMERROR, "the key is for another algorithm"
    if key.is_too_short:  # RFC 8301 3.2
        return DkimStatus.POLICY, f"the key has {key.bits} bits"
    if key.strict and signature.identity_domain != result.domain:
        return DkimStatus.PERMERROR, "the key is not for subdomains"
    digest = examined.fields.digest(signature.names, signature.raw, signature.header_form)
    if not key.verifies(signature.value, digest):
        return DkimStatus.FAIL, "the signature does not match"
    if digests[signature.body_form] != signature.body_hash:
        return DkimStatus.FAIL, "the body was changed"
    return DkimStatus.PASS, ""


def _read(parsed: Fields, raw: bytes) -> Signature:
    result = NEVER
    try:
        tags = fields.tags_of(raw, limits.DKIM_FIELD_BYTES)
        if fields.needed(tags, b"v") != b"1":
            raise Malformed("v= is not 1")
        result = _described(tags)
        return _judged(parsed, raw, tags, result)
    except Malformed as fault:
        return Signature(_said(result, DkimStatus.NEUTRAL, str(fault)))


def _described(tags: Mapping[bytes, bytes]) -> DkimSignature:
    """Who signed, for reports. Raises Malformed."""
    algorithm = fields.needed(tags, b"a")
    written = b"".join(fields.needed(tags, b"b").split())[:PREFIX_CHARACTERS]
    return DkimSignature(
        DkimStatus.NEUTRAL,
        fields.domain(tags, b"d"),
        fields.domain(tags, b"s"),
        _decoded(tags.get(b"i", b"")),
        algorithm.decode("ascii") if algorithm in (*ALGORITHMS, b"rsa-sha1") else "",
        signature_b64_prefix=written.decode("ascii", "replace"),
        signed_headers=tuple(name.decode("ascii", "replace") for name in fields.names(tags, limits.DKIM_SIGNED_FIELDS)),
    )


def _judged(parsed: Fields, raw: bytes, tags: Mapping[bytes, bytes], result: DkimSignature) -> Signature:
    """The signature, decided already where it cannot count. Raises Malformed."""
    names = fields.names(tags, limits.DKIM_SIGNED_FIELDS)
    header_form, body_form = fields.forms(tags.get(b"c", b"simple"))
    signature = Signature(
        result,
        raw,
        names,
        header_form,
        body_form,
        fields.octets(tags, b"bh"),
        fields.octets(tags, b"b"),
        _identity_domain(result),
        fields.number(tags, b"x"),
    )
    signed_at = fields.number(tags, b"t")
    if signed_at is not None and signature.expires is not None and signature.expires <= signed_at:  # RFC 6376 3.5, x=
        raise Malformed("x= is not later than t=")
    if b"q" in tags and b"dns/txt" not in [each.strip(fields.FWS) for each in tags[b"q"].split(b":")]:
        return _decided(result, DkimStatus.PERMERROR, "q= is not dns/txt")
    if not result.algorithm:
        return _decided(result, DkimStatus.PERMERROR, "the algorithm is not known")
    if signature.identity_domain is None:
        return _decided(result, DkimStatus.PERMERROR, "i= is not within d=")
    if result.domain is not None and public_suffix.is_registry(result.domain):
        return _decided(result, DkimStatus.PERMERROR, "d= is a public suffix")
    if result.algorithm == "rsa-sha1":
        return _decided(result, DkimStatus.POLICY, "SHA-1 proves nothing")  # RFC 8301 3.1
    if b"l" in tags:
        return _decided(result, DkimStatus.POLICY, "l= leaves a part of the body unsigned")  # RFC 6376 8.2
    if names.count(b"from") < max(1, len(parsed.all(b"from"))):  # RFC 6376 5.4, 8.15
        return _decided(result, DkimStatus.POLICY, "a From field is not signed")
    if b"subject" not in names and parsed.all(b"subject"):
        return _decided(result, DkimStatus.POLICY, "the Subject is not signed")
    return signature


def _decided(result: DkimSignature, status: DkimStatus, detail: str) -> Signature:
    return Signature(_said(result, status, detail))


def _said(result: DkimSignature, status: DkimStatus, detail: str) -> DkimSignature:
    return replace(result, status=status, detail=detail)


def _identity_domain(result: DkimSignature) -> Domain | None:
    """The domain of i=, if it is d= or below it (RFC 6376 3.5)."""
    if not result.identity or result.domain is None:
        return result.domain
    try:
        domain = Domain.parse(result.identity.rpartition("@")[2], underscore=True)
    except InvalidAddress:
        return None
    is_within = domain == result.domain or domain.ascii.endswith("." + result.domain.ascii)
    return domain if is_within and "@" in result.identity else None


def _decoded(value: bytes) -> str:
    """i= is in dkim-quoted-printable (RFC 6376 2.11)."""
    head, *rest = b"".join(value.split()).split(b"=")
    for each in rest:
        try:
            head += bytes.fromhex(each[:2].decode("ascii")) + each[2:]
        except ValueError:
            head += b"=" + each
    return head.decode("utf-8", "replace")
