"""Logging in at others: which mechanism, what is said, and what is not believed."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.protocol.sasl import client, client_scram
from mox_trio.protocol.sasl.client import BadChallenge, Credentials
from mox_trio.protocol.sasl.client_scram import Scram

USER = Credentials("user", b"pencil")
ENTROPY = b"0123456789abcdef"
UNIQUE = {"tls-unique": b"finished"}
PREFERENCE = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5")


def chosen(wanted: tuple[str, ...], offered: tuple[str, ...], bindings: dict[str, bytes] | None = None) -> str:
    exchange = client.choose(wanted, offered, USER, bindings or {}, ENTROPY)
    return exchange.mechanism if exchange else ""


@pytest.mark.parametrize(
    ("offered", "bindings", "mechanism"),
    [
        (("PLAIN", "LOGIN"), {}, ""),
        (("PLAIN", "CRAM-MD5"), {}, "CRAM-MD5"),
        (("CRAM-MD5", "SCRAM-SHA-1"), {}, "SCRAM-SHA-1"),
        (("scram-sha-1", "SCRAM-SHA-256"), {}, "SCRAM-SHA-256"),
        (("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), {}, "SCRAM-SHA-256"),
        (("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), UNIQUE, "SCRAM-SHA-256-PLUS"),
        ((), UNIQUE, ""),
    ],
)
def test_the_first_mechanism_that_works_is_chosen(
    offered: tuple[str, ...], bindings: dict[str, bytes], mechanism: str
) -> None:
    assert chosen(PREFERENCE, offered, bindings) == mechanism


def test_passwords_are_sent_only_where_that_was_asked_for() -> None:
    assert chosen(("PLAIN",), ("PLAIN", "LOGIN")) == "PLAIN"
    assert chosen(("LOGIN",), ("PLAIN", "LOGIN")) == "LOGIN"


def test_plain_says_name_and_password() -> None:
    exchange = client.choose(("PLAIN",), ("PLAIN",), Credentials("tim", b"tanstaaftanstaaf"), {}, ENTROPY)
    assert exchange is not None
    assert exchange.start() == b"\0tim\0tanstaaftanstaaf"  # RFC 4616 4
    exchange.succeeded()
    with pytest.raises(BadChallenge):
        exchange.respond(b"")


def test_login_answers_two_prompts_whatever_they_say() -> None:
    exchange = client.choose(("LOGIN",), ("LOGIN",), USER, {}, ENTROPY)
    assert exchange is not None
    assert exchange.start() is None
    assert [exchange.respond(b"User Name\0"), exchange.respond(b"Kennwort:")] == [b"user", b"pencil"]
    exchange.succeeded()
    with pytest.raises(BadChallenge):
        exchange.respond(b"And your bank account?")


def test_cram_md5_answers_as_in_the_rfc() -> None:
    exchange = client.choose(("CRAM-MD5",), ("CRAM-MD5",), Credentials("tim", b"tanstaaftanstaaf"), {}, ENTROPY)
    assert exchange is not None
    assert exchange.start() is None
    with pytest.raises(BadChallenge):
        exchange.succeeded()
    answer = exchange.respond(b"<1896.697170952@postoffice.reston.mci.net>")
    assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"  # RFC 2195 2
    exchange.succeeded()
    with pytest.raises(BadChallenge):
        exchange.respond(b"<again>")


def test_no_secret_is_shown() -> None:
    shown = [repr(client.choose((name,), (name,), USER, {}, ENTROPY)) for name in ("PLAIN", "LOGIN", "CRAM-MD5")]
    shown += [repr(USER), repr(Scram("SCRAM-SHA-1", USER, b"nonce"))]
    assert not any("pencil" in each for each in shown)


@pytest.mark.parametrize(
    ("mechanism", "nonce", "first", "final", "verifier"),
    [
        (  # RFC 5802 5
            "SCRAM-SHA-1",
            b"fyko+d2lbbFgONRv9qkxdawL",
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 3
            "SCRAM-SHA-256",
            b"rOprNGfwEbeRWgbNEkqO",
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_scram_says_what_the_rfcs_say(
    mechanism: str, nonce: bytes, first: bytes, final: bytes, verifier: bytes
) -> None:
    scram = Scram(mechanism, USER, nonce)
    assert scram.start() == b"n,,n=user,r=" + nonce
    assert scram.respond(first) == final
    with pytest.raises(BadChallenge, match="did not show"):
        scram.succeeded()
    assert scram.respond(verifier) == b""
    scram.succeeded()
    with pytest.raises(BadChallenge):
        scram.respond(b"v=more")


NONCE = b"client-nonce"
GOOD = b"r=client-noncesrv-nonce,s=QSXCR+Q6sek8bf92,i=4096"


def started() -> Scram:
    scram = Scram("SCRAM-SHA-1", USER, NONCE)
    scram.start()
    return scram


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"r=client-nonce,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=client-noncex,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=xlient-noncesrv-nonce,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=client-noncesrv-nonce,s=QSXC,i=4096",
        b"r=client-noncesrv-nonce,s=QSXCR+Q6sek8bf9,i=4096",
        b"r=client-noncesrv-nonce,s=QSXCR+Q6sek8bf92,i=1",
        b"r=client-noncesrv-nonce,s=QSXCR+Q6sek8bf92,i=0004096",
        b"r=client-noncesrv-nonce,s=QSXCR+Q6sek8bf92,i=1000001",
        b"r=client-noncesrv-nonce,s=QSXCR+Q6sek8bf92,i=99999999999999999999",
        b"m=extension," + GOOD,
        GOOD + b"\n",
        GOOD + b"," + b"x" * 5000,
        b"e=invalid-proof",
    ],
)
def test_a_bad_first_message_of_the_server_ends_it(first: bytes) -> None:
    with pytest.raises(BadChallenge):
        started().respond(first)


@pytest.mark.parametrize(
    "final", [b"", b"v=", b"v=!!", b"v=AAAA", b"e=invalid-proof", b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="]
)
def test_a_server_that_does_not_know_the_password_is_not_believed(final: bytes) -> None:
    scram = started()
    scram.respond(GOOD)
    with pytest.raises(BadChallenge):
        scram.respond(final)
    with pytest.raises(BadChallenge):
        scram.succeeded()


def test_names_are_written_so_that_they_cannot_be_misread() -> None:
    scram = Scram("SCRAM-SHA-1", Credentials("a=b,cu\u0308", b"x"), NONCE)
    assert scram.start() == "n,,n=a=3Db=2Ccü,r=client-nonce".encode()  # RFC 5802 5.1


@pytest.mark.parametrize(
    ("offered", "bindings", "header"),
    [
        (("SCRAM-SHA-1",), {}, b"n,,"),
        (("SCRAM-SHA-1",), UNIQUE, b"y,,"),
        (("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"), UNIQUE, b"p=tls-unique,,"),
    ],
)
def test_the_server_learns_whether_the_channel_could_be_bound(
    offered: tuple[str, ...], bindings: dict[str, bytes], header: bytes
) -> None:
    exchange = client.choose(PREFERENCE, offered, USER, bindings, ENTROPY)  # RFC 5802 6
    assert exchange is not None
    assert (exchange.start() or b"").startswith(header)


def test_without_the_binding_y_is_not_said_to_who_offers_it() -> None:
    exchange = client.choose(("SCRAM-SHA-1",), ("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"), USER, UNIQUE, ENTROPY)
    assert exchange is not None
    assert (exchange.start() or b"").startswith(b"n,,")


def test_the_binding_is_part_of_the_proof() -> None:
    scram = Scram("SCRAM-SHA-1-PLUS", USER, NONCE, client_scram.bound("tls-unique", b"finished"))
    assert scram.start().startswith(b"p=tls-unique,,n=user")
    bound = scram.respond(GOOD).partition(b",")[0].removeprefix(b"c=")
    assert base64.b64decode(bound) == b"p=tls-unique,,finished"


class Server:
    """As RFC 5802 3 has it, from the other side."""

    def __init__(self, password: str, salt: bytes) -> None:
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
        self.salt = salt
        self.stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        self.server = hmac.digest(salted, b"Server Key", "sha256")

    def first(self, nonce: bytes) -> bytes:
        return b"r=" + nonce + b"+server-side,s=" + base64.b64encode(self.salt) + b",i=4096"

    def accepts(self, message: bytes, proof: bytes) -> bool:
        signature = hmac.digest(self.stored, message, "sha256")
        key = bytes(one ^ other for one, other in zip(signature, proof, strict=True))
        return hashlib.sha256(key).digest() == self.stored


@settings(max_examples=15)
@given(
    st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=20),
    st.binary(min_size=8, max_size=32),
)
def test_any_password_is_proved_to_a_server_that_has_its_keys(password: str, salt: bytes) -> None:
    server = Server(password, salt)
    scram = Scram("SCRAM-SHA-256", Credentials("user", password.encode()), NONCE)
    bare = scram.start().removeprefix(b"n,,")
    first = server.first(NONCE)
    without_proof, _, proof = scram.respond(first).rpartition(b",p=")
    message = b",".join((bare, first, without_proof))
    assert server.accepts(message, base64.b64decode(proof))
    assert scram.respond(b"v=" + base64.b64encode(hmac.digest(server.server, message, "sha256"))) == b""
    scram.succeeded()


@settings(max_examples=60)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_else_than_badchallenge_comes_of_any_bytes(first: bytes, final: bytes) -> None:
    with pytest.raises(BadChallenge):
        started().respond(first)
    scram = started()
    scram.respond(GOOD)
    with pytest.raises(BadChallenge):
        scram.respond(final)
