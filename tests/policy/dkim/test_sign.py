"""Signatures of our own: read back by dkimpy (RSA) and by ourselves, over bodies of every size."""

import base64
from typing import Final

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mox_trio.base.domain import Domain
from mox_trio.policy.dkim import fields, keys, sign, verify
from mox_trio.policy.dkim.body import BodyHashes, Canonical
from mox_trio.policy.results import DkimStatus
from tests.kit.dns import Zone, decide

NOW: Final = 1_600_000_000.0
RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519: Final = ed25519.Ed25519PrivateKey.generate()
HEADERS: Final = ("From", "To", "Cc", "Subject", "Date", "Message-Id", "References", "In-Reply-To", "Content-Type")
HEADER: Final = (
    b"From: Mary <mary@x.example>\r\nTo: joe@y.example\r\nTO: jim@y.example\r\nSubject:  a\r\n\tfolded   one \r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n\r\n"
)
BODIES: Final = [
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"Hello \t you \r\n\r\n",
    b"line\r\n" * 30,
    b"0123456789abcdef \t\r\n" * 550_000,
]


def selector(name: str = "2024", key: sign.PrivateKey = RSA, **more: object) -> sign.Selector:
    facts: dict[str, object] = {
        "name": fields.selector(name),
        "domain": Domain.parse("x.example"),
        "key": key,
        "headers": HEADERS,
    }
    return sign.Selector(**(facts | more))  # type: ignore[arg-type]


def signed(body: bytes, *selectors: sign.Selector, identity: str = "") -> bytes:
    hashes = BodyHashes(set(Canonical))
    hashes.update(body)
    return sign.sign(HEADER, hashes.digests(), selectors, identity, NOW) + HEADER + body


def verified(message: bytes, zone: Zone) -> list[DkimStatus]:
    stop = message.index(b"\r\n\r\n") + 4
    examined = verify.examine(message[:stop])
    hashes = BodyHashes(examined.wanted, stop)
    hashes.update(message)
    return [each.status for each in decide(verify.verify(examined, hashes.digests(), NOW), zone)]


def zone(**named: sign.PrivateKey) -> Zone:
    return Zone(
        {
            f"{name.strip('_')}._domainkey.x.example": {"TXT": [keys.record_of(key.public_key())]}
            for name, key in named.items()
        }
    )


@pytest.mark.parametrize("body", BODIES, ids=len)
@pytest.mark.parametrize("header_form", list(Canonical))
@pytest.mark.parametrize("body_form", list(Canonical))
def test_dkimpy_agrees(body: bytes, header_form: Canonical, body_form: Canonical) -> None:
    message = signed(body, selector(header_form=header_form, body_form=body_form), identity="mary@x.example")

    def look_up(name: bytes, timeout: float) -> bytes:
        assert name == b"2024._domainkey.x.example."
        return keys.record_of(RSA.public_key()).encode()

    # dkimpy compares t= with the clock; what was signed is in the past.
    assert dkim.DKIM(message).verify(dnsfunc=look_up)


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_several_selectors_sign_side_by_side(body: bytes) -> None:
    message = signed(body, selector("2024"), selector("ed", ED25519))
    assert verified(message, zone(_2024=RSA, ed=ED25519)) == [DkimStatus.PASS, DkimStatus.PASS]


def test_the_field_says_what_was_asked_for() -> None:
    message = signed(b"", selector(lifetime=72 * 3600.0), identity="mary+a;b@x.example")
    tags = fields.tags_of(message.removesuffix(HEADER), 9999)
    assert (tags[b"v"], tags[b"a"], tags[b"c"], tags[b"d"], tags[b"s"]) == (
        b"1",
        b"rsa-sha256",
        b"relaxed/relaxed",
        b"x.example",
        b"2024",
    )
    assert (tags[b"t"], tags[b"x"], tags[b"i"]) == (b"1600000000", b"1600259200", b"mary+a=3Bb@x.example")
    assert verify.examine(message).signatures[0].result.identity == "mary+a;b@x.example"


@pytest.mark.parametrize(
    ("seal", "names"),
    [
        (
            True,
            "from:from:to:to:to:cc:subject:subject:date:date:message-id:message-id:references:in-reply-to:content-type",
        ),
        (False, "from:to:to:subject:date:message-id"),
    ],
)
def test_fields_are_signed_as_often_as_they_occur_and_once_more_to_seal_them(seal: bool, names: str) -> None:
    tags = fields.tags_of(signed(b"", selector(seal=seal)).removesuffix(HEADER), 9999)
    assert b"".join(tags[b"h"].split()).decode() == names


def test_from_is_signed_even_if_it_is_not_listed() -> None:
    message = signed(b"", selector(headers=("Subject",), seal=False))
    assert verify.examine(message).signatures[0].names == (b"subject", b"from")


def test_lines_of_the_field_are_short() -> None:
    field = signed(b"", selector(), selector("ed", ED25519), identity="mary@x.example").removesuffix(HEADER)
    lines = field.split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) <= sign.LINE
    assert all(line.startswith((b"DKIM-Signature:", b"\t")) for line in lines)


def test_an_identity_that_is_not_ascii_is_left_out() -> None:
    assert b"i=" not in b"".join(signed(b"", selector(), identity="márta@x.example").split(b"h=")[:1])


@pytest.mark.parametrize("header", [b"To: a@x.example\r\n\r\n", HEADER.replace(b"To:", b"From:", 1)])
def test_a_message_without_exactly_one_from_is_not_signed(header: bytes) -> None:
    with pytest.raises(ValueError, match="exactly one From"):
        sign.sign(header, {Canonical.RELAXED: b""}, [selector()], "", NOW)


class TestKeys:
    @pytest.mark.parametrize("key", [RSA, ED25519])
    def test_keys_in_pkcs8_are_loaded(self, key: sign.PrivateKey) -> None:
        loaded = sign.load_key(pem(key))
        assert keys.record_of(loaded.public_key()) == keys.record_of(key.public_key())

    @pytest.mark.parametrize(
        ("data", "fault"),
        [
            (b"not a key", "is not a private key"),
            (b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "is not a private key"),
            (b"curve", "neither an RSA nor an Ed25519 key"),
        ],
    )
    def test_others_are_refused_without_repeating_them(self, data: bytes, fault: str) -> None:
        if data == b"curve":
            data = pem(ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(ValueError, match=fault) as refusal:
            sign.load_key(data)
        assert "secret" not in str(refusal.value)
        assert base64.b64encode(b"secret").decode() not in str(refusal.value)

    def test_a_key_that_others_would_not_accept_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "MOST_BITS", 2047)
        with pytest.raises(ValueError, match="has 2048 bits"):
            sign.load_key(pem(RSA))

    def test_a_key_is_not_shown(self) -> None:
        assert "RSAPrivateKey" not in repr(selector())


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
