"""Signatures of others: the examples of RFC 6376 and RFC 8463 (3 of 3), and everything that can be wrong with one."""

import base64
from collections.abc import Callable
from typing import Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from mox_trio.base import limits
from mox_trio.base.domain import Domain
from mox_trio.policy.dkim import keys, sign, verify
from mox_trio.policy.dkim.body import BodyHashes, Canonical
from mox_trio.policy.questions import Kind, Question
from mox_trio.policy.results import DkimSignature, DkimStatus
from tests.kit import signed_mails
from tests.kit.dns import Zone, decide

NOW: Final = 1_600_000_000.0
RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519: Final = ed25519.Ed25519PrivateKey.from_private_bytes(
    bytes(range(32))
)  # the same in each process: it names a case
HEADER: Final = b"From: Mary <mary@x.example>\r\nTo:  joe@y.example\r\nSubject: a\r\n\tfolded  one\r\n\r\n"
BODY: Final = b"Hello  you \r\n\r\n"
NAME: Final = "s._domainkey.x.example"


def results(message: bytes, zone: Zone, now: float = NOW) -> tuple[DkimSignature, ...]:
    stop = message.index(b"\r\n\r\n") + 4
    examined = verify.examine(message[:stop])
    hashes = BodyHashes(examined.wanted, stop)
    hashes.update(message)
    return decide(verify.verify(examined, hashes.digests(), now), zone)


def selector(key: sign.PrivateKey = RSA, **more: object) -> sign.Selector:
    facts: dict[str, object] = {
        "name": Domain.parse("s"),
        "domain": Domain.parse("x.example"),
        "key": key,
        "headers": ("From", "To", "Subject"),
    }
    return sign.Selector(**(facts | more))  # type: ignore[arg-type]


def signed(key: sign.PrivateKey = RSA, header: bytes = HEADER, **more: object) -> bytes:
    hashes = BodyHashes(set(Canonical))
    hashes.update(BODY)
    return sign.sign(header, hashes.digests(), [selector(key, **more)], "", NOW) + header + BODY


def resigned(change: Callable[[bytes], bytes], key: rsa.RSAPrivateKey = RSA, header: bytes = HEADER) -> bytes:
    """A message whose signature field was changed and then signed again: only what it says can be wrong."""
    from cryptography.hazmat.primitives.asymmetric import padding, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    from mox_trio.policy.dkim.fields import Fields
    from mox_trio.protocol.mime import header as headers

    field = signed(key, header).removesuffix(header + BODY)
    field = change(field[: field.rindex(b" b=") + 3]) + b"\r\n"
    names = next(part for part in field.split(b";") if part.strip().startswith(b"h=")).partition(b"=")[2]
    digest = Fields(headers.parse(header)).digest(
        [b"".join(name.split()).lower() for name in names.split(b":")], field, Canonical.RELAXED
    )
    value = key.sign(digest, padding.PKCS1v15(), utils.Prehashed(SHA256()))
    return field[:-2] + base64.b64encode(value) + b"\r\n" + header + BODY


def zone(record: str | bytes | None = None, **more: object) -> Zone:
    text = keys.record_of(RSA.public_key()) if record is None else record
    return Zone({NAME: {"TXT": [text]}}, **more)  # type: ignore[arg-type]


def only(found: tuple[DkimSignature, ...]) -> DkimSignature:
    assert len(found) == 1
    return found[0]


class TestExamplesOfRfcs:
    def test_rfc_6376_appendix_a(self) -> None:
        found = only(results(signed_mails.RFC_6376, Zone(signed_mails.KEYS)))
        assert found == DkimSignature(
            DkimStatus.PASS,
            Domain.parse("example.com"),
            Domain.parse("brisbane"),
            "joe@football.example.com",
            "rsa-sha256",
            1024,
            "AuUoFEfDxTDk",
            signed_headers=("received", "from", "to", "subject", "date", "message-id"),
        )

    def test_rfc_8463_appendix_a(self) -> None:
        found = results(signed_mails.RFC_8463, Zone(signed_mails.KEYS, everything_authentic=True))
        assert [(each.status, each.algorithm, each.key_bits, each.authentic) for each in found] == [
            (DkimStatus.PASS, "ed25519-sha256", 256, True),
            (DkimStatus.PASS, "rsa-sha256", 1024, True),
        ]

    @pytest.mark.parametrize("change", [(b"Joe.", b"Jim."), (b"dinner", b"supper")])
    def test_a_changed_example_fails(self, change: tuple[bytes, bytes]) -> None:
        found = results(signed_mails.RFC_8463.replace(*change), Zone(signed_mails.KEYS))
        assert [each.status for each in found] == [DkimStatus.FAIL, DkimStatus.FAIL]


class TestWhatPasses:
    @pytest.mark.parametrize("header_form", list(Canonical))
    @pytest.mark.parametrize("body_form", list(Canonical))
    @pytest.mark.parametrize("key", [RSA, ED25519])
    def test_our_own_signatures(self, key: sign.PrivateKey, header_form: Canonical, body_form: Canonical) -> None:
        message = signed(key, header_form=header_form, body_form=body_form)
        found = only(results(message, zone(keys.record_of(key.public_key()))))
        assert (found.status, found.detail) == (DkimStatus.PASS, "")

    def test_relaxed_forms_bear_other_white_space(self) -> None:
        message = (
            signed().replace(b"\r\n\tfolded  one", b" folded\r\n one").replace(b"Hello  you \r\n", b"Hello\tyou\r\n")
        )
        assert only(results(message, zone())).status is DkimStatus.PASS

    def test_simple_forms_do_not(self) -> None:
        message = signed(header_form=Canonical.SIMPLE).replace(b"\r\n\tfolded  one", b" folded\r\n one")
        assert only(results(message, zone())).status is DkimStatus.FAIL

    def test_of_several_key_records_one_that_fits_is_enough(self) -> None:
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        two = Zone(
            {NAME: {"TXT": [keys.record_of(other.public_key()), "v=spf1 -all", keys.record_of(RSA.public_key())]}}
        )
        assert only(results(signed(), two)).status is DkimStatus.PASS

    def test_an_rsa_key_without_its_frame_is_read(self) -> None:
        """RFC 6376 3.6.1 says RSAPublicKey, everybody publishes SubjectPublicKeyInfo."""
        bare = RSA.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        record = f"v=DKIM1; k=rsa; n=a note; p={base64.b64encode(bare).decode()};"
        assert only(results(signed(), zone(record))).status is DkimStatus.PASS

    def test_a_header_that_needs_smtputf8(self) -> None:
        header = "From: Márta <mária@x.example>\r\nSubject: größe\r\n\r\n".encode()
        message = resigned(lambda field: field.replace(b" s=s;", " s=s; i=mária@x.example;".encode()), header=header)
        found = only(results(message, zone()))
        assert (found.status, found.identity) == (DkimStatus.PASS, "mária@x.example")


class TestWhatDoesNotCount:
    @pytest.mark.parametrize(
        ("old", "new", "status", "detail"),
        [
            (b" v=1;", b" v=2;", DkimStatus.NEUTRAL, "v= is not 1"),
            (b" v=1;", b"", DkimStatus.NEUTRAL, "v= is missing"),
            (b" d=x.example;", b"", DkimStatus.NEUTRAL, "d= is missing"),
            (b" d=x.example;", b" d=x_.-example;", DkimStatus.NEUTRAL, "d= is not a domain"),
            (b" s=s;", b" s=s; s=s;", DkimStatus.NEUTRAL, "the tags cannot be read"),
            (b" s=s;", b" s=s; nonsense;", DkimStatus.NEUTRAL, "the tags cannot be read"),
            (b"c=relaxed/relaxed", b"c=nofws/simple", DkimStatus.NEUTRAL, "c= is not known"),
            (b" s=s;", b" s=s; x=12a;", DkimStatus.NEUTRAL, "x= is not a number"),
            (b" s=s;", b" s=s; x=1;", DkimStatus.NEUTRAL, "x= is not later than t="),
            (b" s=s;", b" s=s; q=dns/other;", DkimStatus.PERMERROR, "q= is not dns/txt"),
            (b"a=rsa-sha256", b"a=rsa-sha512", DkimStatus.PERMERROR, "the algorithm is not known"),
            (b" s=s;", b" s=s; i=mary@y.example;", DkimStatus.PERMERROR, "i= is not within d="),
            (b" s=s;", b" s=s; i=mary@ax.example;", DkimStatus.PERMERROR, "i= is not within d="),
            (b" d=x.example;", b" d=co.uk;", DkimStatus.PERMERROR, "d= is a public suffix"),
            (b"a=rsa-sha256", b"a=rsa-sha1", DkimStatus.POLICY, "SHA-1 proves nothing"),
            (b" s=s;", b" s=s; l=1;", DkimStatus.POLICY, "l= leaves a part of the body unsigned"),
            (b"h=from:from:", b"h=", DkimStatus.POLICY, "a From field is not signed"),
            (b":subject:subject", b"", DkimStatus.POLICY, "the Subject is not signed"),
        ],
    )
    def test_a_field_that_says(self, old: bytes, new: bytes, status: DkimStatus, detail: str) -> None:
        def change(field: bytes) -> bytes:
            flat = b" ".join(field.split()).replace(b": ", b":").replace(b"Signature:", b"Signature: ")
            assert old in flat
            return flat.replace(old, new)

        asked = zone()
        found = only(results(resigned(change), asked))
        assert (found.status, found.detail) == (status, detail)
        assert not asked.asked

    def test_a_second_from_is_not_covered_by_one_signature_of_from(self) -> None:
        message = b"From: boss@x.example\r\n" + signed(seal=False)
        assert only(results(message, zone())).detail == "a From field is not signed"

    def test_a_field_added_to_a_sealed_message_fails(self) -> None:
        message = signed().replace(b"\r\n\r\nHello", b"\r\nTo: more@y.example\r\n\r\nHello")
        assert only(results(message, zone())).status is DkimStatus.FAIL

    @pytest.mark.parametrize(("later", "status"), [(99, DkimStatus.PASS), (101, DkimStatus.PERMERROR)])
    def test_a_signature_that_has_expired(self, later: int, status: DkimStatus) -> None:
        assert only(results(signed(lifetime=100), zone(), NOW + later)).status is status

    def test_at_most_ten_are_checked_and_a_long_field_is_not_read(self) -> None:
        message = signed()
        field = message.removesuffix(HEADER + BODY)
        long = b"DKIM-Signature: v=1; z=" + b"a" * limits.DKIM_FIELD_BYTES + b"\r\n"
        found = results(long + field * 12 + HEADER + BODY, zone())
        assert [each.status for each in found] == [DkimStatus.NEUTRAL] + [DkimStatus.PASS] * 9
        assert verify.examine(long + field * 12 + HEADER).left_out == 3

    @pytest.mark.parametrize(
        "more", [b"X: " + b"a" * limits.DKIM_HEADER_BYTES + b"\r\n", b"X:\r\n" * limits.DKIM_HEADER_LINES]
    )
    def test_a_huge_header_is_not_checked(self, more: bytes) -> None:
        assert only(results(more + signed(), zone())).detail == "the header is too large"
        assert verify.examine(more + HEADER).signatures == ()

    def test_a_header_of_as_many_lines_as_may_be_is_checked(self) -> None:
        message = signed()
        lines = message.removesuffix(BODY).count(b"\n")
        more = b"X:\r\n" * (limits.DKIM_HEADER_LINES - lines)
        assert only(results(more + message, zone())).status is DkimStatus.PASS
        assert only(results(b"X:\r\n" + more + message, zone())).detail == "the header is too large"


def weak(bits: int) -> str:
    """The record of a key with a modulus of so many bits; what it would sign does not matter."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
    return keys.record_of(numbers.public_key())


class TestKeys:
    RECORD: Final = keys.record_of(RSA.public_key())

    @pytest.mark.parametrize(
        ("record", "status", "detail"),
        [
            ("v=DKIM1; p=", DkimStatus.PERMERROR, "the key is revoked"),
            ("v=DKIM1", DkimStatus.PERMERROR, "the key record has no key"),
            ("v=DKIM2; p=AAAA", DkimStatus.PERMERROR, "the key record has another version"),
            ("not tags", DkimStatus.PERMERROR, "the key record cannot be read"),
            ("p=!!!!", DkimStatus.PERMERROR, "the key cannot be read"),
            ("k=rsa; p=AAAA", DkimStatus.PERMERROR, "the key cannot be read"),
            ("k=ed25519; p=AAAA", DkimStatus.PERMERROR, "the key cannot be read"),
            ("k=dsa; p=AAAA", DkimStatus.PERMERROR, "the key is of a kind that is not known"),
            (RECORD.replace("h=sha256", "h=sha1"), DkimStatus.PERMERROR, "the key is not for SHA-256"),
            (RECORD.replace("h=sha256", "s=tlsrpt"), DkimStatus.PERMERROR, "the key is not for mail"),
            (RECORD.replace("h=sha256", "s=tlsrpt:email"), DkimStatus.PASS, ""),
            (RECORD.replace("h=sha256", "h=sha1:sha256"), DkimStatus.PASS, ""),
            (keys.record_of(ED25519.public_key()), DkimStatus.PERMERROR, "the key is for another algorithm"),
            ("p=" + "A" * limits.DKIM_KEY_OCTETS, DkimStatus.PERMERROR, "the key record is too long"),
            (RECORD.replace("h=sha256", "t=y"), DkimStatus.PASS, ""),
            ("t=y; p=", DkimStatus.NONE, "the domain tries DKIM out: the key is revoked"),
            (weak(1016), DkimStatus.POLICY, "the key has 1016 bits"),
            (weak(4104), DkimStatus.POLICY, "the key has 4104 bits"),
        ],
    )
    def test_a_key_record(self, record: str, status: DkimStatus, detail: str) -> None:
        found = only(results(signed(), zone(record)))
        assert (found.status, found.detail) == (status, detail)

    @pytest.mark.parametrize(
        ("domain", "status"), [("x.example", DkimStatus.PASS), ("a.x.example", DkimStatus.PERMERROR)]
    )
    def test_a_strict_key_is_not_for_subdomains(self, domain: str, status: DkimStatus) -> None:
        message = resigned(lambda field: field.replace(b" s=s;", b" s=s; i=mary@%b;" % domain.encode()))
        assert only(results(message, zone(self.RECORD.replace("h=sha256", "t=s")))).status is status

    def test_a_test_that_fails_is_as_if_it_were_not_signed(self) -> None:
        message = signed().replace(b"Hello", b"Hallo")
        found = only(results(message, zone(self.RECORD.replace("h=sha256", "t=y:s"))))
        assert (found.status, found.testing) == (DkimStatus.NONE, True)

    def test_trouble_with_dns_is_a_temporary_error(self) -> None:
        found = only(results(signed(), zone(trouble={NAME})))
        assert (found.status, found.authentic) == (DkimStatus.TEMPERROR, False)

    def test_no_record_is_a_permanent_error_and_may_be_authentic(self) -> None:
        found = only(results(signed(), Zone({}, everything_authentic=True)))
        assert (found.status, found.detail, found.authentic) == (DkimStatus.PERMERROR, "there is no key", True)

    def test_each_signature_asks_one_question(self) -> None:
        asked = zone()
        results(signed(), asked)
        assert asked.asked == [Question(NAME, Kind.TXT)]


def test_a_message_without_signatures_has_no_results() -> None:
    assert results(HEADER + BODY, Zone({})) == ()
    assert not verify.examine(HEADER).wanted
