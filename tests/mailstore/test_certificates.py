"""Certificates as logins."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, certificates, credentials
from mox_trio.mailstore.credentials import Credential, Terms
from mox_trio.mailstore.logins import Logins, Protocols
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.store import Account
from tests.kit import wires
from tests.kit.stores import Kit

CERTIFICATE = wires.certificate("laptop").der
TERMS = Terms("laptop", Protocols.SUBMISSION)


@pytest.fixture
def logins(kit: Kit) -> Logins:
    return Logins(kit.store, ServerKey(bytes(32)))


async def add(logins: Logins, account: Account, der: bytes = CERTIFICATE, terms: Terms = TERMS) -> Credential:
    return await credentials.add_certificate(logins, account, terms, "ann@example.org", der)


def kind(caught: pytest.ExceptionInfo[Failure]) -> Kind:
    return caught.value.kind


async def test_a_registered_certificate_opens_what_it_is_for(kit: Kit, account: Account, logins: Logins) -> None:
    made = await add(logins, account)
    assert (made.kind, made.name, made.protocols) == ("certificate", "laptop", Protocols.SUBMISSION)
    found = await certificates.verify(logins, CERTIFICATE, Protocols.SUBMISSION)
    assert (found.login.account, found.login.credential_id, found.address) == ("ann", made.id, "ann@example.org")
    with pytest.raises(Failure) as caught:
        await certificates.verify(logins, CERTIFICATE, Protocols.IMAP)
    assert kind(caught) is Kind.CREDENTIALS
    assert await certificates.registered(kit.store) == [CERTIFICATE]


@pytest.mark.parametrize("der", [wires.certificate("another").der, b"nonsense"])
async def test_other_certificates_open_nothing(account: Account, logins: Logins, der: bytes) -> None:
    await add(logins, account)
    with pytest.raises(Failure) as caught:
        await certificates.verify(logins, der, Protocols.SUBMISSION)
    assert kind(caught) is Kind.CREDENTIALS


async def test_a_key_opens_one_account(kit: Kit, account: Account, logins: Logins) -> None:
    await add(logins, account)
    other = await accounts.create(kit.store, "bob")
    with pytest.raises(Failure) as caught:
        await add(logins, other)
    assert kind(caught) is Kind.EXISTS


async def test_what_is_no_certificate_is_not_registered(account: Account, logins: Logins) -> None:
    with pytest.raises(Failure) as caught:
        await add(logins, account, b"nonsense")
    assert kind(caught) is Kind.INVALID


async def test_a_certificate_goes_with_its_credential_and_its_account(
    kit: Kit, account: Account, logins: Logins
) -> None:
    made = await add(logins, account)
    assert [each.kind for each in await credentials.list_credentials(logins, account)] == ["certificate"]
    await credentials.remove_credential(logins, account, made.id)
    assert await certificates.registered(kit.store) == []
    await add(logins, account)
    await accounts.remove(kit.store, account.name)
    assert await certificates.registered(kit.store) == []
