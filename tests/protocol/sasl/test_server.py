"""Conversations of SASL from the server's side."""

import base64
import hmac
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.sasl import scram, server
from mox_trio.protocol.sasl.scram import Mechanism
from mox_trio.protocol.sasl.server import (
    Challenge,
    Channel,
    CheckCertificate,
    CheckDigest,
    CheckPassword,
    CheckProof,
    Conversation,
    GiveParameters,
    Rejected,
    Trouble,
)

CHANNEL = Channel("mx.example", "nonce", 1)


def begin(mechanism: str, initial: bytes | None, channel: Channel = CHANNEL) -> Conversation:
    conversation = server.begin(mechanism, initial, channel)
    assert conversation is not None
    return conversation


def run(mechanism: str, initial: bytes | None, *given: Any, channel: Channel = CHANNEL) -> list[object]:
    """All steps of a conversation that is given these answers, and what it returns."""
    conversation = begin(mechanism, initial, channel)
    steps: list[object] = [next(conversation)]
    for each in given:
        try:
            steps.append(conversation.send(each))
        except StopIteration as done:
            steps.append(done.value)
    return steps


def trouble(mechanism: str, initial: bytes | None, *given: Any, channel: Channel = CHANNEL) -> Trouble:
    with pytest.raises(Rejected) as caught:
        run(mechanism, initial, *given, channel=channel)
    return caught.value.trouble


def test_plain() -> None:
    assert run("PLAIN", b"\0tim\0tanstaaftanstaaf", None) == [
        CheckPassword("tim", "tanstaaftanstaaf"),
        None,
    ]  # RFC 4616 4
    assert run("PLAIN", None, b"Ursel\0Kurt\0xipj3plmq") == [
        Challenge(b""),
        CheckPassword("Kurt", "xipj3plmq", "Ursel"),
    ]


def test_names_are_in_normal_form_and_passwords_are_left_alone() -> None:
    assert run("PLAIN", "\0a\u0308\0a\u0308".encode()) == [CheckPassword("\u00e4", "a\u0308")]


@pytest.mark.parametrize(
    "response",
    [b"", b"a\0b", b"\0\0b", b"\0a\0", b"\0a\0b\0c", b"\0a\xff\0b", b"\0a\nb\0c", b"\0" + b"a" * 1001 + b"\0b"],
)
def test_what_is_not_plain(response: bytes) -> None:
    assert trouble("PLAIN", response) is Trouble.PROTOCOL


def test_login() -> None:
    expected: list[object] = [Challenge(b"Username:"), Challenge(b"Password:"), CheckPassword("tim", "secret"), None]
    assert run("LOGIN", None, b"tim", b"secret", None) == expected
    assert run("LOGIN", b"tim", b"secret", None) == expected[1:]


def test_cram_md5() -> None:
    channel = Channel("postoffice.reston.mci.net", "1896", 697170952)
    digest = b"b913a602c7eda7a495b4e6e7334d3890"  # RFC 2195 2
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert run("CRAM-MD5", None, b"tim " + digest, None, channel=channel) == [
        Challenge(challenge),
        CheckDigest("tim", challenge, digest),
        None,
    ]
    assert hmac.digest(b"tanstaaftanstaaf", challenge, "md5").hex().encode() == digest


@pytest.mark.parametrize(
    "response", [b"", b"tim", b"tim xyz", b" b913a602c7eda7a495b4e6e7334d3890", b"t B913A602C7EDA7A495B4E6E7334D3890"]
)
def test_what_is_not_cram_md5(response: bytes) -> None:
    assert trouble("CRAM-MD5", None, response) is Trouble.PROTOCOL


def test_cram_md5_begins_with_the_server() -> None:
    assert trouble("CRAM-MD5", b"tim b913a602c7eda7a495b4e6e7334d3890") is Trouble.PROTOCOL


def test_external() -> None:
    assert run("EXTERNAL", b"", None) == [CheckCertificate(), None]
    assert run("EXTERNAL", None, b"mia@x.example", None) == [Challenge(b""), CheckCertificate("mia@x.example"), None]


EXAMPLES = {
    "SCRAM-SHA-1": (  # RFC 5802 5
        "3rfcNHYJY1ZVvWVs7j",
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (  # RFC 7677 3
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_scram(name: str) -> None:
    nonce, client_first, server_first, client_final, server_final = EXAMPLES[name]
    mechanism = Mechanism(name)
    salt = base64.b64decode(server_first.split(",")[1][2:])
    parameters = scram.Parameters(salt, 4096)
    keys = scram.derive(mechanism, b"pencil", parameters)
    conversation = begin(name, client_first.encode(), Channel("mx.example", nonce, 1))
    assert next(conversation) == GiveParameters("user", mechanism)
    assert conversation.send(parameters) == Challenge(server_first.encode())
    question = conversation.send(client_final.encode())
    assert isinstance(question, CheckProof)
    assert question.name == "user"
    assert scram.proves(question.proof, keys)
    with pytest.raises(StopIteration) as done:
        conversation.send(scram.server_signature(question.proof, keys))
    assert done.value.value == server_final.encode()


PARAMETERS = scram.Parameters(b"salt", 10)
BINDINGS = {"tls-unique": b"unique", "tls-server-end-point": b"end point"}


def bound(
    first: str, final: str, *, plus: bool, bindings: Mapping[str, bytes] = BINDINGS, offers_plus: bool = True
) -> object:
    """The question that a SCRAM conversation ends with."""
    name = "SCRAM-SHA-256" + ("-PLUS" if plus else "")
    channel = Channel("mx.example", "S", 1, bindings, offers_plus)
    return run(name, first.encode(), PARAMETERS, final.encode(), channel=channel)[-1]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


REST = "r=clientnonceS,p=AAAA"


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_channel_is_bound(binding: str) -> None:
    c = encoded(f"p={binding},,".encode() + BINDINGS[binding])
    assert isinstance(bound(f"p={binding},,n=u,r=clientnonce", f"c={c},{REST}", plus=True), CheckProof)


def test_who_cannot_bind_is_let_in_without() -> None:
    assert isinstance(bound("n,,n=u,r=clientnonce", f"c=biws,{REST}", plus=False), CheckProof)
    y = encoded(b"y,,")
    assert isinstance(bound("y,,n=u,r=clientnonce", f"c={y},{REST}", plus=False, offers_plus=False), CheckProof)


@pytest.mark.parametrize(
    ("first", "final", "plus"),
    [
        ("y,,n=u,r=clientnonce", "c=eSws", False),  # somebody removed -PLUS from what we announced
        ("n,,n=u,r=clientnonce", "c=biws", True),
        ("p=tls-unique,,n=u,r=clientnonce", "c=" + encoded(b"p=tls-unique,,unique"), False),
        ("p=tls-exporter,,n=u,r=clientnonce", "c=" + encoded(b"p=tls-exporter,,x"), True),
        ("p=tls-unique,,n=u,r=clientnonce", "c=" + encoded(b"p=tls-unique,,another"), True),
        ("p=tls-unique,,n=u,r=clientnonce", "c=" + encoded(b"p=tls-server-end-point,,end point"), True),
        ("n,,n=u,r=clientnonce", "c=eSws", False),
        ("n,a=x,n=u,r=clientnonce", "c=biws", False),
    ],
)
def test_another_channel_is_refused(first: str, final: str, plus: bool) -> None:
    with pytest.raises(Rejected) as caught:
        bound(first, f"{final},{REST}", plus=plus)
    assert caught.value.trouble is Trouble.CHANNEL_BINDING


def test_scram_has_identities_and_escapes() -> None:
    c = encoded(b"n,a=b=3Dc,")
    question = bound("n,a=b=3Dc,n=u=2Cv,r=clientnonce", f"c={c},{REST}", plus=False)
    assert isinstance(question, CheckProof)
    assert (question.name, question.acting_as) == ("u,v", "b=c")
    expected = f"n=u=2Cv,r=clientnonce,r=clientnonceS,s={encoded(b'salt')},i=10,c={c},r=clientnonceS"
    assert question.proof.auth_message == expected.encode()


@pytest.mark.parametrize(
    "first",
    [
        "",
        "n",
        "n,",
        "n,,",
        "x,,n=u,r=clientnonce",
        "p=,,n=u,r=clientnonce",
        "n,x=a,n=u,r=clientnonce",
        "n,,m=ext,n=u,r=clientnonce",
        "n,,n=,r=clientnonce",
        "n,,n=a=b,r=clientnonce",
        "n,,n=u,r=short",
        "n,,n=u,r=with space",
        "n,,n=u,r=" + "x" * 1001,
        "n,,n=u",
    ],
)
def test_what_is_not_a_first_message_of_scram(first: str) -> None:
    assert trouble("SCRAM-SHA-1", first.encode()) is Trouble.PROTOCOL


@pytest.mark.parametrize(
    "final",
    [
        "",
        "c=biws,r=clientnonceS",
        "c=biws,r=other,p=AAAA",
        "c=!,r=clientnonceS,p=AAAA",
        "r=clientnonceS,p=AAAA",
        "c=biws,r=clientnonceS,p=A",
    ],
)
def test_what_is_not_a_last_message_of_scram(final: str) -> None:
    assert trouble("SCRAM-SHA-1", b"n,,n=u,r=clientnonce", PARAMETERS, final.encode()) is Trouble.PROTOCOL


def test_an_unknown_mechanism_has_no_conversation() -> None:
    assert server.begin("GSSAPI", None, CHANNEL) is None


def test_every_mechanism_that_is_offered_has_a_conversation() -> None:
    names = server.offered(has_certificate=True, plus=True)
    assert len(names) == 8
    assert all(server.begin(name, None, CHANNEL) is not None for name in names)
    assert set(names) - set(server.offered(has_certificate=False, plus=False)) == {
        *("EXTERNAL", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS")
    }


@given(
    st.sampled_from(server.offered(has_certificate=True, plus=True)),
    st.lists(st.binary(max_size=60), min_size=3, max_size=3),
)
def test_whatever_a_client_says_is_asked_about_or_rejected(name: str, said: list[bytes]) -> None:
    conversation = begin(name, None)
    given: Any = None
    try:
        while said:
            step = conversation.send(given)
            given = (
                said.pop() if isinstance(step, Challenge) else PARAMETERS if isinstance(step, GiveParameters) else b""
            )
    except (Rejected, StopIteration):
        return
    assert given is not None


def test_nothing_shows_a_secret() -> None:
    question = CheckPassword("tim", "secret")
    digest = CheckDigest("tim", b"c", b"secret")
    assert "secret" not in repr(question) + repr(digest) + repr(Channel("x", "secret", 1))
