"""Answers the questions of SASL conversations (`protocol.sasl.server`) from the store of secrets, for any server.

A name is an address; `account_of` says whose. Names that are nobody's are asked about all the same, so that they take as
long. CREDENTIALS, DISABLED, TRY_LATER, Unavailable and Corrupt pass through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from mox_trio.base.address import Address, InvalidAddress
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import certificates
from mox_trio.mailstore import logins as logging_in
from mox_trio.mailstore.logins import Login, Logins, Protocols
from mox_trio.protocol.sasl.scram import Parameters
from mox_trio.protocol.sasl.server import (
    CheckCertificate,
    CheckDigest,
    CheckPassword,
    CheckProof,
    GiveParameters,
    Question,
)

NOBODYS = "@"
"""Begins what no account is called."""


@dataclass(frozen=True, slots=True)
class Realm:
    """Who can log in where."""

    logins: Logins
    account_of: Callable[[Address], str | None]
    """The account that an address logs in to."""
    disabled: Callable[[str], str | None]
    """The text for an account whose logins the configuration switches off; None for others."""
    protocol: Protocols
    certificate: bytes | None = None
    """DER, of the client and verified."""

    def account(self, name: str) -> str:
        """The account behind a name; of a name that is nobody's, one that no account has."""
        try:
            found = self.account_of(Address.parse(name))
        except InvalidAddress:
            found = None
        return found if found is not None else NOBODYS + name


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who logged in, and the address they did it as."""

    login: Login
    address: Address


@dataclass(frozen=True, slots=True)
class Answered:
    """`value` goes back into the conversation; `known` is who was right, where that was the question."""

    value: Parameters | bytes | None = None
    known: Known | None = None


async def answer(realm: Realm, question: Question) -> Answered:
    """Look it up. CREDENTIALS, DISABLED, TRY_LATER, Unavailable, Corrupt."""
    logins, protocol = realm.logins, realm.protocol
    match question:
        case GiveParameters(name, mechanism):
            return Answered(await logging_in.scram_parameters(logins, realm.account(name), mechanism))
        case CheckPassword(name, password, acting_as):
            login = await logging_in.verify_password(logins, realm.account(name), password, protocol)
            return Answered(None, _known(realm, login, name, acting_as))
        case CheckProof(name, proof, acting_as):
            login, signature = await logging_in.verify_scram(logins, realm.account(name), proof, protocol)
            return Answered(signature, _known(realm, login, name, acting_as))
        case CheckDigest(name, challenge, digest, acting_as):
            account = realm.account(name)
            login = await logging_in.verify_cram_md5(logins, account, challenge, digest, protocol)
            return Answered(None, _known(realm, login, name, acting_as))
        case CheckCertificate(acting_as):
            return Answered(None, await by_certificate(realm, acting_as))
        case _:
            assert_never(question)


async def by_certificate(realm: Realm, acting_as: str = "") -> Known:
    """Who the client's certificate is. CREDENTIALS, DISABLED."""
    if realm.certificate is None:
        raise logging_in.wrong("no certificate was shown")
    found = await certificates.verify(realm.logins, realm.certificate, realm.protocol)
    return _known(realm, found.login, found.address, acting_as)


def _known(realm: Realm, login: Login, name: str, acting_as: str) -> Known:
    """RFC 4422 3.4.1: an identity to act as is another address of the same account."""
    if acting_as and realm.account(acting_as) != login.account:
        raise logging_in.wrong("to act as another account is not allowed")
    address = acting_as or name
    if realm.account(address) != login.account:  # a certificate's address may have been taken away
        raise logging_in.wrong(f"the address is no longer one of account {login.account}")
    if (text := realm.disabled(login.account)) is not None:
        raise Failure(Kind.DISABLED, text)
    return Known(login, Address.parse(address))
